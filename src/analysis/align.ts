/** Curves whose points lie at different steps, brought to common ones. Pure. */
import type { Curve } from './band';

/** One point a step, the last of those that share it. @param steps in ascending order */
export function onePerStep({ steps, values }: Curve): Curve {
  const kept: number[] = [];
  for (let index = 0; index < steps.length; index += 1) if (steps[index] !== steps[index + 1]) kept.push(index);
  if (kept.length === steps.length) return { steps, values };
  return { steps: Float64Array.from(kept, (index) => steps[index] ?? Number.NaN), values: Float64Array.from(kept, (index) => values[index] ?? Number.NaN) };
}

function sameSteps(left: Float64Array, right: Float64Array): boolean {
  return left.length === right.length && left.every((step, index) => step === right[index]);
}

/** Every step that any of the curves has, ascending. */
function unionOf(curves: readonly Curve[]): number[] {
  const union = new Set<number>();
  for (const { steps } of curves) for (const step of steps) union.add(step);
  return [...union].toSorted((left, right) => left - right);
}

/**
 * The curves at every step that any of them has, from where all have begun to where the first ends. Between two of its
 * own points a curve counts with the value of the last one; before its first and after its last it counts with nothing,
 * so no step has a mean of fewer curves than another. Curves that share their steps come back as they are.
 * @param curves steps ascending, one point a step, none empty
 */
export function alignCurves(curves: readonly Curve[]): { readonly curves: readonly Curve[]; readonly carried: boolean } {
  const [first, ...others] = curves;
  if (first === undefined || others.every(({ steps }) => sameSteps(first.steps, steps))) return { curves, carried: false };
  const begin = curves.reduce((latest, { steps }) => Math.max(latest, steps[0] ?? Number.POSITIVE_INFINITY), Number.NEGATIVE_INFINITY);
  const end = curves.reduce((earliest, { steps }) => Math.min(earliest, steps.at(-1) ?? Number.NEGATIVE_INFINITY), Number.POSITIVE_INFINITY);
  const steps = Float64Array.from(unionOf(curves).filter((step) => step >= begin && step <= end));
  return {
    carried: true,
    curves: curves.map((curve) => {
      let at = 0;
      const values = steps.map((step) => {
        while ((curve.steps[at + 1] ?? Number.POSITIVE_INFINITY) <= step) at += 1;
        return curve.values[at] ?? Number.NaN;
      });
      return { steps, values };
    }),
  };
}
