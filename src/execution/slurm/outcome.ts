/** How an attempt ended, out of what Slurm says of its job and what the program on the node wrote down. */
import type { EndedWord } from '../../outpost/words';
import type { AttemptEnd } from '../executor';
import type { JobSight } from './jobs';

export interface Witnesses {
  /** `12_3` of `cluster`, for people. */
  readonly job: string;
  /** The newest of it; null where Slurm no longer knows it. */
  readonly sight: JobSight | null;
  /** What the program on the node wrote down of its end: it was stopped by a signal where only Slurm knows why. */
  readonly ended: Pick<EndedWord, 'outOfMemory' | 'wasStopped' | 'problem'> | null;
  /** Whether the program on the node came so far as to start. */
  readonly hasStarted: boolean;
  /** Whether it was ended from here: its run was cancelled, or is to go on later. */
  readonly endedHere: boolean;
  /** Who cancelled it, where Slurm tells. */
  readonly by: string | null;
  /** The last lines that the batch script printed. */
  readonly words: string;
}

/** own: what the run itself wrote tells. again: it was interrupted, and goes on. cancelled: by somebody else than Reprise. */
export type Outcome =
  | { readonly kind: 'own' }
  | { readonly kind: 'again' | 'cancelled'; readonly reason: string }
  | { readonly kind: 'failed'; readonly code: string; readonly reason: string };

export function outcomeOf({ job, sight, ended, hasStarted, endedHere, by, words }: Witnesses): Outcome {
  if (ended !== null && ended.problem !== null) return { kind: 'failed', code: ended.problem.code, reason: ended.problem.message };
  if (ended !== null && !ended.wasStopped) return ended.outOfMemory ? { kind: 'failed', code: 'OUT_OF_MEMORY', reason: `Job ${job} took more memory than it may.` } : { kind: 'own' };
  if (sight === null || sight.standing.phase !== 'over') return { kind: 'again', reason: `The cluster no longer knows job ${job}, and the run did not come to its end there.` };
  switch (sight.standing.end) {
    case 'time-limit':
      return { kind: 'failed', code: 'TIME_LIMIT', reason: `Job ${job} was ended by the cluster at its time limit. Set \`executor.time\` higher, as far as the partition allows.` };
    case 'deadline':
      return { kind: 'failed', code: 'DEADLINE', reason: `Job ${job} was ended by the cluster at its deadline.` };
    case 'out-of-memory':
      return { kind: 'failed', code: 'OUT_OF_MEMORY', reason: `Job ${job} took more memory than it may. Set \`executor.memory\` higher.` };
    case 'node-failed':
    case 'preempted':
      return { kind: 'again', reason: `Job ${job} was ended by the cluster (${sight.state}).` };
    case 'cancelled':
      if (endedHere) return { kind: 'again', reason: `Job ${job} was cancelled from here.` };
      return { kind: 'cancelled', reason: `Job ${job} was cancelled on the cluster${by === null ? '' : ` by user ${by}`}${sight.reason === '' ? '' : ` (${sight.reason})`}.` };
    case 'completed':
    case 'failed':
      return hasStarted || ended !== null ? { kind: 'again', reason: `Job ${job} ended (${sight.state}${exitInWords(sight)}) before the run did.` } : neverStarted(job, sight, words);
  }
}

export function problemOf(outcome: Outcome): AttemptEnd['problem'] {
  return outcome.kind === 'failed' ? { code: outcome.code, message: outcome.reason } : null;
}

function neverStarted(job: string, sight: JobSight, words: string): Outcome {
  const said = words.trim() === '' ? ' Its script printed nothing.' : ` The last lines that its script printed:\n${words.trim()}`;
  return { kind: 'failed', code: 'JOB_FAILED', reason: `Job ${job} ended (${sight.state}${exitInWords(sight)}) before its script came to the run: see \`modules\`, \`venv\` and \`prologue\` of the executor.${said}` };
}

function exitInWords({ exit }: JobSight): string {
  if (exit === null) return '';
  return exit.signal === 0 ? `, exit code ${exit.exitCode}` : `, signal ${exit.signal}`;
}
