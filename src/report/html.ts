import { buildDocument, type AnyReport } from './build';
import type { Block, Line } from './document';
import { escapeHtml } from './escape';
import { STYLE } from './style';

const FIGURE_SPACE = '\u2007';

function inline(line: Line): string {
  return line.map((piece) => {
    if (typeof piece === 'string') return escapeHtml(piece);
    return 'code' in piece ? `<code>${escapeHtml(piece.code)}</code>` : `<strong>${escapeHtml(piece.strong)}</strong>`;
  }).join('');
}

function table(head: readonly { readonly title: string; readonly align: 'left' | 'right' }[], rows: readonly (readonly string[])[], marked: readonly number[], kind: string): string {
  const side = (index: number): string => (head[index]?.align === 'right' ? ' class="r"' : '');
  const body = rows.map((row, index) => `<tr${marked.includes(index) ? ' class="marked"' : ''}>${row.map((cell, column) => `<td${side(column)}>${cell}</td>`).join('')}</tr>`).join('\n');
  // Focusable, so that a table wider than the page can be scrolled by keyboard.
  return `<div class="scroll" tabindex="0"><table${kind}><thead><tr>${head.map(({ title }, index) => `<th scope="col"${side(index)}>${escapeHtml(title)}</th>`).join('')}</tr></thead><tbody>\n${body}\n</tbody></table></div>`;
}

function slug(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z\d]+/gu, '-');
}

function renderBlock(block: Block): string {
  switch (block.type) {
    case 'heading':
      return block.level === 2 ? `<h2 id="${slug(block.text)}">${escapeHtml(block.text)}</h2>` : `<h3>${escapeHtml(block.text)}</h3>`;
    case 'paragraph':
      return `<p${block.tone === undefined ? '' : ` class="${block.tone}"`}>${inline(block.line)}</p>`;
    case 'list': {
      const tag = block.ordered === true ? 'ol' : 'ul';
      return `<${tag}>${block.items.map((item) => `<li>${inline(item)}</li>`).join('')}</${tag}>`;
    }
    case 'facts':
      return `<dl>${block.rows.map(({ name, value }) => `<div><dt>${escapeHtml(name)}</dt><dd>${inline(value)}</dd></div>`).join('')}</dl>`;
    case 'table':
      return table(block.columns, block.rows.map((row) => row.map((cell) => inline(cell))), block.marked ?? [], '');
    case 'aligned': {
      const { columns, rows } = block.cells(FIGURE_SPACE);
      return table(columns, rows.map((row) => row.map((cell) => escapeHtml(cell))), [], ' class="aligned"');
    }
    case 'code':
      return `<pre tabindex="0"><code class="${block.language}">${escapeHtml(block.code)}</code></pre>`;
    case 'figure': {
      const data = block.instead.length === 0 ? '' : `<details><summary>As a table</summary>${block.instead.map((entry) => renderBlock(entry)).join('\n')}</details>`;
      // A lone chart is as wide as the page; on a narrow one it scrolls, since its text would be too small. Panels wrap instead.
      const chart = block.svg.startsWith('<svg') ? `<div class="scroll chart" tabindex="0">${block.svg}</div>` : block.svg;
      return `<figure>${chart}<figcaption>${escapeHtml(block.caption)}</figcaption>${data}</figure>`;
    }
  }
}

/**
 * The report as one HTML file: no script, nothing fetched (a Content-Security-Policy says so too), charts as inline SVG,
 * light and dark by the reader's preference, fit to print. Everything that came from outside is escaped.
 */
export function renderHtml(report: AnyReport): string {
  const { title, lead, blocks } = buildDocument(report);
  const contents = blocks.flatMap((block) => (block.type === 'heading' && block.level === 2 ? [`<a href="#${slug(block.text)}">${escapeHtml(block.text)}</a>`] : []));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(title)}</title>
<style>
${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
<p class="lead">${escapeHtml(lead)}</p>
<nav aria-label="Contents">${contents.join('')}</nav>
${blocks.map((block) => renderBlock(block)).join('\n')}
</main>
</body>
</html>
`;
}
