/**
 * Texts that a spreadsheet would execute. It takes a cell of CSV that begins with one of `= + - @`, or with a tab or an
 * end of line, for a formula; an apostrophe before it marks it as text (OWASP, CSV injection). Reading takes one off again.
 */
import { numberOf } from './cells';

/** With the apostrophes that a text may have of its own, so that it comes back with as many. */
const FORMULA = /^'*(?:\s*[=+\-@]|[\t\r\n])/u;

/** A text as a cell of CSV has it. A number is no formula. */
export function guarded(text: string): string {
  return FORMULA.test(text) && numberOf(text) === null ? `'${text}` : text;
}

/** The text that was guarded. */
export function unguarded(cell: string): string {
  return cell.startsWith("'") && FORMULA.test(cell) ? cell.slice(1) : cell;
}
