/** Fewer points of a curve, all of them real ones, with nothing hidden that stands out. */

/**
 * Indices of at most about `points` values, in order: the first, the last, and of every bucket of equal width its
 * smallest, its largest and its first value that is no finite number. All of them where there are no more than `points`.
 */
export function thinnedIndices(values: ArrayLike<number>, points: number): number[] {
  const total = values.length;
  if (total <= points) return Array.from({ length: total }, (_, index) => index);
  const buckets = Math.max(1, Math.floor((points - 2) / 2));
  const kept = new Set<number>([0]);
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    const begin = Math.floor((bucket * total) / buckets);
    const end = Math.floor(((bucket + 1) * total) / buckets);
    let smallest = -1;
    let largest = -1;
    let broken = -1;
    for (let index = begin; index < end; index += 1) {
      const value = values[index] ?? Number.NaN;
      if (!Number.isFinite(value)) {
        if (broken < 0) broken = index;
        continue;
      }
      if (smallest < 0 || value < (values[smallest] ?? 0)) smallest = index;
      if (largest < 0 || value > (values[largest] ?? 0)) largest = index;
    }
    for (const index of [smallest, largest, broken].filter((found) => found >= 0)) kept.add(index);
  }
  kept.add(total - 1);
  return [...kept].toSorted((left, right) => left - right);
}

/** The values at some indices. */
export function pick(values: ArrayLike<number>, indices: readonly number[]): Float64Array<ArrayBuffer> {
  return Float64Array.from(indices, (index) => values[index] ?? Number.NaN);
}
