/** Histograms as series: five numbers that a chart can show; the histogram itself is kept as a file. */
import type { RecordCollector } from './collector';

/** Buckets in ascending order, columns of equal length. A bucket counts the values in [left, right). */
export interface Buckets {
  readonly left: readonly number[];
  readonly right: readonly number[];
  readonly counts: readonly number[];
}

const SHOWN = [
  { name: 'min', at: 0 },
  { name: 'p25', at: 0.25 },
  { name: 'median', at: 0.5 },
  { name: 'p75', at: 0.75 },
  { name: 'max', at: 1 },
] as const;

/** The value below which a share of the mass lies, as if each bucket's values were spread evenly over it. NaN where nothing was counted. */
export function quantile({ left, right, counts }: Buckets, share: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (!(total > 0)) return Number.NaN;
  const wanted = share * total;
  let before = 0;
  let last = Number.NaN;
  for (const [index, count] of counts.entries()) {
    if (count <= 0) continue;
    const low = left[index] as number;
    const high = right[index] as number;
    if (before + count >= wanted) return low + (high - low) * Math.max(0, (wanted - before) / count);
    before += count;
    last = high;
  }
  return last;
}

export function addQuantiles(into: RecordCollector, key: string, step: number, time: number, buckets: Buckets): void {
  for (const { name, at } of SHOWN) into.point(`${key}/${name}`, step, time, quantile(buckets, at));
}
