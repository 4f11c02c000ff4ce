/** Foreign text made harmless where people read it. */

/** C0 and C1 controls but tab and newline, and the signs that turn the direction of writing. */
const CONTROLS = String.raw`\u0000-\u0008\u000b-\u001f\u007f-\u009f\p{Bidi_Control}`;
const IN_LINES = new RegExp(`[${CONTROLS}]`, 'u');
const IN_LINE = new RegExp(String.raw`[${CONTROLS}\t\n\u2028\u2029]`, 'u');
const ALL = new RegExp(`[${CONTROLS}]`, 'gu');

/** Whether a text could pretend to be other text in a terminal: control characters (a newline among them, unless `lines`) or changes of direction. */
export function hasControls(text: string, lines = false): boolean {
  return (lines ? IN_LINES : IN_LINE).test(text);
}

/** The text with every such character but tab and newline as U+FFFD. */
export function visible(text: string): string {
  return text.replace(ALL, '\u{fffd}');
}

/** The same on one line. */
export function visibleLine(text: string): string {
  return visible(text.replace(/[\s\u2028\u2029]+/gu, ' ')).trim();
}

/** Text as Markdown that shows exactly that text, on one line. */
export function escapeMarkdown(text: string): string {
  return visibleLine(text)
    .replace(/[\\`*_{}[\]|~#$!]/gu, String.raw`\$&`)
    .replace(/&/gu, '&amp;')
    .replace(/</gu, '&lt;')
    .replace(/>/gu, '&gt;')
    // At the start of a line these make a list, a rule or a heading.
    .replace(/^[-+=]/u, String.raw`\$&`)
    .replace(/^(\d+)([.)])(?=\s|$)/u, String.raw`$1\$2`);
}
