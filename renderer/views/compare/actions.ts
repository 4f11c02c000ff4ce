/** What can be done with a comparison: copy it. */
import { complain, copy } from '../../notice';
import { call } from '../../state/answers';

export type TableFormat = 'md' | 'csv' | 'latex';

const NAMES: Readonly<Record<TableFormat, string>> = { md: 'Markdown table', csv: 'CSV table', latex: 'LaTeX table' };

export async function copyTable(experiment: string, metric: string | null, format: TableFormat): Promise<void> {
  try {
    const { text } = await call('compare.table', { experiment, format, ...(metric === null ? {} : { metric }) });
    await copy(text, NAMES[format]);
  } catch (error) {
    complain('The comparison could not be copied', error);
  }
}
