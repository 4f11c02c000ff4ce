/** Shapes of what goes on in the background: tasks, the queue of runs, a study that came to its end. Times are milliseconds since 1970, UTC. */
import { z } from 'zod';
import { runStatus } from './rows';
import { byStatus } from './views';

export const taskKind = z.enum(['export', 'reproduce', 'import', 'export-runs']);

/** One of the runs that a task trains. */
export const taskRun = z.object({
  /** Id of the recorded run that is executed again. */
  run: z.string(),
  status: runStatus,
  /** Steps. */
  done: z.number(),
  total: z.number(),
});
export type TaskRunView = z.infer<typeof taskRun>;

/** Long work that goes on when the window closes. The last 20 ended ones are remembered until the engine ends. */
export const task = z.object({
  task: z.string(),
  kind: taskKind,
  /** The target of an export, the file of a reproduction. */
  subject: z.string(),
  title: z.string(),
  status: z.enum(['running', 'done', 'failed', 'cancelled']),
  startedAt: z.number(),
  endedAt: z.number().nullable(),
  done: z.number(),
  /** null: not known. */
  total: z.number().nullable(),
  text: z.string(),
  /** What a reproduction executes, in the order of the bundle; none before it is known, and of an export. */
  runs: z.array(taskRun),
  error: z.object({ code: z.string(), message: z.string(), hint: z.string().nullable() }).nullable(),
  /** The file an export wrote; the id of the verdict a reproduction came to. */
  result: z.string().nullable(),
});
export type TaskView = z.infer<typeof task>;

/** What the queue does now. */
export const queueView = z.object({
  running: z.number(),
  queued: z.number(),
  /** Share done of the runs that wait, run or ended since the queue was last empty, 0..1; null while it is empty. */
  share: z.number().nullable(),
  /** An estimate. */
  secondsLeft: z.number().nullable(),
  /** Newest failure, until the next run is finished. */
  lastError: z.object({ run: z.string(), message: z.string() }).nullable(),
});
export type QueueView = z.infer<typeof queueView>;

/** Every run of a study is at an end. */
export const studyEnded = z.object({ studyId: z.string(), experiment: z.string(), byStatus, seconds: z.number() });
