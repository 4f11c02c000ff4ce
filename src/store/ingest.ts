/** Reads what is new in a run's event log into the database. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { RepriseError } from '../errors/errors';
import { RUN_FILES } from '../events/manifest';
import { readEvents, type EventBatch } from '../events/reader';
import type { ArtifactRecord, EventRecord } from '../events/records';
import { applyRecords, forgetLog, LogContradiction, type Subject } from './apply';
import { moveArtifact } from './artifact-files';
import { isUnstorable, type Database } from './database';
import { inTransaction, type Tables } from './tables/all';
import type { Cursor } from './tables/cursors';
import type { RunState } from './tables/run-row';

/** The cursor's offset once a log contradicted itself: it is not read on. */
const STOPPED = -1;

/** About so much of a log is held in memory at once. */
export const BYTES_AT_ONCE = 8 << 20;

/** Records that come right after those that are in the database, and where the log stands behind them. */
export interface Batch {
  /** Where the log stood before them. */
  readonly from: number;
  readonly offset: number;
  readonly records: readonly EventRecord[];
}

/**
 * Applies all new records, each batch of them with the new offset in one transaction; announced artifacts are moved
 * into the object store before it, so that a crash in between only leaves an object that the next reading finds in place.
 * A log that is damaged or contradicts itself makes the run `failed` with the reason.
 * @param folder where the folder of the run lies
 * @param anew whether the log is read from its start again
 * @throws RepriseError EVENT_LOG_CORRUPT where the log of a finished run is damaged or gone
 */
export async function ingestRun(database: Database, tables: Tables, folder: string, workspace: string, runId: string, anew = false): Promise<void> {
  for (let again = anew; await ingestSome(database, tables, folder, workspace, runId, again); again = false) await setImmediate();
}

/** @returns whether there may be more */
async function ingestSome(database: Database, tables: Tables, folder: string, workspace: string, runId: string, anew: boolean): Promise<boolean> {
  const number = tables.runs.number(runId);
  if (number === null) return false;
  const file = join(folder, RUN_FILES.events);
  const before = tables.cursors.get(number);
  const size = await sizeOf(file);
  if (!anew && (before.offset === STOPPED || size === before.offset)) return false;
  // A log can lose its unsynced end when the machine dies, while the database kept it: the log is the truth.
  const restart = anew || (size !== null && size < before.offset);
  const from = restart ? 0 : before.offset;

  // A log that is gone cannot be read anew.
  const batch = readBatch(file, restart && size !== null ? { offset: 0, lastSeq: -1 } : before);
  if ('error' in batch) {
    if (anew) throw batch.error;
    failUnreadable(database, tables, number, batch.error);
    return false;
  }
  if (!restart && batch.offset === before.offset) return false;
  for (const artifact of announced(batch.records)) await moveArtifact(workspace, folder, artifact);

  inTransaction(database, tables, () => {
    const now = tables.cursors.get(number);
    // Somebody else applied records while the artifacts moved.
    if (now.offset === before.offset) applyBatch(tables, runId, { from, offset: batch.offset, records: batch.records }, restart);
  });
  return true;
}

/** Applies records that follow those in the database. Runs inside the caller's transaction. @param restart first forgets what came from the log before */
export function applyBatch(tables: Tables, runId: string, batch: Batch, restart = false): void {
  const [found] = tables.runs.withMore([runId]);
  const stored = found === undefined ? null : tables.runs.state(found.number);
  if (found === undefined || stored === null) return;
  const { number, run: { kind, seed, createdAt } } = found;
  const subject: Subject = { number, runId, kind, seed, createdAt };
  const running = stored.status === 'running';
  const state = restart ? forgetLog(tables, subject) : stored;
  let { offset } = batch;
  try {
    applyRecords(tables, subject, state, batch.records);
  } catch (error) {
    // One run must not keep the others out of the database.
    if (!(error instanceof LogContradiction) && !isUnstorable(error)) throw error;
    offset = STOPPED;
    state.logStatus = 'failed';
    state.errorCode = 'LOG_INCONSISTENT';
    state.errorMessage = `The event log contradicts itself: ${error.message}. Start this run again.`;
  }
  state.status = offset === STOPPED ? 'failed' : kind === 'logged' ? state.logStatus : statusAfter(state, running, batch.records);
  tables.runs.putState(number, state);
  tables.cursors.set(number, { offset, lastSeq: batch.records.at(-1)?.seq ?? tables.cursors.get(number).lastSeq });
}

/** A run whose worker was started stays `running` until the log has the end of that process. */
function statusAfter(state: RunState, running: boolean, fresh: readonly EventRecord[]): RunState['status'] {
  const ended = fresh.some((record) => record.type === 'exit' || record.type === 'requeued');
  return running && !ended ? 'running' : state.logStatus;
}

/** The last announcement of each artifact, of the last attempt: files of earlier ones may be overwritten. */
function announced(records: readonly EventRecord[]): ArtifactRecord[] {
  const last = new Map<string, ArtifactRecord>();
  for (const record of records) {
    if (record.type === 'attempt') last.clear();
    if (record.type === 'artifact') last.set(record.name, record);
  }
  return [...last.values()];
}

function readBatch(file: string, { offset, lastSeq }: Cursor): EventBatch | { readonly error: RepriseError } {
  try {
    return readEvents(file, offset, lastSeq + 1, BYTES_AT_ONCE);
  } catch (error) {
    if (error instanceof RepriseError && error.code === 'EVENT_LOG_CORRUPT') return { error };
    throw error;
  }
}

function failUnreadable(database: Database, tables: Tables, run: number, error: RepriseError): void {
  const state = tables.runs.state(run);
  if (state === null || state.logStatus === 'finished') throw error;
  inTransaction(database, tables, () => tables.runs.setStatus(run, 'failed', error.code, error.message));
}

async function sizeOf(file: string): Promise<number | null> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
