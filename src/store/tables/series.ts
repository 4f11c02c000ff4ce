/**
 * Metric series as chunked columns with a level-of-detail pyramid. A series is a list of rows in order, each with up to
 * 4096 points: full rows, then what is left in at most three, of multiples of 512, of 64, and of the rest, so that a few
 * new points never rewrite many old ones. Rows in which late points were put in between may have any number up to 4096.
 */
import { BUCKET, BUCKET_NUMBERS, bucketsOf, concatBuckets, joinBuckets, windowOf } from '../buckets';
import { packColumns, unpackColumns } from '../columns';
import type { Database } from '../database';
import { comparePlaces, concatPoints, countBelow, countUpTo, hasPoint, mergePoints, NO_POINTS, slicePoints, tidy } from '../points';
import type { Points, SeriesWindow } from '../tracking';

/** Points of a full row, of a bucket in a row's summary, and of one in its chunk's. */
const ROW_POINTS = 4096;
const COARSE = 512;
const FINE = 64;

/** Between the places of two rows in a row: room to put others in between. */
const SPACING = 2 ** 20;

interface Head {
  readonly place: number;
  readonly points: number;
  readonly first_step: number;
  readonly first_time: number;
  readonly last_step: number;
  readonly last_time: number;
}

/** A row whose points are wanted: in its own column while they are few, else in a chunk. */
interface Body {
  readonly points: number;
  readonly data: Uint8Array | null;
  readonly chunk: number | null;
}

type Row = Head & Body;
type Summarised = Row & { readonly summary: Uint8Array | null };

/** What is true of a whole series. */
export interface SeriesFacts {
  readonly points: number;
  readonly min: number | null;
  readonly max: number | null;
  /** The points of its last place: same step, same time. */
  readonly end: Points;
}

const HEAD = 'place, points, first_step, first_time, last_step, last_time';
const ROW = `${HEAD}, data, chunk`;
/** With the plus signs no plan can depend on the values: else SQLite prepares a statement with an order anew for each (sqlite.org/c3ref/prepare.html, STAT4). */
const OF_SERIES = 'FROM series WHERE run = +? AND key = +?';

export class SeriesTable {
  readonly #tail;
  readonly #from;
  readonly #between;
  readonly #all;
  readonly #upTo;
  readonly #next;
  readonly #put;
  readonly #drop;
  readonly #move;
  readonly #chunk;
  readonly #fine;
  readonly #putChunk;
  readonly #dropChunk;
  readonly #dropChunks;
  readonly #clear;
  readonly #clearKey;
  readonly #clearKeyChunks;

  constructor(database: Database) {
    this.#tail = database.prepare<[number, number], Row>(`SELECT ${ROW} ${OF_SERIES} ORDER BY place DESC LIMIT 3`);
    this.#from = database.prepare<[number, number, number, number], Row>(`SELECT ${ROW} ${OF_SERIES} AND (last_step, last_time) >= (?, ?) ORDER BY place`);
    this.#between = database.prepare<[number, number, number, number], Summarised>(`SELECT ${ROW}, summary ${OF_SERIES} AND last_step >= ? AND first_step <= ? ORDER BY place`);
    this.#all = database.prepare<[number, number], Summarised>(`SELECT ${ROW}, summary ${OF_SERIES} ORDER BY place`);
    this.#upTo = database.prepare<[number, number, number], Row>(`SELECT ${ROW} ${OF_SERIES} AND last_step >= ? ORDER BY place`);
    this.#next = database.prepare<[number, number, number], { place: number | null }>(`SELECT min(place) AS place ${OF_SERIES} AND place > ?`);
    this.#put = database.prepare<[number, number, number, number, number, number, number, number, Uint8Array | null, Uint8Array | null, number | null]>(
      'INSERT INTO series (run, key, place, points, first_step, first_time, last_step, last_time, data, summary, chunk) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.#drop = database.prepare<[number, number, number]>('DELETE FROM series WHERE run = ? AND key = ? AND place = ?');
    this.#move = database.prepare<[number, number, number, number]>('UPDATE series SET place = ? WHERE run = ? AND key = ? AND place = ?');
    this.#chunk = database.prepare<[number], { data: Uint8Array }>('SELECT data FROM chunks WHERE chunk_id = ?');
    this.#fine = database.prepare<[number], { summary: Uint8Array }>('SELECT summary FROM chunks WHERE chunk_id = ?');
    this.#putChunk = database.prepare<[Uint8Array, Uint8Array]>('INSERT INTO chunks (data, summary) VALUES (?, ?)');
    this.#dropChunk = database.prepare<[number]>('DELETE FROM chunks WHERE chunk_id = ?');
    this.#dropChunks = database.prepare<[number]>('DELETE FROM chunks WHERE chunk_id IN (SELECT chunk FROM series WHERE run = ? AND chunk IS NOT NULL)');
    this.#clear = database.prepare<[number]>('DELETE FROM series WHERE run = ?');
    this.#clearKeyChunks = database.prepare<[number, number]>(`DELETE FROM chunks WHERE chunk_id IN (SELECT chunk ${OF_SERIES} AND chunk IS NOT NULL)`);
    this.#clearKey = database.prepare<[number, number]>(`DELETE ${OF_SERIES}`);
  }

  /**
   * Takes points in. @returns those that were not there yet, in order
   * @param isNew whether it is known that the series has no points yet: then nothing is looked for
   */
  add(run: number, key: number, points: Points, isNew = false): Points {
    const sorted = tidy(points);
    const rows = isNew ? [] : this.#tail.all(run, key);
    const [last] = rows;
    const late = last === undefined ? 0 : countUpTo(sorted, last.last_step, last.last_time);
    if (late === 0) {
      if (sorted.values.length > 0) this.#append(run, key, sorted, rows);
      return sorted;
    }
    const inserted = this.#insert(run, key, slicePoints(sorted, 0, late));
    const fresh = slicePoints(sorted, late, sorted.values.length);
    if (fresh.values.length > 0) this.#append(run, key, fresh, this.#tail.all(run, key));
    return inserted.values.length === 0 ? fresh : concatPoints([inserted, fresh]);
  }

  /** Puts points behind all others. @param rows the last ones, the very last first */
  #append(run: number, key: number, fresh: Points, rows: readonly Row[]): void {
    const open: Row[] = [];
    for (const row of rows) {
      if (row.points >= ROW_POINTS || unitOf(row.points) <= unitOf(open[0]?.points ?? 0)) break;
      open.unshift(row);
    }
    const sizes = sizesOf(open.reduce((sum, row) => sum + row.points, 0) + fresh.values.length);
    let kept = 0;
    while (kept < open.length && open[kept]!.points === sizes[kept]) kept += 1;
    const taken = open.slice(kept);
    const place = taken[0]?.place ?? (rows[0] === undefined ? 0 : rows[0].place + SPACING);
    const points = concatPoints([...taken.map((row) => this.#pointsOf(row)), fresh]);
    for (const row of taken) this.#remove(run, key, row);
    let from = 0;
    for (const [index, size] of sizes.slice(kept).entries()) {
      this.#write(run, key, place + index * SPACING, slicePoints(points, from, from + size));
      from += size;
    }
  }

  /** Puts points in between others. @returns those that were not there */
  #insert(run: number, key: number, late: Points): Points {
    const { steps, times, values } = late;
    const rows = this.#from.all(run, key, steps[0]!, times[0]!);
    const held = new Map<Row, Points>();
    const pointsOf = (row: Row): Points => {
      const points = held.get(row) ?? this.#pointsOf(row);
      held.set(row, points);
      return points;
    };
    const missing = new Map<Row, number[]>();
    const added: number[] = [];
    let at = 0;
    for (let index = 0; index < values.length; index += 1) {
      const step = steps[index]!;
      const time = times[index]!;
      while (comparePlaces(rows[at]!.last_step, rows[at]!.last_time, step, time) < 0) at += 1;
      // The last row that the point can stand in: rows can begin and end in one place.
      let target = at;
      let isThere = false;
      for (let row = at; row < rows.length && comparePlaces(rows[row]!.first_step, rows[row]!.first_time, step, time) <= 0 && !isThere; row += 1) {
        target = row;
        isThere = hasPoint(pointsOf(rows[row]!), step, time, values[index]!);
      }
      if (isThere) continue;
      const row = rows[target]!;
      missing.set(row, [...(missing.get(row) ?? []), index]);
      added.push(index);
    }
    const pick = (indices: readonly number[]): Points => ({
      steps: Float64Array.from(indices, (index) => steps[index]!),
      times: Float64Array.from(indices, (index) => times[index]!),
      values: Float64Array.from(indices, (index) => values[index]!),
    });
    const placeOf = this.#roomFor(run, key, [...missing].map(([row, indices]) => ({ row, pieces: piecesOf(row.points + indices.length) })));
    for (const [row, indices] of missing) this.#replace(run, key, { ...row, place: placeOf(row) }, mergePoints(pointsOf(row), pick(indices)));
    return pick(added);
  }

  /** Writes the points of a row anew, as several rows where they have become too many. */
  #replace(run: number, key: number, row: Row, points: Points): void {
    const { length } = points.values;
    const pieces = piecesOf(length);
    const size = Math.ceil(length / pieces);
    const distance = Math.floor(this.#roomAfter(run, key, row.place) / pieces);
    this.#remove(run, key, row);
    for (let piece = 0; piece < pieces; piece += 1) {
      this.#write(run, key, row.place + piece * distance, slicePoints(points, piece * size, Math.min(length, (piece + 1) * size)));
    }
  }

  #roomAfter(run: number, key: number, place: number): number {
    const next = this.#next.get(run, key, place)?.place ?? null;
    return next === null ? SPACING : next - place;
  }

  /**
   * Sees that each of the rows can become so many pieces: where one has too little room behind it, all rows of the
   * series get even places again. @returns where a row is afterwards
   */
  #roomFor(run: number, key: number, wanted: readonly { readonly row: Row; readonly pieces: number }[]): (row: Row) => number {
    if (wanted.every(({ row, pieces }) => pieces === 1 || this.#roomAfter(run, key, row.place) >= pieces)) return (row) => row.place;
    const places = this.#all.all(run, key).map((row) => row.place);
    // Past all that are in use: no two rows may ever be in one place.
    const past = (places.at(-1) ?? 0) + SPACING;
    const moved = new Map(places.map((place, index) => [place, past + index * SPACING]));
    for (const [from, to] of moved) this.#move.run(to, run, key, from);
    return (row) => moved.get(row.place) ?? row.place;
  }

  /** Removes points of step ≥ `fromStep`. */
  truncate(run: number, key: number, fromStep: number): void {
    const rows = this.#upTo.all(run, key, fromStep);
    const [first] = rows;
    if (first === undefined) return;
    const points = this.#pointsOf(first);
    for (const row of rows) this.#remove(run, key, row);
    const keep = countBelow(points, fromStep);
    // What remains of the first is put behind the others again, so that the rows are as if the rest had never come.
    if (keep > 0) this.#append(run, key, slicePoints(points, 0, keep), this.#tail.all(run, key));
  }

  /** Points in order, from the `from`-th on. */
  read(run: number, key: number, from = 0, limit = Number.POSITIVE_INFINITY): Points {
    const parts: Points[] = [];
    let at = 0;
    const end = from + limit;
    for (const row of this.#all.iterate(run, key)) {
      if (at >= end) break;
      if (at + row.points > from) parts.push(slicePoints(this.#pointsOf(row), Math.max(0, from - at), Math.min(row.points, end - at)));
      at += row.points;
    }
    return concatPoints(parts);
  }

  /** Between two steps, both included: see `TrackingStore.seriesWindow`. `total`: points of the whole series. */
  window(run: number, key: number, fromStep: number, toStep: number, buckets: number, total: number): SeriesWindow {
    const rows = this.#between.all(run, key, fromStep, toStep).map((row) => {
      const isWhole = row.first_step >= fromStep && row.last_step <= toStep;
      return isWhole ? { row, part: null, count: row.points } : this.#partOf(row, fromStep, toStep);
    });
    const count = rows.reduce((sum, row) => sum + row.count, 0);
    const size = count <= 4 * buckets ? 1 : count >= COARSE * buckets ? COARSE : count >= FINE * buckets ? FINE : 1;
    const parts = rows.map(({ row, part }) => (part === null ? this.#bucketsOf(row, size) : bucketsOf(part, size)));
    const all = concatBuckets(parts);
    const found = all.length / BUCKET_NUMBERS;
    return windowOf(found <= 4 * buckets ? all : joinBuckets(all, Math.floor(found / buckets)), total);
  }

  #partOf(row: Summarised, fromStep: number, toStep: number) {
    const points = this.#pointsOf(row);
    const part = slicePoints(points, countBelow(points, fromStep), countUpTo(points, toStep, Number.POSITIVE_INFINITY));
    return { row, part, count: part.values.length };
  }

  #bucketsOf(row: Summarised, size: number): Float64Array {
    if (size === 1 || row.chunk === null || row.summary === null) return bucketsOf(this.#pointsOf(row), size);
    return toFloats(size === COARSE ? row.summary : (this.#fine.get(row.chunk)?.summary ?? new Uint8Array(0)));
  }

  facts(run: number, key: number): SeriesFacts {
    const rows = this.#all.all(run, key);
    const last = rows.at(-1);
    const buckets = concatBuckets(rows.map((row) => this.#bucketsOf(row, COARSE)));
    const all = joinBuckets(buckets, Math.max(1, buckets.length));
    const numbers = all[BUCKET.numbers] ?? 0;
    return {
      points: all[BUCKET.points] ?? 0,
      min: numbers === 0 ? null : all[BUCKET.min]!,
      max: numbers === 0 ? null : all[BUCKET.max]!,
      end: last === undefined ? NO_POINTS : this.#pointsOf(last),
    };
  }

  /** What is wrong with the rows of a series: with their order, their columns or their pyramid; null where nothing is. */
  problem(run: number, key: number): string | null {
    let before: Row | null = null;
    for (const row of this.#all.all(run, key)) {
      const points = this.#pointsOf(row);
      const { steps, times, values } = points;
      if (before !== null && comparePlaces(before.last_step, before.last_time, row.first_step, row.first_time) > 0) return `its rows overlap at step ${row.first_step}`;
      if (tidy(points) !== points || steps[0] !== row.first_step || times[0] !== row.first_time || steps.at(-1) !== row.last_step || times.at(-1) !== row.last_time) return `the row that begins at step ${row.first_step} is out of order`;
      if (row.chunk !== null) {
        const isRight = sameNumbers(this.#bucketsOf(row, COARSE), bucketsOf(points, COARSE)) && sameNumbers(this.#bucketsOf(row, FINE), bucketsOf(points, FINE));
        if (!isRight || values.length <= FINE) return `the overview of the row that begins at step ${row.first_step} is not of its points`;
      }
      before = row;
    }
    return null;
  }

  clearKey(run: number, key: number): void {
    this.#clearKeyChunks.run(run, key);
    this.#clearKey.run(run, key);
  }

  clear(run: number): void {
    this.#dropChunks.run(run);
    this.#clear.run(run);
  }

  #pointsOf(row: Body): Points {
    const bytes = row.data ?? (row.chunk === null ? undefined : this.#chunk.get(row.chunk)?.data) ?? new Uint8Array(0);
    const [steps, times, values] = unpackColumns(bytes, 3, row.points);
    return { steps: steps!, times: times!, values: values! };
  }

  #remove(run: number, key: number, row: Pick<Row, 'place' | 'chunk'>): void {
    if (row.chunk !== null) this.#dropChunk.run(row.chunk);
    this.#drop.run(run, key, row.place);
  }

  #write(run: number, key: number, place: number, points: Points): void {
    const { steps, times, values } = points;
    const { length } = values;
    const data = packColumns([steps, times, values]);
    const isSmall = length <= FINE;
    const chunk = isSmall ? null : Number(this.#putChunk.run(data, toBytes(bucketsOf(points, FINE))).lastInsertRowid);
    const summary = isSmall ? null : toBytes(bucketsOf(points, COARSE));
    this.#put.run(run, key, place, length, steps[0]!, times[0]!, steps.at(-1)!, times.at(-1)!, isSmall ? data : null, summary, chunk);
  }
}

function piecesOf(points: number): number {
  return Math.ceil(points / ROW_POINTS);
}

/** What rows of an unfinished stretch come in. */
function unitOf(points: number): number {
  if (points === 0) return 0;
  return points % COARSE === 0 ? COARSE : points % FINE === 0 ? FINE : 1;
}

/** How many points a row has, for points in a row that all belong to full rows or to the end of a series. */
function sizesOf(points: number): number[] {
  const full = Array.from({ length: Math.floor(points / ROW_POINTS) }, () => ROW_POINTS);
  const rest = points % ROW_POINTS;
  return [...full, rest - (rest % COARSE), (rest % COARSE) - (rest % FINE), rest % FINE].filter((size) => size > 0);
}

function sameNumbers(left: Float64Array, right: Float64Array): boolean {
  return left.length === right.length && left.every((value, index) => Object.is(value, right[index]));
}

// Every platform Reprise runs on is little-endian, so the bytes of a Float64Array are the stored form.
function toBytes(values: Float64Array): Uint8Array {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

function toFloats(bytes: Uint8Array): Float64Array<ArrayBuffer> {
  // Copied, because a BLOB's memory need not be aligned to 8 bytes.
  return new Float64Array(new Uint8Array(bytes).buffer);
}
