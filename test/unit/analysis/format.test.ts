import { describe, expect, it } from 'vitest';
import { formatBytes, formatDuration, formatPlain, formatSigned, formatWithUncertainty } from '../../../src/analysis/format';

describe('formatWithUncertainty', () => {
  it.each([
    [0.971_345_28, 0.0021, '0.9713 ± 0.0021'],
    [0.971_345_28, 0.0996, '0.97 ± 0.10'],
    [0.97, 0.009_96, '0.970 ± 0.010'],
    [123.456, 12.3, '123 ± 12'],
    [-0.000_01, 0.01, '0.000 ± 0.010'],
    [-1.5, 0.25, '−1.50 ± 0.25'],
    [0.9713, 0, '0.9713 ± 0'],
    [0.971_345, null, '0.9713'],
    [0.5, Number.NaN, '0.5000'],
  ])('%d, %d → %s', (mean, half, text) => expect(formatWithUncertainty(mean, half)).toBe(text));
});

describe('plain numbers', () => {
  it.each([[null, '–'], [Number.NaN, 'NaN'], [0, '0.0000'], [0.001_234_5, '0.001234'], [12.345_678, '12.346'], [1.5e-9, '1.500e−9'], [Number.NEGATIVE_INFINITY, '−∞']])('%d → %s', (value, text) => expect(formatPlain(value)).toBe(text));

  it('signs differences', () => {
    expect([formatSigned(0.5, 1), formatSigned(-0.5, 1), formatSigned(0.01, 1), formatSigned(-0.01, 1)]).toEqual(['+0.5', '−0.5', '0.0', '0.0']);
  });
});

describe('units', () => {
  it.each([[0.84, '840 ms'], [3.21, '3.2 s'], [9.96, '10 s'], [59.7, '1 min'], [104, '1 min 44 s'], [3599.8, '1 h'], [7500, '2 h 5 min'], [Number.NaN, '–']])('%d s → %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text));
  it.each([[512, '512 B'], [1434, '1.4 KiB'], [1023.9 * 1024, '1.0 MiB'], [64 * 2 ** 30, '64 GiB']])('%d B → %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));
});
