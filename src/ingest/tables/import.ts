/** Reads runs, or points of their series, from a table: CSV, JSON, JSON lines or Parquet. */
import { stat } from 'node:fs/promises';
import { RepriseError } from '../../errors/errors';
import type { ImportSink } from '../import-sink';
import { layoutOf, type TableLayout } from './columns';
import { importPoints } from './points';
import { readRows, type Row, type TableFormat } from './rows';
import { importRuns } from './runs';

export interface TableOptions {
  readonly layout?: TableLayout | undefined;
  /** Columns of a table of runs that hold metrics. */
  readonly metrics: readonly string[];
}

/** Columns may be missing from rows of JSON; what the first rows have is what counts. */
const LOOKED_AT = 100;

/** The first rows, for a look at their columns, and all rows. */
async function opened(rows: AsyncGenerator<Row>): Promise<{ readonly head: readonly Row[]; readonly all: AsyncGenerator<Row> }> {
  const head: Row[] = [];
  while (head.length < LOOKED_AT) {
    const next = await rows.next();
    if (next.done === true) break;
    head.push(next.value);
  }
  async function* all(): AsyncGenerator<Row> {
    yield* head;
    yield* rows;
  }
  return { head, all: all() };
}

/** @throws RepriseError TABLE_INVALID, TABLE_EMPTY, COLUMN_NOT_FOUND */
export async function importTable(path: string, format: TableFormat, { layout, metrics }: TableOptions, sink: ImportSink): Promise<void> {
  const { head, all } = await opened(readRows(path, format));
  const columns = [...new Set(head.flatMap((row) => Object.keys(row)))];
  if (columns.length === 0) throw new RepriseError('TABLE_EMPTY', `${path} has no rows.`);
  const unknown = metrics.find((name) => !columns.includes(name));
  if (unknown !== undefined) {
    throw new RepriseError('COLUMN_NOT_FOUND', `${path} has no column ${JSON.stringify(unknown)}.`, { hint: `It has ${columns.slice(0, 20).map((name) => JSON.stringify(name)).join(', ')}.` });
  }
  const table = { path, columns, written: Math.round((await stat(path)).mtimeMs), rows: all };
  if ((layout ?? (metrics.length > 0 ? 'runs' : layoutOf(columns))) === 'runs') await importRuns(table, metrics, sink);
  else await importPoints(table, sink);
}
