import type { RunStatus } from '../store/types';

/** Whether a run is at an end: only a retry takes it up again. */
export function hasEnded(status: RunStatus): boolean {
  return status === 'finished' || status === 'failed' || status === 'cancelled';
}
