/** What stands on the right of a comparison, as the field on its left asks for it. */
import type { Field, Value } from './ast';
import { looksLikeField, nameOf, shown, typeOf, wordsOf } from './fields';
import { describe, type Token } from './lexer';
import { dateIn, durationIn, numberIn, numberOrSpecial, relativeTime } from './literals';
import { filterProblem } from './problems';

/** Of `like`. More would be slow to look for in long text. */
const LONGEST_PATTERN = 1000;

interface Reader {
  next(): Token;
  take(): Token;
}

const KEYWORDS = ['and', 'or', 'not', 'in', 'like', 'ilike', 'is', 'between'];

/**
 * Reads one value. Text may stand without quotes where it is one word.
 * @throws RepriseError FILTER_INVALID where it is not of the field's type
 */
export function valueOf(field: Field, reader: Reader, text: string, now: number): Value {
  const token = reader.take();
  const { content, isQuoted } = contentOf(token, field, text);
  const type = typeOf(field);
  const name = shown(nameOf(field));
  const wrong = (expected: string, hint?: string): Error => filterProblem(token.at, `${name} is ${expected}, not ${describe(token, text)}.`, hint);
  switch (type) {
    case 'text':
    case 'word':
      return { type: 'text', value: content };
    case 'logged': {
      if (isQuoted) return { type: 'text', value: content };
      const number = numberIn(content);
      if (number !== null) return { type: 'number', value: number };
      const word = content.toLowerCase();
      return word === 'true' || word === 'false' ? { type: 'boolean', value: word === 'true' } : { type: 'text', value: content };
    }
    case 'number': {
      const number = isQuoted ? null : field.kind === 'metric' ? numberOrSpecial(content) : numberIn(content);
      if (number === null) throw wrong('compared with a number', isQuoted && numberOrSpecial(content) !== null ? `Write ${content} without quotes.` : undefined);
      return { type: 'number', value: number };
    }
    case 'duration': {
      const seconds = numberIn(content) ?? durationIn(content);
      if (seconds === null) throw wrong('a duration such as 90s, 5m or 1h30m (a number is of seconds)');
      return { type: 'number', value: seconds };
    }
    case 'time': {
      const end = isQuoted ? token.end : endOfShift(token, reader);
      const written = text.slice(token.at, end);
      const number = isQuoted ? null : numberIn(content);
      const span = number === null ? (dateIn(content) ?? (isQuoted ? null : relativeTime(written.replaceAll(/\s/gu, ''), now))) : { from: number, to: number };
      if (span === null) throw wrong("a time such as '2026-11-01', '2026-11-01 13:45', today or now - 7d");
      return { type: 'time', ...span, text: written };
    }
  }
}

/** What a word for `status` or `kind` stands for. @throws RepriseError FILTER_INVALID */
export function wordValues(field: Field, word: string, at: number): Value[] {
  return wordsOf(field, word, at).map((value) => ({ type: 'text', value }));
}

/** The pattern of a `like`. @throws RepriseError FILTER_INVALID */
export function patternOf(token: Token, text: string): string {
  const content = token.type === 'string' ? token.text : token.type === 'name' && token.pieces.length === 1 && token.pieces[0]?.quote === '"' ? token.pieces[0].text : null;
  if (content === null) throw filterProblem(token.at, `a pattern in quotes is expected, not ${describe(token, text)}.`, "In a pattern % stands for any text and _ for one character: like 'resnet%'.");
  if (content.length > LONGEST_PATTERN) throw filterProblem(token.at, `a pattern has at most ${LONGEST_PATTERN} characters.`);
  return content;
}

function contentOf(token: Token, field: Field, text: string): { readonly content: string; readonly isQuoted: boolean } {
  if (token.type === 'string') return { content: token.text, isQuoted: true };
  if (token.type === 'name') {
    const [piece] = token.pieces;
    if (token.bare !== null) {
      const word = token.bare.toLowerCase();
      if (word === 'null') throw filterProblem(token.at, 'null is no value.', `Write "${shown(nameOf(field))} is null" or "is not null".`);
      if (looksLikeField(token.bare)) throw filterProblem(token.at, 'a field is compared with a value, not with another field.', 'Text stands in quotes.');
      if (!KEYWORDS.includes(word)) return { content: token.bare, isQuoted: false };
    } else if (token.pieces.length === 1 && piece?.quote === '"') return { content: piece.text, isQuoted: true };
    else if (piece?.quote === '`') throw filterProblem(token.at, 'backticks are for names; text stands in single quotes.');
  }
  throw filterProblem(token.at, `a value is expected, not ${describe(token, text)}.`);
}

/** Takes what follows `now` or `today`: `- 7d`. @returns where it ends */
function endOfShift(token: Token, reader: Reader): number {
  let last = token;
  const isBare = (next: Token, pattern: RegExp): next is Token & { readonly bare: string } => next.type === 'name' && next.bare !== null && pattern.test(next.bare);
  if (isBare(token, /^(?:now|today|yesterday)$/iu) && isBare(reader.next(), /^[+-]/u)) last = reader.take();
  if (isBare(last, /(?:^|[a-z])[+-]$/iu) && isBare(reader.next(), /^\d/u)) last = reader.take();
  return last.end;
}
