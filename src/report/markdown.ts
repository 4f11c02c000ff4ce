import { buildDocument, type AnyReport } from './build';
import { markdownTable } from './comparison-table';
import type { Block, Line } from './document';
import { escapeMarkdown, markdownCode, markdownFence } from './escape';

/** @param table in a table a pipe inside a code span must be escaped too */
function inline(line: Line, table = false): string {
  return line.map((piece) => {
    if (typeof piece === 'string') return escapeMarkdown(piece);
    if ('code' in piece) return table ? markdownCode(piece.code).replaceAll('|', String.raw`\|`) : markdownCode(piece.code);
    return `**${escapeMarkdown(piece.strong.trim())}**${piece.strong.endsWith(' ') ? ' ' : ''}`;
  }).join('');
}

function renderBlock(block: Block): string {
  switch (block.type) {
    case 'heading':
      return `${'#'.repeat(block.level)} ${escapeMarkdown(block.text)}`;
    case 'paragraph':
      return inline(block.line);
    case 'list':
      return block.items.map((item, index) => `${block.ordered === true ? `${index + 1}.` : '-'} ${inline(item)}`).join('\n');
    case 'facts':
      return block.rows.map(({ name, value }) => `- **${escapeMarkdown(name)}**: ${inline(value)}`).join('\n');
    case 'table': {
      const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
      return [
        line(block.columns.map(({ title }) => escapeMarkdown(title))),
        line(block.columns.map(({ align }) => (align === 'left' ? '---' : '---:'))),
        ...block.rows.map((row) => line(row.map((cell) => inline(cell, true)))),
      ].join('\n');
    }
    case 'aligned':
      return markdownTable(block.cells(' '));
    case 'code':
      return markdownFence(block.code, block.language);
    case 'figure':
      return block.instead.map((entry) => renderBlock(entry)).join('\n\n');
  }
}

/** The report as GitHub-flavoured Markdown. Its bash blocks run as they stand (`bashBlocks` reads them out again). */
export function renderMarkdown(report: AnyReport): string {
  const { title, lead, blocks } = buildDocument(report);
  const parts = [`# ${escapeMarkdown(title)}`, escapeMarkdown(lead), ...blocks.map((block) => renderBlock(block))];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}
