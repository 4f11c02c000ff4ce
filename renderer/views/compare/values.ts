/** Leaves of runs side by side: what differs, which rows are shown, and how a value reads. */
import { formatFixed, formatPlain } from '../../../src/analysis/format';
import type { SideBySide } from '../../../src/api/views';
import { sameValue } from '../../../src/config/diff';
import { shortHash } from '../../format';

export type Section = SideBySide['sections'][number];
export type Row = Section['rows'][number];
export type Cell = Row['values'][number];

/** What would read as a number, a truth value or nothing if it had no quotes. */
const AMBIGUOUS = /^(?:|\s.*|.*\s|true|false|null|[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?)$/iu;

/** A value in full. Text that could be taken for something else has quotes, so that 1 and "1" do not look alike. */
export function fullText({ present, value }: Cell): string {
  if (!present) return 'not set';
  if (typeof value === 'string') return AMBIGUOUS.test(value) ? JSON.stringify(value) : value;
  if (typeof value === 'number') return String(value).replaceAll('-', '−');
  return JSON.stringify(value) ?? String(value);
}

/** A value as other programs read it: numbers with the minus of ASCII. */
export function copyText(cell: Cell): string {
  return cell.present && typeof cell.value === 'number' ? String(cell.value) : fullText(cell);
}

/** The same as short as a table needs it: hashes by 8 digits, what was measured by four, seconds by two decimals. */
export function shortText(cell: Cell, section: string, path: string): string {
  const { present, value } = cell;
  if (present && typeof value === 'string' && /^[0-9a-f]{64}$/u.test(value)) return shortHash(value);
  if (present && typeof value === 'number' && !Number.isInteger(value) && (section === 'Result' || String(value).length > 8)) return path.endsWith(', s') ? formatFixed(value, 2) : formatPlain(value);
  return fullText(cell);
}

/** Whether a cell says something else than the base's. */
export function differs(cell: Cell, base: Cell | undefined): boolean {
  return base === undefined || cell.present !== base.present || !sameValue(cell.value, base.value);
}

export interface ShownSection {
  readonly title: string;
  readonly rows: readonly Row[];
  /** Rows in which all runs agree, whether shown or not. */
  readonly identical: number;
}

/** The rows whose path has all words of the search; of these, where folded, those that differ. Sections without a find are left out. */
export function shownSections(sections: readonly Section[], search: string, unfolded: ReadonlySet<string>): ShownSection[] {
  const words = search.toLowerCase().split(/\s+/u).filter((word) => word !== '');
  return sections.flatMap(({ title, rows }) => {
    const found = rows.filter(({ path }) => words.every((word) => path.toLowerCase().includes(word)));
    if (found.length === 0) return [];
    const identical = found.filter(({ same }) => same).length;
    return [{ title, rows: unfolded.has(title) ? found : found.filter(({ same }) => !same), identical }];
  });
}

/** The list with one entry moved to another place. */
export function moved<T>(list: readonly T[], from: number, to: number): T[] {
  const next = [...list];
  next.splice(to, 0, ...next.splice(from, 1));
  return next;
}
