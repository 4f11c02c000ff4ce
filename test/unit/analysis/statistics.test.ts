import { describe, expect, it } from 'vitest';
import { compareVariants, type ComparisonInput } from '../../../src/analysis/compare';
import { logGamma, studentTCdf, studentTCritical, studentTQuantile, studentTTwoSided } from '../../../src/analysis/student-t';
import { pearson, summarize } from '../../../src/analysis/summary';

/** Deterministic values without structure. */
function numbers(seed: number, count: number): number[] {
  let state = seed >>> 0;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  });
}

function input(lists: readonly (readonly number[])[], seeds?: readonly number[]): ComparisonInput {
  const names = seeds ?? (lists[0] ?? []).map((_, index) => index + 1);
  return { metric: 'accuracy', higherIsBetter: true, seeds: names, variants: lists.map((list, index) => ({ name: index === 0 ? 'baseline' : `v${index}`, values: new Map(list.map((value, seed) => [names[seed] ?? -1, value])) })) };
}

describe('Student t', () => {
  it('has the values of the tables and of closed forms', () => {
    expect(studentTQuantile(0.975, 2)).toBeCloseTo(4.302_652_729_749_464, 12);
    expect(studentTQuantile(0.975, 4)).toBeCloseTo(2.776_445_105_197_799, 12);
    // df = 1 is Cauchy; df = 2 has t = (2p − 1)·√(2 / (4p(1 − p))).
    for (const p of [0.55, 0.75, 0.9, 0.999]) {
      expect(studentTQuantile(p, 1) / Math.tan(Math.PI * (p - 0.5))).toBeCloseTo(1, 11);
      expect(studentTQuantile(p, 2) / ((2 * p - 1) * Math.sqrt(2 / (4 * p * (1 - p))))).toBeCloseTo(1, 11);
    }
    expect(studentTTwoSided(studentTCritical(0.005, 7), 7)).toBeCloseTo(0.01, 12);
  });

  it('is symmetric, rising, and inverse to its quantile', () => {
    for (const df of [1, 3, 8, 40]) {
      let last = 0;
      for (let t = -6; t <= 6; t += 0.5) {
        const p = studentTCdf(t, df);
        expect(p).toBeGreaterThan(last);
        expect(p + studentTCdf(-t, df)).toBeCloseTo(1, 13);
        expect(studentTQuantile(p, df)).toBeCloseTo(t, 9);
        last = p;
      }
    }
  });

  it('answers NaN where there is no answer', () => {
    expect(studentTQuantile(0, 3)).toBeNaN();
    expect(studentTCritical(0.6, 3)).toBeNaN();
    expect(studentTCdf(1, 0)).toBeNaN();
    expect(studentTCdf(Number.POSITIVE_INFINITY, 3)).toBe(1);
  });

  it('stands on a correct gamma function', () => {
    expect(logGamma(5)).toBeCloseTo(Math.log(24), 13);
    expect(logGamma(0.5)).toBeCloseTo(Math.log(Math.sqrt(Math.PI)), 13);
  });
});

describe('summaries', () => {
  it('matches a hand computation', () => {
    // 1, 2, 3: mean 2, SD 1, half-width 4.302652…/√3.
    const { n, mean, sd, ci } = summarize([1, 2, 3]);
    expect([n, mean, sd]).toEqual([3, 2, 1]);
    expect(ci?.[0]).toBeCloseTo(2 - 4.302_652_729_749_464 / Math.sqrt(3), 12);
    expect(ci?.[1]).toBeCloseTo(2 + 4.302_652_729_749_464 / Math.sqrt(3), 12);
  });

  it('gives no interval where there is none', () => {
    expect(summarize([])).toEqual({ n: 0, mean: null, sd: null, ci: null });
    expect(summarize([4])).toEqual({ n: 1, mean: 4, sd: null, ci: null });
    expect(summarize([0.1, 0.1, 0.1]).sd).toBe(0);
  });

  it('correlates', () => {
    expect(pearson([1, 2, 3], [2, 4, 6])).toBe(1);
    expect(pearson([1, 2, 3], [3, 2, 1])).toBe(-1);
    expect(pearson([1, 2, 3, 4], [1, 3, 2, 4])).toBeCloseTo(0.8, 14);
    expect(pearson([1, 2], [2, 1])).toBeNull();
    expect(pearson([1, 1, 1], [1, 2, 3])).toBeNull();
  });
});

describe('compareVariants', () => {
  it('matches a hand computation with two contrasts', () => {
    // v1 − baseline = 1, 2, 3; each contrast at 97.5%: t(0.9875, 2) = 6.205346816570703.
    const { variants, confidence, contrasts, missing } = compareVariants(input([[10, 20, 30], [11, 22, 33], [9, 21, 28]]));
    const delta = variants[1]?.delta;
    expect(confidence).toBe(0.95);
    expect(contrasts).toBe(2);
    expect(variants[0]?.delta).toBeNull();
    expect(delta?.mean).toBeCloseTo(2, 14);
    expect(delta?.ci?.[0]).toBeCloseTo(2 - 6.205_346_816_570_703 / Math.sqrt(3), 10);
    expect(delta?.correlation).toBeCloseTo(1, 14);
    // t = 2√3 = 3.464 on 2 degrees of freedom: p = 1 − 3.464/√(12 + 2) = 0.0742; adjusted twice that.
    expect(delta?.pValue).toBeCloseTo(2 * (1 - Math.sqrt(12 / 14)), 12);
    expect(missing).toEqual([]);
  });

  it('has p below 0.05 exactly where the interval excludes 0', () => {
    for (let trial = 0; trial < 200; trial += 1) {
      const noise = numbers(trial, 20);
      const lists = [0, 1, 2, 3].map((variant) => noise.slice(variant * 5, variant * 5 + 5).map((value) => value + variant * 0.35));
      for (const { delta } of compareVariants(input(lists)).variants.slice(1)) {
        const [low = 0, high = 0] = delta?.ci ?? [];
        expect((delta?.pValue ?? 1) < 0.05).toBe(low > 0 || high < 0);
      }
    }
  });

  it('does not depend on the order of the seeds', () => {
    const lists = [0, 1, 2].map((variant) => numbers(variant + 3, 7));
    const order = [3, 6, 0, 2, 5, 1, 4];
    const shuffled = lists.map((list) => order.map((index) => list[index] ?? 0));
    const seeds = [11, 12, 13, 14, 15, 16, 17];
    const first = compareVariants(input(lists, seeds));
    const second = compareVariants(input(shuffled, order.map((index) => seeds[index] ?? 0)));
    expect(second.variants).toEqual(first.variants);
  });

  it('shifts with its values, and only where it should', () => {
    const lists = [0, 1, 2].map((variant) => numbers(variant + 9, 6));
    const first = compareVariants(input(lists));
    const second = compareVariants(input(lists.map((list) => list.map((value) => value + 1000))));
    for (const [index, { mean, sd, delta }] of first.variants.entries()) {
      const other = second.variants[index];
      expect(other?.mean).toBeCloseTo((mean ?? 0) + 1000, 9);
      expect(other?.sd).toBeCloseTo(sd ?? 0, 9);
      if (delta === null) continue;
      expect(other?.delta?.mean).toBeCloseTo(delta.mean ?? 0, 9);
      expect(other?.delta?.ci?.[1]).toBeCloseTo(delta.ci?.[1] ?? 0, 9);
      expect(other?.delta?.correlation).toBeCloseTo(delta.correlation ?? 0, 9);
    }
  });

  it('pairs only seeds that both have, and lists every missing cell', () => {
    const result = compareVariants({
      metric: 'loss', higherIsBetter: false, seeds: [1, 2, 3, 4],
      variants: [
        { name: 'baseline', values: new Map([[1, 1], [2, 2], [4, 9]]) },
        { name: 'v', values: new Map([[4, 10], [2, 5], [1, Number.NaN], [3, 7]]), reasons: new Map([[1, 'failed: diverged']]) },
        { name: 'none', values: new Map() },
      ],
    });
    expect(result.variants[1]?.n).toBe(3);
    expect(result.variants[1]?.delta).toMatchObject({ n: 2, mean: 2, correlation: null });
    expect(result.variants[1]?.delta?.warning).toContain('two pairs');
    expect(result.variants[2]).toMatchObject({ n: 0, mean: null, delta: { n: 0, mean: null, ci: null, correlation: null } });
    expect(result.missing).toEqual([
      { variant: 'baseline', seed: 3, reason: 'no value' },
      { variant: 'v', seed: 1, reason: 'failed: diverged' },
      ...[1, 2, 3, 4].map((seed) => ({ variant: 'none', seed, reason: 'no value' })),
    ]);
    // The failed variant still counts as a planned contrast.
    expect(result.contrasts).toBe(2);
  });

  it('counts a seed outside the plan as one that the others miss', () => {
    const result = compareVariants({ metric: 'x', higherIsBetter: true, seeds: [1], variants: [{ name: 'a', values: new Map([[1, 1]]) }, { name: 'b', values: new Map([[1, 1], [9, 2]]) }] });
    expect(result.seeds).toEqual([1, 9]);
    expect(result.missing).toEqual([{ variant: 'a', seed: 9, reason: 'no value' }]);
  });

  it('names non-finite values', () => {
    const { missing } = compareVariants(input([[1, Number.NaN], [Number.POSITIVE_INFINITY, 2]]));
    expect(missing.map(({ reason }) => reason)).toEqual(['the metric is not a number', 'the metric is infinite']);
  });

  it('warns where pairing costs power and where the spread is hidden', () => {
    expect(compareVariants(input([[1, 2, 3, 4], [4, 3, 2, 1.5]])).variants[1]?.delta?.warning).toContain('costs power');
    const equal = compareVariants(input([[1, 2, 3], [2, 3, 4]])).variants[1]?.delta;
    expect(equal?.warning).toContain('all differences are equal');
    expect(equal?.pValue).toBeUndefined();
    // 0.97 − 0.95, 0.96 − 0.94 and 0.95 − 0.93 differ in their last bits only.
    const rounded = compareVariants(input([[0.95, 0.94, 0.93], [0.97, 0.96, 0.95]])).variants[1]?.delta;
    expect(rounded?.warning).toContain('all differences are equal');
    expect(rounded?.pValue).toBeUndefined();
    expect(compareVariants(input([[1], [2]])).variants[1]?.delta?.warning).toContain('one pair');
  });

  it('states its method', () => {
    const five = compareVariants(input(Array.from({ length: 6 }, (_, index) => numbers(index, 3)))).method;
    expect(five).toContain('each at 99%');
    expect(five).toContain('may differ in variance');
    expect(five).toContain('not in them');
    expect(compareVariants(input([[1, 2, 3]])).method).not.toContain('baseline');
  });

  it('states no method for what is not there', () => {
    const single = compareVariants(input([[1], [2], [3]])).method;
    expect(single).not.toMatch(/simultaneous|Student|SD over|Bonferroni|not in them/u);
    expect(single).toContain('Each has fewer than 2 pairs, so no interval can be given.');
    expect(compareVariants(input([[], []])).method).toBe('No variant has a value of accuracy (higher is better).');
    const some = compareVariants(input([[1, 2, 4], [2, 3, 6], [3]])).method;
    expect(some).toContain('1 of 2 have an interval');
    expect(some).toContain('each at 97.5%');
    expect(some).toContain('A variant with one value has neither SD nor interval.');
    expect(compareVariants(input([[1, 2], [2, 4]])).method).not.toContain('correlation');
  });

  it('says when nobody declared the baseline', () => {
    const lists = [[1, 2, 3], [2, 3, 5]];
    expect(compareVariants({ ...input(lists), baselineBy: 'oldest' }).method).toContain('the oldest config stands for it');
    expect(compareVariants({ ...input(lists), baselineBy: 'study' }).method).toBe(compareVariants(input(lists)).method);
    expect(compareVariants({ ...input([[1, 2]]), baselineBy: 'oldest' }).method).not.toContain('oldest');
  });

  it("carries the caller's remarks into the warning", () => {
    const { variants, ...rest } = input([[1], [2], [3]]);
    const remarked = compareVariants({ ...rest, variants: variants.map((variant, index) => (index === 2 ? variant : { ...variant, remarks: ['tested on other data.'] })) }).variants;
    expect(remarked[0]?.delta).toBeNull();
    expect(remarked[1]?.delta?.warning).toBe('tested on other data; one pair: no interval can be given');
    expect(remarked[2]?.delta?.warning).toBe('one pair: no interval can be given');
  });
});
