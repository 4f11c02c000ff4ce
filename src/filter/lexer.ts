/** The text of a filter in tokens. */
import { filterProblem, nearest } from './problems';
import { shown } from './fields';

/** A stretch of a name: bare, or between double quotes or backticks. */
export interface Piece {
  readonly quote: '' | '"' | '`';
  readonly text: string;
}

/** `at`: where it begins; `end`: where what follows begins. Both counted from 0. */
export type Token = { readonly at: number; readonly end: number } & (
  | { readonly type: 'operator'; readonly text: string }
  /** Between single quotes. */
  | { readonly type: 'string'; readonly text: string }
  /** A word, number, field or text between double quotes: pieces without space between them. `bare`: its text where nothing of it is quoted. */
  | { readonly type: 'name'; readonly pieces: readonly Piece[]; readonly bare: string | null }
  | { readonly type: 'end' }
);

const OPERATOR = /(?:==|!=|<>|<=|>=|&&|\|\||[=<>(),!])/uy;
/** Names may hold what parameters and metrics are often named with: `train/loss`, `hits@10`, `cross-entropy`. */
const BARE = /[^\s'"`(),<>=!&|;]+/uy;
const SPACE = /\s+/uy;

/** How each operator is spelled within the parser. */
const SPELLED: Readonly<Record<string, string>> = { '==': '=', '<>': '!=', '&&': 'and', '||': 'or', '!': 'not' };

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}

/** @throws RepriseError FILTER_INVALID where a quote is not closed or a character has no meaning */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    at += matchAt(SPACE, text, at).length;
    if (at >= text.length) return [...tokens, { type: 'end', at: text.length, end: text.length }];
    const operator = matchAt(OPERATOR, text, at);
    let token: Token;
    if (operator !== '') token = { type: 'operator', text: SPELLED[operator] ?? operator, at, end: at + operator.length };
    else if (text[at] === "'") {
      const { content, end } = quoted(text, at);
      token = { type: 'string', text: content, at, end };
    } else token = nameAt(text, at);
    tokens.push(token);
    at = token.end;
  }
}

function nameAt(text: string, at: number): Token {
  const pieces: Piece[] = [];
  let end = at;
  for (;;) {
    const quote = text[end];
    if (quote === '"' || quote === '`') {
      const read = quoted(text, end);
      pieces.push({ quote, text: read.content });
      end = read.end;
    } else {
      const bare = matchAt(BARE, text, end);
      if (bare === '') break;
      pieces.push({ quote: '', text: bare });
      end += bare.length;
    }
  }
  const [first] = pieces;
  if (first === undefined) {
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
    throw filterProblem(at, `"${character}" has no meaning here.`, character === ';' ? 'A filter is one expression; join conditions by "and" or "or".' : undefined);
  }
  return { type: 'name', pieces, bare: pieces.length === 1 && first.quote === '' ? first.text : null, at, end };
}

/** Text between quotes; a quote within is written twice. */
function quoted(text: string, at: number): { readonly content: string; readonly end: number } {
  const quote = text[at] ?? '';
  let from = at + 1;
  let content = '';
  for (;;) {
    const close = text.indexOf(quote, from);
    if (close === -1) throw filterProblem(at, `the quote ${quote} is not closed.`);
    content += text.slice(from, close);
    if (text[close + 1] !== quote) return { content, end: close + 1 };
    content += quote;
    from = close + 2;
  }
}

/** The keyword or operator that a token is, in lower case; null for anything else. */
export function wordOf(token: Token): string | null {
  if (token.type === 'operator') return token.text;
  return token.type === 'name' ? (token.bare?.toLowerCase() ?? null) : null;
}

/** A token as it stands in a sentence. */
export function describe(token: Token, text: string): string {
  return token.type === 'end' ? 'the end' : `"${shown(text.slice(token.at, token.end))}"`;
}

/** "Did you mean …?" for a word that is nearly a keyword. */
export function keywordHint(token: Token, keywords: readonly string[]): string | undefined {
  const word = token.type === 'name' && token.bare !== null ? nearest(token.bare, keywords) : null;
  return word === null ? undefined : `Did you mean "${word}"?`;
}
