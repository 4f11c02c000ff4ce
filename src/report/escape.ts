/** Foreign text made harmless for the format it goes into. */

const HTML: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Control characters, which no format shows, apart from tab and newline. */
function visible(text: string): string {
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f]/gu, '\u{fffd}');
}

export function escapeHtml(text: string): string {
  return visible(text).replaceAll(/[&<>"']/gu, (character) => HTML[character] ?? character);
}

/** Text as Markdown that shows exactly that text, on one line. */
export function escapeMarkdown(text: string): string {
  return visible(text)
    .replaceAll(/\s*\n\s*/gu, ' ')
    .replaceAll(/[\\`*_[\]<>|~&#$]/gu, (character) => (character === '<' ? '&lt;' : character === '>' ? '&gt;' : character === '&' ? '&amp;' : `\\${character}`))
    // At the start of a line a number with a point or a lone dash would make a list.
    .replace(/^(\s*\d+)([.)])(?=\s)/u, '$1\\$2')
    .replace(/^(\s*)([-+=])(?=\s|$)/u, '$1\\$2');
}

const LATEX: Readonly<Record<string, string>> = {
  '\\': String.raw`\textbackslash{}`,
  '{': String.raw`\{`,
  '}': String.raw`\}`,
  $: String.raw`\$`,
  '&': String.raw`\&`,
  '#': String.raw`\#`,
  _: String.raw`\_`,
  '%': String.raw`\%`,
  '~': String.raw`\textasciitilde{}`,
  '^': String.raw`\textasciicircum{}`,
  '<': String.raw`\textless{}`,
  '>': String.raw`\textgreater{}`,
  '|': String.raw`\textbar{}`,
  '"': "''",
  // Behind a line's end in a table these would be an argument of it.
  '[': '{[}',
  '*': '{*}',
  '±': String.raw`$\pm$`,
  Δ: String.raw`$\Delta$`,
  '−': '$-$',
  '×': String.raw`$\times$`,
  '→': String.raw`$\rightarrow$`,
  '≈': String.raw`$\approx$`,
  '≤': String.raw`$\leq$`,
  '≥': String.raw`$\geq$`,
  '∞': String.raw`$\infty$`,
  '–': '--',
  '…': String.raw`\ldots{}`,
};

/** Text as LaTeX, outside mathematics, that shows exactly that text, on one line. */
export function escapeLatex(text: string): string {
  return visible(text)
    .replaceAll(/[\s\u2028\u2029\u0085]+/gu, ' ')
    .replaceAll(/[\\{}$&#_%~^<>|"[*±Δ−×→≈≤≥∞–…]/gu, (character) => LATEX[character] ?? character);
}

/** A code span that shows exactly the text, whatever backticks it has. */
export function markdownCode(text: string): string {
  const flat = visible(text).replaceAll(/\s*\n\s*/gu, ' ');
  const longest = Math.max(0, ...[...flat.matchAll(/`+/gu)].map((match) => match[0].length));
  const fence = '`'.repeat(longest + 1);
  const space = longest > 0 ? ' ' : '';
  return `${fence}${space}${flat}${space}${fence}`;
}

/** A fenced code block; the fence is longer than any run of backticks inside. */
export function markdownFence(code: string, language: string): string {
  const longest = Math.max(0, ...[...code.matchAll(/`+/gu)].map((match) => match[0].length));
  const fence = '`'.repeat(Math.max(3, longest + 1));
  return `${fence}${language}\n${code.endsWith('\n') ? code : `${code}\n`}${fence}`;
}

/** The bash code blocks of a Markdown report, in order. */
export function bashBlocks(markdown: string): string[] {
  const blocks: string[] = [];
  let open: { readonly fence: string; readonly bash: boolean; readonly lines: string[] } | null = null;
  for (const line of markdown.split('\n')) {
    if (open === null) {
      const match = /^(`{3,})(\w*)\s*$/u.exec(line);
      if (match !== null) open = { fence: match[1] ?? '', bash: match[2] === 'bash', lines: [] };
    } else if (line.trimEnd() === open.fence) {
      if (open.bash) blocks.push(`${open.lines.join('\n')}\n`);
      open = null;
    } else open.lines.push(line);
  }
  return blocks;
}

/** One word of a POSIX shell. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** A delimiter for a quoted heredoc that is no line of the text. */
export function heredocDelimiter(text: string): string {
  const lines = new Set(text.split('\n'));
  let delimiter = 'REPRISE_END';
  while (lines.has(delimiter)) delimiter += '_';
  return delimiter;
}
