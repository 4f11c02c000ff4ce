/**
 * A file that names the one process that may do something: host a workspace, write a log. It survives crashes: a dead
 * holder's file is taken over, by exactly one of several takers.
 */
import { createHash, randomUUID } from 'node:crypto';
import { linkSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identityFrom, identityOf, isSameProcess, lifeOf, ownIdentity, ownPlace, type ProcessIdentity } from './process-identity';

export interface Holder {
  readonly process: ProcessIdentity;
  /** When the file was claimed, milliseconds since 1970; null where it does not say. */
  readonly since: number | null;
}

export interface Claim {
  /** Whether the last holder died without letting go. */
  readonly takenOver: boolean;
  /** Lets go; does nothing where the file is another's by now. */
  release(): void;
}

/** `file` is the one that stands in the way. */
export type ClaimOutcome = { readonly ok: true; readonly claim: Claim } | { readonly ok: false; readonly holder: Holder; readonly file: string };

type Taken = { readonly ok: true; readonly takenOver: boolean } | { readonly ok: false; readonly holder: Holder; readonly file: string };

/** A file that cannot be read as a claim may be one in the making, on a file system without links: wait this long for it. */
const TORN_RETRIES = 20;
/** A take-over lasts for moments, unless its process hangs or is where it cannot be looked at. */
const BLOCKED_RETRIES = 80;
const RETRY_MS = 25;
/** A temporary file is whole moments after it was made. One that is not is nobody's after this time: its maker was killed. */
const LEFTOVER_MS = 1000;
/** The same where a process has the id in its name. */
const LONG_LEFTOVER_MS = 3_600_000;
const NAME_LENGTH = 120;

/** Nonces of claims this process holds or is about to: another one under its identity was left behind. */
const held = new Set<string>();

/** Claims a file, or says who holds it. Waits up to 2 s where others are just taking it over. */
export async function claimFile(file: string): Promise<ClaimOutcome> {
  const start = begin(file);
  try {
    for (;;) {
      const step = start.steps.next();
      if (step.done === true) return outcome(file, start, step.value);
      await sleep(step.value);
    }
  } catch (error) {
    held.delete(start.nonce);
    throw error;
  } finally {
    rmSync(start.temporary, { force: true });
  }
}

/** The same without giving way to anything else in between. */
export function claimFileSync(file: string): ClaimOutcome {
  const start = begin(file);
  try {
    for (;;) {
      const step = start.steps.next();
      if (step.done === true) return outcome(file, start, step.value);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, step.value);
    }
  } catch (error) {
    held.delete(start.nonce);
    throw error;
  } finally {
    rmSync(start.temporary, { force: true });
  }
}

interface Start {
  readonly nonce: string;
  readonly content: string;
  readonly temporary: string;
  readonly steps: Generator<number, Taken, void>;
}

function begin(file: string): Start {
  const nonce = randomUUID();
  const content = JSON.stringify({ ...ownIdentity(), since: Date.now(), nonce });
  const temporary = `${file}.${process.pid}.${nonce}`;
  writeFileSync(temporary, content, { flag: 'wx' });
  held.add(nonce);
  return { nonce, content, temporary, steps: take(file, temporary, content) };
}

function outcome(file: string, { nonce, content }: Start, taken: Taken): ClaimOutcome {
  if (!taken.ok) {
    held.delete(nonce);
    return taken;
  }
  removeLeftovers(file);
  return {
    ok: true,
    claim: {
      takenOver: taken.takenOver,
      release: () => {
        held.delete(nonce);
        if (readText(file) === content) rmSync(file, { force: true });
      },
    },
  };
}

/**
 * Puts `content` into `file` unless a process that may live holds it; yields how many milliseconds to wait before it
 * goes on. A dead holder's file may be replaced only by the holder of a claim named after that file's content, which is
 * itself a file of this kind: so nobody replaces a file that somebody else has just taken over, and a taker that dies
 * half way leaves only another dead claim.
 */
function* take(file: string, temporary: string, content: string): Generator<number, Taken, void> {
  let torn = 0;
  let blocked = 0;
  for (;;) {
    if (place(temporary, file, content)) return { ok: true, takenOver: false };
    const found = readText(file);
    if (found === null) continue;
    const holder = parse(found);
    if (holder === null && torn < TORN_RETRIES) {
      torn += 1;
      yield RETRY_MS;
      continue;
    }
    if (holder !== null && !isDead(holder)) return { ok: false, holder, file };
    const inside = claimOn(file, found);
    const claimed = yield* take(inside, temporary, content);
    if (!claimed.ok) {
      blocked += 1;
      if (blocked > BLOCKED_RETRIES) return claimed;
      yield RETRY_MS;
      continue;
    }
    try {
      if (readText(file) !== found) continue;
      replace(file, `${temporary}.new`, content);
      return { ok: true, takenOver: true };
    } finally {
      rmSync(inside, { force: true });
    }
  }
}

function replace(file: string, aside: string, content: string): void {
  try {
    writeFileSync(aside, content, { flag: 'wx' });
    renameSync(aside, file);
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  }
}

/** The name of the claim on taking over a file with this content; no longer than a file name may be. */
function claimOn(file: string, content: string): string {
  const hash = createHash('sha256').update(content).digest('hex').slice(0, 16);
  return path.join(path.dirname(file), `${path.basename(file).slice(0, NAME_LENGTH)}.${hash}`);
}

interface Parsed extends Holder {
  readonly nonce: string | null;
}

function isDead({ process: holder, nonce }: Parsed): boolean {
  // Left by this very process, which could not delete it: no other has the same start.
  if (nonce !== null && isSameProcess(holder, ownIdentity())) return !held.has(nonce);
  return lifeOf(holder) === 'dead';
}

/** Puts the file in place unless there is one: false then. */
function place(temporary: string, file: string, content: string): boolean {
  try {
    // A link appears at once and whole, and fails where a file is there already.
    linkSync(temporary, file);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST') return false;
    // A file system without links (FAT, some network drives).
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

/**
 * Deletes what killed processes left beside a file that this process now holds: claims on taking it over, which are of
 * no use once it holds something else, and the temporary files of the dead.
 */
function removeLeftovers(file: string): void {
  const folder = path.dirname(file);
  const prefix = `${path.basename(file)}.`;
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(prefix)) continue;
    const leftover = path.join(folder, name);
    const rest = name.slice(prefix.length);
    if (/^[0-9a-f]{16}(\.[0-9a-f]{16})*$/.test(rest) || (/^\d+\.[0-9a-f-]{36}(\.new)?$/.test(rest) && isAbandoned(leftover, Number.parseInt(rest, 10)))) rmSync(leftover, { force: true });
  }
}

function isAbandoned(file: string, pid: number): boolean {
  const text = readText(file);
  if (text === null) return false;
  const holder = parse(text);
  if (holder !== null) return isDead(holder);
  try {
    return Date.now() - statSync(file).mtimeMs > (identityOf(pid) === null ? LEFTOVER_MS : LONG_LEFTOVER_MS);
  } catch {
    return false;
  }
}

/** Who holds a claimed file, alive or not; null where nobody does or it cannot be read. */
export function holderOf(file: string): Holder | null {
  try {
    return parse(readText(file) ?? '');
  } catch {
    return null;
  }
}

/** One sentence for the hint of an error: what to do about a holder that stands in the way. `release` says how to end one that lives here. */
export function holderHint(holder: ProcessIdentity, files: readonly string[], release: string): string {
  if (lifeOf(holder) === 'alive') return release;
  const here = ownPlace();
  const where = holder.host !== undefined && holder.host !== here.host ? `on the machine or in the container "${holder.host}"` : 'in another container or out of sight';
  return `That process may run ${where}: whether it lives cannot be told from here. End it there; when you are sure that it is gone, delete ${files.join(' and ')}.`;
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function parse(text: string): Parsed | null {
  try {
    const value: unknown = JSON.parse(text);
    const holder = identityFrom(value);
    if (holder === null) return null;
    const { since, nonce } = value as { readonly since?: unknown; readonly nonce?: unknown };
    return { process: holder, since: typeof since === 'number' ? since : null, nonce: typeof nonce === 'string' ? nonce : null };
  } catch {
    return null;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
