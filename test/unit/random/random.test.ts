import { describe, expect, it } from 'vitest';
import { portableCos, portableExp, portableLog, portablePow, portableSin } from '../../../src/random/portable';
import { fillMask, normals, permutation, uniformFloat32, uniforms } from '../../../src/random/streams';
import { threefry2x32 } from '../../../src/random/threefry';

describe('threefry2x32', () => {
  // Known answers of the Random123 distribution (kat_vectors, threefry2x32 20 rounds): counter, key, result.
  it.each([
    [[0x00000000, 0x00000000], [0x00000000, 0x00000000], [0x6b200159, 0x99ba4efe]],
    [[0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff], [0x1cb996fc, 0xbb002be7]],
    [[0x243f6a88, 0x85a308d3], [0x13198a2e, 0x03707344], [0xc4923a9c, 0x483df7a0]],
  ])('gives the published answer for counter %j', (counter, key, expected) => {
    const out = new Uint32Array(2);
    threefry2x32(key[0]!, key[1]!, counter[0]!, counter[1]!, out);
    expect([...out]).toEqual(expected);
  });
});

describe('uniformFloat32', () => {
  it('stays in [−bound, bound) with the moments of a uniform distribution', () => {
    const bound = 0.3;
    const values = uniformFloat32(7, 'init', 'w', 200_000, bound);
    let sum = 0;
    let squares = 0;
    for (const value of values) {
      if (!(value >= -Math.fround(bound) && value < Math.fround(bound))) throw new Error(`out of range: ${value}`);
      sum += value;
      squares += value * value;
    }
    expect(Math.abs(sum / values.length)).toBeLessThan(5 * (bound / Math.sqrt(3 * values.length)));
    expect(squares / values.length).toBeCloseTo((bound * bound) / 3, 3);
  });

  it('depends on seed, purpose and name, and a prefix does not depend on the count', () => {
    const base = [...uniformFloat32(1, 'init', 'w', 9, 1)];
    expect([...uniformFloat32(1, 'init', 'w', 4, 1)]).toEqual(base.slice(0, 4));
    for (const other of [uniformFloat32(2, 'init', 'w', 9, 1), uniformFloat32(1, 'noise', 'w', 9, 1), uniformFloat32(1, 'init', 'v', 9, 1)]) {
      expect([...other]).not.toEqual(base);
    }
  });

  it('keeps its values for ever', () => {
    expect([...uniformFloat32(42, 'init', 'layer0.weight', 3, 1)]).toMatchInlineSnapshot(`
      [
        -0.30959105491638184,
        0.39929282665252686,
        0.7553836107254028,
      ]
    `);
    expect([...permutation(42, 'order', 'epoch', 1, 8)]).toMatchInlineSnapshot(`
      [
        3,
        7,
        0,
        6,
        5,
        2,
        1,
        4,
      ]
    `);
  });

  it('refuses a seed that is no 32-bit integer', () => {
    expect(() => uniformFloat32(-1, 'init', 'w', 1, 1)).toThrow(RangeError);
    expect(() => uniformFloat32(1.5, 'init', 'w', 1, 1)).toThrow(RangeError);
  });
});

describe('permutation', () => {
  it('is a permutation, different for each step', () => {
    const first = permutation(3, 'order', 'train', 0, 1000);
    expect([...first].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, index) => index));
    expect([...permutation(3, 'order', 'train', 1, 1000)]).not.toEqual([...first]);
    expect([...permutation(3, 'order', 'train', 0, 1)]).toEqual([0]);
    expect(permutation(3, 'order', 'train', 0, 0)).toHaveLength(0);
  });

  it('gives each of the 24 orders of 4 equally often (chi-square)', () => {
    const counts = new Map<string, number>();
    const draws = 24_000;
    for (let step = 0; step < draws; step++) {
      const key = permutation(11, 'order', 'x', step, 4).join('');
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const expected = draws / 24;
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 99.9% quantile of chi-square with 23 degrees of freedom.
    expect(chiSquare).toBeLessThan(49.73);
  });
});

describe('fillMask', () => {
  it('drops the asked share, by position only', () => {
    const mask = new Uint8Array(100_001);
    fillMask(mask, 5, 'drop0', 17, 0.25);
    const kept = mask.reduce((sum, value) => sum + value, 0);
    expect(Math.abs(kept / mask.length - 0.75)).toBeLessThan(5 * Math.sqrt((0.25 * 0.75) / mask.length));
    const short = new Uint8Array(100);
    fillMask(short, 5, 'drop0', 17, 0.25);
    expect([...short]).toEqual([...mask.subarray(0, 100)]);
    const other = new Uint8Array(100);
    fillMask(other, 5, 'drop0', 18, 0.25);
    expect([...other]).not.toEqual([...short]);
    for (const length of [99, 98, 97]) {
      const cut = new Uint8Array(length);
      fillMask(cut, 5, 'drop0', 17, 0.25);
      expect([...cut]).toEqual([...short.subarray(0, length)]);
    }
  });

  it('keeps all at probability 0', () => {
    const mask = new Uint8Array(1001);
    fillMask(mask, 1, 'm', 0, 0);
    expect(mask.every((value) => value === 1)).toBe(true);
  });
});

describe('normals', () => {
  it('have mean 0, variance 1 and the tails of a normal distribution', () => {
    const values = normals(9, 'data', 'x', 200_001);
    const n = values.length;
    const mean = values.reduce((sum, value) => sum + value, 0) / n;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n;
    const beyond = values.reduce((sum, value) => sum + (Math.abs(value) > 1.959964 ? 1 : 0), 0) / n;
    expect(n).toBe(200_001);
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    expect(Math.abs(beyond - 0.05)).toBeLessThan(5 * Math.sqrt((0.05 * 0.95) / n));
  });
});

describe('portable functions', () => {
  const relative = (value: number, reference: number): number =>
    value === reference ? 0 : Math.abs(value - reference) / Math.abs(reference);
  const grid = uniforms(1, 'data', 'grid', 20_000);

  it('exp agrees with Math.exp', () => {
    let worst = 0;
    for (const u of grid) {
      const x = (u * 2 - 1) * 700;
      worst = Math.max(worst, relative(portableExp(x), Math.exp(x)), relative(portableExp(x / 700), Math.exp(x / 700)));
    }
    expect(worst).toBeLessThan(5e-16);
    expect([0, -0, 710, -746, Infinity, -Infinity].map(portableExp)).toEqual([1, 1, Infinity, 0, Infinity, 0]);
    expect(portableExp(NaN)).toBeNaN();
    expect(Math.abs(portableExp(-740) - Math.exp(-740))).toBeLessThanOrEqual(5e-324);
    expect(portableExp(709.5)).toBeCloseTo(Math.exp(709.5), -294);
  });

  it('log agrees with Math.log', () => {
    let worst = 0;
    for (const u of grid) {
      const x = Math.exp((u * 2 - 1) * 700);
      worst = Math.max(worst, relative(portableLog(x), Math.log(x)), relative(portableLog(0.5 + u), Math.log(0.5 + u)));
    }
    expect(worst).toBeLessThan(1e-15);
    expect([1, 0, Infinity].map(portableLog)).toEqual([0, -Infinity, Infinity]);
    expect(portableLog(-1)).toBeNaN();
    expect(relative(portableLog(5e-324), Math.log(5e-324))).toBeLessThan(1e-15);
  });

  it('sin and cos agree with Math.sin and Math.cos', () => {
    let worst = 0;
    for (const u of grid) {
      for (const reach of [1, 10, 10_000, 800_000]) {
        const x = (u * 2 - 1) * reach;
        worst = Math.max(worst, Math.abs(portableSin(x) - Math.sin(x)), Math.abs(portableCos(x) - Math.cos(x)));
      }
    }
    expect(worst).toBeLessThan(5e-16);
    for (const x of [Math.PI, Math.PI / 2, 2 * Math.PI, 355]) {
      expect(relative(portableSin(x), Math.sin(x))).toBeLessThan(1e-15);
      expect(relative(portableCos(x), Math.cos(x))).toBeLessThan(1e-15);
    }
    expect(() => portableSin(1e6)).toThrow(RangeError);
    expect(() => portableCos(NaN)).toThrow(RangeError);
  });

  it('pow agrees with Math.pow, also for large integer exponents', () => {
    let worst = 0;
    for (let index = 0; index + 1 < grid.length; index += 2) {
      const x = Math.exp((grid[index]! * 2 - 1) * 20);
      const y = (grid[index + 1]! * 2 - 1) * 30;
      worst = Math.max(worst, relative(portablePow(x, y), Math.pow(x, y)), relative(portablePow(x, Math.round(y)), Math.pow(x, Math.round(y))));
    }
    expect(worst).toBeLessThan(2e-15);
    // By Python's decimal with 60 digits, from the double nearest to the base, rounded to the nearest double.
    expect(portablePow(0.9, 10)).toBe(0.3486784401000001);
    expect(portablePow(0.999, 100_000)).toBe(3.5385276883431277e-44);
    expect(relative(portablePow(0.999, 700_000), 6.946374402185022e-305)).toBeLessThan(1e-15);
    expect(relative(portablePow(2, -1074), 5e-324)).toBe(0);
    expect(portablePow(1.5, 1700) / Math.pow(1.5, 1700)).toBeCloseTo(1, 14);
    expect(portablePow(1.5, 1e9)).toBe(Infinity);
    expect(portablePow(0.5, 1e9)).toBe(0);
  });

  it('pow has the special cases of Math.pow', () => {
    const values = [0, -0, 1, -1, 2, -2, 3, -3, 0.5, -0.5, Infinity, -Infinity, NaN];
    for (const x of values) {
      for (const y of values) {
        const exact = Math.pow(x, y);
        const value = portablePow(x, y);
        if (Number.isInteger(y) || !Number.isFinite(exact) || exact === 0) expect([x, y, value]).toEqual([x, y, exact]);
        else expect(relative(value, exact)).toBeLessThan(5e-16);
      }
    }
  });
});
