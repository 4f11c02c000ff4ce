/** What a person typed into a box for runs: words to look for, or a filter. */
import type { Filter } from './ast';
import { tokensOf, wordOf, type Token } from './lexer';
import { parseFilter } from './parse';

export type ReadFilter =
  /** Each must occur; none where the text is blank. */
  | { readonly words: readonly string[] }
  | { readonly expression: Filter };

const COMPARISONS = ['=', '!=', '<', '<=', '>', '>='];
const WORDS_BEFORE_TEXT = ['like', 'ilike'];

/**
 * Text without any comparison is words. What stands in quotes is one word and compares nothing.
 * @param now milliseconds since 1970
 * @throws RepriseError FILTER_INVALID where it compares and is no filter
 */
export function readFilter(text: string, now: number = Date.now()): ReadFilter {
  const words = wordsIn(text);
  if (words !== null) return { words };
  const expression = parseFilter(text, now);
  return expression === null ? { words: [] } : { expression };
}

/** The words of a text that compares nothing; null of any other. */
function wordsIn(text: string): string[] | null {
  let tokens: readonly Token[];
  try {
    tokens = tokensOf(text);
  } catch {
    // A quote that is not closed, a character without meaning: words may have them.
    return /[=<>]/u.test(text) ? null : text.split(/\s+/u).filter((word) => word !== '');
  }
  const compares = tokens.some((token, index) => {
    const word = wordOf(token);
    const next = tokens[index + 1];
    if (word === null || next === undefined) return false;
    if (COMPARISONS.includes(word)) return true;
    const following = wordOf(next);
    if (word === 'in') return following === '(';
    if (word === 'is') return following === 'null' || following === 'not';
    return WORDS_BEFORE_TEXT.includes(word) && (next.type === 'string' || next.type === 'name') && index > 0;
  });
  return compares ? null : pieces(text, tokens);
}

/** Divided at spaces that are not in quotes, without the quotes. */
function pieces(text: string, tokens: readonly Token[]): string[] {
  const words: string[] = [];
  let end = -1;
  for (const token of tokens) {
    if (token.type === 'end') break;
    const content = token.type === 'string' ? token.text : token.type === 'name' ? token.pieces.map((piece) => piece.text).join('') : text.slice(token.at, token.end);
    if (token.at === end) words.push((words.pop() ?? '') + content);
    else words.push(content);
    end = token.end;
  }
  return words.filter((word) => word.trim() !== '');
}

/**
 * The same as one filter, in which every word is a condition; null where the text is blank.
 * @throws RepriseError FILTER_INVALID
 */
export function filterOf(text: string, now: number = Date.now()): Filter | null {
  const read = readFilter(text, now);
  if ('expression' in read) return read.expression;
  const terms = read.words.map((word): Filter => ({ type: 'word', word, at: 0 }));
  return terms.length < 2 ? (terms[0] ?? null) : { type: 'and', terms };
}
