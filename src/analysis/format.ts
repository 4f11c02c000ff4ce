/** Numbers for people: decimals that the uncertainty deserves, units always, a true minus sign. */

/** Fixed decimals with U+2212 for minus; zero has no sign; `NaN` and infinities in words. */
export function formatFixed(value: number, decimals: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  const text = Math.abs(value).toFixed(decimals);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** The same with a plus sign where positive. */
export function formatSigned(value: number, decimals: number): string {
  const text = formatFixed(value, decimals);
  return value > 0 && Number(text) !== 0 ? `+${text}` : text;
}

/** Most decimals that are ever shown. */
const MOST_DECIMALS = 12;

/** Decimals at which an uncertainty keeps two significant digits: 4 for 0.0021, 2 for 0.10, 0 from 10 on. null where the uncertainty is zero or unknown. */
export function decimalsFor(uncertainty: number | null): number | null {
  if (uncertainty === null || !Number.isFinite(uncertainty) || uncertainty <= 0) return null;
  // toExponential rounds first, so that 0.0996 counts as 0.10 and not as 0.0996.
  const exponent = Number(uncertainty.toExponential(1).split('e')[1]);
  return Math.max(0, Math.min(MOST_DECIMALS, 1 - exponent));
}

/** Decimals for a value of which no uncertainty is known: about four significant digits. */
export function decimalsAlone(value: number): number {
  if (value === 0 || !Number.isFinite(value)) return 4;
  const exponent = Number(Math.abs(value).toExponential(3).split('e')[1]);
  return Math.max(0, Math.min(MOST_DECIMALS, exponent < 0 ? 3 - exponent : 4 - Math.min(4, exponent)));
}

/** Decimals for a difference of which no uncertainty is known: two significant digits, as the values it is taken from have four. */
export function decimalsForDifference(value: number): number {
  return Math.max(0, decimalsAlone(value) - 2);
}

/** A value by itself, four significant digits: `0.9713`, `12.35`, `1.2e-9` where decimals would not do. */
export function formatPlain(value: number | null): string {
  if (value === null) return '–';
  const size = Math.abs(value);
  if (Number.isFinite(value) && size !== 0 && (size < 1e-5 || size >= 1e7)) return value.toExponential(3).replaceAll('-', '−');
  return formatFixed(value, decimalsAlone(value));
}

/** The same of what was measured; a dash where nothing was, and where nothing can be said. */
export function formatMeasured(value: number | null | undefined): string {
  return value === null || value === undefined || Number.isNaN(value) ? '–' : formatPlain(value);
}

/** A whole number with its thousands apart: 12345 → `12,345`. */
export function formatCount(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/gu, ',');
}

/** A duration in seconds: `840 ms`, `3.2 s`, `1 min 44 s`, `2 h 5 min`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '–';
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min${whole % 60 === 0 ? '' : ` ${whole % 60} s`}`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h${minutes % 60 === 0 ? '' : ` ${minutes % 60} min`}`;
}
