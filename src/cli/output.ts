/** What the command line prints: answers on stdout, everything else on stderr. */
import { wrap } from '../analysis/plain-text';
import type { ErrorReport } from '../errors/errors';

/**
 * Nobody reading the progress is no reason to stop training; an answer that cannot be written is a failure,
 * but for a reader that has seen enough (`| head`).
 */
export function surviveClosedOutput(): void {
  process.stderr.on('error', () => undefined);
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    say(`error: the answer cannot be written: ${error.message}`);
    process.exitCode = 1;
  });
}

// oxlint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/gu;

/** What others named or printed must not move the cursor, clear the terminal or turn the line around. */
export function harmless(text: string): string {
  return text.replaceAll(CONTROLS, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** JSON as one document; what JSON has no word for (NaN, infinities) becomes a text, not null. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, (_key, entry: unknown) => (typeof entry === 'number' && !Number.isFinite(entry) ? String(entry) : entry), 2));
}

export function print(text: string): void {
  process.stdout.write(`${harmless(text)}\n`);
}

export function say(text: string): void {
  process.stderr.write(`${harmless(text)}\n`);
}

/** A headline counts the problems after its first one; it need not where all follow one by one. */
function headline({ message, problems = [] }: ErrorReport): string {
  return problems.length > 1 ? message.replace(new RegExp(String.raw` \(and ${problems.length - 1} more(?: \w+)?\)(?=\.?$)`, 'u'), '') : message;
}

/** An error as sentences on stderr: what happened, each further problem, what to do, the code. */
export function sayError(error: ErrorReport): void {
  say(`error: ${headline(error)}`);
  const problems = error.problems ?? [];
  if (problems.length > 1) for (const problem of problems) say(`  ${problem.path}: ${problem.message}`);
  if (error.hint !== undefined) say(`  ${error.hint}`);
  say(`  code ${error.code}`);
}

/** Columns aligned: text to the left, what looks like a number to the right. */
export function table(header: readonly string[], given: readonly (readonly string[])[]): string {
  const rows = given.map((row) => row.map((cell) => harmless(cell).replaceAll(/[\n\t]+/gu, ' ')));
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)));
  const numeric = header.map((_, column) => rows.length > 0 && rows.every((row) => /^(?:[-+−≈]?\d[\d.,/e−+-]*|NaN|∞|–|)$/u.test(row[column] ?? '')));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, column) => (numeric[column] === true ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0))).join('  ').trimEnd();
  return [line(header), line(widths.map((width) => '─'.repeat(width))), ...rows.map((row) => line(row))].join('\n');
}

export function shortHash(hash: string | null): string {
  return hash === null ? '–' : hash.slice(0, 8);
}

/** Columns of a terminal that findings fill, and no more. */
const PAGE = 100;

/** What was looked for and found, the long of it folded, and below it what to do about what is not well. */
export function findings(checks: readonly { readonly status: string; readonly name: string; readonly found: string; readonly hint: string | null }[]): string {
  const [status, name] = (['status', 'name'] as const).map((key) => Math.max(...checks.map((check) => check[key].length))) as [number, number];
  const rows = checks.flatMap((check) => wrap(oneLine(check.found), PAGE - status - name - 4).split('\n').map((line, index) => (index === 0 ? [check.status, check.name, line] : ['', '', line])));
  const hints = checks.flatMap((check) => (check.hint === null ? [] : [wrap(oneLine(`${check.name}: ${check.hint}`), PAGE)]));
  return [table(['', 'item', 'found'], rows), ...(hints.length === 0 ? [] : ['', ...hints])].join('\n');
}

const oneLine = (text: string): string => text.replaceAll(/\s+/gu, ' ');
