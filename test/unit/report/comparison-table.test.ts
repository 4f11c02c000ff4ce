import { describe, expect, it } from 'vitest';
import { alignColumn } from '../../../src/report/aligned';
import { domainOf, intervalChart, niceTicks, stackLevels } from '../../../src/report/charts';
import { comparisonTable } from '../../../src/report/comparison-table';
import { downsample } from '../../../src/report/downsample';
import { experimentModel, handStartedModel } from './model';

describe('comparisonTable', () => {
  const { comparison } = experimentModel();
  if (comparison === null) throw new Error('no comparison');

  it('has lines of one layout, with the decimal points of a column below each other', () => {
    const lines = comparisonTable(comparison, 'text').split('\n').slice(2, 7);
    const points = lines.map((line) => line.indexOf('.', line.indexOf('  ') + 1));
    expect(lines.map((line) => line.indexOf(' ± ')).every((at, _, all) => at === all[0])).toBe(true);
    expect(points.length).toBe(5);
    expect(lines[0]).toMatch(/^baseline +3 +0\.\d+ ± 0\.\d+/u);
  });

  it('says method and missing cells, as text and as Markdown', () => {
    for (const format of ['text', 'markdown'] as const) {
      const text = comparisonTable(comparison, format).replaceAll(/\s+/gu, ' ');
      expect(text).toContain('simultaneous');
      expect(text).toContain('Missing cells (1)');
      expect(text).toContain('narrow, seed 3');
      expect(text).toContain('two pairs');
    }
  });

  it('heads no column with what none of its cells holds', () => {
    const { comparison: bare } = handStartedModel(3, [1]);
    if (bare === null) throw new Error('no comparison');
    const [head = ''] = comparisonTable(bare, 'text').split('\n');
    expect(head.trim().split(/ {2,}/u)).toEqual(['variant', 'n', 'test accuracy', 'Δ to baseline', 'pairs']);
  });

  it('says which value of a column of intervals has none', () => {
    const [full, ...others] = comparison.variants;
    if (full === undefined) throw new Error('no variant');
    const one = { name: 'one', n: 1, mean: 0.95, sd: null, ci: null, delta: { n: 1, mean: 0.01, ci: null, correlation: null } };
    const text = comparisonTable({ ...comparison, variants: [full, one, ...others] }, 'text');
    expect(text).toMatch(/^one +1 +0\.9500 ± – .*\+0\.01000? {2}\[ *–, *–\]/mu);
  });

  it('takes one variant, and variants without a value', () => {
    const alone = { ...comparison, variants: comparison.variants.slice(0, 1), missing: [] };
    expect(comparisonTable(alone, 'text')).not.toContain('Δ');
    const empty = { ...comparison, variants: [{ name: 'a', n: 0, mean: null, sd: null, ci: null, delta: null }, { name: 'b', n: 1, mean: 0.5, sd: null, ci: null, delta: { n: 0, mean: null, ci: null, correlation: null } }] };
    expect(comparisonTable(empty, 'text')).toMatch(/no value[\s\S]*no pairs/u);
  });
});

describe('alignColumn', () => {
  it('lines up decimal points', () => {
    expect(alignColumn([['1.25'], ['10.5'], '–', ['−3']])).toEqual([' 1.25', '10.5 ', '    –', '−3   ']);
  });
});

describe('downsample', () => {
  it('keeps means, extremes and what is not finite', () => {
    const values = [1, 5, Number.NaN, 3, 2, 2];
    expect(downsample([0, 1, 2, 3, 4, 5], values, 2)).toEqual([
      { from: 0, to: 2, mean: 3, min: 1, max: 5, count: 2, broken: 1 },
      { from: 3, to: 5, mean: 7 / 3, min: 2, max: 3, count: 3, broken: 0 },
    ]);
    expect(downsample([0, 1], [1, 2], 10)).toHaveLength(2);
    expect(downsample([], [], 10)).toEqual([]);
    expect(downsample([0], [Number.NaN], 1)[0]?.mean).toBeNaN();
  });

  it('covers every step once and keeps the extremes of all', () => {
    for (const total of [7, 100, 1250]) {
      const values = Array.from({ length: total }, (_, index) => Math.abs(((index * 7919) % 1009) - 500));
      const buckets = downsample(values.map((_, index) => index), values, 13);
      expect(buckets.map(({ count }) => count).reduce((a, b) => a + b, 0)).toBe(total);
      expect(Math.max(...buckets.map(({ max }) => max))).toBe(Math.max(...values));
      expect(Math.min(...buckets.map(({ min }) => min))).toBe(Math.min(...values));
      for (const [index, bucket] of buckets.entries()) expect(bucket.from).toBe(index === 0 ? 0 : (buckets[index - 1]?.to ?? 0) + 1);
    }
  });
});

describe('axes', () => {
  it('have round ticks', () => {
    expect(niceTicks(0, 1, 5).map(({ label }) => label)).toEqual(['0.0', '0.2', '0.4', '0.6', '0.8', '1.0']);
    expect(niceTicks(-0.013, 0.009, 4).map(({ label }) => label)).toEqual(['−0.01', '0.00']);
    expect(niceTicks(0, 1250, 6).map(({ label }) => label)).toEqual(['0', '500', '1000']);
  });

  it('of things that are counted have whole ticks', () => {
    expect(niceTicks(1, 3, 6, true)).toEqual([{ value: 1, label: '1' }, { value: 2, label: '2' }, { value: 3, label: '3' }]);
    expect(niceTicks(1, 1, 6, true)).toEqual([{ value: 1, label: '1' }]);
    expect(niceTicks(0, 1250, 6, true).map(({ label }) => label)).toEqual(['0', '500', '1000']);
  });

  it('are logarithmic only for positive values of a wide range', () => {
    const series = (values: number[]) => [{ label: 'x', variant: 1, points: values.map((y, x) => ({ x, y })) }];
    expect(domainOf(series([2, 0.01]), true)?.log).toBe(true);
    expect(domainOf(series([2, 0.01]), false)?.log).toBe(false);
    expect(domainOf(series([2, 0]), true)?.log).toBe(false);
    expect(domainOf(series([Number.NaN]), true)).toBeNull();
  });
});

describe('dots of pairs', () => {
  it('are stacked where they would cover each other', () => {
    expect(stackLevels([10, 10, 50, 10, 12, 16])).toEqual([0, 1, 0, 2, 3, 0]);
    expect(stackLevels([])).toEqual([]);
  });

  it.each([3, 40])('are all to be seen: %i equal differences', (pairs) => {
    const row = (label: string) => ({ label, variant: 1, mean: 0.01, low: null, high: null, values: Array.from({ length: pairs }, () => 0.01) });
    const svg = intervalChart('t', 'x', [row('a'), row('b')]);
    const dots = [...svg.matchAll(/class="pair s0" cx="([\d.]+)" cy="([\d.]+)"/gu)].map(([, x, y]) => `${x} ${y}`);
    expect(dots).toHaveLength(2 * pairs);
    expect(new Set(dots).size).toBe(2 * pairs);
    const height = Number(/viewBox="0 0 936 ([\d.]+)"/u.exec(svg)?.[1]);
    for (const dot of dots) expect(Number(dot.split(' ')[1])).toBeLessThan(height - 40);
  });
});
