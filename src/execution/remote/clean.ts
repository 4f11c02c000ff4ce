/** Has a machine's folder cleaned: what is known here and in the cluster's queue is told, the outpost there decides and removes. */
import { posix } from 'node:path';
import { RepriseError } from '../../errors/errors';
import type { Input, Output } from '../../outpost/protocol';
import { parseSqueue, SQUEUE } from '../slurm/jobs';
import type { Link } from './link';

/** How long a queue may take to tell of its jobs. */
const QUEUE_MS = 60_000;

export interface Cleaning {
  /** Days for which the folders of runs that are over are kept. */
  readonly days: number;
  /** False: only says what would go. */
  readonly remove: boolean;
  /** What is known here of runs. */
  readonly standing: (runIds: readonly string[]) => Input<'clean'>['runs'];
}

/**
 * @throws RepriseError MACHINE_UNREACHABLE, FOLDER_IS_WORKSPACE; SLURM_UNREACHABLE where there are jobs and the queue
 * does not say what becomes of them: nothing was removed then
 */
export async function cleanMachine(link: Link, { days, remove, standing }: Cleaning): Promise<Output<'clean'>> {
  const { value: there } = await link.call('leftovers', {});
  const queue = there.hasJobs ? await queueOf(link) : null;
  // Asked for last: what was started meanwhile is known.
  return (await link.call('clean', { runs: standing(there.runIds), queue, days, remove })).value;
}

/** Names of the folders of jobs that are not over; null where the machine has no Slurm, and its folder is shared with one that has. */
async function queueOf(link: Link): Promise<string[] | null> {
  try {
    const { value, body } = await link.call('exec', { argv: [...SQUEUE], timeoutMs: QUEUE_MS });
    if (value.exitCode !== 0) throw silent(link.name, body.toString('utf8', value.stdoutBytes).trim());
    const sights = parseSqueue(body.toString('utf8', 0, value.stdoutBytes));
    return [...new Set(sights.filter(({ standing }) => standing.phase !== 'over').map(({ folder }) => posix.basename(folder).slice(0, 100)))];
  } catch (error) {
    if (error instanceof RepriseError && error.code === 'PROGRAM_NOT_STARTED') return null;
    throw error;
  }
}

function silent(machine: string, why: string): RepriseError {
  return new RepriseError('SLURM_UNREACHABLE', `The queue of ${machine} does not say which jobs wait or run, so nothing was removed: ${why === '' ? 'squeue failed' : why}`, { kind: 'system', hint: 'Try again when the cluster answers.' });
}
