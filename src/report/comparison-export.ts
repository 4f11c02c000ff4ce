/** The comparison as text for other programs: CSV for a spreadsheet or a script, LaTeX for a paper. */
import { capitalized } from '../analysis/plain-text';
import { testMetricOf } from '../config/metrics';
import { comparisonCells, comparisonRemarks } from './comparison-table';
import { escapeLatex } from './escape';
import type { ComparisonModel } from './model';

/** A comparison with the value of each seed. */
export interface ComparisonValues extends ComparisonModel {
  readonly experiment: string;
  readonly variants: readonly (ComparisonModel['variants'][number] & { readonly values: readonly { readonly seed: number | null; readonly value: number }[] })[];
}

type Variant = ComparisonValues['variants'][number];

/**
 * One field of RFC 4180. A number stands as it is, in full precision; a text that a spreadsheet would take for a
 * formula gets an apostrophe in front, which marks it as text.
 */
function csvField(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return String(value);
  const safe = /^\s*[=+\-@]|^[\t\r\n]/u.test(value) ? `'${value}` : value;
  return /[",\r\n]/u.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function csvColumns(comparison: ComparisonValues): [title: string, cell: (variant: Variant) => string | number | null | undefined][] {
  const seeds = new Set(comparison.variants.flatMap(({ values }) => values.flatMap(({ seed }) => seed ?? [])));
  const seedless = ({ values }: Variant): number[] => values.flatMap(({ seed, value }) => (seed === null ? [value] : []));
  const mostSeedless = Math.max(0, ...comparison.variants.map((variant) => seedless(variant).length));
  return [
    ['variant', ({ name }) => name],
    ['difference to baseline', ({ summary }) => summary],
    ['metric', () => comparison.metric],
    ['n', ({ n }) => n],
    ['mean', ({ mean }) => mean],
    ['sd', ({ sd }) => sd],
    ['confidence', () => comparison.confidence],
    ['ci low', ({ ci }) => ci?.[0]],
    ['ci high', ({ ci }) => ci?.[1]],
    ['pairs', ({ delta }) => delta?.n],
    ['delta', ({ delta }) => delta?.mean],
    ['delta ci low', ({ delta }) => delta?.ci?.[0]],
    ['delta ci high', ({ delta }) => delta?.ci?.[1]],
    ['correlation', ({ delta }) => delta?.correlation],
    ['adjusted p', ({ delta }) => delta?.pValue],
    ['warning', ({ delta }) => delta?.warning],
    ['missing', ({ name }) => comparison.missing.filter((cell) => cell.variant === name).map(({ seed, reason }) => `${seed === null ? 'a run without a seed' : `seed ${seed}`}: ${reason}`).join('; ')],
    ...[...seeds].map((seed): [string, (variant: Variant) => number | undefined] => [`seed ${seed}`, ({ values }) => values.find((one) => one.seed === seed)?.value]),
    ...Array.from({ length: mostSeedless }, (_, index): [string, (variant: Variant) => number | undefined] => [`run ${index + 1} without a seed`, (variant) => seedless(variant)[index]]),
  ];
}

/** One row a variant, numbers in full precision, each seed's value at the end; lines end in CRLF (RFC 4180). */
export function comparisonCsv(comparison: ComparisonValues): string {
  const columns = csvColumns(comparison);
  const rows = [columns.map(([title]) => csvField(title)), ...comparison.variants.map((variant) => columns.map(([, cell]) => csvField(cell(variant))))];
  return rows.map((row) => `${row.join(',')}\r\n`).join('');
}

/** Stands for a digit's width where numbers are padded to line up on their decimal points. */
const FIGURE_SPACE = '\u2007';

/** A cell of numbers as mathematics; one without a digit is text. */
function latexNumber(cell: string): string {
  const text = cell.replace(/^[ \u2007]+/u, '');
  if (!/\d|∞/u.test(text)) return escapeLatex(text.trim());
  const math = text
    .replaceAll('%', String.raw`\%`)
    .replaceAll(/\u2007+/gu, (spaces) => String.raw`\phantom{${'0'.repeat(spaces.length)}}`)
    .replaceAll('±', String.raw`\pm`)
    // In braces a sign is no operator, which would stand off.
    .replaceAll(/[+−](?=\d|∞)/gu, (sign) => (sign === '+' ? '{+}' : '{-}'))
    .replaceAll('–', String.raw`\mbox{--}`)
    .replaceAll('∞', String.raw`\infty`)
    .replaceAll('NaN', String.raw`\mathrm{NaN}`)
    .replaceAll(/\s+\[/gu, String.raw`\;[`);
  return `$${math.trim()}$`;
}

function nInWords(comparison: ComparisonValues): string {
  const counts = comparison.variants.map(({ n }) => n);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  return least === most ? String(least) : `${least}–${most}`;
}

/**
 * A `tabular` with booktabs' rules. Above it stands a comment with a caption: metric, n, method, warnings and missing
 * cells. Numbers have the decimals their uncertainty deserves and line up on the decimal point.
 */
export function comparisonLatex(comparison: ComparisonValues): string {
  const { columns, rows } = comparisonCells(comparison, FIGURE_SPACE);
  const { method, warnings, missing } = comparisonRemarks(comparison);
  const lines = rows.map((row) => `${row.map((cell, index) => (index === 0 ? escapeLatex(cell) : latexNumber(cell))).join(' & ')} \\\\`);
  const caption = [
    // The name of a series stays as its author wrote it.
    `${testMetricOf(comparison.metric) === null ? comparison.metric : capitalized(comparison.metric)} of ${comparison.experiment}, n = ${nInWords(comparison)} seeds a variant.`,
    method,
    ...warnings,
    ...(missing.length === 0 ? [] : [`Missing cells (${missing.length}), left out of the numbers: ${missing.join('; ')}.`]),
  ].join(' ');
  const names = comparison.variants.map(({ name }) => name).join(' ');
  return [
    String.raw`% Needs \usepackage{booktabs}.`,
    // What pdfLaTeX's default encoding covers without further packages.
    ...(/[^\u0000-\u017f±Δ−×→≈≤≥∞–…]/u.test(names) ? ['% Names have characters beyond Latin: compile with XeLaTeX or LuaLaTeX and a font that has them.'] : []),
    `% \\caption{${escapeLatex(caption)}}`,
    `\\begin{tabular}{${columns.map(({ align }) => (align === 'left' ? 'l' : 'r')).join('')}}`,
    String.raw`\toprule`,
    `${columns.map(({ title }) => (title === 'n' || title === 'r' ? `$${title}$` : escapeLatex(capitalized(title)))).join(' & ')} \\\\`,
    String.raw`\midrule`,
    ...lines,
    String.raw`\bottomrule`,
    String.raw`\end{tabular}`,
    '',
  ].join('\n');
}
