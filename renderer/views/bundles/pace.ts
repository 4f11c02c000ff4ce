/** How long a task still takes. */
import type { TaskView } from '../../../src/api/long-work';

/** Least share done from which the rest is estimated: before, start-up decides. */
const LEAST_SHARE = 0.05;

/** Seconds left at the pace so far; null where too little is done to tell. An estimate. */
export function secondsLeft(task: Pick<TaskView, 'startedAt' | 'done' | 'total'>, now: number): number | null {
  const { done, total, startedAt } = task;
  if (total === null || total <= 0 || done / total < LEAST_SHARE || done >= total) return null;
  return ((now - startedAt) / 1000) * ((total - done) / done);
}
