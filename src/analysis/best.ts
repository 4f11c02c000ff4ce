/** Which variant is best, and which ones the runs cannot tell from it. */
import { summarize, type Interval } from './summary';

export interface Contender {
  readonly mean: number | null;
  readonly values: readonly { readonly seed: number; readonly value: number }[];
}

export interface Best {
  /** Place of the variant with the best mean; null where none has one. */
  readonly best: number | null;
  /** Places of those whose difference to the best has an interval that contains 0, or none. */
  readonly tied: readonly number[];
  /** Pairs of variants over which the intervals hold at once. */
  readonly pairs: number;
}

const CONFIDENCE = 0.95;

function interval(left: Contender, right: Contender, confidence: number): Interval | null {
  const other = new Map(right.values.map(({ seed, value }) => [seed, value]));
  const differences = left.values.flatMap(({ seed, value }) => {
    const pair = other.get(seed);
    return pair === undefined ? [] : [value - pair];
  });
  return summarize(differences, confidence).ci;
}

/**
 * Paired t intervals of the differences to the best mean, at confidence 1 − 0.05 / k(k−1)/2 each. They are corrected
 * for all pairs of the k variants rather than for k − 1, because which variant is the best was chosen by the same values.
 */
export function findBest(variants: readonly Contender[], higherIsBetter: boolean): Best {
  const pairs = (variants.length * (variants.length - 1)) / 2;
  let best: number | null = null;
  let value = Number.NaN;
  for (const [place, { mean }] of variants.entries()) {
    if (mean === null || !Number.isFinite(mean) || (best !== null && (higherIsBetter ? mean <= value : mean >= value))) continue;
    best = place;
    value = mean;
  }
  const leader = best === null ? undefined : variants[best];
  if (leader === undefined) return { best, tied: [], pairs };
  const tied = [...variants.entries()].flatMap(([place, variant]) => {
    if (place === best || variant.mean === null) return [];
    const ci = interval(leader, variant, 1 - (1 - CONFIDENCE) / pairs);
    return ci === null || (ci[0] <= 0 && ci[1] >= 0) ? [place] : [];
  });
  return { best, tied, pairs };
}
