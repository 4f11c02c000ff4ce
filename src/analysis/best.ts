/** Which variant is best, and which ones the runs cannot tell from it. */
import { summarize, type Interval } from './summary';

export interface Contender {
  readonly mean: number | null;
  /** `seed` null: the run has none, and is in no pair. */
  readonly values: readonly { readonly seed: number | null; readonly value: number }[];
}

export interface Best {
  /** Place of the variant with the best mean; null where none has one. */
  readonly best: number | null;
  /** Places of those whose difference to the best has an interval that contains 0, or none. */
  readonly tied: readonly number[];
}

const CONFIDENCE = 0.95;

function interval(left: Contender, right: Contender, confidence: number): Interval | null {
  const other = new Map(right.values.map(({ seed, value }) => [seed, value]));
  const differences = left.values.flatMap(({ seed, value }) => {
    const pair = seed === null ? undefined : other.get(seed);
    return pair === undefined ? [] : [value - pair];
  });
  return summarize(differences, confidence).ci;
}

/**
 * Paired t intervals of the k − 1 differences to the best mean, at confidence 1 − 0.05 / (k − 1) each: the same that
 * `compareVariants` gives with the best as baseline, so that no verdict on the baseline contradicts its interval there.
 * That the best was picked by the same values is not corrected for.
 */
export function findBest(variants: readonly Contender[], higherIsBetter: boolean): Best {
  let best: number | null = null;
  let value = Number.NaN;
  for (const [place, { mean }] of variants.entries()) {
    if (mean === null || !Number.isFinite(mean) || (best !== null && (higherIsBetter ? mean <= value : mean >= value))) continue;
    best = place;
    value = mean;
  }
  const leader = best === null ? undefined : variants[best];
  if (leader === undefined) return { best, tied: [] };
  const confidence = 1 - (1 - CONFIDENCE) / Math.max(1, variants.length - 1);
  const tied = [...variants.entries()].flatMap(([place, variant]) => {
    if (place === best || variant.mean === null) return [];
    const ci = interval(leader, variant, confidence);
    return ci === null || (ci[0] <= 0 && ci[1] >= 0) ? [place] : [];
  });
  return { best, tied };
}
