/** What part of the plane a chart of curves shows. */
import type { Line } from './types';

/** Ends of both axes as plotly has them: powers of ten on a logarithmic one. */
export interface Ranges {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
}

/** Smallest and largest finite value, positive ones only for a logarithmic axis; null where there is none. */
export function extent(series: readonly ArrayLike<number>[], positive = false): readonly [number, number] | null {
  let low = Infinity;
  let high = -Infinity;
  for (const values of series) {
    for (let index = 0; index < values.length; index += 1) {
      const value = values[index] ?? Number.NaN;
      if (!Number.isFinite(value) || (positive && value <= 0)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low > high ? null : [low, high];
}

/** The extent with a margin of 5 % on both sides; never empty. */
export function padded([low, high]: readonly [number, number]): readonly [number, number] {
  const margin = high > low ? (high - low) * 0.05 : Math.max(Math.abs(high) * 0.05, 1e-9);
  return [low - margin, high + margin];
}

/** Share of the lines' extent to which their bands may widen it: with few seeds some are so wide that the lines would be flat. */
const BAND_SHARE = 0.15;

/** A line that reaches so many times as far as half of the lines do is not shown whole: the others would be flat. */
const FAR = 100;

/** Lines that leave a linear axis because they diverge. */
export function beyond(lines: readonly Line[]): readonly Line[] {
  const reach = (line: Line): number => Math.max(...(extent([line.y]) ?? [0, 0]).map(Math.abs));
  const sorted = lines.map(reach).toSorted((left, right) => left - right);
  const typical = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
  return typical === 0 ? [] : lines.filter((line) => reach(line) > FAR * typical);
}

function verticalExtent(lines: readonly Line[], logY: boolean): readonly [number, number] {
  const own = extent(lines.flatMap(({ y, raw }) => (raw === undefined ? [y] : [y, raw])), logY);
  if (own === null) return logY ? [0.1, 1] : [0, 1];
  const bands = logY ? null : extent(lines.flatMap(({ band }) => (band === undefined ? [] : [band.low, band.high])));
  if (bands === null) return own;
  const [low, high] = own;
  const more = (high - low) * BAND_SHARE;
  return [Math.min(low, Math.max(bands[0], low - more)), Math.max(high, Math.min(bands[1], high + more))];
}

/** Ends of both axes that show the lines; of a logarithmic one, powers of ten. */
export function fullRanges(lines: readonly Line[], logY: boolean): Ranges {
  const x = extent(lines.map((line) => line.x)) ?? [0, 1];
  const far = logY ? [] : beyond(lines);
  const [low, high] = verticalExtent(far.length === 0 ? lines : lines.filter((line) => !far.includes(line)), logY);
  return { x: x[0] === x[1] ? padded(x) : x, y: padded(logY ? [Math.log10(low), Math.log10(high)] : [low, high]) };
}

/** 10^exponent as an axis says it. */
function powerText(exponent: number): string {
  if (exponent < -3 || exponent > 3) return `10<sup>${String(exponent).replace('-', '−')}</sup>`;
  return exponent < 0 ? (10 ** exponent).toFixed(-exponent) : String(10 ** exponent);
}

/**
 * Ticks of a logarithmic axis between two powers of ten, in plotly's words: 1-2-5 over at most three powers, whole
 * powers, about 8 of them, over more. Nothing, so that plotly finds its own, where the axis has not room for 1-2-5.
 */
export function logTicks([low, high]: readonly [number, number]): { readonly tickvals?: readonly number[]; readonly ticktext?: readonly string[] } {
  const powers = high - low;
  if (powers < 0.7) return {};
  const ticks: { value: number; text: string }[] = [];
  const step = powers <= 3 ? 1 : Math.ceil(powers / 8);
  for (let exponent = Math.floor(low); exponent <= high; exponent += 1) {
    if (exponent % step !== 0) continue;
    for (const digit of powers <= 3 ? [1, 2, 5] : [1]) {
      const at = exponent + Math.log10(digit);
      if (at < low || at > high) continue;
      const text = digit === 1 ? powerText(exponent) : Math.abs(exponent) > 3 ? `${digit}·${powerText(exponent)}` : (digit * 10 ** exponent).toFixed(Math.max(0, -exponent));
      ticks.push({ value: digit * 10 ** exponent, text });
    }
  }
  return { tickvals: ticks.map(({ value }) => value), ticktext: ticks.map(({ text }) => text) };
}
