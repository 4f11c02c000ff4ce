/** What a run is called, and what its state means for what can be done with it. */
import type { RunView } from '../src/api/rows';

/** Whether a run is at an end: only a retry takes it up again. */
export function isEnded(status: RunView['status']): boolean {
  return status === 'finished' || status === 'failed' || status === 'cancelled';
}

/** The name under which people know a run: its own, else `dropout=0.5, seed 2`; one without a variant goes by its experiment, one without a seed by the start of its id. */
export function runName({ name, variant, experiment, seed, runId }: Pick<RunView, 'name' | 'variant' | 'experiment' | 'seed' | 'runId'>): string {
  if (name !== null && name !== '') return name;
  return `${variant ?? experiment}, ${seed === null ? runId.slice(0, 8) : `seed ${seed}`}`;
}
