/** What can be done with runs and with an experiment from the table. */
import { plural } from '../../format';
import { complain, say } from '../../notice';
import { ask, shell } from '../../client';
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

/** Asks where, and writes the report of an experiment or a run there. */
export async function writeReport(target: string, name: string): Promise<void> {
  try {
    const out = await ask(shell.chooseTarget({ kind: 'report-html', suggestion: `${name}.html` }));
    if (out === null) return;
    // The system's dialog has asked already whether a file may be replaced.
    const { file } = await call('report.write', { target, format: 'html', out, overwrite: true });
    say(`Report written to ${file}`);
  } catch (error) {
    complain('The report could not be written', error);
  }
}
