/** The chain of weight hashes: one row a link. */
import type { Database } from '../database';
import type { WeightsHashRow } from '../types';

export class HashesTable {
  readonly #put;
  readonly #dropAfter;
  readonly #all;
  readonly #clear;

  constructor(database: Database) {
    this.#put = database.prepare<[number, number, string, string]>('INSERT OR REPLACE INTO hashes (run, step, hash, chain) VALUES (?, ?, ?, ?)');
    this.#dropAfter = database.prepare<[number, number]>('DELETE FROM hashes WHERE run = ? AND step > ?');
    this.#all = database.prepare<[number], WeightsHashRow>('SELECT step, hash, chain FROM hashes WHERE run = ? ORDER BY step');
    this.#clear = database.prepare<[number]>('DELETE FROM hashes WHERE run = ?');
  }

  put(run: number, row: WeightsHashRow): void {
    this.#put.run(run, row.step, row.hash, row.chain);
  }

  /** Removes links made after more than `step` steps. */
  dropAfter(run: number, step: number): void {
    this.#dropAfter.run(run, step);
  }

  all(run: number): WeightsHashRow[] {
    return this.#all.all(run);
  }

  clear(run: number): void {
    this.#clear.run(run);
  }
}
