/** The comparison as a table: for the terminal, for Markdown, and as cells for HTML. */
import { decimalsAlone, decimalsFor, formatFixed, formatSigned } from '../analysis/format';
import { width, wrap } from '../analysis/plain-text';
import { alignColumn, type Cell } from './aligned';
import { escapeMarkdown } from './escape';
import type { ComparisonModel } from './model';

export interface TableColumn {
  readonly title: string;
  readonly align: 'left' | 'right';
}

export interface TableCells {
  readonly columns: readonly TableColumn[];
  /** Texts padded so that decimal points line up in a font with digits of one width. */
  readonly rows: readonly (readonly string[])[];
}

type Variant = ComparisonModel['variants'][number];

function halfWidth(ci: readonly number[] | null): number | null {
  const [low, high] = ci ?? [];
  return low === undefined || high === undefined ? null : (high - low) / 2;
}

function valueCell({ mean }: Variant): Cell {
  return mean === null ? 'no value' : [formatFixed(mean, decimalsAlone(mean))];
}

function meanCell({ mean, sd, ci, n }: Variant): Cell {
  if (mean === null || n === 0) return 'no value';
  const half = halfWidth(ci);
  const decimals = decimalsFor(half) ?? decimalsFor(sd) ?? decimalsAlone(mean);
  // In a column of intervals a value without one says so.
  return [formatFixed(mean, decimals), ' ± ', half === null ? '–' : formatFixed(half, decimals)];
}

function sdCell({ mean, sd }: Variant): Cell {
  if (sd === null) return '–';
  return [formatFixed(sd, decimalsFor(sd) ?? decimalsAlone(mean ?? 0))];
}

function deltaCell({ delta }: Variant, withIntervals: boolean): Cell {
  if (delta === null) return 'baseline';
  if (delta.mean === null || delta.n === 0) return 'no pairs';
  const half = halfWidth(delta.ci);
  const decimals = decimalsFor(half) ?? decimalsAlone(delta.mean);
  const [low, high] = delta.ci ?? [];
  if (!withIntervals) return [formatSigned(delta.mean, decimals)];
  if (low === undefined || high === undefined) return [formatSigned(delta.mean, decimals), '  [', '–', ', ', '–', ']'];
  return [formatSigned(delta.mean, decimals), '  [', formatSigned(low, decimals), ', ', formatSigned(high, decimals), ']'];
}

function correlationCell({ delta }: Variant): Cell {
  return delta === null || delta.correlation === null ? '–' : [formatFixed(delta.correlation, 2)];
}

function pairsCell({ delta }: Variant): Cell {
  return delta === null ? '–' : String(delta.n);
}

/** `0.96`: an adjusted p-value; `< 0.001` below that. */
function pCell({ delta }: Variant): Cell {
  const p = delta?.pValue;
  if (p === undefined || p === null) return '–';
  return p < 0.001 ? '< 0.001' : [formatFixed(p, 3)];
}

function columnsOf(comparison: ComparisonModel): { readonly title: string; readonly left: boolean; readonly cell: (variant: Variant) => Cell }[] {
  const level = `${Number((comparison.confidence * 100).toFixed(2))}%`;
  const contrasts = comparison.variants.filter((variant) => variant.delta !== null).length;
  const withDelta = contrasts > 0;
  // A title promises only what a cell below it holds.
  const withIntervals = comparison.variants.some(({ ci }) => ci !== null);
  const withDeltaIntervals = comparison.variants.some(({ delta }) => delta !== null && delta.ci !== null);
  const withCorrelation = comparison.variants.some(({ delta }) => delta !== null && delta.correlation !== null);
  const withP = comparison.variants.some((variant) => typeof variant.delta?.pValue === 'number');
  return [
    { title: 'variant', left: true, cell: (variant) => variant.name },
    { title: 'n', left: false, cell: (variant) => String(variant.n) },
    ...(withIntervals
      ? [
          { title: `${comparison.metric}, mean ± ${level} interval`, left: false, cell: meanCell },
          { title: 'SD', left: false, cell: sdCell },
        ]
      : [{ title: comparison.metric, left: false, cell: valueCell }]),
    ...(withDelta
      ? [
          { title: withDeltaIntervals ? `Δ to baseline [${contrasts > 1 ? 'simultaneous ' : ''}${level} interval]` : 'Δ to baseline', left: false, cell: (variant: Variant) => deltaCell(variant, withDeltaIntervals) },
          { title: 'pairs', left: false, cell: pairsCell },
          ...(withCorrelation ? [{ title: 'r', left: false, cell: correlationCell }] : []),
        ]
      : []),
    ...(withP ? [{ title: contrasts > 1 ? 'adjusted p' : 'p', left: false, cell: pCell }] : []),
  ];
}

/** @param fill what pads a number: a space for text, a figure space (U+2007) for HTML */
export function comparisonCells(comparison: ComparisonModel, fill = ' '): TableCells {
  const columns = columnsOf(comparison);
  const aligned = columns.map(({ cell, left }) => alignColumn(comparison.variants.map((variant) => cell(variant)), left, fill));
  return {
    columns: columns.map(({ title, left }) => ({ title, align: left ? 'left' : 'right' })),
    rows: comparison.variants.map((_, row) => aligned.map((column) => column[row] ?? '')),
  };
}

/** Words that belong under the table: the method, each warning, each missing cell. */
export function comparisonRemarks(comparison: ComparisonModel): { readonly method: string; readonly warnings: readonly string[]; readonly missing: readonly string[] } {
  return {
    method: comparison.method,
    warnings: comparison.variants.flatMap(({ name, delta }) => (typeof delta?.warning === 'string' ? [`${name}: ${delta.warning}.`] : [])),
    missing: comparison.missing.map(({ variant, seed, reason }) => `${variant}, ${seed === null ? 'a run without a seed' : `seed ${seed}`}: ${reason}`),
  };
}

function textTable({ columns, rows }: TableCells): string {
  const widths = columns.map(({ title }, index) => Math.max(width(title), ...rows.map((row) => width(row[index] ?? ''))));
  const line = (cells: readonly string[]): string => cells.map((cell, index) => {
    const gap = ' '.repeat((widths[index] ?? 0) - width(cell));
    return columns[index]?.align === 'left' ? cell + gap : gap + cell;
  }).join('  ').trimEnd();
  return [line(columns.map(({ title }) => title)), line(widths.map((size) => '─'.repeat(size))), ...rows.map((row) => line(row))].join('\n');
}

export function markdownTable({ columns, rows }: TableCells): string {
  const escaped = rows.map((row) => row.map((cell) => escapeMarkdown(cell)));
  const titles = columns.map(({ title }) => escapeMarkdown(title));
  const widths = titles.map((title, index) => Math.max(3, width(title), ...escaped.map((row) => width(row[index] ?? ''))));
  const line = (cells: readonly string[]): string => `| ${cells.map((cell, index) => {
    const gap = ' '.repeat((widths[index] ?? 0) - width(cell));
    return columns[index]?.align === 'left' ? cell + gap : gap + cell;
  }).join(' | ')} |`;
  const rule = `| ${columns.map(({ align }, index) => (align === 'left' ? '-'.repeat(widths[index] ?? 3) : `${'-'.repeat((widths[index] ?? 3) - 1)}:`)).join(' | ')} |`;
  return [line(titles), rule, ...escaped.map((row) => line(row))].join('\n');
}

/**
 * The comparison for the terminal (`text`) or a document (`markdown`): the table, then the method, warnings and
 * every missing cell. Numbers are aligned on the decimal point, with the decimals their uncertainty deserves.
 */
export function comparisonTable(comparison: ComparisonModel, format: 'text' | 'markdown'): string {
  const cells = comparisonCells(comparison);
  const { method, warnings, missing } = comparisonRemarks(comparison);
  if (format === 'markdown') {
    const list = (title: string, entries: readonly string[]): string[] => (entries.length === 0 ? [] : [`${title}\n\n${entries.map((entry) => `- ${escapeMarkdown(entry)}`).join('\n')}`]);
    return [markdownTable(cells), escapeMarkdown(method), ...list('Warnings:', warnings), ...list(`Missing cells (${missing.length}), left out of the numbers above:`, missing)].join('\n\n');
  }
  const list = (title: string, entries: readonly string[]): string[] => (entries.length === 0 ? [] : [`${title}\n${entries.map((entry) => wrap(`  ${entry}`, 100, '    ')).join('\n')}`]);
  return [textTable(cells), wrap(method, 100), ...list('Warnings', warnings), ...list(`Missing cells (${missing.length}), left out of the numbers above`, missing)].join('\n\n');
}
