/** Reads what is new in a run's event log into the database. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RepriseError } from '../errors/errors';
import { RUN_FILES } from '../events/manifest';
import { readEvents, type EventBatch } from '../events/reader';
import type { ArtifactRecord, EventRecord } from '../events/records';
import { applyRecords, forgetLog, LogContradiction } from './apply';
import type { Database } from './database';
import { moveArtifact } from './artifact-files';
import { runFolderOf } from './layout';
import type { Tables } from './tables/all';
import type { RunState } from './tables/runs';

/** The cursor's offset once a log contradicted itself: it is not read on. */
const STOPPED = -1;

/**
 * Applies new records and the new offset in one transaction; announced artifacts are moved into the object store
 * before it, so that a crash in between only leaves an object that the next reading finds in place.
 * A log that is damaged or contradicts itself makes the run `failed` with the reason.
 * @throws RepriseError EVENT_LOG_CORRUPT where the log of a finished run is damaged or gone
 */
export async function ingestRun(database: Database, tables: Tables, workspace: string, runId: string): Promise<void> {
  const folder = runFolderOf(workspace, runId);
  const file = join(folder, RUN_FILES.events);
  const before = tables.cursors.get(runId);
  const size = await sizeOf(file);
  if (before.offset === STOPPED || size === before.offset) return;
  // A log can lose its unsynced end when the machine dies, while the database kept it: the log is the truth.
  const restart = size !== null && size < before.offset;
  const from = restart ? 0 : before.offset;

  const batch = readBatch(file, from);
  if ('error' in batch) {
    failUnreadable(database, tables, runId, batch.error);
    return;
  }
  if (!restart && batch.offset === before.offset) return;
  const fresh = batch.records.filter((record) => restart || record.seq > before.lastSeq);
  for (const artifact of announced(fresh)) await moveArtifact(workspace, folder, artifact);

  database.transaction(() => {
    const run = tables.runs.get(runId);
    const stored = tables.runs.state(runId);
    if (run === null || stored === null) return;
    // Somebody else applied records while the artifacts moved.
    if (tables.cursors.get(runId).offset !== before.offset) return;
    const running = stored.status === 'running';
    const state = restart ? forgetLog(tables, runId, run.createdAt) : stored;
    let offset = batch.offset;
    try {
      applyRecords(tables, runId, state, fresh);
    } catch (error) {
      if (!(error instanceof LogContradiction)) throw error;
      offset = STOPPED;
      state.logStatus = 'failed';
      state.errorCode = 'LOG_INCONSISTENT';
      state.errorMessage = `The event log contradicts itself: ${error.message}. Train this run again.`;
    }
    state.status = offset === STOPPED ? 'failed' : statusAfter(state, running, fresh);
    tables.runs.putState(runId, state);
    tables.cursors.set(runId, { offset, lastSeq: batch.records.at(-1)?.seq ?? before.lastSeq });
  }).immediate();
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

function readBatch(file: string, from: number): EventBatch | { readonly error: RepriseError } {
  try {
    return readEvents(file, from);
  } catch (error) {
    if (error instanceof RepriseError && error.code === 'EVENT_LOG_CORRUPT') return { error };
    throw error;
  }
}

function failUnreadable(database: Database, tables: Tables, runId: string, error: RepriseError): void {
  const state = tables.runs.state(runId);
  if (state === null || state.logStatus === 'finished') throw error;
  database.transaction(() => tables.runs.setStatus(runId, 'failed', error.code, error.message)).immediate();
}

async function sizeOf(file: string): Promise<number | null> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
