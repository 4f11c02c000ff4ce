/**
 * What Slurm says of a job, in its own words, and what follows from them. A word that is not in the tables says nothing:
 * then the records that the run's program wrote on its node decide. No state is guessed.
 */

/** How a job came to its end. */
export type JobEnd = 'completed' | 'failed' | 'cancelled' | 'time-limit' | 'deadline' | 'out-of-memory' | 'node-failed' | 'preempted';

/** waiting: in the queue, for the first time or again. there: on its nodes, or being brought to or from them. over: it came to its end. */
export type Standing = { readonly phase: UnfinishedPhase | 'unknown' } | { readonly phase: 'over'; readonly end: JobEnd };
type UnfinishedPhase = 'waiting' | 'there';

const PHASES: Readonly<Record<string, UnfinishedPhase>> = {
  PENDING: 'waiting',
  CONFIGURING: 'waiting',
  POWER_UP_NODE: 'waiting',
  REQUEUED: 'waiting',
  REQUEUE_FED: 'waiting',
  REQUEUE_HOLD: 'waiting',
  RESV_DEL_HOLD: 'waiting',
  SPECIAL_EXIT: 'waiting',
  RUNNING: 'there',
  COMPLETING: 'there',
  RESIZING: 'there',
  SIGNALING: 'there',
  STAGE_OUT: 'there',
  STOPPED: 'there',
  SUSPENDED: 'there',
};

const ENDS: Readonly<Record<string, JobEnd>> = {
  COMPLETED: 'completed',
  FAILED: 'failed',
  LAUNCH_FAILED: 'failed',
  RECONFIG_FAIL: 'failed',
  CANCELLED: 'cancelled',
  REVOKED: 'cancelled',
  TIMEOUT: 'time-limit',
  DEADLINE: 'deadline',
  OUT_OF_MEMORY: 'out-of-memory',
  NODE_FAIL: 'node-failed',
  BOOT_FAIL: 'node-failed',
  PREEMPTED: 'preempted',
};

/** What a state means, as `squeue %T`, `scontrol` and `sacct` write it: `RUNNING`, `CANCELLED by 1000`, `PENDING+`. */
export function standingOf(state: string): Standing {
  const word = /^[A-Z_]+/u.exec(state.trim())?.[0] ?? '';
  const end = ENDS[word];
  return end === undefined ? { phase: PHASES[word] ?? 'unknown' } : { phase: 'over', end };
}

/** Reasons for which jobs wait in the ordinary course of things: nobody has to do anything. */
const ORDINARY = new Set(['', 'None', 'Priority', 'Resources', 'JobArrayTaskLimit', 'Dependency', 'BeginTime', 'Cleaning', 'Prolog']);

/** Why a job waits, where somebody should know: it is held, its dependency can never be satisfied, a limit is reached. Null in the ordinary course of things. */
export function notableReason(reason: string): string | null {
  return ORDINARY.has(reason) ? null : reason;
}

/** Exit code and signal as `3:0` (scontrol, sacct), or as the number that wait(2) gives. Null where the text is neither. */
export function exitOf(text: string): { readonly exitCode: number; readonly signal: number } | null {
  const pair = /^(\d+):(\d+)$/u.exec(text);
  if (pair !== null) return { exitCode: Number(pair[1]), signal: Number(pair[2]) };
  if (!/^\d+$/u.test(text)) return null;
  return { exitCode: Number(text) >> 8, signal: Number(text) & 0x7f };
}
