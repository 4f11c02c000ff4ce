/** Parameters and tags of runs: texts by name, with the number that each reads as. */
import { numberIn } from '../../filter/literals';
import type { Database } from '../database';
import type { KeysTable } from './keys';

export class TextsTable {
  readonly #keys: KeysTable;
  readonly #put;
  readonly #get;
  readonly #remove;
  readonly #ofRun;
  readonly #clear;

  constructor(database: Database, keys: KeysTable, table: 'params' | 'tags') {
    this.#keys = keys;
    this.#put = database.prepare<[number, number, string, number | null]>(`INSERT OR REPLACE INTO ${table} (run, key, value, number) VALUES (?, ?, ?, ?)`);
    this.#get = database.prepare<[number, number], { value: string }>(`SELECT value FROM ${table} WHERE run = ? AND key = ?`);
    this.#remove = database.prepare<[number, number]>(`DELETE FROM ${table} WHERE run = ? AND key = ?`);
    this.#ofRun = database.prepare<[number], [number, string]>(`SELECT key, value FROM ${table} WHERE run = ?`).raw();
    this.#clear = database.prepare<[number]>(`DELETE FROM ${table} WHERE run = ?`);
  }

  put(run: number, name: string, value: string): void {
    this.#put.run(run, this.#keys.of(name), value, numberIn(value));
  }

  get(run: number, name: string): string | null {
    const key = this.#keys.find(name);
    return key === null ? null : (this.#get.get(run, key)?.value ?? null);
  }

  remove(run: number, name: string): void {
    const key = this.#keys.find(name);
    if (key !== null) this.#remove.run(run, key);
  }

  /** By name. */
  ofRun(run: number): Record<string, string> {
    const rows = this.#ofRun.all(run) as [number, string][];
    return Object.fromEntries(rows.map(([key, value]): [string, string] => [this.#keys.nameOf(key), value]).sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  clear(run: number): void {
    this.#clear.run(run);
  }
}
