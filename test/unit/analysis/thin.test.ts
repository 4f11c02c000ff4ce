import { describe, expect, it } from 'vitest';
import { pick, thinnedIndices } from '../../../src/analysis/thin';

describe('thinning', () => {
  it('leaves a short curve as it is', () => {
    expect(thinnedIndices([3, 1, 2], 3)).toEqual([0, 1, 2]);
    expect(thinnedIndices([], 10)).toEqual([]);
  });

  it('keeps first, last and what stands out, in order', () => {
    const values = Float64Array.from({ length: 10_000 }, (_, index) => Math.sin(index / 50));
    values[1234] = 9;
    values[6789] = -9;
    values[7001] = Number.NaN;
    values[7002] = Number.NEGATIVE_INFINITY;
    const kept = thinnedIndices(values, 200);
    expect(kept.length).toBeLessThanOrEqual(201);
    expect(kept.length).toBeGreaterThan(150);
    for (const index of [0, 1234, 6789, 7001, 9999]) expect(kept).toContain(index);
    expect(kept).toEqual([...new Set(kept)].toSorted((left, right) => left - right));
    const thinned = pick(values, kept);
    expect(Math.max(...thinned.filter((value) => Number.isFinite(value)))).toBe(9);
    expect(thinned.at(-1)).toBe(values[9999]);
  });

  it('hides no stretch without a number', () => {
    const kept = thinnedIndices(new Float64Array(1000).fill(Number.NaN), 20);
    expect(kept[0]).toBe(0);
    expect(kept.at(-1)).toBe(999);
    expect(kept.length).toBeGreaterThan(8);
  });
});
