/** Metrics of the splits: one row a split and step. */
import type { SplitName } from '../../events/records';
import type { Database } from '../database';
import type { MetricRow } from '../types';
import { fromStored, toStored, type StoredNumber } from './numbers';

interface StoredMetric {
  readonly split: SplitName;
  readonly step: number;
  readonly epoch: number;
  readonly loss: StoredNumber;
  readonly accuracy: StoredNumber;
}

export class MetricsTable {
  readonly #put;
  readonly #rewind;
  readonly #all;
  readonly #test;
  readonly #clear;

  constructor(database: Database) {
    this.#put = database.prepare<[number, string, number, number, StoredNumber, StoredNumber]>(
      'INSERT OR REPLACE INTO metrics (run, split, step, epoch, loss, accuracy) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.#rewind = database.prepare<[number, number]>("DELETE FROM metrics WHERE run = ? AND (step > ? OR split = 'test')");
    this.#all = database.prepare<[number], StoredMetric>(
      "SELECT split, step, epoch, loss, accuracy FROM metrics WHERE run = ? ORDER BY step, CASE split WHEN 'train' THEN 0 WHEN 'validation' THEN 1 ELSE 2 END",
    );
    this.#test = database.prepare<[number], StoredMetric>("SELECT split, step, epoch, loss, accuracy FROM metrics WHERE run = ? AND split = 'test' ORDER BY step DESC LIMIT 1");
    this.#clear = database.prepare<[number]>('DELETE FROM metrics WHERE run = ?');
  }

  put(run: number, row: MetricRow): void {
    this.#put.run(run, row.split, row.step, row.epoch, toStored(row.loss), toStored(row.accuracy));
  }

  /** Removes what a new attempt from `step` on measures again: metrics of later steps, and of the test split. */
  rewind(run: number, step: number): void {
    this.#rewind.run(run, step);
  }

  /** By step, then train, validation, test. */
  all(run: number): MetricRow[] {
    return this.#all.all(run).map(toMetric);
  }

  /** Of the test split: there is one, at the selected checkpoint, once the run has been tested. */
  test(run: number): MetricRow | null {
    const row = this.#test.get(run);
    return row === undefined ? null : toMetric(row);
  }

  clear(run: number): void {
    this.#clear.run(run);
  }
}

function toMetric(row: StoredMetric): MetricRow {
  return { ...row, loss: fromStored(row.loss), accuracy: fromStored(row.accuracy) };
}
