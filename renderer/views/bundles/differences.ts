/** How far two traces are apart, step by step. */

/** The largest value the measure has: a number against NaN or an infinity. */
const MOST = 2;

/**
 * |a − b| / max(|a|, |b|) of two losses, in [0, 2], as the engine measures it (src/bundle/tolerance.ts): equal values
 * and two NaN differ by 0, a number against NaN or an infinity by 2.
 */
export function relativeDifference(a: number, b: number): number {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return 0;
  if (!Number.isFinite(a) || !Number.isFinite(b)) return MOST;
  return Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b));
}

export interface Traces {
  readonly steps: Float64Array;
  readonly recorded: Float64Array;
  readonly hereSteps: Float64Array;
  readonly here: Float64Array;
}

/** Relative differences at the steps that both traces have, in the record's order. NaN, a gap, stands for zero: a log axis has no place for it. */
export function differences({ steps, recorded, hereSteps, here }: Traces): { readonly steps: Float64Array; readonly values: Float64Array } {
  const byStep = new Map<number, number>();
  hereSteps.forEach((step, index) => byStep.set(step, here[index] ?? Number.NaN));
  const found: { step: number; value: number }[] = [];
  steps.forEach((step, index) => {
    const other = byStep.get(step);
    if (other === undefined) return;
    const value = relativeDifference(recorded[index] ?? Number.NaN, other);
    found.push({ step, value: value > 0 ? value : Number.NaN });
  });
  return { steps: Float64Array.from(found, ({ step }) => step), values: Float64Array.from(found, ({ value }) => value) };
}
