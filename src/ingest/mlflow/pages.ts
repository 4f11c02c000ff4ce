/** Tokens that say where the next page begins. They are opaque to clients, and hold only what was asked for. */
import { createHash } from 'node:crypto';
import { invalid } from './errors';

/** Of the questions whose pages a token goes on with; a token for another question is refused. */
function markOf(question: unknown): string {
  return createHash('sha256').update(JSON.stringify(question) ?? '').digest('base64url').slice(0, 12);
}

/** @param question all that decides the pages but the place in them */
export function pageToken(offset: number, question: unknown): string {
  return Buffer.from(`${offset}.${markOf(question)}`).toString('base64url');
}

/** @throws MlflowError INVALID_PARAMETER_VALUE */
export function offsetOf(token: string | undefined, question: unknown): number {
  if (token === undefined || token === '') return 0;
  const [, offset = '', mark = ''] = /^(\d{1,15})\.([\w-]{12})$/u.exec(Buffer.from(token, 'base64url').toString('latin1')) ?? [];
  if (offset === '' || mark !== markOf(question)) throw invalid('Invalid page token: it does not go on with this request.');
  return Number(offset);
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly next_page_token?: string;
}

/** A page of what is in memory already. @throws MlflowError INVALID_PARAMETER_VALUE */
export function pageOf<T>(all: readonly T[], size: number, token: string | undefined, question: unknown): Page<T> {
  const from = offsetOf(token, question);
  const items = all.slice(from, from + size);
  return from + size < all.length ? { items, next_page_token: pageToken(from + size, question) } : { items };
}
