/** What can be done with runs from the table. */
import { plural } from '../../format';
import { complain, say } from '../../notice';
import { call } from '../../state/answers';

async function each(runs: readonly string[], method: 'runs.cancel' | 'runs.retry', done: string, failed: string): Promise<void> {
  const outcomes = await Promise.allSettled(runs.map((run) => call(method, { run })));
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
  const count = outcomes.length - refused.length;
  if (count > 0) say(`${plural(count, 'run')} ${done}`);
  const [first] = refused;
  if (first !== undefined) complain(`${plural(refused.length, 'run')} could not be ${failed}`, first.reason);
}

export function cancelRuns(runs: readonly string[]): Promise<void> {
  return each(runs, 'runs.cancel', 'cancelled', 'cancelled');
}

export function retryRuns(runs: readonly string[]): Promise<void> {
  return each(runs, 'runs.retry', 'queued again', 'retried');
}
