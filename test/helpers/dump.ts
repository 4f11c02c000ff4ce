/** The whole logical content of a workspace's database: every table, every column, in an order of its own. */
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import type { Store } from '../../src/store/types';

export interface Dump {
  /** Rows of each table, ordered by all columns; BLOBs in hex. */
  readonly tables: Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;
  /** Training losses of each run. */
  readonly series: Readonly<Record<string, number[]>>;
}

export async function dumpWorkspace(workspace: string): Promise<Dump> {
  const database = new Sqlite(join(workspace, 'reprise.db'), { readonly: true });
  try {
    const names = database.prepare<[], { name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all();
    const tables: Record<string, Record<string, unknown>[]> = {};
    for (const { name } of names) {
      const rows = database.prepare<[], Record<string, unknown>>(`SELECT * FROM "${name}"`).all().map(readable);
      tables[name] = rows.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    }
    const series: Record<string, number[]> = {};
    const blocks = database.prepare<[], { run_id: string; vals: Buffer }>("SELECT run_id, vals FROM series WHERE key = 'train.loss' ORDER BY run_id, block").all();
    for (const { run_id, vals } of blocks) {
      const values = (series[run_id] ??= []);
      for (let at = 0; at < vals.length; at += 8) values.push(vals.readDoubleLE(at));
    }
    return { tables, series };
  } finally {
    database.close();
  }
}

export function dumpStore(store: Store): Promise<Dump> {
  return dumpWorkspace(store.workspace);
}

function readable(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [key, Buffer.isBuffer(value) ? value.toString('hex') : value]));
}
