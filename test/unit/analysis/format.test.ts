import { describe, expect, it } from 'vitest';
import { decimalsFor, formatDuration, formatPlain, formatSigned } from '../../../src/analysis/format';

describe('decimals that an uncertainty deserves', () => {
  it.each([[0.0021, 4], [0.0996, 2], [0.009_96, 3], [0.25, 2], [12.3, 0], [0, null], [null, null], [Number.NaN, null]])('%d → %s', (uncertainty, decimals) => expect(decimalsFor(uncertainty)).toBe(decimals));
});

describe('plain numbers', () => {
  it.each([[null, '–'], [Number.NaN, 'NaN'], [0, '0.0000'], [0.001_234_5, '0.001234'], [12.345_678, '12.346'], [1.5e-9, '1.500e−9'], [Number.NEGATIVE_INFINITY, '−∞']])('%d → %s', (value, text) => expect(formatPlain(value)).toBe(text));

  it('signs differences', () => {
    expect([formatSigned(0.5, 1), formatSigned(-0.5, 1), formatSigned(0.01, 1), formatSigned(-0.01, 1)]).toEqual(['+0.5', '−0.5', '0.0', '0.0']);
  });
});

describe('units', () => {
  it.each([[0.84, '840 ms'], [3.21, '3.2 s'], [9.96, '10 s'], [59.7, '1 min'], [104, '1 min 44 s'], [3599.8, '1 h'], [7500, '2 h 5 min'], [Number.NaN, '–']])('%d s → %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text));
});
