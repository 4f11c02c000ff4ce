/** Small parts of sentences for people. They go into bundles, so none names a folder of this machine. */

/** Names in a sentence; past twenty the rest is counted. */
export function listed(names: readonly string[]): string {
  const shown = names.slice(0, 20);
  return names.length > shown.length ? `${shown.join(', ')} and ${String(names.length - shown.length)} more` : shown.join(', ');
}

/** A message of git or of the system, with every absolute path in it replaced by `…`. */
export function withoutPaths(message: string): string {
  return message
    .replace(/(["'`])(?:\/|[A-Za-z]:[\\/]|\\\\)[^"'`]*\1/gu, '$1…$1')
    .replace(/(?<![\w/.~]|:(?=\/\/))(?:\/|[A-Za-z]:[\\/]|\\\\)[^\s"'`:;,()]+/gu, '…');
}

/** `1 file`, `2 files`. */
export function count(number: number, noun: string): string {
  return `${String(number)} ${noun}${number === 1 ? '' : 's'}`;
}
