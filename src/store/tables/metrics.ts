/** Metrics of the splits: one row a split, step and metric. */
import type { MetricName } from '../../config/metrics';
import { mapMetrics, metricsIn } from '../../config/metrics';
import type { SplitName } from '../../events/records';
import type { Database } from '../database';
import type { MetricRow } from '../types';
import { fromStored, toStored, type StoredNumber } from './numbers';

interface StoredMetric {
  readonly split: SplitName;
  readonly step: number;
  readonly epoch: number;
  readonly metric: MetricName;
  readonly value: StoredNumber;
}

const COLUMNS = 'split, step, epoch, metric, value';

export class MetricsTable {
  readonly #put;
  readonly #remove;
  readonly #rewind;
  readonly #all;
  readonly #test;
  readonly #clear;

  constructor(database: Database) {
    this.#put = database.prepare<[number, string, number, number, string, StoredNumber]>('INSERT INTO metrics (run, split, step, epoch, metric, value) VALUES (?, ?, ?, ?, ?, ?)');
    this.#remove = database.prepare<[number, string, number]>('DELETE FROM metrics WHERE run = ? AND split = ? AND step = ?');
    this.#rewind = database.prepare<[number, number]>("DELETE FROM metrics WHERE run = ? AND (step > ? OR split = 'test')");
    this.#all = database.prepare<[number], StoredMetric>(`SELECT ${COLUMNS} FROM metrics WHERE run = ? ORDER BY step, CASE split WHEN 'train' THEN 0 WHEN 'validation' THEN 1 ELSE 2 END`);
    this.#test = database.prepare<{ readonly run: number }, StoredMetric>(
      `SELECT ${COLUMNS} FROM metrics WHERE run = @run AND split = 'test' AND step = (SELECT max(step) FROM metrics WHERE run = @run AND split = 'test')`,
    );
    this.#clear = database.prepare<[number]>('DELETE FROM metrics WHERE run = ?');
  }

  /** Puts what was measured in the place of what an earlier attempt measured there. */
  put(run: number, row: MetricRow): void {
    this.#remove.run(run, row.split, row.step);
    const values = mapMetrics(row, toStored);
    for (const name of metricsIn(values)) this.#put.run(run, row.split, row.step, row.epoch, name, values[name] ?? 'NaN');
  }

  /** Removes what a new attempt from `step` on measures again: metrics of later steps, and of the test split. */
  rewind(run: number, step: number): void {
    this.#rewind.run(run, step);
  }

  /** By step, then train, validation, test. */
  all(run: number): MetricRow[] {
    return rowsOf(this.#all.all(run));
  }

  /** Of the test split: there is one, at the selected checkpoint, once the run has been tested. */
  test(run: number): MetricRow | null {
    return rowsOf(this.#test.all({ run }))[0] ?? null;
  }

  clear(run: number): void {
    this.#clear.run(run);
  }
}

/** @param stored what belongs to one split and step lies together */
function rowsOf(stored: readonly StoredMetric[]): MetricRow[] {
  const rows: { split: SplitName; step: number; epoch: number; loss: number; [metric: string]: number | SplitName }[] = [];
  for (const { split, step, epoch, metric, value } of stored) {
    let row = rows.at(-1);
    if (row === undefined || row.split !== split || row.step !== step) rows.push((row = { split, step, epoch, loss: Number.NaN }));
    row[metric] = fromStored(value);
  }
  return rows as MetricRow[];
}
