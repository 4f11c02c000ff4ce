import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fitted, plain, spread } from '../../../renderer/charts/labels';
import { faint, variantStyle } from '../../../renderer/charts/palette';
import { beyond, extent, fullRanges, logTicks } from '../../../renderer/charts/ranges';
import type { Line } from '../../../renderer/charts/types';

const style = variantStyle(0);
const line = (name: string, y: readonly number[], band?: Line['band']): Line => ({ name, style, x: y.map((_, step) => step), y, ...(band === undefined ? {} : { band }) });

describe('variantStyle', () => {
  it('draws the baseline in ink and gives 42 variants a look of their own', () => {
    expect(variantStyle(0)).toEqual({ color: 'var(--ink)', dash: 'solid' });
    const looks = Array.from({ length: 42 }, (_, index) => JSON.stringify(variantStyle(index + 1)));
    expect(new Set(looks).size).toBe(42);
    expect(variantStyle(8)).toEqual({ color: 'var(--series-1)', dash: 'dash' });
  });

  it('has a contrast of 3 or more on paper, in light and in dark', () => {
    const css = readFileSync(new URL('../../../renderer/theme/theme.css', import.meta.url), 'utf8');
    const blocks = css.split('@media (prefers-color-scheme: dark)');
    const luminance = (hex: string): number => {
      const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    for (const block of blocks.slice(0, 2)) {
      const paper = luminance(/--paper: (#[0-9a-f]{6})/u.exec(block)?.[1] ?? '');
      const series = [...block.matchAll(/--series-\d: (#[0-9a-f]{6})/gu)].map(([, color]) => luminance(color ?? ''));
      expect(series).toHaveLength(7);
      for (const color of series) expect((Math.max(color, paper) + 0.05) / (Math.min(color, paper) + 0.05)).toBeGreaterThanOrEqual(3);
    }
  });
});

describe('spread', () => {
  it('leaves labels that have room where they are', () => {
    expect(spread([100, 10, 50], 16, 0, 200)).toEqual([100, 10, 50]);
  });

  it('moves labels apart around their middle and keeps their order', () => {
    expect(spread([50, 50, 50], 16, 0, 200)).toEqual([34, 50, 66]);
    expect(spread([60, 50], 16, 0, 200)).toEqual([63, 47]);
  });

  it('stays inside, and gives up the gap rather than the room', () => {
    expect(spread([0, 1], 16, 0, 100)).toEqual([0, 16]);
    expect(spread([100, 99], 16, 0, 100)).toEqual([100, 84]);
    expect(spread([5, 5, 5], 16, 0, 20)).toEqual([0, 10, 20]);
    expect(spread([], 16, 0, 20)).toEqual([]);
  });
});

describe('texts', () => {
  it('cuts the middle of a name that is too wide', () => {
    const measure = (text: string): number => text.length;
    expect(fitted('dropout=0.5', 20, measure)).toBe('dropout=0.5');
    expect(fitted('training.learningRate=0.001', 11, measure)).toBe('train…0.001');
  });

  it('shows what looks like markup as it is', () => {
    expect(plain('lr<0.1 & b>2')).toBe('lr&lt;0.1 &amp; b&gt;2');
  });
});

describe('ranges', () => {
  it('looks at finite values only, and at positive ones for a logarithmic axis', () => {
    expect(extent([[1, Number.NaN, -2], [Infinity, 4]])).toEqual([-2, 4]);
    expect(extent([[0, -1, 8]], true)).toEqual([8, 8]);
    expect(extent([[Number.NaN]])).toBeNull();
  });

  it('shows a band, but lets a very wide one not flatten its line', () => {
    const narrow = fullRanges([line('a', [0, 1], { low: [-0.1, 0.9], high: [0.1, 1.1] })], false);
    expect(narrow.y[0]).toBeLessThanOrEqual(-0.1);
    const wide = fullRanges([line('a', [0, 1], { low: [-50, -50], high: [50, 50] })], false);
    expect(wide.y[0]).toBeGreaterThan(-0.5);
    expect(wide.y[1]).toBeLessThan(1.5);
  });

  it('leaves a diverged line out of a linear axis and keeps it on a logarithmic one', () => {
    const lines = [line('a', [1, 0.5]), line('b', [1, 0.4]), line('c', [1, 1e30])];
    expect(beyond(lines).map(({ name }) => name)).toEqual(['c']);
    expect(fullRanges(lines, false).y[1]).toBeLessThan(2);
    expect(fullRanges(lines, true).y[1]).toBeGreaterThan(30);
    expect(beyond([line('alone', [1, 1e30])])).toEqual([]);
  });

  it('make a colour faint, also one that was written short', () => {
    expect(faint('#1b1c1e', 0.2)).toBe('#1b1c1e33');
    expect(faint('#f0a', 1)).toBe('#ff00aaff');
    expect(faint('rgb(1 2 3)', 0.5)).toBe('rgb(1 2 3)');
  });

  it('marks a logarithmic axis by 1-2-5 or by whole powers', () => {
    expect(logTicks([Math.log10(0.15), Math.log10(3)]).ticktext).toEqual(['0.2', '0.5', '1', '2']);
    const wide = logTicks([-5, 38]);
    expect(wide.ticktext).toEqual(['1', '10<sup>6</sup>', '10<sup>12</sup>', '10<sup>18</sup>', '10<sup>24</sup>', '10<sup>30</sup>', '10<sup>36</sup>']);
    expect(wide.tickvals?.[1]).toBe(1e6);
    expect(logTicks([-8, -2]).ticktext?.[0]).toBe('10<sup>−8</sup>');
    expect(logTicks([0, 0.1])).toEqual({});
  });
});
