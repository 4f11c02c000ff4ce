/** Has a machine's folder cleaned: what is known here and in the cluster's queue is told, the outpost there decides and removes. */
import { posix } from 'node:path';
import { RepriseError } from '../../errors/errors';
import { MOST_BODY, type Input, type Output } from '../../outpost/protocol';
import { parseSqueue, type JobSight } from '../slurm/jobs';
import type { Link } from './link';

/** How long a queue may take to tell of its jobs. */
const QUEUE_MS = 60_000;
/** As `SQUEUE`, an array that waits in one line: of all users' jobs nothing may be cut off. */
const WHOLE_QUEUE = ['squeue', '--noheader', '--all', '--states=all', '--format=%F|%K|%T|%B|%Z|%r'];

export interface Cleaning {
  /** Whether it is a cluster, whose queue has to answer. */
  readonly isCluster: boolean;
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
export async function cleanMachine(link: Link, { isCluster, days, remove, standing }: Cleaning): Promise<Output<'clean'>> {
  const { value: there } = await link.call('leftovers', {});
  const queue = there.hasJobs ? await queueOf(link, isCluster) : null;
  // Asked for last: what was started meanwhile is known.
  return (await link.call('clean', { runs: standing(there.runIds), queue, days, remove })).value;
}

/** Names of the folders of jobs that are not over; null where the machine is no cluster and has no queue, but shares its folder with one that is. */
async function queueOf(link: Link, isCluster: boolean): Promise<string[] | null> {
  const told = await squeue(link);
  if ('jobs' in told) return [...new Set(told.jobs.filter(({ standing }) => standing.phase !== 'over').map(({ folder }) => posix.basename(folder).slice(0, 100)))];
  if (!isCluster) return null;
  throw new RepriseError('SLURM_UNREACHABLE', `The queue of ${link.name} does not say which jobs wait or run, so nothing was removed: ${told.problem}`, { kind: 'system', hint: 'Try again when the cluster answers.' });
}

async function squeue(link: Link): Promise<{ readonly jobs: readonly JobSight[] } | { readonly problem: string }> {
  try {
    const { value, body } = await link.call('exec', { argv: WHOLE_QUEUE, timeoutMs: QUEUE_MS });
    if (value.stdoutBytes >= MOST_BODY / 2) return { problem: 'it is too long' };
    if (value.exitCode === 0) return { jobs: parseSqueue(body.toString('utf8', 0, value.stdoutBytes)) };
    return { problem: body.toString('utf8', value.stdoutBytes).trim() || 'squeue failed' };
  } catch (error) {
    if (error instanceof RepriseError && error.code === 'PROGRAM_NOT_STARTED') return { problem: error.message };
    throw error;
  }
}
