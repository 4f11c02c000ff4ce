/** What a run is called, and what its state means for what can be done with it. */
import type { RunView } from '../src/api/rows';

/** Whether a run is at an end: only a retry takes it up again. */
export function isEnded(status: RunView['status']): boolean {
  return status === 'finished' || status === 'failed' || status === 'cancelled';
}

/** The name under which people know a run: `dropout=0.5, seed 2`; one without a variant goes by its experiment. */
export function runName({ variant, experiment, seed }: Pick<RunView, 'variant' | 'experiment' | 'seed'>): string {
  return `${variant ?? experiment}, seed ${seed}`;
}
