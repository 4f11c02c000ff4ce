/** Why the scheduler does not do what it was asked for. */
import { RepriseError } from '../errors/errors';

export function schedulerStopped(): RepriseError {
  return new RepriseError('SCHEDULER_STOPPED', 'Reprise is closing; unfinished runs go on at the next start.', { kind: 'cancelled' });
}

export function runHeld(runId: string): RepriseError {
  return new RepriseError('RUN_HELD', `Run ${runId} is held: its study is paused.`, { kind: 'inconclusive', hint: 'Resume the study, or retry the run.' });
}

export function runInterrupted(runId: string): RepriseError {
  return new RepriseError('RUN_INTERRUPTED', `Run ${runId} is interrupted and not in the queue.`, { kind: 'inconclusive', hint: 'Retry the run.' });
}
