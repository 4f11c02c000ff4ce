/** Reads runs, or points of their series, from a table: CSV, JSON, JSON lines or Parquet. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { basename, extname, resolve } from 'node:path';
import { RepriseError } from '../../errors/errors';
import { toLogged, type LoggedNumber } from '../../events/records';
import { attempt, Lots, type Begun, type ImportSink } from '../import-sink';
import { RUN_NAME } from '../mlruns/mlflow';
import { isMissing, numberOf, statusOf, textOf, timeOf } from './cells';
import { find, layoutOf, rolesOf, type TableLayout } from './columns';
import { readRows, type Row, type TableFormat } from './rows';

export interface TableOptions {
  readonly layout?: TableLayout | undefined;
  /** Columns of a table of runs that hold metrics. */
  readonly metrics: readonly string[];
}

const stemOf = (file: string): string => basename(file, extname(file));

/** Columns may be missing from rows of JSON; what the first rows have is what counts. */
const LOOKED_AT = 100;

/** @throws RepriseError TABLE_INVALID, TABLE_EMPTY, COLUMN_NOT_FOUND */
export async function importTable(file: string, format: TableFormat, options: TableOptions, sink: ImportSink): Promise<void> {
  const head: Row[] = [];
  for await (const row of readRows(file, format)) {
    head.push(row);
    if (head.length >= LOOKED_AT) break;
  }
  const columns = [...new Set(head.flatMap((row) => Object.keys(row)))];
  if (columns.length === 0) throw new RepriseError('TABLE_EMPTY', `${file} has no rows.`);
  const unknown = options.metrics.find((name) => !columns.includes(name));
  if (unknown !== undefined) throw new RepriseError('COLUMN_NOT_FOUND', `${file} has no column ${JSON.stringify(unknown)}; it has ${columns.slice(0, 20).map((name) => JSON.stringify(name)).join(', ')}.`);
  if ((options.layout ?? (options.metrics.length > 0 ? 'runs' : layoutOf(columns))) === 'runs') await importRuns(file, format, columns, options.metrics, sink);
  else await importPoints(file, format, columns, sink);
}

async function importRuns(file: string, format: TableFormat, columns: readonly string[], metrics: readonly string[], sink: ImportSink): Promise<void> {
  const roles = rolesOf(columns, metrics);
  const written = Math.round((await stat(file)).mtimeMs);
  const seen = new Map<string, number>();
  let number = 0;
  for await (const row of readRows(file, format)) {
    number++;
    const content = createHash('sha256').update(JSON.stringify([basename(file), Object.entries(row).map(([name, cell]) => [name, isMissing(cell) ? '' : textOf(cell)])])).digest('hex');
    const again = seen.get(content) ?? 0;
    seen.set(content, again + 1);
    await attempt(sink, `${file}: row ${number}`, async (begun) => importRow(row, { file, columns, roles, written, number, id: again === 0 ? content : `${content}-${again}` }, sink, begun));
  }
}

interface RowPlace {
  readonly file: string;
  readonly columns: readonly string[];
  readonly roles: ReturnType<typeof rolesOf>;
  /** When the file was, in milliseconds since 1970. */
  readonly written: number;
  /** Counts from 1. */
  readonly number: number;
  readonly id: string;
}

async function importRow(row: Row, { file, columns, roles, written, number, id }: RowPlace, sink: ImportSink, begun: Begun): Promise<void> {
  const cell = (meaning: Parameters<typeof find>[1]): unknown => row[find(columns, meaning) ?? ''];
  const params: Record<string, string> = {};
  const tags: Record<string, string> = {};
  const values: { readonly name: string; readonly value: number }[] = [];
  const foreign: string[] = [];
  for (const [column, { kind, name }] of roles) {
    const value = row[column];
    if (isMissing(value)) continue;
    if (kind === 'param') params[name] = textOf(value);
    else if (kind === 'tag') tags[name] = textOf(value);
    else {
      const found = numberOf(value);
      if (found === null) foreign.push(`${column} is ${JSON.stringify(textOf(value).slice(0, 80))}`);
      else values.push({ name, value: found });
    }
  }
  const { [RUN_NAME]: tagged, ...others } = tags;
  const given = [cell('name'), tagged, cell('id')].find((one) => !isMissing(one));
  const name = given === undefined ? `${stemOf(file)} ${number}` : textOf(given);
  const startedAt = timeOf(cell('start'));
  const endedAt = timeOf(cell('end'));
  const experiment = cell('experiment');
  const runId = begun(
    await sink.begin({
      system: 'table',
      id,
      name,
      experiment: isMissing(experiment) ? stemOf(file) : textOf(experiment),
      experimentTags: {},
      createdAt: startedAt ?? endedAt ?? written,
      user: textOf(cell('user') ?? ''),
      from: file,
      deleted: false,
    }),
  );
  if (runId === null) return;
  const time = Math.round(endedAt ?? startedAt ?? written);
  await sink.records(runId, [
    ...(Object.keys(params).length > 0 ? [{ type: 'params' as const, params }] : []),
    ...(Object.keys(others).length > 0 ? [{ type: 'tags' as const, tags: others }] : []),
    ...values.map(({ name: key, value }) => ({ type: 'points' as const, key, steps: [0], times: [time], values: [toLogged(value)] })),
  ]);
  await sink.end(runId, { status: statusOf(cell('status')), endedAt: Math.round(endedAt ?? startedAt ?? written), startedAt: Math.round(startedAt ?? endedAt ?? written), name });
  if (foreign.length > 0) await sink.problem(runId, `${file}: row ${number}`, `A metric is a number, but ${foreign.join(', ')}.`);
}

/** Points of one run that wait to be handed over. */
interface Open {
  readonly runId: string | null;
  readonly name: string;
  readonly lots: Lots | null;
  readonly series: Map<string, { steps: number[]; times: number[]; values: LoggedNumber[] }>;
  rows: number;
  first: number | null;
  last: number | null;
}

const POINTS_A_RECORD = 5000;
/** Points that wait, of all runs together. */
const WAITING = 500_000;

async function handOver({ series, lots }: Open): Promise<void> {
  for (const [key, columns] of series) await lots?.add({ type: 'points', key, ...columns });
  series.clear();
  await lots?.flush();
}

async function importPoints(file: string, format: TableFormat, columns: readonly string[], sink: ImportSink): Promise<void> {
  const [runColumn, keyColumn, valueColumn, stepColumn, timeColumn, experimentColumn] = (['run', 'key', 'value', 'step', 'time', 'experiment'] as const).map((meaning) => find(columns, meaning));
  const nameColumn = find(columns, 'name');
  const special = new Set([runColumn, keyColumn, stepColumn, timeColumn, experimentColumn, nameColumn, find(columns, 'id')]);
  const long = valueColumn != null && columns.every((column) => special.has(column) || column === valueColumn || keyColumn != null);
  const wide = columns.filter((column) => !special.has(column));
  const written = Math.round((await stat(file)).mtimeMs);
  const runs = new Map<string, Open>();
  const left = new Set<string>();
  let waiting = 0;
  let oddSteps = false;
  for await (const row of readRows(file, format)) {
    const id = runColumn == null || isMissing(row[runColumn]) ? stemOf(file) : textOf(row[runColumn]);
    const told = timeColumn == null ? null : timeOf(row[timeColumn]);
    let run = runs.get(id);
    if (run === undefined) {
      const name = nameColumn === null || isMissing(row[nameColumn]) ? id : textOf(row[nameColumn]);
      const experiment = experimentColumn == null || isMissing(row[experimentColumn]) ? stemOf(file) : textOf(row[experimentColumn]);
      const runId = await sink.begin({ system: 'table', id: `${resolve(file)}#${id}`, name, experiment, experimentTags: {}, createdAt: told ?? written, user: '', from: file, deleted: false });
      run = { runId, name, lots: runId === null ? null : new Lots(sink, runId), series: new Map(), rows: 0, first: null, last: null };
      runs.set(id, run);
    }
    if (run.runId === null) continue;
    const given = stepColumn == null ? null : numberOf(row[stepColumn]);
    if (given !== null && !Number.isSafeInteger(given)) oddSteps = true;
    const step = given !== null && Number.isSafeInteger(given) ? given : run.rows;
    const time = Math.round(told ?? written);
    run.rows++;
    run.first = Math.min(run.first ?? time, time);
    run.last = Math.max(run.last ?? time, time);
    const cells: [string, unknown][] = long ? [[keyColumn == null ? stemOf(file) : textOf(row[keyColumn]), row[valueColumn]]] : wide.map((column) => [column, row[column]]);
    for (const [key, cell] of cells) {
      if (isMissing(cell)) continue;
      const value = numberOf(cell);
      if (value === null) {
        left.add(key);
        continue;
      }
      const series = run.series.get(key) ?? { steps: [], times: [], values: [] };
      run.series.set(key, series);
      series.steps.push(step);
      series.times.push(time);
      series.values.push(toLogged(value));
      waiting++;
      if (series.steps.length < POINTS_A_RECORD) continue;
      await run.lots?.add({ type: 'points', key, ...series });
      run.series.delete(key);
      waiting -= POINTS_A_RECORD;
    }
    if (waiting < WAITING) continue;
    for (const one of runs.values()) await handOver(one);
    waiting = 0;
  }
  for (const run of runs.values()) {
    if (run.runId === null) continue;
    await handOver(run);
    await sink.end(run.runId, { status: 'finished', name: run.name, startedAt: run.first ?? written, endedAt: run.last ?? written });
  }
  if (oddSteps) await sink.problem(null, file, `A step is a whole number; where ${JSON.stringify(stepColumn)} holds none the number of the row stands for it.`);
  if (left.size > 0) await sink.problem(null, file, `What is no number is left out of ${[...left].map((key) => JSON.stringify(key)).join(', ')}.`);
}
