import { describe, expect, it } from 'vitest';
import { bandOf, type Curve } from '../../../src/analysis/band';
import { summarize } from '../../../src/analysis/summary';

const curve = (points: readonly (readonly [step: number, value: number])[]): Curve => ({ steps: Float64Array.from(points, ([step]) => step), values: Float64Array.from(points, ([, value]) => value) });
const line = (length: number, at: (step: number) => number): Curve => curve(Array.from({ length }, (_, step) => [step, at(step)]));

describe('bandOf', () => {
  it('has the mean and interval of summarize at every step', () => {
    const curves = [1, 2, 3, 4].map((seed) => line(50, (step) => Math.sin(step * seed) + 1e3));
    const band = bandOf(curves);
    for (const step of band.steps) {
      const { mean, ci } = summarize(curves.map(({ values }) => values[step] ?? Number.NaN));
      expect(band.mean[step]).toBeCloseTo(mean ?? Number.NaN, 9);
      expect(band.low[step]).toBeCloseTo(ci?.[0] ?? Number.NaN, 9);
      expect(band.high[step]).toBeCloseTo(ci?.[1] ?? Number.NaN, 9);
    }
    expect(band.steps).toHaveLength(50);
  });

  it('keeps the steps that all have, wherever they lie', () => {
    const band = bandOf([curve([[0, 1], [10, 2], [20, 3], [30, 4]]), curve([[10, 4], [15, 9], [30, 6], [40, 1]])]);
    expect([...band.steps]).toEqual([10, 30]);
    expect([...band.mean]).toEqual([3, 5]);
  });

  it('has no band for one curve, and nothing for none', () => {
    const one = bandOf([line(3, (step) => step)]);
    expect([...one.mean]).toEqual([0, 1, 2]);
    expect([one.low.length, one.high.length]).toEqual([0, 0]);
    expect(bandOf([]).steps).toHaveLength(0);
  });

  it('has a gap where a curve is no finite number, and only there', () => {
    const band = bandOf([line(4, (step) => (step === 2 ? Number.NaN : step)), line(4, (step) => (step === 3 ? Number.POSITIVE_INFINITY : step))]);
    expect([...band.mean]).toEqual([0, 1, Number.NaN, Number.NaN]);
    expect([...band.low]).toEqual([0, 1, Number.NaN, Number.NaN]);
  });

  it('averages a long training in well under a second', () => {
    const curves = [1, 2, 3].map((seed) => line(500_000, (step) => seed / (step + 1)));
    const start = performance.now();
    expect(bandOf(curves).mean[1]).toBe(1);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
