/** Who may speak to the server: programs on this machine that know the token of the workspace. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { invalid, MlflowError } from './errors';

export interface Address {
  /** Path without token and scope, not decoded: `/api/2.0/mlflow/runs/get`. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The command run whose program was given this address. */
  readonly commandRun: string | null;
}

/** The names under which this machine reaches itself. Any other came from a page that made its name point here. */
export function isOwnHost(host: string | undefined, port: number): boolean {
  return host !== undefined && [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`].includes(host.toLowerCase());
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Takes as long for a token that is nearly right as for any other. */
function isToken(given: string, token: string): boolean {
  return timingSafeEqual(digest(given), digest(token));
}

/** What a client is told to use: the token is part of the address, because not every client can send a header. */
export function trackingUri(port: number, token: string, commandRun: string | null): string {
  return `http://127.0.0.1:${port}/${token}${commandRun === null ? '' : `/run/${commandRun}`}`;
}

/**
 * The address that a request asks for. Dots in a path are not resolved here: what is asked for is judged as it came.
 * @throws MlflowError PERMISSION_DENIED, UNAUTHENTICATED
 */
export function admit({ headers, url = '/' }: IncomingMessage, port: number, token: string): Address {
  if (!isOwnHost(headers.host, port)) throw new MlflowError('PERMISSION_DENIED', 'This server answers programs on this machine only; the Host of the request is another.');
  if (headers.origin !== undefined && !isOwnHost(/^http:\/\/(.*)$/u.exec(headers.origin)?.[1], port)) throw new MlflowError('PERMISSION_DENIED', 'This server answers no pages of other origins.');
  const [whole = '', query = ''] = url.split(/[?#]/u, 2);
  const search = new URLSearchParams(query);
  const [, bearer] = /^Bearer (.+)$/iu.exec(headers.authorization ?? '') ?? [];
  const [, first = '', rest = ''] = /^\/+([^/]*)(.*)$/u.exec(whole) ?? [];
  if (isToken(first, token)) return { query: search, ...scopeOf(rest) };
  if (bearer !== undefined && isToken(bearer.trim(), token)) return { query: search, ...scopeOf(whole) };
  throw new MlflowError('UNAUTHENTICATED', 'The token of this workspace is missing or wrong. `reprise serve` prints the address with it.');
}

function scopeOf(path: string): Pick<Address, 'path' | 'commandRun'> {
  const [, run, rest = ''] = /^\/run\/([A-Za-z0-9][A-Za-z0-9._-]{0,127})(\/.*)?$/u.exec(path) ?? [];
  return run === undefined ? { path: path === '' ? '/' : path.replace(/^\/{2,}/u, '/'), commandRun: null } : { path: rest === '' ? '/' : rest, commandRun: run };
}

/** @throws MlflowError INVALID_PARAMETER_VALUE */
export function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalid(`Invalid path: ${JSON.stringify(part.slice(0, 200))} is not well encoded.`);
  }
}
