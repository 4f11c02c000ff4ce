import { describe, expect, it } from 'vitest';
import { findBest, type Contender } from '../../../src/analysis/best';
import { compareVariants } from '../../../src/analysis/compare';

function contender(values: readonly number[]): Contender {
  return { mean: values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length, values: values.map((value, seed) => ({ seed, value })) };
}

const clear = contender([0.9, 0.91, 0.92, 0.93]);
const near = contender([0.89, 0.92, 0.91, 0.93]);
const far = contender([0.4, 0.41, 0.43, 0.43]);

describe('findBest', () => {
  it('marks the best mean and those whose interval to it contains 0', () => {
    expect(findBest([far, near, clear], true)).toEqual({ best: 2, tied: [1] });
  });

  it('looks for the smallest where lower is better', () => {
    expect(findBest([clear, near, far], false)).toEqual({ best: 2, tied: [] });
  });

  it('ties what one seed cannot tell apart, and leaves out what has no value', () => {
    expect(findBest([contender([0.9]), contender([0.1]), contender([])], true)).toEqual({ best: 0, tied: [1] });
    expect(findBest([contender([])], true)).toEqual({ best: null, tied: [] });
  });

  it('agrees with the interval that the comparison gives to the baseline', () => {
    const variants = [near, clear, far];
    const values = (one: Contender): Map<number, number> => new Map(one.values.map(({ seed, value }) => [seed ?? -1, value]));
    const compared = compareVariants({ metric: 'accuracy', higherIsBetter: true, seeds: [0, 1, 2, 3], variants: variants.map((one, place) => ({ name: String(place), values: values(one) })) });
    const ci = compared.variants[1]?.delta?.ci;
    const { best, tied } = findBest(variants, true);
    expect(best).toBe(1);
    expect(tied.includes(0)).toBe(ci !== null && ci !== undefined && ci[0] <= 0 && ci[1] >= 0);
  });
});
