/** Mean curve over seeds with the interval of each step. */
import { studentTCritical } from './student-t';

/** One seed's curve: steps in ascending order, a value each. */
export interface Curve {
  readonly steps: Float64Array;
  readonly values: Float64Array;
}

export interface Band {
  /** Steps that all curves have. */
  readonly steps: Float64Array;
  /** NaN where a curve has no finite value. */
  readonly mean: Float64Array;
  /** Student t interval of the mean at each step, taken by itself; empty for fewer than 2 curves. */
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/** For each common step the place it has in each curve. */
function commonPlaces(curves: readonly Curve[]): { readonly steps: Float64Array; readonly places: readonly Int32Array[] } {
  const [first, ...others] = curves;
  if (first === undefined) return { steps: new Float64Array(0), places: [] };
  const steps = new Float64Array(first.steps.length);
  const places = curves.map(() => new Int32Array(first.steps.length));
  const at = others.map(() => 0);
  let count = 0;
  for (const [index, step] of first.steps.entries()) {
    let everywhere = true;
    for (const [other, curve] of others.entries()) {
      let place = at[other] ?? 0;
      while (place < curve.steps.length && (curve.steps[place] ?? 0) < step) place += 1;
      at[other] = place;
      if (curve.steps[place] !== step) everywhere = false;
    }
    if (!everywhere) continue;
    steps[count] = step;
    for (const [curve, list] of places.entries()) list[count] = curve === 0 ? index : (at[curve - 1] ?? 0);
    count += 1;
  }
  return { steps: steps.subarray(0, count), places };
}

/**
 * x̄ ± t(1−α/2, n−1)·s/√n at every step that all n curves have. Plain two-pass sums, unlike `summarize`, because a
 * training has a million steps and a drawn curve no fifteenth digit.
 * @param confidence 1 − α
 */
export function bandOf(curves: readonly Curve[], confidence = 0.95): Band {
  const n = curves.length;
  const { steps, places } = commonPlaces(curves);
  const mean = new Float64Array(steps.length);
  const low = new Float64Array(n < 2 ? 0 : steps.length);
  const high = new Float64Array(low.length);
  const reach = n < 2 ? 0 : studentTCritical((1 - confidence) / 2, n - 1) / Math.sqrt(n);
  const valueAt = (curve: number, index: number): number => curves[curve]?.values[places[curve]?.[index] ?? 0] ?? Number.NaN;
  for (let index = 0; index < steps.length; index += 1) {
    let sum = 0;
    for (let curve = 0; curve < n; curve += 1) sum += valueAt(curve, index);
    const middle = Number.isFinite(sum) ? sum / n : Number.NaN;
    mean[index] = middle;
    if (n < 2) continue;
    let squares = 0;
    for (let curve = 0; curve < n; curve += 1) squares += (valueAt(curve, index) - middle) ** 2;
    const half = reach * Math.sqrt(squares / (n - 1));
    low[index] = middle - half;
    high[index] = middle + half;
  }
  return { steps, mean, low, high };
}
