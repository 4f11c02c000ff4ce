/**
 * Reads filters and orders of runs. The grammar, loosest first:
 *
 *     filter     = and { "or" and }
 *     and        = not { "and" not }
 *     not        = "not" not | "(" filter ")" | condition
 *     condition  = text in quotes
 *                | field op value | value op field [ op value ]
 *                | field [ "not" ] ( "in" "(" value { "," value } ")" | "like" text | "ilike" text | "between" value "and" value )
 *                | field "is" [ "not" ] "null"
 *     op         = "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">="
 *     field      = attribute | ( "metrics" | "params" | "tags" | "attributes" | "datasets" ) "." name | ( "min" | "max" ) "(" field ")"
 *     order      = field [ "asc" | "desc" ] { "," field [ "asc" | "desc" ] }
 *
 * Keywords may be in upper case. MLflow's filters and orders are a part of it and mean the same, but for this:
 * the case of a status makes no difference, and an order puts parameters that are numbers by size.
 */
import type { Comparison, Condition, Field, Filter, Order, Value } from './ast';
import { fieldOf, nameOf, shown, typeOf } from './fields';
import { describe, keywordHint, tokensOf, wordOf, type Token } from './lexer';
import { filterProblem } from './problems';
import { patternOf, valueOf, wordValues } from './values';

/** A filter may be this long, in characters; what is longer was not written by a person. */
export const LONGEST_FILTER = 100_000;
/** Parentheses and "not" within one another, and conditions in all: more would be too much for SQLite's parser. */
export const DEEPEST_FILTER = 40;
export const MOST_CONDITIONS = 200;
/** Of one `in (…)`. */
export const MOST_VALUES = 10_000;
export const MOST_ORDERS = 8;

const COMPARISONS: readonly string[] = ['=', '!=', '<', '<=', '>', '>='] satisfies Comparison[];
const FLIPPED: Readonly<Record<Comparison, Comparison>> = { '=': '=', '!=': '!=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' };
const AFTER_FIELD = ['in', 'not', 'like', 'ilike', 'is', 'between'];
const AFTER_CONDITION = ['and', 'or'];
const AFTER_WORD = ['and', 'or', ')'];

/**
 * Reads a filter; null where the text has none (it is empty or blank).
 * @param now milliseconds since 1970: what `now` in the text means
 * @throws RepriseError FILTER_INVALID; its first problem's path is the column, counted from 1
 */
export function parseFilter(text: string, now: number = Date.now()): Filter | null {
  return new Parser(text, now).filter();
}

/**
 * Reads `metrics.acc desc, params.lr`; an empty list where the text is blank.
 * @throws RepriseError FILTER_INVALID, also where a field stands twice
 */
export function parseOrder(text: string): Order[] {
  return new Parser(text, 0).order();
}

/** Reads `params.model.kind, tags.paper`. @throws RepriseError FILTER_INVALID, also where a field stands twice */
export function parseFields(text: string): Field[] {
  return new Parser(text, 0).fields();
}

class Parser {
  readonly #text: string;
  readonly #now: number;
  readonly #tokens: readonly Token[];
  #place = 0;
  #depth = 0;
  #conditions = 0;

  constructor(text: string, now: number) {
    if (text.length > LONGEST_FILTER) throw filterProblem(LONGEST_FILTER, `it is longer than ${LONGEST_FILTER} characters.`);
    // SQLite's functions take it for the end of a text.
    const nul = text.indexOf('\0');
    if (nul !== -1) throw filterProblem(nul, 'the character NUL cannot be looked for.');
    this.#text = text;
    this.#now = now;
    this.#tokens = tokensOf(text);
  }

  filter(): Filter | null {
    if (this.#next().type === 'end') return null;
    const filter = this.#or();
    const rest = this.#next();
    if (rest.type !== 'end') {
      throw filterProblem(
        rest.at,
        wordOf(rest) === ')' ? 'this parenthesis closes none.' : `"and", "or" or the end is expected, not ${describe(rest, this.#text)}.`,
        keywordHint(rest, AFTER_CONDITION) ?? (rest.type === 'name' ? 'Text of several words stands in quotes.' : undefined),
      );
    }
    return filter;
  }

  order(): Order[] {
    return this.#list((field): Order => ({ field, descending: (this.#accept('asc') ?? this.#accept('desc')) === 'desc' }), '"asc", "desc", a comma or the end');
  }

  fields(): Field[] {
    return this.#list((field) => field, 'a comma or the end');
  }

  /** What is read by fields, with a comma between. */
  #list<T>(read: (field: Field) => T, expected: string): T[] {
    const found: T[] = [];
    const seen = new Set<string>();
    if (this.#next().type === 'end') return found;
    do {
      const { at } = this.#next();
      const field = this.#field();
      const name = nameOf(field);
      if (seen.has(name)) throw filterProblem(at, `${shown(name)} stands twice.`);
      if (seen.size === MOST_ORDERS) throw filterProblem(at, `there are more than ${MOST_ORDERS} fields.`);
      seen.add(name);
      found.push(read(field));
    } while (this.#accept(',') !== null);
    const rest = this.#next();
    if (rest.type !== 'end') throw filterProblem(rest.at, `${expected} is expected, not ${describe(rest, this.#text)}.`);
    return found;
  }

  #or(): Filter {
    return this.#joined('or', () => this.#joined('and', () => this.#not()));
  }

  #joined(type: 'and' | 'or', term: () => Filter): Filter {
    const terms: Filter[] = [];
    do {
      const read = term();
      // A group within a group of the same kind is the same as one.
      if (read.type === type) terms.push(...read.terms);
      else terms.push(read);
    } while (this.#accept(type) !== null);
    const [first] = terms;
    return terms.length === 1 && first !== undefined ? first : { type, terms };
  }

  #not(): Filter {
    const token = this.#next();
    if (this.#accept('not') !== null) return this.#deeper(token, () => ({ type: 'not', term: this.#not() }));
    if (this.#accept('(') === null) return this.#condition();
    return this.#deeper(token, () => {
      const filter = this.#or();
      const close = this.#next();
      if (this.#accept(')') === null) {
        throw filterProblem(close.at, `"and", "or" or ")" is expected, not ${describe(close, this.#text)}.`, keywordHint(close, AFTER_CONDITION) ?? `The parenthesis of column ${token.at + 1} is still open.`);
      }
      return filter;
    });
  }

  #deeper<T>(token: Token, read: () => T): T {
    this.#depth += 1;
    if (this.#depth > DEEPEST_FILTER) throw filterProblem(token.at, `more than ${DEEPEST_FILTER} parentheses and "not" lie within one another.`);
    const result = read();
    this.#depth -= 1;
    return result;
  }

  #condition(): Filter {
    const { at } = this.#next();
    this.#count(at);
    const word = this.#word();
    if (word !== null) return { type: 'word', word, at };
    if (this.#startsWithValue()) return this.#turned(at);
    const field = this.#field();
    const token = this.#next();
    const op = this.#comparison();
    if (op !== null) return this.#compare(field, op, token, at);
    const negated = this.#accept('not') !== null;
    switch (this.#accept('in') ?? this.#accept('like') ?? this.#accept('ilike') ?? this.#accept('between') ?? (negated ? null : this.#accept('is'))) {
      case 'in':
        return { type: 'in', field, negated, values: this.#values(field), at };
      case 'like':
        return { type: 'like', field, negated, ignoreCase: false, pattern: this.#pattern(field, token), at };
      case 'ilike':
        return { type: 'like', field, negated, ignoreCase: true, pattern: this.#pattern(field, token), at };
      case 'between':
        return this.#between(field, negated, token, at);
      case 'is': {
        const isNegated = this.#accept('not') !== null;
        const word = this.#next();
        if (this.#accept('null') === null) throw filterProblem(word.at, `"null"${isNegated ? '' : ' or "not null"'} is expected, not ${describe(word, this.#text)}.`, 'To compare with a value, write = or !=.');
        return { type: 'null', field, negated: isNegated, at };
      }
      default: {
        const wrong = this.#next();
        throw filterProblem(
          wrong.at,
          `a comparison is expected after ${shown(nameOf(field))} (=, !=, <, <=, >, >=, in, like, between, is null), not ${describe(wrong, this.#text)}.`,
          keywordHint(wrong, AFTER_FIELD),
        );
      }
    }
  }

  /** `0.1 > metrics.loss`, `1e-5 < params.lr < 1e-2`. */
  #turned(at: number): Filter {
    const place = this.#place;
    this.#place += 1;
    const token = this.#next();
    const op = this.#comparison();
    if (op === null) throw filterProblem(token.at, `a comparison (=, !=, <, <=, >, >=) is expected after a value, not ${describe(token, this.#text)}.`);
    const field = this.#field();
    const after = this.#place;
    // What the value means depends on the field, which stands behind it.
    this.#place = place;
    const first = this.#compare(field, FLIPPED[op], token, at);
    this.#place = after;
    const second = this.#next();
    const further = this.#comparison();
    if (further === null) return first;
    this.#count(second.at);
    return { type: 'and', terms: [first, this.#compare(field, further, second, at)] };
  }

  #compare(field: Field, op: Comparison, token: Token, at: number): Condition {
    const type = typeOf(field);
    const isOrder = op !== '=' && op !== '!=';
    if (isOrder && type === 'word') throw filterProblem(token.at, `${nameOf(field)} has no order: it is compared by =, != or in.`);
    const valueAt = this.#next().at;
    const value = this.#value(field);
    if (isOrder && (value.type === 'boolean' || (value.type === 'number' && Number.isNaN(value.value)))) {
      throw filterProblem(valueAt, `${value.type === 'boolean' ? String(value.value) : 'nan'} has no order: it is compared by = or !=.`);
    }
    if (type !== 'word' || value.type !== 'text') return { type: 'compare', field, op, value, at };
    // A word may stand for several.
    const values = wordValues(field, value.value, valueAt);
    const [only] = values;
    if (values.length === 1 && only !== undefined) return { type: 'compare', field, op, value: only, at };
    return { type: 'in', field, negated: op === '!=', values, at };
  }

  #between(field: Field, negated: boolean, token: Token, at: number): Filter {
    this.#count(at);
    const low = this.#compare(field, negated ? '<' : '>=', token, at);
    const and = this.#next();
    if (this.#accept('and') === null) throw filterProblem(and.at, `"and" and the upper end are expected, not ${describe(and, this.#text)}.`);
    return { type: negated ? 'or' : 'and', terms: [low, this.#compare(field, negated ? '>' : '<=', token, at)] };
  }

  #values(field: Field): Value[] {
    const open = this.#next();
    if (this.#accept('(') === null) throw filterProblem(open.at, `a list in parentheses is expected after "in", not ${describe(open, this.#text)}.`);
    const values: Value[] = [];
    do {
      const { at } = this.#next();
      const value = this.#value(field);
      values.push(...(typeOf(field) === 'word' && value.type === 'text' ? wordValues(field, value.value, at) : [value]));
      if (values.length > MOST_VALUES) throw filterProblem(at, `there are more than ${MOST_VALUES} values.`);
    } while (this.#accept(',') !== null);
    const close = this.#next();
    if (this.#accept(')') === null) throw filterProblem(close.at, `a comma or ")" is expected, not ${describe(close, this.#text)}.`);
    return values;
  }

  #pattern(field: Field, operator: Token): string {
    const type = typeOf(field);
    if (type !== 'text' && type !== 'logged' && type !== 'word') throw filterProblem(operator.at, `"like" is for text; ${shown(nameOf(field))} is a ${type === 'time' ? 'time' : 'number'}.`, 'Compare it by =, !=, <, <=, > or >=.');
    const token = this.#take();
    return patternOf(token, this.#text);
  }

  #value(field: Field): Value {
    return valueOf(field, { next: () => this.#next(), take: () => this.#take() }, this.#text, this.#now);
  }

  #field(): Field {
    const token = this.#take();
    if (token.type === 'name' && token.bare !== null && /^(?:min|max)$/iu.test(token.bare) && this.#accept('(') !== null) {
      const { at } = this.#next();
      const field = this.#field();
      if (field.kind !== 'metric' || field.of !== 'last') throw filterProblem(at, `${token.bare.toLowerCase()} is for metrics: ${token.bare.toLowerCase()}(metrics.NAME).`);
      const close = this.#next();
      if (this.#accept(')') === null) throw filterProblem(close.at, `")" is expected, not ${describe(close, this.#text)}.`);
      return { ...field, of: token.bare.toLowerCase() === 'min' ? 'min' : 'max' };
    }
    if (token.type !== 'name') {
      throw filterProblem(token.at, `a field is expected, not ${describe(token, this.#text)}.`, 'Fields are status, created, metrics.NAME, params.NAME, tags.NAME and others.');
    }
    const [first, second] = token.pieces;
    const name = (pieces: typeof token.pieces): string => pieces.map((piece) => piece.text).join('');
    // A quote begins a name, or a part of it behind a dot.
    const misplaced = token.pieces.find((piece, index) => index > 0 && piece.quote !== '' && !(token.pieces[index - 1]?.quote === '' && token.pieces[index - 1]?.text.endsWith('.')));
    const glued = token.pieces.find((piece, index) => index > 0 && piece.quote === '' && !piece.text.startsWith('.'));
    if (misplaced !== undefined || glued !== undefined || first === undefined) throw filterProblem(token.at, `${describe(token, this.#text)} is no field.`, 'Quote the whole name: params."learning rate".');
    if (first.quote !== '') return second === undefined ? fieldOf(null, first.text, token.at) : fieldOf(first.text, name([{ quote: '', text: second.text.slice(1) }, ...token.pieces.slice(2)]), token.at);
    const dot = first.text.indexOf('.');
    return dot === -1 ? fieldOf(null, first.text, token.at) : fieldOf(first.text.slice(0, dot), name([{ quote: '', text: first.text.slice(dot + 1) }, ...token.pieces.slice(1)]), token.at);
  }

  /** Takes text in quotes that is compared with nothing. */
  #word(): string | null {
    const token = this.#next();
    const text = token.type === 'string' ? token.text : token.type === 'name' && token.pieces.length === 1 && token.pieces[0]?.quote === '"' ? token.pieces[0].text : null;
    if (text === null || text === '') return null;
    const following = this.#tokens[this.#place + 1];
    const word = following === undefined ? null : wordOf(following);
    if (following?.type !== 'end' && !(word !== null && AFTER_WORD.includes(word))) return null;
    this.#place += 1;
    return text;
  }

  /** Whether a value stands where a condition begins: a number or text in single quotes, followed by a comparison. */
  #startsWithValue(): boolean {
    const token = this.#next();
    return token.type === 'string' || (token.type === 'name' && token.bare !== null && /^[+-]?\.?\d/u.test(token.bare));
  }

  #comparison(): Comparison | null {
    const word = wordOf(this.#next());
    if (word === null || !COMPARISONS.includes(word)) return null;
    this.#place += 1;
    return word as Comparison;
  }

  #count(at: number): void {
    this.#conditions += 1;
    if (this.#conditions > MOST_CONDITIONS) throw filterProblem(at, `there are more than ${MOST_CONDITIONS} conditions.`);
  }

  #next(): Token {
    return this.#tokens[this.#place] ?? { type: 'end', at: this.#text.length, end: this.#text.length };
  }

  #take(): Token {
    const token = this.#next();
    this.#place += 1;
    return token;
  }

  /** Takes the next token if it is this keyword or operator. */
  #accept(word: string): string | null {
    if (wordOf(this.#next()) !== word) return null;
    this.#place += 1;
    return word;
  }
}
