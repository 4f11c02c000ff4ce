/** The host's side of a run's event log: what it adds, and only while no worker owns the log. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { logOwner } from '../events/owner';
import { readEvents } from '../events/reader';
import type { EventBody } from '../events/records';
import { EventLogWriter } from '../events/writer';
import { identityOf, isAlive, type ProcessIdentity } from '../files/process-identity';

/** How long a worker that lost its host may take to end by itself. */
export const ORPHAN_GRACE_MS = 5000;
const LOOK_AGAIN_MS = 50;

/**
 * The worker a host started for a run, in the run's folder. A worker owns its log only once it has loaded its libraries;
 * until then this file alone tells the next host that it is there.
 */
const WORKER_FILE = 'worker.pid';

/** Notes a worker that was just started. */
export function noteWorker(runFolder: string, pid: number): void {
  const identity = identityOf(pid);
  if (identity !== null) writeFileSync(join(runFolder, WORKER_FILE), JSON.stringify(identity));
}

/** Takes the note back, once the worker has ended. */
export function forgetWorker(runFolder: string): void {
  rmSync(join(runFolder, WORKER_FILE), { force: true });
}

function notedWorker(runFolder: string): ProcessIdentity | null {
  try {
    const { pid, startTime } = JSON.parse(readFileSync(join(runFolder, WORKER_FILE), 'utf8')) as Partial<ProcessIdentity>;
    return typeof pid === 'number' && typeof startTime === 'string' && isAlive({ pid, startTime }) ? { pid, startTime } : null;
  } catch {
    // None was noted, or its host died while it wrote the note.
    return null;
  }
}

/** Waits until no worker has the log or is about to have it; one that stays longer than the grace is killed. */
export async function freeLog(log: string, graceMs: number = ORPHAN_GRACE_MS): Promise<void> {
  const deadline = Date.now() + graceMs;
  for (;;) {
    const owner = notedWorker(dirname(log)) ?? logOwner(log);
    if (owner === null || owner.pid === process.pid) return;
    if (Date.now() >= deadline) {
      try {
        process.kill(owner.pid, 'SIGKILL');
      } catch {
        // Gone in the meantime.
      }
    }
    await sleep(LOOK_AGAIN_MS);
  }
}

/**
 * Appends records as the host and makes them durable.
 * @throws RepriseError EVENT_LOG_CORRUPT where the log is damaged
 */
export async function appendAsHost(log: string, ...records: readonly EventBody[]): Promise<void> {
  await freeLog(log);
  const writer = EventLogWriter.open(log);
  try {
    for (const record of records) writer.append(record);
  } finally {
    writer.close();
  }
}

export interface Standing {
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
