/**
 * The workspace's host lock: a file with the process id and start time of the one process that may
 * write. It survives crashes: a dead owner's lock is taken over, by exactly one of several takers.
 */
import { createHash, randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { RepriseError } from '../errors/errors';
import { identityOf, isAlive } from '../files/process-identity';

interface LockContent {
  readonly pid: number;
  readonly startTime: string;
  /** When the lock was taken; milliseconds since 1970. */
  readonly since: number;
  /** Makes each taking of the lock distinguishable. */
  readonly nonce: string;
}

export interface HostLock {
  /** Whether the last owner died without letting go. */
  readonly takenOver: boolean;
  release(): void;
}

type Taken = { readonly ok: true; readonly takenOver: boolean } | { readonly ok: false; readonly owner: LockContent };

/** A file that cannot be read as a lock may be one in the making, on a file system without links: wait this long for it. */
const TORN_RETRIES = 40;
const RETRY_MS = 25;

/**
 * Takes the lock file.
 * @throws RepriseError WORKSPACE_IN_USE naming the living owner
 */
export async function takeHostLock(file: string, workspace: string): Promise<HostLock> {
  const self = identityOf(process.pid) ?? { pid: process.pid, startTime: 'unknown' };
  const content = JSON.stringify({ ...self, since: Date.now(), nonce: randomUUID() } satisfies LockContent);
  const temporary = `${file}.${process.pid}.${randomUUID()}`;
  writeFileSync(temporary, content, { flag: 'wx' });
  let taken: Taken;
  try {
    taken = await take(file, temporary, content);
  } finally {
    rmSync(temporary, { force: true });
  }
  if (!taken.ok) {
    const since = new Date(taken.owner.since).toISOString();
    throw new RepriseError('WORKSPACE_IN_USE', `The workspace ${workspace} is in use by process ${taken.owner.pid} since ${since}.`, {
      kind: 'system',
      hint: 'Close that Reprise (the app or a command), or use another workspace with --workspace DIR.',
    });
  }
  return {
    takenOver: taken.takenOver,
    release: () => {
      if (readText(file) === content) rmSync(file, { force: true });
    },
  };
}

/**
 * Puts `content` into `file` unless a living process holds it. A dead owner's file may be replaced only by the
 * holder of a claim named after that file's content, which is itself a lock of this kind: so nobody replaces a
 * file that somebody else has just taken over, and a taker that dies half way leaves only another dead lock.
 */
async function take(file: string, temporary: string, content: string): Promise<Taken> {
  let torn = 0;
  for (;;) {
    if (place(temporary, file, content)) return { ok: true, takenOver: false };
    const found = readText(file);
    if (found === null) continue;
    const owner = parse(found);
    if (owner === null && torn < TORN_RETRIES) {
      torn += 1;
      await sleep(RETRY_MS);
      continue;
    }
    if (owner !== null && isAlive(owner)) return { ok: false, owner };
    const claim = `${file.slice(0, 400)}.${createHash('sha256').update(found).digest('hex').slice(0, 16)}`;
    const claimed = await take(claim, temporary, content);
    if (!claimed.ok) {
      await sleep(RETRY_MS);
      continue;
    }
    try {
      if (readText(file) !== found) continue;
      const replacement = `${temporary}.new`;
      writeFileSync(replacement, content, { flag: 'wx' });
      renameSync(replacement, file);
      return { ok: true, takenOver: true };
    } finally {
      rmSync(claim, { force: true });
    }
  }
}

function place(temporary: string, file: string, content: string): boolean {
  try {
    // A link appears at once and whole, and fails where a file is there already.
    linkSync(temporary, file);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST') return false;
    if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP'].includes(code ?? '')) throw error;
  }
  try {
    writeFileSync(file, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function parse(text: string): LockContent | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return null;
    const { pid, startTime, since, nonce } = value as Partial<LockContent>;
    return typeof pid === 'number' && typeof startTime === 'string' && typeof since === 'number' ? { pid, startTime, since, nonce: String(nonce) } : null;
  } catch {
    return null;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
