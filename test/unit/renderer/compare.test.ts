import { describe, expect, it } from 'vitest';
import type { ComparisonView } from '../../../src/api/rows';
import { align, byEffect, deltaParts, meanParts, pairedDifferences, progressOf, pText, unitText, type ComparedVariant } from '../../../renderer/views/compare/numbers';
import { copyText, differs, fullText, moved, shortText, shownSections, type Section } from '../../../renderer/views/compare/values';

function variant(name: string, values: readonly (readonly [number, number])[], delta: number | null | 'baseline'): ComparedVariant {
  return {
    name,
    summary: '',
    n: values.length,
    mean: null,
    sd: null,
    ci: null,
    values: values.map(([seed, value]) => ({ seed, run: `${name}-${seed}`, value })),
    delta: delta === 'baseline' ? null : { n: values.length, mean: delta, ci: null, correlation: null, pValue: null, warning: null },
  };
}

const baseline = variant('baseline', [[1, 0.5], [2, 0.6]], 'baseline');
const worse = variant('worse', [[2, 0.5], [3, 0.4]], -0.1);
const better = variant('better', [[1, 0.75]], 0.25);
const lost = variant('lost', [], null);

describe('unitText', () => {
  it('gives losses their unit, and accuracies none', () => {
    expect([unitText('nats'), unitText('')]).toEqual([' (nats)', '']);
  });
});

describe('numbers of the comparison', () => {
  it('gives a mean the decimals of its interval', () => {
    expect(meanParts({ mean: 0.97134528, sd: 0.001, ci: [0.96924528, 0.97344528] })).toEqual(['0.9713', '0.0021']);
    expect(meanParts({ mean: 0.97134528, sd: null, ci: null })).toEqual(['0.9713']);
    expect(meanParts({ mean: null, sd: null, ci: null })).toBeNull();
  });

  it('signs differences, with a true minus', () => {
    expect(deltaParts({ mean: -0.012, ci: [-0.025, 0.001] })).toEqual(['−0.012', '−0.025', '+0.001']);
    expect(deltaParts({ mean: null, ci: null })).toBeNull();
  });

  it('lines up decimal points', () => {
    const { rows, widths } = align([['0.9713', '0.0021'], ['0.95', '0.01'], ['12'], null]);
    expect(rows).toEqual([['0.9713', '0.0021'], ['0.95\u2007\u2007', '0.01\u2007\u2007'], ['12\u2008\u2007\u2007\u2007\u2007'], null]);
    expect(widths).toEqual([6.5, 5.5]);
  });

  it('never shows a p of 0', () => {
    expect([0.00001, 0.0123, 1, null].map(pText)).toEqual(['< 0.001', '0.012', '1.000', '–']);
  });

  it('pairs by seed and sorts by effect', () => {
    expect(pairedDifferences(worse, baseline)).toEqual([{ seed: 2, value: 0.5 - 0.6 }]);
    expect(byEffect([baseline, worse, lost, better]).map(({ variant: { name }, place }) => [name, place])).toEqual([['better', 3], ['worse', 1], ['lost', 2]]);
  });

  it('tells runs that are still to come from those that are lost', () => {
    const comparison = {
      variants: [baseline, worse],
      missing: [
        { variant: 'worse', seed: 1, run: 'a', reason: 'running' },
        { variant: 'worse', seed: 4, run: null, reason: 'no run' },
        { variant: 'worse', seed: 5, run: 'b', reason: 'failed: out of memory' },
      ],
    } as unknown as ComparisonView;
    const { finished, total, pending, lost: gone } = progressOf(comparison);
    expect({ finished, total, pending, gone: gone.map(({ seed }) => seed) }).toEqual({ finished: 4, total: 7, pending: 1, gone: [4, 5] });
  });
});

describe('runs side by side', () => {
  const cell = (value: unknown) => ({ present: true, value });
  const absent = { present: false, value: undefined };

  it('does not take 1 for "1", nor what is not set for null', () => {
    expect([cell(1), cell('1'), cell('adam'), cell(null), cell('null'), cell(''), cell([1, '1']), absent].map(fullText)).toEqual(['1', '"1"', 'adam', 'null', '"null"', '""', '[1,"1"]', 'not set']);
    expect(differs(cell(1), cell('1'))).toBe(true);
    expect(differs(absent, cell(undefined))).toBe(true);
    expect(differs(cell({ a: [1] }), cell({ a: [1] }))).toBe(false);
  });

  it('shortens hashes and measured numbers, not settings', () => {
    expect(shortText(cell('ab'.repeat(32)), 'Data', 'fingerprint')).toBe('abababab');
    expect([copyText(cell(-1e-8)), fullText(cell(-1e-8)), copyText(cell('sgd'))]).toEqual(['-1e-8', '−1e−8', 'sgd']);
    expect(shortText(cell(0.45), 'Result', 'test accuracy')).toBe('0.4500');
    expect(shortText(cell(12.3456), 'Result', 'duration, s')).toBe('12.35');
    expect(shortText(cell(0.0003), 'Config', 'training.learningRate')).toBe('0.0003');
    expect(shortText(cell(-0.5), 'Config', 'x')).toBe('−0.5');
  });

  const row = (path: string, same: boolean) => ({ path, same, values: [cell(1), cell(same ? 1 : 2)] });
  const sections: Section[] = [
    { title: 'Config', rows: [row('model.dropout', false), row('model.kind', true), row('seed', true)] },
    { title: 'Data', rows: [row('fingerprint', true)] },
  ];

  it('folds identical rows and counts them', () => {
    expect(shownSections(sections, '', new Set(['Data'])).map(({ title, rows, identical }) => [title, rows.length, identical])).toEqual([['Config', 1, 2], ['Data', 1, 1]]);
  });

  it('finds leaves by all words of their path', () => {
    expect(shownSections(sections, 'DROP model', new Set()).map(({ title, identical }) => [title, identical])).toEqual([['Config', 0]]);
    expect(shownSections(sections, 'nothing', new Set())).toEqual([]);
  });

  it('moves a column', () => {
    expect(moved(['a', 'b', 'c'], 2, 0)).toEqual(['c', 'a', 'b']);
    expect(moved(['a', 'b', 'c'], 0, 1)).toEqual(['b', 'a', 'c']);
  });
});
