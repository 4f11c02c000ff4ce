/** What the command line prints: answers on stdout, everything else on stderr. */
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

/** JSON as one document; what JSON has no word for (NaN, infinities) becomes a text, not null. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, (_key, entry: unknown) => (typeof entry === 'number' && !Number.isFinite(entry) ? String(entry) : entry), 2)}\n`);
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** An error as sentences on stderr: what happened, each further problem, what to do, the code. */
export function sayError(error: ErrorReport): void {
  say(`error: ${error.message}`);
  const problems = error.problems ?? [];
  if (problems.length > 1) for (const problem of problems) say(`  ${problem.path}: ${problem.message}`);
  if (error.hint !== undefined) say(`  ${error.hint}`);
  say(`  code ${error.code}`);
}

/** Columns aligned: text to the left, what looks like a number to the right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)));
  const numeric = header.map((_, column) => rows.length > 0 && rows.every((row) => /^(?:[-+−≈]?\d[\d.,/e−+-]*|NaN|∞|–|)$/u.test(row[column] ?? '')));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, column) => (numeric[column] === true ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0))).join('  ').trimEnd();
  return [line(header), line(widths.map((width) => '─'.repeat(width))), ...rows.map((row) => line(row))].join('\n');
}

export function shortHash(hash: string | null): string {
  return hash === null ? '–' : hash.slice(0, 8);
}
