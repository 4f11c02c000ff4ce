/** Small parts of sentences for people. */

/** Names in a sentence; past twenty the rest is counted. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, 20);
  return names.length > shown.length ? `${shown.join(', ')} and ${String(names.length - shown.length)} more` : shown.join(', ');
}

/** `1 file`, `2 files`. */
export function count(number: number, noun: string): string {
  return `${String(number)} ${noun}${number === 1 ? '' : 's'}`;
}
