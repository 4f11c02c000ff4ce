/** The chain of weight hashes: one row a link. */
import type { Database } from '../database';
import type { WeightsHashRow } from '../types';

export class HashesTable {
  readonly #put;
  readonly #dropAfter;
  readonly #all;
  readonly #clear;

  constructor(database: Database) {
    this.#put = database.prepare<[string, number, string, string]>('INSERT OR REPLACE INTO hashes (run_id, step, hash, chain) VALUES (?, ?, ?, ?)');
    this.#dropAfter = database.prepare<[string, number]>('DELETE FROM hashes WHERE run_id = ? AND step > ?');
    this.#all = database.prepare<[string], WeightsHashRow>('SELECT step, hash, chain FROM hashes WHERE run_id = ? ORDER BY step');
    this.#clear = database.prepare<[string]>('DELETE FROM hashes WHERE run_id = ?');
  }

  put(runId: string, row: WeightsHashRow): void {
    this.#put.run(runId, row.step, row.hash, row.chain);
  }

  /** Removes links made after more than `step` steps. */
  dropAfter(runId: string, step: number): void {
    this.#dropAfter.run(runId, step);
  }

  all(runId: string): WeightsHashRow[] {
    return this.#all.all(runId);
  }

  clear(runId: string): void {
    this.#clear.run(runId);
  }
}
