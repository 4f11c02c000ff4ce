/** Numbers and times as the window shows them. */
import { formatFixed } from '../src/analysis/format';
import { METRICS, testMetricOf } from '../src/config/metrics';

const thousands = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** 12345 → `12,345`. */
export function count(value: number): string {
  return thousands.format(value);
}

/** `1 run`, `2 runs`. */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** A loss with four decimals; very large or very small ones with an exponent; what is no number by its name. */
export function loss(value: number | null): string {
  if (value === null) return '–';
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  const size = Math.abs(value);
  if (size !== 0 && (size >= 10_000 || size < 0.0001)) return value.toExponential(2).replace('-', '−');
  return value.toFixed(4).replace('-', '−');
}

/** A value of a metric of the test split (`test macro F1`) with that metric's decimals; of any other series as a loss. */
export function measured(label: string, value: number | null): string {
  const name = testMetricOf(label);
  if (name === null || name === 'loss' || value === null) return loss(value);
  if (Number.isNaN(value)) return '–';
  return Math.abs(value) < 10_000 ? formatFixed(value, METRICS[name].decimals) : loss(value);
}

/** A duration in milliseconds: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 07 min`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const pad = (part: number): string => String(part).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
}

/** A duration that still grows, in whole seconds: tenths would flicker. */
export function elapsed(ms: number): string {
  const seconds = Math.floor(Math.max(0, ms) / 1000);
  return seconds < 10 ? `${seconds} s` : duration(seconds * 1000);
}

/** An estimated duration in seconds, no finer than an estimate deserves: `≈ 5 s`, `≈ 40 s`, `≈ 3 min`, `≈ 2 h`. */
export function estimate(seconds: number): string {
  if (seconds < 10) return `≈ ${Math.max(1, Math.ceil(seconds))} s`;
  if (seconds < 55) return `≈ ${Math.ceil(seconds / 5) * 5} s`;
  if (seconds < 90 * 60) return `≈ ${Math.max(1, Math.round(seconds / 60))} min`;
  return `≈ ${Math.round(seconds / 3600)} h`;
}

/** A moment in local time: `2026-11-23 01:12`. */
export function moment(ms: number): string {
  const date = new Date(ms);
  const pad = (part: number): string => String(part).padStart(2, '0');
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${pad(date.getHours())}:${pad(date.getMinutes())}`;
}

/** The first 8 digits of a hash. */
export function shortHash(hash: string): string {
  return hash.slice(0, 8);
}

/** A size in bytes: `840 B`, `12 kB`, `3.4 MB`; powers of 1000, as disks are sold. */
export function bytes(size: number): string {
  return inThousands(size, ['B', 'kB', 'MB', 'GB', 'TB']);
}

/** Floating-point operations: `840 FLOP`, `7.2 MFLOP`. */
export function operations(flops: number): string {
  return inThousands(flops, ['FLOP', 'kFLOP', 'MFLOP', 'GFLOP', 'TFLOP', 'PFLOP']);
}

/** @param units each a thousand of the one before */
function inThousands(size: number, units: readonly string[]): string {
  if (size < 1000) return `${size} ${units[0]}`;
  let value = size;
  let unit = 0;
  // 999.5 would round to 1000 of the smaller unit.
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}
