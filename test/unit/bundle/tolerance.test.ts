import { describe, expect, it } from 'vitest';
import { calibrate, defaultTolerance, metricWithin, relativeDifference, toleranceProblem, within, type Tolerance } from '../../../src/bundle/tolerance';

const curve = (count: number): number[] => Array.from({ length: count }, (_, step) => 2 / (1 + step));

describe('relativeDifference', () => {
  it('is symmetric, bounded by 2, and 0 for equal values of any kind', () => {
    expect(relativeDifference(1, 1.5)).toBeCloseTo(1 / 3, 15);
    expect(relativeDifference(1.5, 1)).toBe(relativeDifference(1, 1.5));
    expect(relativeDifference(-1, 1)).toBe(2);
    expect(relativeDifference(0, 1e-30)).toBe(1);
    expect(relativeDifference(0, -0)).toBe(0);
    expect(relativeDifference(Number.NaN, Number.NaN)).toBe(0);
    expect(relativeDifference(Infinity, Infinity)).toBe(0);
    expect(relativeDifference(Number.NaN, 1)).toBe(2);
    expect(relativeDifference(Infinity, 1)).toBe(2);
  });
});

describe('calibrate', () => {
  it('allows 16 times the largest difference up to each block, and never less later', () => {
    const recorded = curve(128);
    const perturbed = recorded.map((loss, step) => loss * (1 + (step === 64 ? 1e-4 : step === 100 ? 1e-6 : 0)));
    const tolerance = calibrate(recorded, perturbed, 0.9, 0.9, 'accuracy');
    expect(tolerance).toMatchObject({ kind: 'calibrated', blockSize: 2, safetyFactor: 16 });
    expect(tolerance.blocks).toHaveLength(64);
    expect(tolerance.blocks[31]).toBe(1e-5);
    expect(tolerance.blocks[32]).toBeCloseTo(1.6e-3, 6);
    expect(tolerance.blocks[63]).toBe(tolerance.blocks[32]);
    expect(tolerance.observed[50]).toBeCloseTo(1e-6, 9);
  });

  it('does not multiply a difference that has saturated', () => {
    const recorded = curve(4);
    const tolerance = calibrate(recorded, recorded.map((loss) => loss * 1.2), 0.9, 0.8, 'accuracy');
    for (const allowed of tolerance.blocks) expect(allowed).toBeCloseTo((2 * 0.2) / 1.2, 9);
    expect(tolerance.metric.absolute).toBeCloseTo(0.4, 9);
  });

  it('is a default where the two runs say nothing', () => {
    const recorded = curve(10);
    expect(calibrate(recorded, recorded, 0.9, 0.9, 'accuracy').kind).toBe('default');
    expect(calibrate(recorded, curve(9), 0.9, 0.9, 'accuracy').kind).toBe('default');
    expect(calibrate([], [], 0.9, 0.9, 'accuracy').kind).toBe('default');
  });

  it('takes NaN for a difference of 2, and a metric that is not a number for unmeasured', () => {
    const tolerance = calibrate([1, 1, 1], [1, 1, Number.NaN], 0.9, Number.NaN, 'accuracy');
    expect(tolerance.blocks[1]).toBe(1e-5);
    expect(tolerance.blocks[2]).toBe(2);
    expect(tolerance.metric).toEqual({ absolute: 0.01, observed: null });
  });
});

describe('within', () => {
  const tolerance = { ...defaultTolerance('test'), blockSize: 10, blocks: [1e-4, 1e-2] };

  it('goes by the block of the step, the last one for all that follow', () => {
    expect(within(tolerance, 9, 1, 1.001)).toBe(false);
    expect(within(tolerance, 10, 1, 1.001)).toBe(true);
    expect(within(tolerance, 5000, 1, 1.001)).toBe(true);
    expect(within(tolerance, 5000, 1, 1.1)).toBe(false);
  });

  it('allows the floor, relative or absolute, whatever the block says', () => {
    const none = { ...tolerance, blocks: [0] };
    expect(within(none, 0, 1, 1 + 9e-6)).toBe(true);
    expect(within(none, 0, 1e-7, 5e-7)).toBe(true);
    expect(within(none, 0, 1, 1 + 2e-5)).toBe(false);
  });

  it('never takes a number for NaN', () => {
    const wide = { ...tolerance, blocks: [2] };
    expect(within(wide, 0, Number.NaN, Number.NaN)).toBe(true);
    expect(within(wide, 0, 1, Number.NaN)).toBe(false);
    expect(within(wide, 0, Infinity, 1)).toBe(false);
  });

  it('compares the metric by its absolute difference', () => {
    expect(metricWithin(tolerance, 'accuracy', 0.95, 0.945)).toBe(true);
    expect(metricWithin(tolerance, 'accuracy', 0.95, 0.93)).toBe(false);
    expect(metricWithin(tolerance, 'accuracy', Number.NaN, Number.NaN)).toBe(true);
    expect(metricWithin(tolerance, 'accuracy', 0.95, Number.NaN)).toBe(false);
    // An error in somebody's own unit is large or small only beside itself.
    expect([metricWithin(tolerance, 'rmse', 5000, 5010), metricWithin(tolerance, 'rmse', 5000, 5100), metricWithin(tolerance, 'mae', 0.001, 0.002), metricWithin(tolerance, 'perplexity', 24, 24.1), metricWithin({ ...tolerance, metric: { absolute: 8, observed: 2 } }, 'rmse', 1, Number.NaN)]).toEqual([true, false, false, true, false]);
  });
});

describe('toleranceProblem', () => {
  const recorded = curve(128);
  const measured = calibrate(recorded, recorded.map((loss, step) => loss * (1 + step * 1e-6)), 0.9, 0.88, 'accuracy');

  it('takes what was calibrated, and the default, also after a journey through JSON', () => {
    const saturated = calibrate([1, 1, 1], [1, 1, Number.NaN], 0.9, 500, 'accuracy');
    for (const tolerance of [measured, saturated, defaultTolerance('none'), calibrate(recorded, recorded, 0.9, 0.9, 'accuracy')]) {
      expect(toleranceProblem(JSON.parse(JSON.stringify(tolerance)) as Tolerance)).toBeNull();
    }
  });

  it.each<[string, Tolerance]>([
    ['a wider floor', { ...measured, floor: { relative: 1e-5, absolute: 1e9 } }],
    ['a wider relative floor', { ...measured, floor: { relative: 1, absolute: 1e-6 } }],
    ['a wider block', { ...measured, blocks: measured.blocks.map((allowed, block) => (block === 3 ? 1 : allowed)) }],
    ['one block for all', { ...measured, blocks: [2] }],
    ['another factor', { ...measured, safetyFactor: 1000 }],
    ['a wider metric', { ...measured, metric: { ...measured.metric, absolute: 1 } }],
    ['more measured than can be', { ...measured, metric: { observed: 100, absolute: 400 } }],
    ['a calibration of nothing', { ...measured, observed: [], blocks: [] }],
    ['a wider default', { ...defaultTolerance('none'), blocks: [2] }],
    ['a default with another block size', { ...defaultTolerance('none'), blockSize: 2 }],
    ['a default that measured', { ...defaultTolerance('none'), observed: [2] }],
  ])('refuses %s', (_what, tolerance) => {
    expect(toleranceProblem(tolerance)).not.toBeNull();
  });
});
