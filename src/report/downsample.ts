/** Fewer points, nothing hidden: every bucket keeps its mean, smallest and largest value. */

export interface Bucket {
  /** First and last step of the bucket. */
  readonly from: number;
  readonly to: number;
  readonly mean: number;
  readonly min: number;
  readonly max: number;
  /** Finite values in the bucket, and those that were not (NaN, infinities). */
  readonly count: number;
  readonly broken: number;
}

/** At most `most` buckets of equal numbers of points, in order. A bucket without a finite value has NaN for mean, min and max. */
export function downsample(steps: ArrayLike<number>, values: ArrayLike<number>, most: number): Bucket[] {
  const total = Math.min(steps.length, values.length);
  const count = Math.min(total, Math.max(1, Math.floor(most)));
  const buckets: Bucket[] = [];
  for (let index = 0; index < count; index += 1) {
    const begin = Math.floor((index * total) / count);
    const end = Math.floor(((index + 1) * total) / count);
    let sum = 0;
    let min = Number.POSITIVE_INFINITY;
    let max = Number.NEGATIVE_INFINITY;
    let finite = 0;
    for (let i = begin; i < end; i += 1) {
      const value = values[i] ?? Number.NaN;
      if (!Number.isFinite(value)) continue;
      sum += value;
      min = Math.min(min, value);
      max = Math.max(max, value);
      finite += 1;
    }
    const none = finite === 0;
    buckets.push({ from: steps[begin] ?? 0, to: steps[end - 1] ?? 0, mean: none ? Number.NaN : sum / finite, min: none ? Number.NaN : min, max: none ? Number.NaN : max, count: finite, broken: end - begin - finite });
  }
  return buckets;
}
