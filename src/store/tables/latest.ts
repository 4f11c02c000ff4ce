/** Of each series of a run its latest point and what is true of all of them: what lists and filters look at. */
import type { Database } from '../database';
import type { KeysTable } from './keys';
import type { LatestMetric, Points } from '../tracking';
import { comparePlaces } from '../points';
import type { SeriesFacts } from './series';

/** Value NULL stands for NaN. SQLite knows no −0: it comes back as 0. */
interface StoredLatest {
  readonly value: number | null;
  readonly step: number;
  readonly time: number;
  readonly points: number;
  readonly min: number | null;
  readonly max: number | null;
}

const COLUMNS = 'value, step, time, points, min, max';

export class LatestTable {
  readonly #put;
  readonly #get;
  readonly #ofRun;
  readonly #keysOf;
  readonly #remove;
  readonly #clear;

  readonly #keys: KeysTable;

  constructor(database: Database, keys: KeysTable) {
    this.#keys = keys;
    this.#put = database.prepare<[number, number, number | null, number, number, number, number | null, number | null]>(
      `INSERT INTO latest (run, key, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run, key) DO UPDATE SET ` +
        'value = excluded.value, step = excluded.step, time = excluded.time, points = excluded.points, min = excluded.min, max = excluded.max',
    );
    this.#get = database.prepare<[number, number], StoredLatest>(`SELECT ${COLUMNS} FROM latest WHERE run = ? AND key = ?`);
    this.#ofRun = database.prepare<[number], StoredLatest & { key: number }>(`SELECT key, ${COLUMNS} FROM latest WHERE run = ?`);
    this.#keysOf = database.prepare<[number], { key: number; name: string }>('SELECT key, name FROM latest JOIN keys ON key_id = key WHERE run = ? ORDER BY name');
    this.#remove = database.prepare<[number, number]>('DELETE FROM latest WHERE run = ? AND key = ?');
    this.#clear = database.prepare<[number]>('DELETE FROM latest WHERE run = ?');
  }

  /** Takes in points that were added to a series. @param added in order @param before what was said of the series until then */
  add(run: number, key: number, added: Points, before = this.get(run, key)): void {
    if (added.values.length === 0) return;
    const { min, max } = rangeOf(added.values);
    const end = endOf(added);
    if (before === null) {
      this.#write(run, key, end, added.values.length, min, max);
      return;
    }
    const isLater = comparePlaces(before.step, before.time, end.step, end.time) || compareValues(before.value, end.value);
    this.#write(run, key, isLater < 0 ? end : before, before.points + added.values.length, least(before.min, min), greatest(before.max, max));
  }

  /** Says of a series what follows from all of its points. */
  set(run: number, key: number, facts: SeriesFacts): void {
    if (facts.points === 0) this.#remove.run(run, key);
    else this.#write(run, key, endOf(facts.end), facts.points, facts.min, facts.max);
  }

  get(run: number, key: number): Omit<LatestMetric, 'key'> | null {
    const row = this.#get.get(run, key);
    return row === undefined ? null : { ...row, value: row.value ?? Number.NaN };
  }

  /** By name. */
  ofRun(run: number): LatestMetric[] {
    return this.#ofRun
      .all(run)
      .map(({ key, value, step, time, points, min, max }): LatestMetric => ({ key: this.#keys.nameOf(key), value: value ?? Number.NaN, step, time, points, min, max }))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** Every series of a run, by name. */
  keysOf(run: number): { readonly key: number; readonly name: string }[] {
    return this.#keysOf.all(run);
  }

  remove(run: number, key: number): void {
    this.#remove.run(run, key);
  }

  clear(run: number): void {
    this.#clear.run(run);
  }

  #write(run: number, key: number, { value, step, time }: Point, points: number, min: number | null, max: number | null): void {
    this.#put.run(run, key, Number.isNaN(value) ? null : value, step, time, points, min, max);
  }
}

interface Point {
  readonly value: number;
  readonly step: number;
  readonly time: number;
}

/** The latest of points in order: of those at the last place the one with the greatest value. */
function endOf({ steps, times, values }: Points): Point {
  const step = steps.at(-1)!;
  const time = times.at(-1)!;
  let value = Number.NaN;
  for (let index = values.length - 1; index >= 0 && steps[index] === step && times[index] === time; index -= 1) {
    if (compareValues(value, values[index]!) < 0) value = values[index]!;
  }
  return { value, step, time };
}

/** NaN below every number. */
function compareValues(left: number, right: number): number {
  if (Number.isNaN(left) || Number.isNaN(right)) return Number(Number.isNaN(right)) - Number(Number.isNaN(left));
  return left < right ? -1 : left > right ? 1 : 0;
}

function rangeOf(values: Float64Array): { readonly min: number | null; readonly max: number | null } {
  let min: number | null = null;
  let max: number | null = null;
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    if (min === null || value < min) min = value;
    if (max === null || value > max) max = value;
  }
  return { min, max };
}

function least(left: number | null, right: number | null): number | null {
  return left === null || right === null ? (left ?? right) : Math.min(left, right);
}

function greatest(left: number | null, right: number | null): number | null {
  return left === null || right === null ? (left ?? right) : Math.max(left, right);
}
