import type { RunStatus } from '../store/types';

/** Whether a run is at an end: only a retry takes it up again. */
export function hasEnded(status: RunStatus): boolean {
  return status === 'finished' || status === 'failed' || status === 'cancelled';
}

/** All but finished runs: when a host opens, the log of any of these may say more than the database. */
export const RECOVERABLE: readonly RunStatus[] = ['queued', 'running', 'failed', 'cancelled', 'interrupted'];
