/** Plain text for people: how wide it is, folding it, capitals. */

/** Characters as a person counts them, near enough for our own symbols and Latin text. */
export function width(text: string): number {
  return [...text].length;
}

/** Breaks a line at spaces so that none is longer than `most` characters. */
export function wrap(text: string, most: number, indent = ''): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && width(line) + 1 + width(word) > most - width(indent)) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((entry, index) => (index === 0 ? entry : `${indent}${entry}`)).join('\n');
}

/** With a capital at its beginning. */
export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
