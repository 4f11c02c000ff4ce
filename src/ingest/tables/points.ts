/**
 * A table with a row for each point (long form: run, key, step, value) or for each step (wide form: step and a column for
 * each metric). Rows of several runs may stand in any order.
 */
import { resolve } from 'node:path';
import type { ImportSink } from '../import-sink';
import { RecordCollector } from '../tail/collector';
import { isMissing, numberOf, textOf, timeOf } from './cells';
import { find, type Known } from './columns';
import type { Row } from './rows';
import { stemOf, type Table } from './table';

/** A run whose points are being read. */
interface Open {
  /** Null where nothing more of it is wanted. */
  readonly runId: string | null;
  readonly name: string;
  collector: RecordCollector;
  rows: number;
  /** Times of its points, in milliseconds since 1970. */
  first: number;
  last: number;
}

/** Points that wait to be handed over, of all runs together. */
const WAITING = 200_000;

class PointsReader {
  private readonly runs = new Map<string, Open>();
  /** Series with cells that hold no number, and columns with steps that are none. */
  private readonly strange = new Set<string>();
  private oddSteps = false;
  private waiting = 0;
  private readonly column: Readonly<Record<Known, string | null>>;
  /** Columns of metrics in the wide form; null in the long form. */
  private readonly wide: readonly string[] | null;

  constructor(
    private readonly table: Table,
    private readonly sink: ImportSink,
  ) {
    const { columns } = table;
    const at = (meaning: Known): string | null => find(columns, meaning);
    this.column = { id: at('id'), run: at('run'), name: at('name'), experiment: at('experiment'), status: at('status'), start: at('start'), end: at('end'), user: at('user'), key: at('key'), value: at('value'), step: at('step'), time: at('time') };
    const { id, run, name, experiment, key, value, step, time } = this.column;
    const told = new Set([id, run, name, experiment, key, step, time]);
    const others = columns.filter((column) => !told.has(column));
    // A series alone, as TensorBoard saves one, has no key: it goes by the name of its file.
    const isLong = value !== null && (key !== null || others.length === 1);
    this.wide = isLong ? null : others;
  }

  async take(row: Row): Promise<void> {
    const run = await this.runOf(row);
    if (run.runId === null) return;
    const { key, value, step, time } = this.column;
    const at = Math.round(this.cellTime(row, time) ?? this.table.written);
    run.first = Math.min(run.first, at);
    run.last = Math.max(run.last, at);
    const position = this.stepOf(step === null ? null : row[step], run.rows);
    run.rows++;
    if (this.wide === null) this.point(run, key === null ? stemOf(this.table) : textOf(row[key]), position, at, row[value ?? '']);
    else for (const column of this.wide) this.point(run, column, position, at, row[column]);
    if (this.waiting >= WAITING) await this.handOver();
  }

  async end(): Promise<void> {
    await this.handOver();
    for (const { runId, name, first, last } of this.runs.values()) {
      if (runId !== null) await this.sink.end(runId, { status: 'finished', name, startedAt: first, endedAt: last });
    }
    const { path } = this.table;
    if (this.oddSteps) await this.sink.problem(null, path, `A step is a whole number below 2^53; where ${JSON.stringify(this.column.step)} holds none, rows are counted.`);
    if (this.strange.size > 0) await this.sink.problem(null, path, `What is no number is left out of ${[...this.strange].map((key) => JSON.stringify(key)).join(', ')}.`);
  }

  private cellTime(row: Row, column: string | null): number | null {
    return column === null ? null : timeOf(row[column]);
  }

  private async runOf(row: Row): Promise<Open> {
    const { run: runColumn, name: nameColumn, experiment: experimentColumn, time } = this.column;
    const given = (column: string | null, otherwise: string): string => (column === null || isMissing(row[column]) ? otherwise : textOf(row[column]));
    const id = given(runColumn, stemOf(this.table));
    const known = this.runs.get(id);
    if (known !== undefined) return known;
    const name = given(nameColumn, id);
    const runId = await this.sink.begin({
      system: 'table',
      id: `${resolve(this.table.path)}#${id}`,
      name,
      experiment: given(experimentColumn, stemOf(this.table)),
      experimentTags: {},
      createdAt: Math.round(this.cellTime(row, time) ?? this.table.written),
      user: '',
      from: this.table.path,
      deleted: false,
    });
    const run = { runId, name, collector: new RecordCollector(), rows: 0, first: Infinity, last: -Infinity };
    this.runs.set(id, run);
    return run;
  }

  private stepOf(cell: unknown, row: number): number {
    if (isMissing(cell)) return row;
    const step = numberOf(cell);
    if (step !== null && Number.isSafeInteger(step)) return step;
    this.oddSteps = true;
    return row;
  }

  private point({ collector }: Open, key: string, step: number, time: number, cell: unknown): void {
    if (isMissing(cell)) return;
    const value = numberOf(cell);
    if (value === null) this.strange.add(key);
    else {
      collector.point(key, step, time, value);
      this.waiting++;
    }
  }

  private async handOver(): Promise<void> {
    this.waiting = 0;
    for (const run of this.runs.values()) {
      const records = run.collector.take();
      run.collector = new RecordCollector();
      if (run.runId !== null && records.length > 0) await this.sink.records(run.runId, records);
    }
  }
}

export async function importPoints(table: Table, sink: ImportSink): Promise<void> {
  const reader = new PointsReader(table, sink);
  for await (const row of table.rows) await reader.take(row);
  await reader.end();
}
