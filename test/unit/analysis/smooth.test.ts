import { describe, expect, it } from 'vitest';
import { exponentialMean, halfLives } from '../../../src/analysis/smooth';

describe('exponentialMean', () => {
  const steps = Float64Array.from({ length: 400 }, (_, step) => step);

  it('leaves a constant and a half-life of 0 alone', () => {
    expect([...exponentialMean(steps, steps.map(() => 3), 20)].every((value) => Math.abs(value - 3) < 1e-12)).toBe(true);
    expect(exponentialMean([0, 1, 2], [5, 1, 4], 0)).toEqual(Float64Array.of(5, 1, 4));
  });

  it('weighs a value by one half after a half-life', () => {
    // 2^(−10/10)·1 + 1·0, over the sum of the weights
    expect(exponentialMean([0, 10], [1, 0], 10)[1]).toBeCloseTo(0.5 / 1.5, 12);
  });

  it('goes half of the way to a new level in about one half-life', () => {
    const smooth = exponentialMean(steps, steps.map((step) => (step < 200 ? 0 : 1)), 20);
    expect(smooth[199]).toBe(0);
    expect(smooth[219]).toBeCloseTo(0.5, 2);
  });

  it('passes over what is no number, and says so at its own step only', () => {
    const smooth = exponentialMean([0, 1, 2, 3], [1, Number.NaN, Infinity, 1], 5);
    expect([...smooth].map(Number.isNaN)).toEqual([false, true, true, false]);
    expect(smooth[3]).toBe(1);
  });
});

describe('halfLives', () => {
  it('offers 1, 2, 5, 10… up to a quarter of the curve', () => {
    expect(halfLives(1250)).toEqual([0, 1, 2, 5, 10, 20, 50, 100, 200]);
    expect(halfLives(0)).toEqual([0]);
    expect(halfLives(3)).toEqual([0]);
  });
});
