/** Takes run folders and studies into a database that does not know them. */
import { RepriseError, type Problem } from '../errors/errors';
import type { Database } from './database';
import { identityFrom, readManifestFile, readStudyFile, runIdsOnDisk, studyIdsOnDisk } from './documents';
import { ingestRun } from './ingest';
import { runFolderOf, studyFileOf } from './layout';
import { tablesOf } from './tables/all';
import type { RunIdentity } from './tables/runs';

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
  const found: RunIdentity[] = [];
  for (const runId of await runIdsOnDisk(workspace)) {
    if (known.has(runId)) continue;
    try {
      found.push(identityFrom(await readManifestFile(workspace, runId)));
    } catch (error) {
      problems.push(problemFrom(runFolderOf(workspace, runId), error));
    }
  }
  found.sort((a, b) => a.createdAt - b.createdAt || (a.runId < b.runId ? -1 : 1));
  database.transaction(() => {
    for (const run of found) tables.runs.insert(run);
  }).immediate();
  for (const run of found) {
    await ingestRun(database, tables, workspace, run.runId);
    const row = tables.runs.get(run.runId);
    if (row?.errorCode === 'EVENT_LOG_CORRUPT' || row?.errorCode === 'LOG_INCONSISTENT') {
      problems.push({ path: runFolderOf(workspace, run.runId), message: row.errorMessage ?? row.errorCode });
    }
  }
  return { runs: found.length, problems };
}

function problemFrom(path: string, error: unknown): Problem {
  if (error instanceof RepriseError) return { path, message: error.message };
  throw error;
}
