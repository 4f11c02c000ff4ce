/** What a filter and an order mean: the reference by which the database's answers are judged. */
import type { AttributeName, Comparison, Condition, Field, Filter, Order, Value } from './ast';
import { numberIn } from './literals';

/** All that a filter can know of a run. */
export interface RunDocument {
  /** Durations in seconds, times in milliseconds since 1970. */
  readonly attributes: Readonly<Record<AttributeName, string | number | null>>;
  /** `min` and `max` over all points that are no NaN; null where there is none. */
  readonly metrics: ReadonlyMap<string, { readonly last: number; readonly min: number | null; readonly max: number | null }>;
  readonly params: ReadonlyMap<string, string>;
  readonly tags: ReadonlyMap<string, string>;
  readonly datasets: readonly { readonly name: string; readonly digest: string; readonly context: string | null }[];
}

export function meets(run: RunDocument, filter: Filter): boolean {
  switch (filter.type) {
    case 'and':
      return filter.terms.every((term) => meets(run, term));
    case 'or':
      return filter.terms.some((term) => meets(run, term));
    case 'not':
      return !meets(run, filter.term);
    case 'word':
      return hasWord(run, filter.word);
    case 'null':
      return (valuesOf(run, filter.field).length === 0) !== filter.negated;
    default:
      return valuesOf(run, filter.field).some((value) => holds(value, filter));
  }
}

/** Where words are looked for. */
export const WORD_ATTRIBUTES = ['name', 'experiment', 'variant', 'seed', 'status', 'run_id', 'reproduction_id'] as const satisfies readonly AttributeName[];
export const WORD_HASHES = ['config_hash', 'compute_hash', 'weights_hash'] as const satisfies readonly AttributeName[];

/** Anywhere in a hash, a short number would be found in most runs; people copy the beginning. */
export function canBeginHash(word: string): boolean {
  return /^[0-9a-f]{4,}$/iu.test(word);
}

function hasWord({ attributes }: RunDocument, word: string): boolean {
  const wanted = lowered(word);
  const value = (name: AttributeName): string => lowered(String(attributes[name] ?? ''));
  return WORD_ATTRIBUTES.some((name) => value(name).includes(wanted)) || (canBeginHash(word) && WORD_HASHES.some((name) => value(name).startsWith(wanted)));
}

/** What the run has of a field: nothing, one value, or one of each data set. */
function valuesOf(run: RunDocument, field: Field): readonly (string | number)[] {
  if (field.kind === 'dataset') {
    return run.datasets.flatMap((dataset) => {
      const value = dataset[field.part];
      return value === null ? [] : [value];
    });
  }
  const value = fieldValue(run, field);
  return value === null ? [] : [value];
}

function fieldValue(run: RunDocument, field: Exclude<Field, { kind: 'dataset' }>): string | number | null {
  switch (field.kind) {
    case 'metric':
      return run.metrics.get(field.key)?.[field.of] ?? null;
    case 'param':
      return run.params.get(field.key) ?? null;
    case 'tag':
      return run.tags.get(field.key) ?? null;
    case 'attribute':
      return run.attributes[field.name];
  }
}

function holds(value: string | number, condition: Exclude<Condition, { type: 'null' | 'word' }>): boolean {
  switch (condition.type) {
    case 'compare':
      return compares(value, condition.op, condition.value);
    case 'in':
      return condition.values.some((wanted) => compares(value, '=', wanted)) !== condition.negated;
    case 'like':
      return isLike(String(value), condition.pattern, condition.ignoreCase) !== condition.negated;
  }
}

function compares(value: string | number, op: Comparison, wanted: Value): boolean {
  if (op === '!=') return !compares(value, '=', wanted);
  switch (wanted.type) {
    case 'number': {
      const number = typeof value === 'number' ? value : numberIn(value);
      if (number === null) return false;
      return op === '=' ? number === wanted.value || (Number.isNaN(number) && Number.isNaN(wanted.value)) : inOrder(number, op, wanted.value, wanted.value);
    }
    case 'time':
      return typeof value === 'number' && (op === '=' ? value >= wanted.from && value <= wanted.to : inOrder(value, op, wanted.from, wanted.to));
    case 'boolean':
      return lowered(String(value)) === String(wanted.value);
    case 'text': {
      const order = compareText(String(value), wanted.value);
      return op === '=' ? order === 0 : inOrder(order, op, 0, 0);
    }
  }
}

/** Against a stretch: before or after all of it. */
function inOrder(value: number, op: '<' | '<=' | '>' | '>=', from: number, to: number): boolean {
  switch (op) {
    case '<':
      return value < from;
    case '<=':
      return value <= to;
    case '>':
      return value > to;
    case '>=':
      return value >= from;
  }
}

/** By code points, as SQLite compares. */
export function compareText(a: string, b: string): number {
  const [left, right] = [a[Symbol.iterator](), b[Symbol.iterator]()];
  for (;;) {
    const [x, y] = [left.next(), right.next()];
    if (x.done === true || y.done === true) return Number(y.done ?? false) - Number(x.done ?? false);
    const difference = (x.value.codePointAt(0) ?? 0) - (y.value.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
}

const lowered = (text: string): string => text.replaceAll(/[A-Z]/gu, (letter) => letter.toLowerCase());

/** `%` stands for any text, `_` for one character; time is at most text × pattern. */
export function isLike(text: string, pattern: string, ignoreCase: boolean): boolean {
  const characters = [...(ignoreCase ? lowered(text) : text)];
  const wanted = [...(ignoreCase ? lowered(pattern) : pattern)];
  let [at, place] = [0, 0];
  // Where the latest % stands, and how much of the text it takes so far.
  let [any, taken] = [-1, 0];
  while (at < characters.length) {
    if (wanted[place] === '%') {
      any = place;
      taken = at;
      place += 1;
    } else if (place < wanted.length && (wanted[place] === '_' || wanted[place] === characters[at])) {
      at += 1;
      place += 1;
    } else if (any >= 0) {
      taken += 1;
      at = taken;
      place = any + 1;
    } else return false;
  }
  return wanted.slice(place).every((character) => character === '%');
}

/** Negative where the first run comes first. Equal runs are told apart by the caller. */
export function compareRuns(a: RunDocument, b: RunDocument, order: readonly Order[]): number {
  for (const { field, descending } of order) {
    const [left, right] = [sortKey(a, field), sortKey(b, field)];
    const rank = rankOf(left) - rankOf(right);
    if (rank !== 0) return rank;
    const difference = compareKeys(left, right);
    if (difference !== 0) return descending ? -difference : difference;
  }
  return 0;
}

/** What a run is sorted by: the number that it is or spells, and its text; null where the run lacks the field. */
type SortKey = { readonly number: number | null; readonly text: string } | null;

/** Of several data sets the smallest name counts. */
function sortKey(run: RunDocument, field: Field): SortKey {
  const value = field.kind === 'dataset' ? (valuesOf(run, field).map(String).sort(compareText)[0] ?? null) : fieldValue(run, field);
  if (value === null) return null;
  if (typeof value === 'number') return { number: Number.isNaN(value) ? null : value, text: '' };
  return { number: field.kind === 'param' || field.kind === 'tag' ? numberIn(value) : null, text: value };
}

function rankOf(key: SortKey): number {
  return key === null ? 2 : key.number === null ? 1 : 0;
}

function compareKeys(left: SortKey, right: SortKey): number {
  if (left === null || right === null) return 0;
  const [a, b] = [left.number ?? 0, right.number ?? 0];
  return a < b ? -1 : a > b ? 1 : compareText(left.text, right.text);
}
