/**
 * The whole logical content of a workspace's database: every table, every column, in an order of its own. Numbers that
 * stand for runs and names are replaced by those; series are given as their points, for how these are spread over rows
 * depends on how they came.
 */
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { SeriesTable } from '../../src/store/tables/series';
import type { Store } from '../../src/store/types';

type Row = Readonly<Record<string, unknown>>;

export interface Dump {
  /** Rows of each table, ordered by all columns; BLOBs in hex. */
  readonly tables: Readonly<Record<string, readonly Row[]>>;
  /** Training losses of each run. */
  readonly series: Readonly<Record<string, number[]>>;
}

/** What only points at other tables. */
const LEFT_OUT = new Set(['keys', 'chunks', 'series']);

export async function dumpWorkspace(workspace: string): Promise<Dump> {
  const database = new Sqlite(join(workspace, 'reprise.db'), { readonly: true });
  try {
    const all = (sql: string): Row[] => database.prepare<[], Row>(sql).all();
    const runs = new Map(all('SELECT id, run_id FROM runs').map((row) => [row['id'], row['run_id'] as string]));
    const keys = new Map(all('SELECT key_id, name FROM keys').map((row) => [row['key_id'], row['name'] as string]));
    const readable = (row: Row): Row =>
      Object.fromEntries(
        Object.entries(row)
          .filter(([column]) => column !== 'id')
          .map(([column, value]) => [column, column === 'run' ? runs.get(value) : column === 'key' ? keys.get(value) : Buffer.isBuffer(value) ? value.toString('hex') : value]),
      );
    const sorted = (rows: Row[]): Row[] => rows.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    const tables: Record<string, Row[]> = {};
    for (const { name } of all("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name") as { name: string }[]) {
      if (!LEFT_OUT.has(name)) tables[name] = sorted(all(`SELECT * FROM "${name}"`).map(readable));
    }
    const table = new SeriesTable(database);
    const series: Record<string, number[]> = {};
    const points: Row[] = [];
    for (const { run, key } of all('SELECT DISTINCT run, key FROM series') as { run: number; key: number }[]) {
      const { steps, times, values } = table.read(run, key);
      const texts = [...values].map((value) => (Object.is(value, -0) ? '-0' : String(value)));
      points.push({ run: runs.get(run), key: keys.get(key), steps: [...steps], times: [...times], values: texts });
      if (keys.get(key) === 'train.loss') series[runs.get(run) ?? ''] = [...values];
    }
    tables['series'] = sorted(points);
    return { tables, series };
  } finally {
    database.close();
  }
}

export function dumpStore(store: Store): Promise<Dump> {
  return dumpWorkspace(store.workspace);
}
