/**
 * MLflow's filters and orders of experiments and logged models: conditions joined by AND, over few things that are in
 * memory. Runs are searched with Reprise's own filter language, of which MLflow's is a part.
 */
import { isLike } from '../../filter/evaluate';
import { tokensOf, wordOf, type Token } from '../../filter/lexer';
import { invalid } from './errors';

/** A field as it was written: `tags.stage` → `tags`, `stage`; `name` → null, `name`. */
export interface FieldName {
  readonly prefix: string | null;
  readonly key: string;
}

export type FieldValue = string | number | null;

/** What a thing has by that name, null where it lacks it. @throws MlflowError INVALID_PARAMETER_VALUE for a field that there is not */
export type ReadField<T> = (thing: T, field: FieldName) => FieldValue;

type Test = (value: FieldValue) => boolean;

interface Condition {
  readonly field: FieldName;
  readonly test: Test;
}

function fieldOf(token: Token | undefined): FieldName {
  if (token?.type !== 'name') throw invalid('Invalid filter: the name of a field is expected.');
  const [first, ...rest] = token.pieces;
  const text = first?.text ?? '';
  const dot = first?.quote === '' ? text.indexOf('.') : -1;
  if (dot === -1) return { prefix: null, key: token.pieces.map((piece) => piece.text).join('') };
  return { prefix: text.slice(0, dot), key: [text.slice(dot + 1), ...rest.map((piece) => piece.text)].join('') };
}

/** Text between quotes of either kind, or a number. */
function literalOf(token: Token | undefined): string | number {
  if (token?.type === 'string') return token.text;
  if (token?.type === 'name') {
    const number = token.bare === null ? Number.NaN : Number(token.bare);
    if (token.bare === null) return token.pieces.map((piece) => piece.text).join('');
    if (!Number.isNaN(number)) return number;
  }
  throw invalid('Invalid filter: a number or a text in quotes is expected.');
}

function comparison(operator: string, wanted: string | number): Test {
  const like = (value: FieldValue): value is string | number => value !== null && typeof value === typeof wanted;
  switch (operator) {
    case '=':
      return (value) => value === wanted;
    case '!=':
      return (value) => value !== null && value !== wanted;
    case '<':
      return (value) => like(value) && value < wanted;
    case '<=':
      return (value) => like(value) && value <= wanted;
    case '>':
      return (value) => like(value) && value > wanted;
    case '>=':
      return (value) => like(value) && value >= wanted;
    case 'like':
    case 'ilike':
      return (value) => value !== null && isLike(String(value), String(wanted), operator === 'ilike');
    default:
      throw invalid(`Invalid filter: "${operator}" is not a comparison; use =, !=, <, <=, >, >=, LIKE or ILIKE.`);
  }
}

function conditionsOf(filter: string): Condition[] {
  const tokens = tokensOf(filter);
  const conditions: Condition[] = [];
  for (let at = 0; tokens[at]?.type !== 'end'; at += 1) {
    if (conditions.length > 0) {
      if (wordOf(tokens[at] as Token) !== 'and') throw invalid('Invalid filter: conditions are joined by AND.');
      at += 1;
    }
    const field = fieldOf(tokens[at]);
    const operator = tokens[at + 1] === undefined ? '' : (wordOf(tokens[at + 1] as Token) ?? '');
    conditions.push({ field, test: comparison(operator, literalOf(tokens[at + 2])) });
    at += 2;
  }
  return conditions;
}

/** Those that meet all conditions. @throws MlflowError, RepriseError FILTER_INVALID */
export function select<T>(things: readonly T[], filter: string | undefined, read: ReadField<T>): T[] {
  const conditions = filter === undefined ? [] : conditionsOf(filter);
  return things.filter((thing) => conditions.every(({ field, test }) => test(read(thing, field))));
}

export interface OrderBy {
  readonly field: FieldName;
  readonly descending: boolean;
}

/** `name DESC`, `last_update_time`. */
export function orderOf(clause: string): OrderBy {
  const tokens = tokensOf(clause);
  const direction = tokens[1] === undefined || tokens[1].type === 'end' ? 'asc' : wordOf(tokens[1]);
  if ((direction !== 'asc' && direction !== 'desc') || (tokens[2] ?? tokens[1])?.type !== 'end') throw invalid(`Invalid order_by clause '${clause}'.`);
  return { field: fieldOf(tokens[0]), descending: direction === 'desc' };
}

/** Sorted by one after the other; what lacks the field comes last either way. */
export function sorted<T>(things: readonly T[], orders: readonly OrderBy[], read: ReadField<T>): T[] {
  return [...things].sort((left, right) => {
    for (const { field, descending } of orders) {
      const [a, b] = [read(left, field), read(right, field)];
      if (a === b) continue;
      if (a === null || b === null) return a === null ? 1 : -1;
      const sign = a < b ? -1 : 1;
      return descending ? -sign : sign;
    }
    return 0;
  });
}
