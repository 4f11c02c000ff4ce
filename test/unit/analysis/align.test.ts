import { describe, expect, it } from 'vitest';
import { alignCurves, onePerStep } from '../../../src/analysis/align';
import { bandOf, type Curve } from '../../../src/analysis/band';

const curve = (points: readonly (readonly [number, number])[]): Curve => ({ steps: Float64Array.from(points, ([step]) => step), values: Float64Array.from(points, ([, value]) => value) });

describe('alignCurves', () => {
  it('carries the last value on, between the latest begin and the earliest end', () => {
    const { curves, carried } = alignCurves([curve([[0, 1], [10, 2], [20, 3]]), curve([[5, 10], [10, 20], [15, 30]])]);
    expect(carried).toBe(true);
    expect([...(curves[0]?.steps ?? [])]).toEqual([5, 10, 15]);
    expect([...(curves[0]?.values ?? [])]).toEqual([1, 2, 2]);
    expect([...(curves[1]?.values ?? [])]).toEqual([10, 20, 30]);
    expect([...bandOf(curves).mean]).toEqual([5.5, 11, 16]);
  });
  it('leaves curves alone that share their steps', () => {
    const both = [curve([[0, 1], [7, 2]]), curve([[0, 3], [7, Number.NaN]])];
    expect(alignCurves(both)).toEqual({ curves: both, carried: false });
  });
  it('has no step where the curves never run at once', () => {
    expect(alignCurves([curve([[0, 1], [1, 2]]), curve([[5, 1]])]).curves.map(({ steps }) => steps.length)).toEqual([0, 0]);
  });
  it('takes the last of the points of one step', () => {
    expect(onePerStep(curve([[1, 1], [1, 2], [3, 3], [3, Number.NaN]]))).toEqual(curve([[1, 2], [3, Number.NaN]]));
  });
});
