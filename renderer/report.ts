/** Reports: of an experiment with its comparison, or of one run. */
import { ask, shell } from './client';
import { complain, say } from './notice';
import { call } from './state/answers';

export type ReportFormat = 'md' | 'html';

/** Experiments may have longer names than a file should. */
const NAME_LENGTH = 120;

/** Asks where, and writes the report of an experiment or a run there; the dialog has asked already whether to replace a file. */
export async function writeReport(target: string, name: string, format: ReportFormat = 'html'): Promise<void> {
  try {
    const out = await ask(shell.chooseTarget({ kind: `report-${format}`, suggestion: `${name.slice(0, NAME_LENGTH)} report.${format}` }));
    if (out === null) return;
    const { file } = await call('report.write', { target, format, out, overwrite: true });
    say(`Report written to ${file}`);
  } catch (error) {
    complain('The report could not be written', error);
  }
}
