/** What the states of a run mean for what can be done with it. */
import type { RunView } from '../src/api/rows';

/** Whether a run is at an end: only a retry takes it up again. */
export function isEnded(status: RunView['status']): boolean {
  return status === 'finished' || status === 'failed' || status === 'cancelled';
}
