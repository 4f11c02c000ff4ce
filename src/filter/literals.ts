/** Numbers, durations and times as people write them. */

const NUMBER = /^\s*[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?\s*$/iu;

/**
 * The finite number that a text spells in decimal, or null: `3`, `-0.5`, `.5`, `1e-3`; spaces around it do not count.
 * This is what a parameter or a tag counts as against a number.
 */
export function numberIn(text: string): number | null {
  if (!NUMBER.test(text)) return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

const SPECIAL: ReadonlyMap<string, number> = new Map([
  ['nan', Number.NaN],
  ['inf', Infinity],
  ['+inf', Infinity],
  ['-inf', -Infinity],
  ['infinity', Infinity],
  ['+infinity', Infinity],
  ['-infinity', -Infinity],
]);

/** A number of a metric: also `nan`, `inf`, `-inf`. */
export function numberOrSpecial(text: string): number | null {
  return numberIn(text) ?? SPECIAL.get(text.toLowerCase()) ?? null;
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, sec: 1, m: 60, min: 60, h: 3600, d: 86_400, w: 604_800 };

/** Seconds of `90s`, `1h30m`, `2.5d`, `500ms`; null for anything else. */
export function durationIn(text: string): number | null {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|sec|s|min|m|h|d|w))+$/iu.test(text)) return null;
  let seconds = 0;
  for (const [, count = '', unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ms|sec|s|min|m|h|d|w)/giu)) seconds += Number(count) * (UNIT_SECONDS[unit.toLowerCase()] ?? 0);
  return seconds;
}

/** Both ends included, milliseconds since 1970. */
export interface TimeSpan {
  readonly from: number;
  readonly to: number;
}

const DATE = /^(\d{4})(?:-(\d{2})(?:-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:?\d{2})?)?)?)?$/iu;

/**
 * The year, month, day, minute, second or millisecond that a text names: `2026`, `2026-11`, `2026-11-01`,
 * `2026-11-01 13:45`, `2026-11-01T13:45:10.250Z`. Without a zone it is meant in the time zone of this machine.
 */
export function dateIn(text: string): TimeSpan | null {
  const match = DATE.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, fraction, zone] = match;
  const parts = [Number(year), Number(month ?? 1) - 1, Number(day ?? 1), Number(hour ?? 0), Number(minute ?? 0), Number(second ?? 0), Number((fraction ?? '').slice(0, 3).padEnd(3, '0'))] as const;
  const finest = [year, month, day, hour, minute, second, fraction].findLastIndex((part) => part !== undefined);
  // An hour is never written without its minute.
  const next = parts.map((part, index) => (index === finest ? part + 1 : part)) as unknown as typeof parts;
  const from = instant(parts, zone);
  const isReal = new Date(Date.UTC(...parts)).toISOString().startsWith(text.slice(0, 10)) && parts[3] < 24 && parts[4] < 60 && parts[5] < 60;
  return isReal && Number.isFinite(from) ? { from, to: instant(next, zone) - 1 } : null;
}

function instant(parts: readonly [number, number, number, number, number, number, number], zone: string | undefined): number {
  if (zone === undefined) return new Date(...parts).getTime();
  const [, sign = '+', hours = '0', minutes = '0'] = /^([+-])(\d{2}):?(\d{2})$/u.exec(zone) ?? [];
  return Date.UTC(...parts) - (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
}

const RELATIVE = /^(now|today|yesterday)(?:([+-])(.+))?$/iu;

/** `now`, `now-7d`, `today`, `yesterday`; without spaces. */
export function relativeTime(text: string, now: number): TimeSpan | null {
  const match = RELATIVE.exec(text);
  if (match === null) return null;
  const [, word = '', sign, duration] = match;
  const seconds = duration === undefined ? 0 : durationIn(duration);
  if (seconds === null) return null;
  const shift = (sign === '-' ? -1 : 1) * seconds * 1000;
  const day = new Date(now);
  const midnight = (days: number): number => new Date(day.getFullYear(), day.getMonth(), day.getDate() + days).getTime();
  switch (word.toLowerCase()) {
    case 'today':
      return { from: midnight(0) + shift, to: midnight(1) - 1 + shift };
    case 'yesterday':
      return { from: midnight(-1) + shift, to: midnight(0) - 1 + shift };
    default:
      return { from: now + shift, to: now + shift };
  }
}
