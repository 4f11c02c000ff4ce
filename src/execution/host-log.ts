/** The host's side of a run's event log: what it adds, and only while no worker owns the log. */
import { rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RepriseError } from '../errors/errors';
import { RUN_FILES } from '../events/manifest';
import { logOwned, logOwner, ownerFile } from '../events/owner';
import { readEvents } from '../events/reader';
import type { NewRecord } from '../events/records';
import { EventLogWriter } from '../events/writer';
import { holderOf } from '../files/claim';
import { identityOf, isAlive, isSameProcess, lifeOf, ownIdentity, type ProcessIdentity } from '../files/process-identity';

/** How long a worker that lost its host may take to end by itself. */
const ORPHAN_GRACE_MS = 5000;
const LOOK_AGAIN_MS = 50;

/** Notes a worker that was just started; it begins once it is noted. */
export function noteWorker(runFolder: string, pid: number): void {
  const identity = identityOf(pid);
  if (identity !== null) writeFileSync(join(runFolder, RUN_FILES.worker), JSON.stringify(identity));
}

/** Takes the note back, once the worker has ended. */
export function forgetWorker(runFolder: string): void {
  try {
    rmSync(join(runFolder, RUN_FILES.worker), { force: true });
  } catch {
    // The note of a process that is gone says nothing.
  }
}

interface LogUser {
  readonly process: ProcessIdentity;
  /** The file that names it. */
  readonly file: string;
}

/** Processes besides this one that have the log or are about to, as far as they live or may live. */
function usersOf(log: string): LogUser[] {
  const note = join(dirname(log), RUN_FILES.worker);
  const noted = holderOf(note)?.process ?? null;
  const owner = logOwner(log);
  return [
    ...(noted !== null && isAlive(noted) ? [{ process: noted, file: note }] : []),
    ...(owner === null ? [] : [{ process: owner, file: ownerFile(log) }]),
  ].filter((user) => !isSameProcess(user.process, ownIdentity()));
}

/**
 * Waits until no worker has the log or is about to have it. One that stays longer than the grace is killed, and has the
 * same time again to be gone.
 * @throws RepriseError EVENT_LOG_OWNED where it may not be killed, does not go, or is where it cannot be looked at
 */
export async function freeLog(log: string, graceMs: number = ORPHAN_GRACE_MS): Promise<void> {
  // Of a clock that nobody sets back.
  const deadline = performance.now() + graceMs;
  for (;;) {
    const users = usersOf(log);
    const [user] = users;
    if (user === undefined) return;
    const now = performance.now();
    if (now >= deadline) {
      const refused = now >= deadline + graceMs || lifeOf(user.process) === 'unknown' || !killed(user.process.pid);
      if (refused) throw logOwned(log, user.process, users.map(({ file }) => file));
    }
    await sleep(LOOK_AGAIN_MS);
  }
}

/** Kills a process; false where this user may not. */
function killed(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch (error) {
    // Gone in the meantime.
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/**
 * Appends records as the host and makes them durable.
 * @throws RepriseError EVENT_LOG_CORRUPT where the log is damaged, EVENT_LOG_OWNED, EVENT_LOG_NOT_WRITTEN (disk full,
 * permissions)
 */
export async function appendAsHost(log: string, ...records: readonly NewRecord[]): Promise<void> {
  await freeLog(log);
  try {
    const writer = EventLogWriter.open(log);
    try {
      writer.appendAll(records);
    } finally {
      writer.close();
    }
  } catch (error) {
    if (error instanceof RepriseError || !(error instanceof Error) || !('code' in error)) throw error;
    throw new RepriseError('EVENT_LOG_NOT_WRITTEN', `The event log ${log} cannot be written: ${error.message}.`, {
      kind: 'system',
      hint: 'Make room on the disk or correct the permissions, then retry the run.',
      cause: error,
    });
  }
}

interface Standing {
  /** Whether the log has an attempt, or the end of one, that no exit record closes. */
  readonly exitMissing: boolean;
  /** Steps done at the newest checkpoint of all attempts; 0 where there is none. */
  readonly checkpointStep: number;
}

/** @throws RepriseError EVENT_LOG_CORRUPT */
export function standingOf(log: string): Standing {
  let exitMissing = false;
  let checkpointStep = 0;
  for (const record of readEvents(log, 0).records) {
    if (record.type === 'attempt') exitMissing = true;
    else if (record.type === 'exit' || record.type === 'requeued') exitMissing = false;
    else if (record.type === 'checkpoint') checkpointStep = Math.max(checkpointStep, record.step);
  }
  return { exitMissing, checkpointStep };
}
