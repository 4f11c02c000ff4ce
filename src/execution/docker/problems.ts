/** What Docker Engine says when something fails, in Reprise's own errors. */
import { RepriseError } from '../../errors/errors';

interface Refusal extends Error {
  readonly statusCode?: number;
  readonly code?: string;
  readonly json?: { readonly message?: string };
}

/** The HTTP status of an answer; null where there was none. */
export function statusOf(error: unknown): number | null {
  return error instanceof Error ? ((error as Refusal).statusCode ?? null) : null;
}

/** Whether the engine has nothing of that name. */
export function isGone(error: unknown): boolean {
  return statusOf(error) === 404;
}

/** Whether the engine could not be asked, so that the same may go well later. */
export function isOutOfReach(error: unknown): boolean {
  if (error instanceof RepriseError) return error.code === 'DOCKER_UNREACHABLE' || error.code.startsWith('SSH_');
  return error instanceof Error && statusOf(error) === null && (error as Refusal).code !== undefined && error.name !== 'AbortError';
}

/** Whether it was given up before there was an answer. */
export const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError';

/** The engine's own words. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { json, message } = error as Refusal;
  // Of a stream the client tells only in words of its own what was said.
  return (json?.message ?? message.replace(/^\(HTTP code \d+\) [^-]*- /u, '')).trim();
}

/**
 * An error of the client as one of Reprise: DOCKER_DENIED, DOCKER_UNREACHABLE, DOCKER_REFUSED with the engine's words.
 * @param address of the engine, for people
 * @param what was tried, as `The container could not be made`
 */
export function dockerProblem(error: unknown, address: string, what: string): RepriseError {
  if (error instanceof RepriseError) return error;
  if (statusOf(error) !== null) return new RepriseError('DOCKER_REFUSED', `${what}: Docker Engine says: ${wordsOf(error)}`, { kind: 'system', cause: error });
  const code = error instanceof Error ? (error as Refusal).code : undefined;
  if (code === 'EACCES' || code === 'EPERM') {
    return new RepriseError('DOCKER_DENIED', `Docker Engine at ${address} may not be used by this user.`, { kind: 'system', hint: 'Add the user to the group `docker` and sign in again, or use rootless Docker.', cause: error });
  }
  return new RepriseError('DOCKER_UNREACHABLE', `Docker Engine cannot be reached at ${address}: ${wordsOf(error)}.`, {
    kind: 'system',
    hint: 'Start Docker there, or correct the address of the machine (`reprise machine list`).',
    cause: error,
  });
}
