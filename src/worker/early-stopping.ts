/** When a training that gets no better is to end. */
import type { TrainingConfig } from '../config/schema';

/**
 * Whether the last `patience` of the validation values, in their order, all failed to improve on the best before them
 * by more than `minDelta`. A value that is not a number improves nothing.
 */
export function hasStalled(values: readonly number[], { patience, minDelta }: NonNullable<TrainingConfig['earlyStopping']>, higherIsBetter: boolean): boolean {
  let best: number | null = null;
  let waited = 0;
  for (const value of values) {
    const improves: boolean = best === null ? !Number.isNaN(value) : (higherIsBetter ? value - best : best - value) > minDelta;
    if (improves) best = value;
    waited = improves ? 0 : waited + 1;
  }
  return waited >= patience;
}
