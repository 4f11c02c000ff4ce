/** Why the scheduler does not do what it was asked for. */
import { join } from 'node:path';
import { RepriseError } from '../errors/errors';
import type { RunRow } from '../store/types';
import { WORKER_LOG } from './local/local-spawn';
import type { WorkerExit } from './local/spawn';

export function schedulerStopped(): RepriseError {
  return new RepriseError('SCHEDULER_STOPPED', 'Reprise is closing; unfinished runs go on at the next start.', { kind: 'cancelled' });
}

export function runHeld(runId: string): RepriseError {
  return new RepriseError('RUN_HELD', `Run ${runId} is held: its study is paused.`, { kind: 'inconclusive', hint: 'Resume the study, or retry the run.' });
}

export function runInterrupted(runId: string): RepriseError {
  return new RepriseError('RUN_INTERRUPTED', `Run ${runId} is interrupted and not in the queue.`, { kind: 'inconclusive', hint: 'Retry the run.' });
}

/** The row of a run that Reprise starts itself. @throws RepriseError RUN_LOGGED */
export function refuseLogged(row: RunRow): RunRow {
  if (row.kind !== 'logged') return row;
  throw new RepriseError('RUN_LOGGED', `Run ${row.runId} is one that another program tells of: Reprise did not start it and can neither end nor repeat it.`, { kind: 'input', hint: 'End it, or start it anew, where it was started.' });
}

/** Why a worker is not started again. */
export function workerDied(runFolder: string, exit: WorkerExit): string {
  const how = exit.signal === null ? `with exit code ${exit.exitCode ?? 'unknown'}` : `by the signal ${exit.signal}`;
  return `The worker ended ${how} three times without getting further. What it printed is in ${join(runFolder, WORKER_LOG)}; too little memory is a common cause.`;
}
