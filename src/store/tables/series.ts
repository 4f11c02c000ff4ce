/** Metric series as chunked columns: a row holds the steps and values of up to 4096 points. */
import type { Database } from '../database';
import type { Series, SeriesKey } from '../types';

/** Points a row. Blocks are filled in order, so the rows depend on the points only, not on how they arrived. */
export const BLOCK_POINTS = 4096;

interface BlockRow {
  readonly block: number;
  readonly points: number;
  readonly steps: Uint8Array;
  readonly vals: Uint8Array;
}

export class SeriesTable {
  readonly #tail;
  readonly #put;
  readonly #dropFrom;
  readonly #straddling;
  readonly #all;
  readonly #end;
  readonly #keys;
  readonly #clear;

  constructor(database: Database) {
    this.#tail = database.prepare<[string, string], BlockRow>(
      'SELECT block, points, steps, vals FROM series WHERE run_id = ? AND key = ? ORDER BY block DESC LIMIT 1',
    );
    this.#put = database.prepare<[string, string, number, number, number, number, Uint8Array, Uint8Array]>(
      'INSERT INTO series (run_id, key, block, first_step, last_step, points, steps, vals) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ' +
        'ON CONFLICT (run_id, key, block) DO UPDATE SET first_step = excluded.first_step, last_step = excluded.last_step, points = excluded.points, steps = excluded.steps, vals = excluded.vals',
    );
    this.#dropFrom = database.prepare<[string, number]>('DELETE FROM series WHERE run_id = ? AND first_step >= ?');
    this.#straddling = database.prepare<[string, number], BlockRow & { key: string }>(
      'SELECT key, block, points, steps, vals FROM series WHERE run_id = ? AND last_step >= ?',
    );
    this.#all = database.prepare<[string, string], BlockRow>('SELECT block, points, steps, vals FROM series WHERE run_id = ? AND key = ? ORDER BY block');
    this.#end = database.prepare<[string, string], { last_step: number }>('SELECT last_step FROM series WHERE run_id = ? AND key = ? ORDER BY block DESC LIMIT 1');
    this.#keys = database.prepare<[string], { key: string }>('SELECT DISTINCT key FROM series WHERE run_id = ? ORDER BY key');
    this.#clear = database.prepare<[string]>('DELETE FROM series WHERE run_id = ?');
  }

  /** Appends points; the steps must go up and lie past those stored. */
  append(runId: string, key: SeriesKey, steps: Float64Array, values: Float64Array): void {
    const tail = this.#tail.get(runId, key);
    let block = tail?.block ?? 0;
    let heldSteps = tail === undefined ? new Float64Array(0) : toFloats(tail.steps);
    let heldValues = tail === undefined ? new Float64Array(0) : toFloats(tail.vals);
    let taken = 0;
    while (taken < steps.length) {
      if (heldSteps.length === BLOCK_POINTS) {
        block += 1;
        heldSteps = new Float64Array(0);
        heldValues = new Float64Array(0);
      }
      const count = Math.min(BLOCK_POINTS - heldSteps.length, steps.length - taken);
      heldSteps = joined(heldSteps, steps.subarray(taken, taken + count));
      heldValues = joined(heldValues, values.subarray(taken, taken + count));
      this.#write(runId, key, block, heldSteps, heldValues);
      taken += count;
    }
  }

  /** Removes the points of all series of a run with step ≥ `fromStep`. */
  truncate(runId: string, fromStep: number): void {
    this.#dropFrom.run(runId, fromStep);
    for (const row of this.#straddling.all(runId, fromStep)) {
      const steps = toFloats(row.steps);
      let keep = 0;
      while (keep < steps.length && (steps[keep] ?? Infinity) < fromStep) keep += 1;
      this.#write(runId, row.key, row.block, steps.slice(0, keep), toFloats(row.vals).slice(0, keep));
    }
  }

  read(runId: string, key: SeriesKey): Series {
    const rows = this.#all.all(runId, key);
    const length = rows.reduce((sum, row) => sum + row.points, 0);
    const steps = new Float64Array(length);
    const values = new Float64Array(length);
    let at = 0;
    for (const row of rows) {
      steps.set(toFloats(row.steps), at);
      values.set(toFloats(row.vals), at);
      at += row.points;
    }
    return { steps, values };
  }

  /** Last step stored, or -1. */
  lastStep(runId: string, key: SeriesKey): number {
    return this.#end.get(runId, key)?.last_step ?? -1;
  }

  keys(runId: string): string[] {
    return this.#keys.all(runId).map((row) => row.key);
  }

  clear(runId: string): void {
    this.#clear.run(runId);
  }

  #write(runId: string, key: string, block: number, steps: Float64Array, values: Float64Array): void {
    this.#put.run(runId, key, block, steps[0] ?? 0, steps.at(-1) ?? 0, steps.length, toBytes(steps), toBytes(values));
  }
}

function joined(first: Float64Array, second: Float64Array): Float64Array<ArrayBuffer> {
  const all = new Float64Array(first.length + second.length);
  all.set(first, 0);
  all.set(second, first.length);
  return all;
}

// Every platform Reprise runs on is little-endian, so the bytes of a Float64Array are the stored form.
function toBytes(values: Float64Array): Uint8Array {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

function toFloats(bytes: Uint8Array): Float64Array<ArrayBuffer> {
  // Copied, because a BLOB's memory need not be aligned to 8 bytes.
  return new Float64Array(bytes.slice().buffer);
}
