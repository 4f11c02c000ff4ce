import { describe, expect, it } from 'vitest';
import { packColumns, unpackColumns } from '../../../src/store/columns';
import { numbers } from './numbers';

const repacked = (column: readonly number[]): number[] => [...unpackColumns(packColumns([Float64Array.from(column)]), 1, column.length)[0]!];

describe('columns', () => {
  it.each([
    ['none', []],
    ['one', [5]],
    ['even steps', [0, 10, 20, 30]],
    ['falling', [3, 2, 1]],
    ['equal', [7, 7, 7]],
    ['small differences', [0, 1, 3, 6, 5]],
    ['the largest that fit a byte', [0, 127, -1, 126]],
    ['larger than a byte', [0, 128, 0]],
    ['times', [1_700_000_000_000, 1_700_000_000_040, 1_700_000_000_041]],
    ['far apart', [0, 2 ** 31, 0, -(2 ** 31) - 1]],
    ['at the edge of whole numbers', [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 0]],
    ['float32', [0.5, 0.25, Math.fround(0.1)]],
    ['float64', [0.1, 0.2]],
    ['what is no number', [Number.NaN, Infinity, -Infinity, 1]],
    ['−0', [0, -0, 0]],
    ['−0 alone', [-0]],
    ['NaN alone', [Number.NaN]],
  ])('give back %s', (_name, column) => expect(repacked(column)).toEqual(column));

  it('give back whatever they are made of', () => {
    const random = numbers(7);
    for (let round = 0; round < 300; round += 1) {
      const kind = random.below(5);
      const column = Array.from({ length: random.below(40) }, (_, index) => {
        if (kind === 0) return index * 3;
        if (kind === 1) return random.below(100) - 50;
        if (kind === 2) return random.below(2 ** 31) - 2 ** 30;
        if (kind === 3) return Math.fround(random.unit());
        return random.odd();
      });
      expect(repacked(column)).toEqual(column);
    }
  });

  it('take few bytes where numbers are regular', () => {
    const steps = Float64Array.from({ length: 4096 }, (_, index) => index);
    const times = steps.map((step) => 1_700_000_000_000 + step * 37 + (step % 3));
    const values = steps.map((step) => Math.fround(Math.sin(step)));
    expect(packColumns([steps, times, values]).length).toBeLessThan(4096 * 5 + 64);
  });

  it('refuse bytes that are not theirs', () => {
    expect(() => unpackColumns(Uint8Array.of(9), 1, 3)).toThrow(RangeError);
    expect(() => unpackColumns(packColumns([Float64Array.of(0.1, 0.7, 0.3)]), 1, 4)).toThrow(RangeError);
  });
});
