/** Metrics in a line of JSON, as programs write them. */
import { isMapping } from '../../config/mapping';

export interface LinePoint {
  readonly key: string;
  readonly value: number;
  /** Null where the line names none: then points of a key count up. */
  readonly step: number | null;
  /** Milliseconds since 1970; null where the line names none. */
  readonly time: number | null;
}

const STEP_NAMES = ['step', 'global_step', '_step'] as const;
const TIME_NAMES = ['time', 'timestamp', '_timestamp'] as const;
/** Below it a time is in seconds: as milliseconds it would be before 1973. */
const FIRST_MILLISECONDS = 1e11;
const DEEPEST = 8;

/** Words that Python's `json` writes for numbers that JSON does not have. */
const PYTHON_NUMBER = /"(?:[^"\\]|\\.)*"|-?Infinity\b|\bNaN\b/gu;

/** The object of a line; null where it holds none. NaN and infinities become texts. */
function readObject(line: string): Readonly<Record<string, unknown>> | null {
  const parse = (text: string): unknown => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return null;
    }
  };
  const value = parse(line) ?? (/NaN|Infinity/u.test(line) ? parse(line.replaceAll(PYTHON_NUMBER, (word) => (word.startsWith('"') ? word : `"${word}"`))) : null);
  return isMapping(value) ? value : null;
}

/** A number, or a text that says one which JSON does not have; null for anything else. */
export function numberOf(value: unknown): number | null {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return null;
  switch (value.toLowerCase()) {
    case 'nan':
      return Number.NaN;
    case 'inf':
    case '+inf':
    case 'infinity':
      return Number.POSITIVE_INFINITY;
    case '-inf':
    case '-infinity':
      return Number.NEGATIVE_INFINITY;
    default:
      return null;
  }
}

function stepOf(object: Readonly<Record<string, unknown>>): number | null {
  const name = STEP_NAMES.find((candidate) => Object.hasOwn(object, candidate));
  const step = name === undefined ? undefined : object[name];
  return typeof step === 'number' && Number.isSafeInteger(Math.trunc(step)) ? Math.trunc(step) : null;
}

function timeOf(object: Readonly<Record<string, unknown>>): number | null {
  const name = TIME_NAMES.find((candidate) => Object.hasOwn(object, candidate));
  const time = name === undefined ? undefined : object[name];
  const milliseconds = typeof time === 'string' ? Date.parse(time) : typeof time === 'number' ? (time < FIRST_MILLISECONDS ? time * 1000 : time) : Number.NaN;
  return Number.isSafeInteger(Math.trunc(milliseconds)) && milliseconds > 0 ? Math.trunc(milliseconds) : null;
}

/** Numbers of an object by name, those of inner objects with `/` between the names; null where something else is among them. */
function numbersIn(object: Readonly<Record<string, unknown>>, prefix: string, leave: ReadonlySet<string>, depth = 0): { readonly numbers: [string, number][]; readonly pure: boolean } {
  const numbers: [string, number][] = [];
  let pure = true;
  for (const [name, value] of Object.entries(object)) {
    if (leave.has(name)) continue;
    const number = numberOf(value);
    if (number !== null) numbers.push([`${prefix}${name}`, number]);
    else if (isMapping(value) && depth < DEEPEST) {
      const inner = numbersIn(value, `${prefix}${name}/`, new Set(), depth + 1);
      numbers.push(...inner.numbers);
      pure &&= inner.pure;
    } else pure = false;
  }
  return { numbers, pure };
}

/**
 * The points of a line: `{"step": 3, "loss": 0.5, "val": {"loss": 0.6}}` has two, `loss` and `val/loss`;
 * `{"key": "loss", "value": 0.5, "step": 3}` has one. `time` is in seconds or milliseconds since 1970, or an ISO date.
 * @param strict only where the line says nothing but numbers: then it is no line of a log that happens to be JSON
 * @returns null where the line is no such object
 */
export function pointsInJson(line: string, strict: boolean): LinePoint[] | null {
  const text = line.trim();
  if (!text.startsWith('{') || !text.endsWith('}')) return null;
  const object = readObject(text);
  if (object === null) return null;
  const [step, time] = [stepOf(object), timeOf(object)];
  if (typeof object['key'] === 'string' && Object.hasOwn(object, 'value')) {
    const value = numberOf(object['value']);
    return value === null ? null : [{ key: object['key'], value, step, time }];
  }
  const leave = new Set<string>([...(step === null ? [] : STEP_NAMES), ...(time === null ? [] : TIME_NAMES)]);
  const { numbers, pure } = numbersIn(object, '', leave);
  if (numbers.length === 0 || (strict && !pure)) return null;
  return numbers.map(([key, value]) => ({ key, value, step, time }));
}
