import { describe, expect, it } from 'vitest';
import { count, duration, elapsed, estimate, loss, measured, plural, shortHash } from '../../../renderer/format';

describe('format', () => {
  it.each([[null, '–'], [0.123456, '0.1235'], [0, '0.0000'], [-1.5, '−1.5000'], [Number.NaN, 'NaN'], [Infinity, '∞'], [-Infinity, '−∞'], [123_456, '1.23e+5'], [0.00001234, '1.23e−5']])('a loss of %s', (value, text) => {
    expect(loss(value)).toBe(text);
  });
  it.each([[0, '0.0 s'], [412, '0.4 s'], [9_949, '9.9 s'], [9_950, '10 s'], [59_400, '59 s'], [59_600, '1 min 00 s'], [185_000, '3 min 05 s'], [7_620_000, '2 h 07 min'], [-5, '0.0 s']])('a duration of %s ms', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });
  it.each([[-5, '0 s'], [999, '0 s'], [9_999, '9 s'], [10_999, '10 s'], [61_000, '1 min 01 s']])('%s ms so far', (ms, text) => {
    expect(elapsed(ms)).toBe(text);
  });
  it.each([[0.2, '≈ 1 s'], [7.2, '≈ 8 s'], [31, '≈ 35 s'], [58, '≈ 1 min'], [200, '≈ 3 min'], [7200, '≈ 2 h']])('an estimate of %s s', (seconds, text) => {
    expect(estimate(seconds)).toBe(text);
  });
  it.each([
    ['test accuracy', 0.86666, '0.8667'], ['test macro F1', Number.NaN, '–'], ['test perplexity', 23.456, '23.46'], ['test perplexity', 123_456, '1.23e+5'], ['test R²', -0.5, '−0.5000'],
    ['test loss', Number.NaN, 'NaN'], ['val_acc', 0.5, '0.5000'], ['test RMSE', null, '–'],
  ])('a value of %s, %s', (label, value, text) => {
    expect(measured(label, value)).toBe(text);
  });
  it('counts and hashes', () => {
    expect(count(225_000)).toBe('225,000');
    expect([plural(1, 'run'), plural(2, 'run'), plural(0, 'run')]).toEqual(['1 run', '2 runs', '0 runs']);
    expect(shortHash('954cb7f2aa')).toBe('954cb7f2');
  });
});
