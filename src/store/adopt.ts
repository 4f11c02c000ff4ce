/** Takes run folders and studies into a database that does not know them. */
import { RepriseError, type Problem } from '../errors/errors';
import { declaredMetric } from './apply';
import type { Database } from './database';
import { newRunFrom, readManifestFile, readStudyFile, runIdsOnDisk, studyIdsOnDisk } from './documents';
import { ingestRun } from './ingest';
import { runFolderOf, studyFileOf } from './layout';
import { insertRun, tablesOf, type NewRun, type Tables } from './tables/all';

/** Rows of one transaction. */
const FILLED_AT_ONCE = 500;

export interface Adoption {
  /** Runs taken in. */
  readonly runs: number;
  /** Folders and files that could not be taken in, and why. */
  readonly problems: readonly Problem[];
}

/**
 * Makes rows for the run folders and studies on disk that have none (or, for a study, an older one), oldest first,
 * and reads the logs of those runs. What cannot be read is left as it is and named.
 */
export async function adoptFolders(database: Database, workspace: string): Promise<Adoption> {
  const tables = tablesOf(database);
  const problems: Problem[] = [];
  for (const studyId of await studyIdsOnDisk(workspace)) {
    try {
      const { study, document } = await readStudyFile(workspace, studyId);
      if (tables.studies.document(studyId) !== document) {
        tables.studies.put({ studyId, experiment: study.experiment, createdAt: study.createdAt, document });
      }
    } catch (error) {
      problems.push(problemFrom(studyFileOf(workspace, studyId), error));
    }
  }

  const known = new Set(tables.runs.ids().map((run) => run.runId));
  const unknown = (await runIdsOnDisk(workspace)).filter((runId) => !known.has(runId));
  const adoption = await adoptRuns(database, tables, workspace, unknown);
  return { runs: adoption.runs, problems: [...problems, ...adoption.problems] };
}

/** Makes rows for run folders that have none, oldest first, and reads their logs. What cannot be read is left as it is and named. */
export async function adoptRuns(database: Database, tables: Tables, workspace: string, runIds: readonly string[]): Promise<Adoption> {
  const problems: Problem[] = [];
  const found: NewRun[] = [];
  for (const runId of runIds) {
    try {
      found.push(newRunFrom(await readManifestFile(workspace, runId)));
    } catch (error) {
      problems.push(problemFrom(runFolderOf(workspace, runId), error));
    }
  }
  found.sort(({ identity: a }, { identity: b }) => a.createdAt - b.createdAt || (a.runId < b.runId ? -1 : 1));
  database.transaction(() => {
    for (const run of found) insertRun(tables, run);
  }).immediate();
  for (const { identity: { runId } } of found) {
    await ingestRun(database, tables, workspace, runId);
    const row = tables.runs.get(runId);
    if (row?.errorCode === 'EVENT_LOG_CORRUPT' || row?.errorCode === 'LOG_INCONSISTENT') {
      problems.push({ path: runFolderOf(workspace, runId), message: row.errorMessage ?? row.errorCode });
    }
  }
  return { runs: found.length, problems };
}

/**
 * Gives rows of an older schema what their manifest says. A manifest that cannot be read is left for the next time;
 * `workspace check` names it.
 */
export async function fillIdentities(database: Database, workspace: string): Promise<void> {
  const tables = tablesOf(database);
  const waiting = tables.runs.unfilled();
  for (let from = 0; from < waiting.length; from += FILLED_AT_ONCE) {
    const found: NewRun[] = [];
    for (const runId of waiting.slice(from, from + FILLED_AT_ONCE)) {
      try {
        found.push(newRunFrom(await readManifestFile(workspace, runId)));
      } catch (error) {
        if (!(error instanceof RepriseError)) throw error;
      }
    }
    database.transaction(() => {
      for (const { identity, config } of found) {
        tables.variants.put(identity.variantHash, config);
        tables.runs.fill(identity);
        if (tables.runs.get(identity.runId)?.status === 'finished') tables.runs.setMetric(identity.runId, declaredMetric(tables, identity.runId));
      }
    }).immediate();
  }
}

function problemFrom(path: string, error: unknown): Problem {
  if (error instanceof RepriseError) return { path, message: error.message };
  throw error;
}
