import { describe, expect, it } from 'vitest';
import { comparisonCsv, comparisonLatex, type ComparisonValues } from '../../../src/report/comparison-export';
import { escapeLatex } from '../../../src/report/escape';
import { experimentModel } from './model';

const { comparison: model } = experimentModel();
if (model === null) throw new Error('no comparison');
const values = (shift: number) => [1, 2, 3].map((seed) => ({ seed, value: 0.1 * seed + shift }));
const comparison: ComparisonValues = { ...model, experiment: 'two_moons', variants: model.variants.map((variant, index) => ({ ...variant, values: values(index / 3).slice(0, variant.n) })) };
const named = (name: string, more: Partial<ComparisonValues['variants'][number]> = {}): ComparisonValues => ({ ...comparison, variants: comparison.variants.map((variant, index) => (index === 1 ? { ...variant, name, ...more } : variant)), missing: [] });

/** Fields of an RFC 4180 text. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  let field = '';
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (quoted && character === '"' && text[at + 1] === '"') {
      field += '"';
      at += 1;
    } else if (character === '"') quoted = !quoted;
    else if (!quoted && (character === ',' || text.startsWith('\r\n', at))) {
      rows.at(-1)?.push(field);
      field = '';
      if (character === ',') continue;
      rows.push([]);
      at += 1;
    } else field += character;
  }
  return rows.slice(0, -1);
}

describe('comparisonCsv', () => {
  it('has one row a variant, with numbers in full precision', () => {
    const [head = [], ...rows] = parseCsv(comparisonCsv(comparison));
    expect(rows).toHaveLength(comparison.variants.length);
    expect(rows.every((row) => row.length === head.length)).toBe(true);
    const cell = (row: number, title: string): string => rows[row]?.[head.indexOf(title)] ?? '';
    for (const [row, variant] of comparison.variants.entries()) {
      expect(Number(cell(row, 'mean'))).toBe(variant.mean);
      expect(cell(row, 'delta')).toBe(variant.delta === null ? '' : String(variant.delta.mean));
      for (const { seed, value } of variant.values) expect(Number(cell(row, `seed ${seed}`))).toBe(value);
    }
    expect(cell(1, 'delta')).toMatch(/^-0\.\d+$/u);
    expect(cell(4, 'seed 3')).toBe('');
    expect(cell(4, 'missing')).toMatch(/^seed 3: failed/u);
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', ' =1', "=HYPERLINK(\"http://x\",\"a\")"])('keeps a spreadsheet from running the name %j', (name) => {
    expect(parseCsv(comparisonCsv(named(name)))[2]?.[0]).toBe(`'${name}`);
  });

  it('quotes what has commas, quotes and line ends', () => {
    for (const name of ['a,b', 'say "hi"', 'two\r\nlines']) expect(parseCsv(comparisonCsv(named(name)))[2]?.[0]).toBe(name);
  });
});

/** Whether braces pair and every mathematics mode that begins ends, row by row. */
function balanced(line: string): boolean {
  const bare = line.replaceAll(/\\[\\{}$%&#_]/gu, '');
  let depth = 0;
  for (const character of bare) {
    if (character === '{') depth += 1;
    if (character === '}') depth -= 1;
    if (depth < 0) return false;
  }
  return depth === 0 && (bare.match(/\$/gu)?.length ?? 0) % 2 === 0;
}

describe('comparisonLatex', () => {
  const body = (text: string): string[] => text.slice(text.indexOf(String.raw`\midrule`), text.indexOf(String.raw`\bottomrule`)).split('\n').slice(1, -1);

  it('is a booktabs table with one row a variant and as many cells as columns', () => {
    const text = comparisonLatex(comparison);
    const columns = /\\begin\{tabular\}\{([lr]+)\}/u.exec(text)?.[1] ?? '';
    const rows = body(text);
    expect(rows).toHaveLength(comparison.variants.length);
    for (const row of rows) {
      expect(row.endsWith(String.raw` \\`)).toBe(true);
      expect(row.split(/(?<!\\)&/u)).toHaveLength(columns.length);
    }
    expect(text.split('\n').every((line) => line.startsWith('%') || balanced(line))).toBe(true);
    expect(text.trimEnd().endsWith(String.raw`\end{tabular}`)).toBe(true);
    expect(rows[1]).toMatch(/\$\{-\}0\.\d+\\;\[\{-\}0\.\d+, \{-\}0\.\d+\]\$/u);
    expect(text).toMatch(/\$0\.9\d+ \\pm 0\.\d+\$/u);
  });

  it('says n, metric, method and missing cells in a caption that can be taken as it is', () => {
    const caption = comparisonLatex(comparison).split('\n').find((line) => line.startsWith(String.raw`% \caption{`)) ?? '';
    expect(caption).toContain(String.raw`Test accuracy of two\_moons, n = 2--3 seeds a variant.`);
    expect(caption).toContain('simultaneous');
    expect(caption).toContain('narrow, seed 3: failed');
    expect(caption.slice(2)).toSatisfy(balanced);
    expect(caption.slice(2)).not.toMatch(/(?<!\\)[%&#]/u);
  });

  it.each([String.raw`50% & $x_1$ \cmd{a}^2 ~ #1`, '[2pt] x', '* x', 'a\nb', 'x < y | "z"'])('shows the name %j as text', (name) => {
    const row = body(comparisonLatex(named(name)))[1] ?? '';
    expect(row).toSatisfy(balanced);
    const [first = ''] = row.split(/ (?<!\\)& /u);
    // Every sign with a meaning in LaTeX is escaped; [ and * stand in braces, behind a line's end they would be arguments of it.
    expect(first.replaceAll(/\\(?:text[a-z]+\{\}|[{}$&#_%])|\{[[*]\}/gu, '')).not.toMatch(/[\\{}$&#_%~^<>|"[*\n]/u);
  });

  it('warns of characters that pdfLaTeX does not know', () => {
    expect(comparisonLatex(named('größe'))).not.toContain('XeLaTeX');
    expect(comparisonLatex(named('学習率'))).toContain('XeLaTeX');
  });
});

describe('escapeLatex', () => {
  it('leaves plain words alone', () => {
    expect(escapeLatex('model.dropout=0.5')).toBe('model.dropout=0.5');
  });
});
