/** A table with a row for each run. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { attempt, type Begun, type ImportSink } from '../import-sink';
import { RUN_NAME } from '../mlruns/mlflow';
import { RecordCollector } from '../tail/collector';
import { isMissing, numberOf, statusOf, textOf, timeOf } from './cells';
import { find, rolesOf, type Known, type Role } from './columns';
import type { Row } from './rows';
import { stemOf, type Table } from './table';

/** What the cells of a row say of its run. */
interface Said {
  readonly params: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, number>>;
  /** Cells that should hold a metric and hold no number, in words. */
  readonly strange: readonly string[];
}

function read(row: Row, roles: ReadonlyMap<string, Role>): Said {
  const entries: Readonly<Record<Role['kind'], [string, unknown][]>> = { param: [], tag: [], metric: [] };
  for (const [column, { kind, name }] of roles) if (!isMissing(row[column])) entries[kind].push([name, row[column]]);
  const numbers = entries.metric.map(([name, cell]) => ({ name, cell, number: numberOf(cell) }));
  const texts = (cells: readonly [string, unknown][]): Record<string, string> => Object.fromEntries(cells.map(([name, cell]) => [name, textOf(cell)]));
  return {
    params: texts(entries.param),
    tags: texts(entries.tag),
    metrics: Object.fromEntries(numbers.flatMap(({ name, number }) => (number === null ? [] : [[name, number]]))),
    strange: numbers.flatMap(({ name, cell, number }) => (number === null ? [`${name} is ${JSON.stringify(textOf(cell).slice(0, 80))}`] : [])),
  };
}

/** Ids of rows by what they say: the same row is the same run in every import, wherever the file lies. */
class RowIds {
  private readonly seen = new Map<string, number>();

  constructor(private readonly file: string) {}

  of(row: Row): string {
    const cells = Object.entries(row).map(([name, cell]) => [name, isMissing(cell) ? '' : textOf(cell)]);
    const content = createHash('sha256').update(JSON.stringify([this.file, cells])).digest('hex');
    const before = this.seen.get(content) ?? 0;
    this.seen.set(content, before + 1);
    return before === 0 ? content : `${content}-${before}`;
  }
}

interface Place {
  readonly table: Table;
  readonly said: Said;
  readonly id: string;
  /** Counts from 1. */
  readonly number: number;
}

async function importRun(row: Row, { table, said, id, number }: Place, sink: ImportSink, begun: Begun): Promise<void> {
  const cell = (meaning: Known): unknown => row[find(table.columns, meaning) ?? ''];
  const { [RUN_NAME]: tagged, ...tags } = said.tags;
  const named = [cell('name'), tagged, cell('id')].find((one) => !isMissing(one));
  const name = named === undefined ? `${stemOf(table)} ${number}` : textOf(named);
  const experiment = cell('experiment');
  const [start, end] = [timeOf(cell('start')), timeOf(cell('end'))];
  const startedAt = Math.round(start ?? end ?? table.written);
  const endedAt = Math.round(end ?? startedAt);
  const runId = begun(
    await sink.begin({
      system: 'table',
      id,
      name,
      experiment: isMissing(experiment) ? stemOf(table) : textOf(experiment),
      experimentTags: {},
      createdAt: startedAt,
      user: textOf(cell('user') ?? ''),
      from: table.path,
      deleted: false,
    }),
  );
  if (runId === null) return;
  const collector = new RecordCollector();
  for (const [param, value] of Object.entries(said.params)) collector.param(param, value);
  for (const [tag, value] of Object.entries(tags)) collector.tag(tag, value);
  for (const [key, value] of Object.entries(said.metrics)) collector.point(key, 0, endedAt, value);
  await sink.records(runId, collector.take());
  if (said.strange.length > 0) await sink.problem(runId, `${table.path}: row ${number}`, `A metric is a number, but ${said.strange.join(', ')}.`);
  await sink.end(runId, { status: statusOf(cell('status')), endedAt, startedAt, name });
}

/** @param metrics columns that hold metrics without saying so by a prefix */
export async function importRuns(table: Table, metrics: readonly string[], sink: ImportSink): Promise<void> {
  const roles = rolesOf(table.columns, metrics);
  const ids = new RowIds(basename(table.path));
  let number = 0;
  for await (const row of table.rows) {
    number++;
    const place = { table, said: read(row, roles), id: ids.of(row), number };
    await attempt(sink, `${table.path}: row ${number}`, async (begun) => importRun(row, place, sink, begun));
  }
}
