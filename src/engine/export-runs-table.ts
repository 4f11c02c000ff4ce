/** Writes runs, or the points of their series, as a table: CSV, JSON, JSON lines or Parquet. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { ExportResultView } from '../api/imports';
import { refuseCancelled } from '../errors/cancelled';
import { syncFolder, temporaryName } from '../files/atomic-write';
import { guarded } from '../ingest/tables/formulas';
import type { EngineContext } from './context';
import { POINTS_AT_ONCE, type ExportedRun } from './export-runs';
import type { TaskHandle } from './tasks';

type Cell = string | number | Date | null;
type ColumnType = 'text' | 'number' | 'time';

interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

/** Rows of equal length, in the order of the columns. */
interface Table {
  readonly columns: readonly Column[];
  readonly lots: Iterable<readonly (readonly Cell[])[]>;
}

/** The shortest text that is read as the same double. */
const numberText = (value: number): string => (Object.is(value, -0) ? '-0.0' : String(value));

function textOf(cell: Cell): string {
  if (cell === null) return '';
  if (cell instanceof Date) return cell.toISOString();
  return typeof cell === 'number' ? numberText(cell) : cell;
}

/** RFC 4180. */
function csvCell(cell: Cell): string {
  const text = typeof cell === 'string' ? guarded(cell) : textOf(cell);
  return /[",\r\n]/u.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const csvLine = (cells: readonly Cell[]): string => `${cells.map(csvCell).join(',')}\n`;

/** JSON has no word for what is not finite: it stands there as a text that Python's `float` reads. */
function jsonObject(columns: readonly Column[], cells: readonly Cell[]): string {
  const entries = columns.flatMap(({ name }, index) => {
    const cell = cells[index] ?? null;
    if (cell === null) return [];
    return [`${JSON.stringify(name)}:${typeof cell === 'number' && Number.isFinite(cell) ? numberText(cell) : JSON.stringify(textOf(cell))}`];
  });
  return `{${entries.join(',')}}`;
}

function* textPieces({ columns, lots }: Table, format: 'csv' | 'json' | 'jsonl'): Generator<string> {
  if (format === 'csv') yield csvLine(columns.map(({ name }) => name));
  if (format === 'json') yield '[';
  let first = true;
  for (const rows of lots) {
    if (rows.length === 0) continue;
    if (format === 'csv') yield rows.map(csvLine).join('');
    else if (format === 'jsonl') yield rows.map((row) => `${jsonObject(columns, row)}\n`).join('');
    else yield `${first ? '\n' : ',\n'}${rows.map((row) => jsonObject(columns, row)).join(',\n')}`;
    first = false;
  }
  if (format === 'json') yield '\n]\n';
}

/** Parquet's types: optional UTF-8 strings, doubles, and UTC times in milliseconds. */
async function writeParquet({ columns, lots }: Table, file: string): Promise<void> {
  const { ParquetWriter, fileWriter } = await import('hyparquet-writer');
  const writer = new ParquetWriter({
    writer: fileWriter(file),
    schema: [
      { name: 'root', num_children: columns.length },
      ...columns.map(({ name, type }) => {
        const optional = { name, repetition_type: 'OPTIONAL' as const };
        if (type === 'text') return { ...optional, type: 'BYTE_ARRAY' as const, converted_type: 'UTF8' as const };
        return type === 'number' ? { ...optional, type: 'DOUBLE' as const } : { ...optional, type: 'INT64' as const, converted_type: 'TIMESTAMP_MILLIS' as const };
      }),
    ],
    createdBy: 'reprise',
  });
  for (const rows of lots) {
    if (rows.length === 0) continue;
    await writer.write({ columnData: columns.map(({ name }, index) => ({ name, data: rows.map((row) => row[index] ?? null) })), rowGroupSize: rows.length });
    await setImmediate();
  }
  await writer.finish();
}

async function writeText(pieces: Iterable<string>, file: string): Promise<void> {
  const stream = createWriteStream(file, { flags: 'wx' });
  const closed = once(stream, 'close');
  try {
    for (const piece of pieces) {
      if (!stream.write(piece)) await once(stream, 'drain');
      await setImmediate();
    }
  } finally {
    stream.end();
  }
  await closed;
}

/** Whole or not at all, also after a power cut. */
async function putInPlace(temporary: string, out: string): Promise<void> {
  const handle = await open(temporary);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, out);
  await syncFolder(dirname(out));
}

const time = (milliseconds: number | null): Date | null => (milliseconds === null || !(Math.abs(milliseconds) <= 8.64e15) ? null : new Date(Math.round(milliseconds)));

const sortedNames = (runs: readonly ExportedRun[], namesOf: (run: ExportedRun) => readonly string[]): string[] => [...new Set(runs.flatMap(namesOf))].toSorted();

/** A row for each run: what it is, its parameters, the latest value of each of its metrics, its tags. */
function runsTable(runs: readonly ExportedRun[]): Table {
  const params = sortedNames(runs, ({ data }) => Object.keys(data.params));
  const metrics = sortedNames(runs, ({ data }) => data.metrics.map(({ key }) => key));
  const tags = sortedNames(runs, ({ data }) => Object.keys(data.tags));
  const texts = (prefix: string, names: readonly string[]): Column[] => names.map((name) => ({ name: `${prefix}.${name}`, type: 'text' }));
  return {
    columns: [
      ...(['run_id', 'run_name', 'kind', 'experiment', 'status', 'user'] as const).map((name): Column => ({ name, type: 'text' })),
      { name: 'start_time', type: 'time' },
      { name: 'end_time', type: 'time' },
      ...texts('params', params),
      ...metrics.map((name): Column => ({ name: `metrics.${name}`, type: 'number' })),
      ...texts('tags', tags),
    ],
    lots: [
      runs.map(({ data, name }): Cell[] => {
        const { run } = data;
        const latest = new Map(data.metrics.map(({ key, value }) => [key, value]));
        const entry = (texts: Readonly<Record<string, string>>, key: string): string | null => (Object.hasOwn(texts, key) ? (texts[key] ?? null) : null);
        return [
          run.runId, name, run.kind, run.experiment, run.status, data.user, time(run.startedAt ?? run.createdAt), time(run.endedAt),
          ...params.map((key) => entry(data.params, key)),
          ...metrics.map((key) => latest.get(key) ?? null),
          ...tags.map((key) => entry(data.tags, key)),
        ];
      }),
    ],
  };
}

/** A row for each point of each series. */
function pointsTable({ store }: EngineContext, runs: readonly ExportedRun[], handle: TaskHandle, counted: (points: number) => void): Table {
  function* lots(): Generator<Cell[][]> {
    for (const [index, { data, name }] of runs.entries()) {
      const { runId, experiment } = data.run;
      handle.report(index, runs.length, name);
      for (const key of store.seriesKeys(runId)) {
        for (let from = 0; ; ) {
          refuseCancelled(handle.signal);
          const { steps, times, values } = store.points(runId, key, from, POINTS_AT_ONCE);
          yield Array.from(steps, (step, at): Cell[] => [runId, name, experiment, key, step, time(times[at] as number), values[at] as number]);
          counted(steps.length);
          from += steps.length;
          if (steps.length < POINTS_AT_ONCE) break;
        }
      }
    }
  }
  return {
    columns: [
      { name: 'run_id', type: 'text' },
      { name: 'run_name', type: 'text' },
      { name: 'experiment', type: 'text' },
      { name: 'key', type: 'text' },
      { name: 'step', type: 'number' },
      { name: 'time', type: 'time' },
      { name: 'value', type: 'number' },
    ],
    lots: lots(),
  };
}

export interface TableTarget {
  readonly format: 'csv' | 'json' | 'jsonl' | 'parquet';
  readonly rows: 'runs' | 'points';
  readonly out: string;
}

export async function writeTable(context: EngineContext, runs: readonly ExportedRun[], { format, rows, out }: TableTarget, handle: TaskHandle): Promise<ExportResultView> {
  let points = 0;
  const table = rows === 'runs' ? runsTable(runs) : pointsTable(context, runs, handle, (more) => (points += more));
  const temporary = temporaryName(out);
  try {
    if (format === 'parquet') await writeParquet(table, temporary);
    else await writeText(textPieces(table, format), temporary);
    await putInPlace(temporary, out);
  } finally {
    await rm(temporary, { force: true });
  }
  return { out, runs: runs.length, points, files: 0, renamed: [] };
}
