/** What is wrong with a filter, and where. */
import { RepriseError } from '../errors/errors';

/**
 * The error of a text that is no filter, order or list of fields. Its first problem's path is the 1-based column.
 * @param at counted from 0, in UTF-16 units as in every JavaScript string
 */
export function filterProblem(at: number, message: string, hint?: string): RepriseError {
  const column = at + 1;
  return new RepriseError('FILTER_INVALID', `Column ${column}: ${message}`, {
    kind: 'input',
    ...(hint === undefined ? {} : { hint }),
    problems: [{ path: String(column), message }],
  });
}

/** Column and sentence of a `FILTER_INVALID`; null for any other error. */
export function problemOf(error: { readonly code: string; readonly problems?: readonly { readonly path: string; readonly message: string }[] | undefined }): { readonly column: number; readonly message: string } | null {
  const [problem] = error.problems ?? [];
  if (error.code !== 'FILTER_INVALID' || problem === undefined) return null;
  return { column: Number(problem.path), message: problem.message };
}

const SHOWN_BEFORE = 50;
const SHOWN_AFTER = 25;

/** The part of the text around a column, and under it a line with a caret at the column. */
export function caretLines(text: string, column: number): [string, string] {
  const from = Math.max(0, column - 1 - SHOWN_BEFORE);
  const before = Array.from(text.slice(from, column - 1), (character) => (/\s/u.test(character) ? ' ' : character));
  const after = text.slice(column - 1, column - 1 + SHOWN_AFTER).replaceAll(/\s/gu, ' ');
  const dots = from > 0 ? '…' : '';
  return [`${dots}${before.join('')}${after}${column - 1 + SHOWN_AFTER < text.length ? '…' : ''}`, `${' '.repeat(dots.length + before.length)}^`];
}

/** The candidate that a misspelt word probably meant: at most two letters wrong, and fewer than half; null where none is near. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  const most = Math.min(2, Math.floor((word.length - 1) / 2));
  let best: { readonly candidate: string; readonly distance: number } | null = null;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > most) continue;
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance <= most && distance < (best?.distance ?? Infinity)) best = { candidate, distance };
  }
  return best?.candidate ?? null;
}

/** Letters to insert, delete, replace or swap with their neighbour (optimal string alignment, Damerau 1964). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(replaced, (last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, (beforeLast[j - 2] ?? 0) + 1);
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
