/** What can be done with a comparison: copy it, write a report of it. */
import { ask, shell } from '../../client';
import { complain, copy, say } from '../../notice';
import { call } from '../../state/answers';

export type TableFormat = 'md' | 'csv' | 'latex';
export type ReportFormat = 'md' | 'html';

const NAMES: Readonly<Record<TableFormat, string>> = { md: 'Markdown table', csv: 'CSV table', latex: 'LaTeX table' };

export async function copyTable(experiment: string, format: TableFormat): Promise<void> {
  try {
    const { text } = await call('compare.table', { experiment, format });
    await copy(text, NAMES[format]);
  } catch (error) {
    complain('The comparison could not be copied', error);
  }
}

/** Experiments may have longer names than a file should. */
const NAME_LENGTH = 120;

/** Asks where, and writes there; the dialog has asked already whether to replace a file. */
export async function writeReport(experiment: string, format: ReportFormat): Promise<void> {
  try {
    const out = await ask(shell.chooseTarget({ kind: `report-${format}`, suggestion: `${experiment.slice(0, NAME_LENGTH)} report.${format}` }));
    if (out === null) return;
    await call('report.write', { target: experiment, format, out, overwrite: true });
    say(`Report written to ${out}`);
  } catch (error) {
    complain('The report could not be written', error);
  }
}
