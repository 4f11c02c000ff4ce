/** Which classes the test examples of a run were taken for. */
import { heading, paragraph, type Block, type Line } from './document';
import type { ReportModel } from './model';

/** Of more classes no page has room for a table. */
const MOST_CLASSES = 20;

/** The matrix as a table, or where it is; nothing where the run left none. */
export function confusionBlocks({ confusion, bundle }: Pick<ReportModel, 'confusion' | 'bundle'>): Block[] {
  if (confusion === undefined || confusion === null) return [];
  const { classes, counts, file } = confusion;
  const title = heading(3, 'Confusion matrix');
  if (classes.length > MOST_CLASSES) {
    return [title, paragraph(`The confusion matrix of the test split has ${classes.length} classes, too many for a table here. It is the file ${file} ${bundle === null ? 'in the folder of the run' : `of the run in the bundle ${bundle}`}.`)];
  }
  return [
    title,
    paragraph('Examples of the test split at the selected checkpoint: a row for each true class, a column for the class they were taken for.'),
    {
      type: 'table',
      columns: [{ title: 'True class', align: 'left' }, ...classes.map((name) => ({ title: name, align: 'right' as const }))],
      rows: counts.map((row, index): Line[] => [[classes[index] ?? ''], ...row.map((amount): Line => [String(amount)])]),
    },
  ];
}
