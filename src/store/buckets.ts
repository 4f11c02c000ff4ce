/**
 * The level-of-detail pyramid of a series: what is true of a stretch of its points. A bucket is nine numbers in a row,
 * so that many of them are one Float64Array; buckets of neighbouring stretches join without a look at the points.
 */
import type { Points, SeriesWindow } from './tracking';

/** Numbers of a bucket: see `BUCKET`. */
export const BUCKET_NUMBERS = 9;

/** Where in a bucket what stands. `numbers`: points that are no NaN; the others of `min` to `sum` are of those alone. */
export const BUCKET = { fromStep: 0, toStep: 1, min: 2, max: 3, first: 4, last: 5, sum: 6, numbers: 7, points: 8 } as const;

/** Buckets of `size` points each, the last one of what is left, for the points from `from` to before `to`. */
export function bucketsOf({ steps, values }: Points, size: number, from = 0, to = values.length): Float64Array<ArrayBuffer> {
  const buckets = new Float64Array(Math.ceil((to - from) / size) * BUCKET_NUMBERS);
  let at = 0;
  for (let start = from; start < to; start += size) {
    const end = Math.min(to, start + size);
    let min = Number.NaN;
    let max = Number.NaN;
    let first = Number.NaN;
    let last = Number.NaN;
    let sum = 0;
    let numbers = 0;
    for (let index = start; index < end; index += 1) {
      const value = values[index]!;
      if (Number.isNaN(value)) continue;
      if (numbers === 0) {
        min = value;
        max = value;
        first = value;
      } else if (value < min) min = value;
      else if (value > max) max = value;
      last = value;
      sum += value;
      numbers += 1;
    }
    buckets[at + BUCKET.fromStep] = steps[start]!;
    buckets[at + BUCKET.toStep] = steps[end - 1]!;
    buckets[at + BUCKET.min] = min;
    buckets[at + BUCKET.max] = max;
    buckets[at + BUCKET.first] = first;
    buckets[at + BUCKET.last] = last;
    buckets[at + BUCKET.sum] = sum;
    buckets[at + BUCKET.numbers] = numbers;
    buckets[at + BUCKET.points] = end - start;
    at += BUCKET_NUMBERS;
  }
  return buckets;
}

/** One bucket of `group` neighbouring ones each, the last one of what is left. */
export function joinBuckets(buckets: Float64Array, group: number): Float64Array<ArrayBuffer> {
  const count = buckets.length / BUCKET_NUMBERS;
  const joined = new Float64Array(Math.ceil(count / group) * BUCKET_NUMBERS);
  for (let index = 0; index < count; index += 1) {
    const from = index * BUCKET_NUMBERS;
    const to = Math.floor(index / group) * BUCKET_NUMBERS;
    if (index % group === 0) joined.set(buckets.subarray(from, from + BUCKET_NUMBERS), to);
    else joinInto(joined, to, buckets, from);
  }
  return joined;
}

function joinInto(into: Float64Array, to: number, buckets: Float64Array, from: number): void {
  into[to + BUCKET.toStep] = buckets[from + BUCKET.toStep]!;
  into[to + BUCKET.points]! += buckets[from + BUCKET.points]!;
  if (buckets[from + BUCKET.numbers] === 0) return;
  if (into[to + BUCKET.numbers] === 0) {
    for (const place of [BUCKET.min, BUCKET.max, BUCKET.first]) into[to + place] = buckets[from + place]!;
  } else {
    if (buckets[from + BUCKET.min]! < into[to + BUCKET.min]!) into[to + BUCKET.min] = buckets[from + BUCKET.min]!;
    if (buckets[from + BUCKET.max]! > into[to + BUCKET.max]!) into[to + BUCKET.max] = buckets[from + BUCKET.max]!;
  }
  into[to + BUCKET.last] = buckets[from + BUCKET.last]!;
  into[to + BUCKET.sum]! += buckets[from + BUCKET.sum]!;
  into[to + BUCKET.numbers]! += buckets[from + BUCKET.numbers]!;
}

/** Stretches of buckets in a row. */
export function concatBuckets(parts: readonly Float64Array[]): Float64Array<ArrayBuffer> {
  const all = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Buckets as the columns of an answer. */
export function windowOf(buckets: Float64Array, total: number): SeriesWindow {
  const column = (place: number): Float64Array => {
    const values = new Float64Array(buckets.length / BUCKET_NUMBERS);
    for (let index = 0; index < values.length; index += 1) values[index] = buckets[index * BUCKET_NUMBERS + place]!;
    return values;
  };
  const counts = column(BUCKET.points);
  const numbers = column(BUCKET.numbers);
  return {
    fromSteps: column(BUCKET.fromStep),
    toSteps: column(BUCKET.toStep),
    min: column(BUCKET.min),
    max: column(BUCKET.max),
    first: column(BUCKET.first),
    last: column(BUCKET.last),
    // 0/0 where every point is NaN.
    mean: column(BUCKET.sum).map((sum, index) => sum / numbers[index]!),
    counts,
    points: counts.reduce((sum, count) => sum + count, 0),
    total,
  };
}
