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
    this.#put = database.prepare<[string, string, number, number, StoredNumber, StoredNumber]>(
      'INSERT OR REPLACE INTO metrics (run_id, split, step, epoch, loss, accuracy) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.#rewind = database.prepare<[string, number]>("DELETE FROM metrics WHERE run_id = ? AND (step > ? OR split = 'test')");
    this.#all = database.prepare<[string], StoredMetric>(
      "SELECT split, step, epoch, loss, accuracy FROM metrics WHERE run_id = ? ORDER BY step, CASE split WHEN 'train' THEN 0 WHEN 'validation' THEN 1 ELSE 2 END",
    );
    this.#test = database.prepare<[string], StoredMetric>("SELECT split, step, epoch, loss, accuracy FROM metrics WHERE run_id = ? AND split = 'test' ORDER BY step DESC LIMIT 1");
    this.#clear = database.prepare<[string]>('DELETE FROM metrics WHERE run_id = ?');
  }

  put(runId: string, row: MetricRow): void {
    this.#put.run(runId, row.split, row.step, row.epoch, toStored(row.loss), toStored(row.accuracy));
  }

  /** Removes what a new attempt from `step` on measures again: metrics of later steps, and of the test split. */
  rewind(runId: string, step: number): void {
    this.#rewind.run(runId, step);
  }

  /** By step, then train, validation, test. */
  all(runId: string): MetricRow[] {
    return this.#all.all(runId).map(toMetric);
  }

  /** Of the test split: there is one, at the selected checkpoint, once the run has been tested. */
  test(runId: string): MetricRow | null {
    const row = this.#test.get(runId);
    return row === undefined ? null : toMetric(row);
  }

  clear(runId: string): void {
    this.#clear.run(runId);
  }
}

function toMetric(row: StoredMetric): MetricRow {
  return { ...row, loss: fromStored(row.loss), accuracy: fromStored(row.accuracy) };
}
