/** Mean, spread and interval of values over seeds. */
import { studentTCritical } from './student-t';

export type Interval = readonly [low: number, high: number];

export interface Summary {
  readonly n: number;
  /** null for n = 0. */
  readonly mean: number | null;
  /** Standard deviation with n − 1; null for n < 2. */
  readonly sd: number | null;
  /** Student t interval for the mean; null for n < 2. */
  readonly ci: Interval | null;
}

/** Sum in ascending order of size, so that the order in which seeds come cannot change a digit. */
function sum(values: readonly number[]): number {
  let total = 0;
  let lost = 0;
  for (const value of values.toSorted((left, right) => Math.abs(left) - Math.abs(right) || left - right)) {
    // Neumaier's compensated summation.
    const next = total + value;
    lost += Math.abs(total) >= Math.abs(value) ? total - next + value : value - next + total;
    total = next;
  }
  return total + lost;
}

/** Sum over pairs of products of deviations from the means. */
function crossDeviation(left: readonly number[], right: readonly number[]): number {
  const meanLeft = sum(left) / left.length;
  const meanRight = sum(right) / right.length;
  return sum(left.map((value, index) => (value - meanLeft) * ((right[index] ?? meanRight) - meanRight)));
}

/**
 * Mean x̄, SD s and the interval x̄ ± t(1−α/2, n−1)·s/√n of finite values.
 * @param confidence 1 − α; 0.95 unless told
 */
export function summarize(values: readonly number[], confidence = 0.95): Summary {
  const n = values.length;
  if (n === 0) return { n, mean: null, sd: null, ci: null };
  const mean = sum(values) / n;
  if (n === 1) return { n, mean, sd: null, ci: null };
  // Equal values have no spread, whatever rounding did to their mean.
  const sd = values.every((value) => value === values[0]) ? 0 : Math.sqrt(crossDeviation(values, values) / (n - 1));
  const half = (studentTCritical((1 - confidence) / 2, n - 1) * sd) / Math.sqrt(n);
  return { n, mean, sd, ci: [mean - half, mean + half] };
}

/** Pearson's correlation of pairs; null for fewer than 3 pairs (2 points always lie on a line) or where one side does not vary. */
export function pearson(left: readonly number[], right: readonly number[]): number | null {
  const constant = (values: readonly number[]): boolean => values.every((value) => value === values[0]);
  if (left.length !== right.length || left.length < 3 || constant(left) || constant(right)) return null;
  const r = crossDeviation(left, right) / Math.sqrt(crossDeviation(left, left) * crossDeviation(right, right));
  return Number.isFinite(r) ? Math.max(-1, Math.min(1, r)) : null;
}
