/** Columns of numbers aligned on the decimal point, by padding. */
import { width } from '../analysis/plain-text';

/** A cell: texts and numbers in turn; number parts of one column line up on their decimal points. */
export type Cell = string | readonly string[];

const NUMBER = /^[+−-]?\d*\.?\d*$/u;

function padded(text: string, before: number, after: number, fill: string): string {
  return `${fill.repeat(Math.max(0, before))}${text}${fill.repeat(Math.max(0, after))}`;
}

/** Width before and after the point (the point counts as after). */
function halves(text: string): [number, number] {
  const point = text.indexOf('.');
  return point < 0 ? [width(text), 0] : [point, width(text) - point];
}

/**
 * One column's cells as texts of equal width. Cells with the same number of parts line up part by part;
 * a cell that is a plain string (`–`) stands on its own, flush right. A `left` column is left as it is: whoever lays out
 * the table pads or wraps it.
 */
export function alignColumn(cells: readonly Cell[], left = false, fill = ' '): string[] {
  const lists = cells.filter((cell): cell is readonly string[] => typeof cell !== 'string');
  const parts = Math.max(0, ...lists.map((cell) => cell.length));
  const before = Array.from({ length: parts }, () => 0);
  const after = Array.from({ length: parts }, () => 0);
  for (const cell of lists) {
    for (const [index, text] of cell.entries()) {
      const [b, a] = NUMBER.test(text) ? halves(text) : [width(text), 0];
      before[index] = Math.max(before[index] ?? 0, b);
      after[index] = Math.max(after[index] ?? 0, a);
    }
  }
  const texts = cells.map((cell) => {
    if (typeof cell === 'string') return cell;
    // A comma or bracket stays at its number; the padding that lines up the next part comes after it.
    let owed = 0;
    return cell.map((text, index) => {
      const hangs = /^[,\]]/u.test(text);
      const debt = hangs ? '' : fill.repeat(owed);
      const [b, a] = NUMBER.test(text) ? halves(text) : [width(text), 0];
      const behind = Math.max(0, (after[index] ?? 0) - a);
      const next = cell[index + 1];
      const hold = next !== undefined && /^[,\]]/u.test(next);
      const paid = hangs ? fill.repeat(owed) : '';
      owed = hold ? behind : 0;
      return debt + padded(text, (before[index] ?? 0) - b, hold ? 0 : behind, fill) + paid;
    }).join('');
  });
  const widest = Math.max(0, ...texts.map((text) => width(text)));
  return texts.map((text, index) => {
    const gap = widest - width(text);
    return left && typeof cells[index] === 'string' ? text : padded(text, gap, 0, fill);
  });
}
