/** The host's side of a run's event log: what it adds, and only while no worker owns the log. */
import { setTimeout as sleep } from 'node:timers/promises';
import { logOwner } from '../events/owner';
import { readEvents } from '../events/reader';
import type { EventBody } from '../events/records';
import { EventLogWriter } from '../events/writer';

/** How long a worker that lost its host may take to end by itself. */
export const ORPHAN_GRACE_MS = 5000;
const LOOK_AGAIN_MS = 50;

/** Waits until no process owns the log; one that stays longer than the grace is killed. */
export async function freeLog(log: string, graceMs: number = ORPHAN_GRACE_MS): Promise<void> {
  const deadline = Date.now() + graceMs;
  for (;;) {
    const owner = logOwner(log);
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
