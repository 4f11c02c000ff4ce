/** Tokens that say where the next page begins. They are opaque to clients. */
import { createHash } from 'node:crypto';
import { invalid } from './errors';

/** Of the question whose pages a token goes on with; a token of another question is refused. */
function markOf(question: unknown): string {
  return createHash('sha256').update(JSON.stringify(question) ?? '').digest('base64url').slice(0, 12);
}

/** @param question all that decides the pages but the place in them */
export function pageToken(place: string, question: unknown): string {
  return Buffer.from(`${markOf(question)}${place}`).toString('base64url');
}

/** Null for the first page. @throws MlflowError INVALID_PARAMETER_VALUE */
export function placeOfToken(token: string | undefined, question: unknown): string | null {
  if (token === undefined || token === '') return null;
  const mark = markOf(question);
  const text = Buffer.from(token, 'base64url').toString('latin1');
  if (!text.startsWith(mark)) throw invalid('Invalid page token: it does not go on with this request.');
  return text.slice(mark.length);
}

/** The same where places are counted. */
export function offsetOf(token: string | undefined, question: unknown): number {
  const place = placeOfToken(token, question) ?? '0';
  if (!/^\d{1,15}$/u.test(place)) throw invalid('Invalid page token: it does not go on with this request.');
  return Number(place);
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly next_page_token?: string;
}

/** A page of what is in memory already. @throws MlflowError INVALID_PARAMETER_VALUE */
export function pageOf<T>(all: readonly T[], size: number, token: string | undefined, question: unknown): Page<T> {
  const from = offsetOf(token, question);
  const items = all.slice(from, from + size);
  return from + size < all.length ? { items, next_page_token: pageToken(String(from + size), question) } : { items };
}
