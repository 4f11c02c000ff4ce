/** Takes run folders, experiments and studies into a database that does not know them. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { RepriseError, type Problem } from '../errors/errors';
import { RUN_FILES } from '../events/manifest';
import type { Database } from './database';
import { newRunFrom, readManifestFile, readStudyFile, runIdsOnDisk, studyIdsOnDisk } from './documents';
import { experimentIdsOnDisk, readExperimentFile, rowOf } from './experiment-files';
import { Experiments, type Home } from './experiments';
import { ingestRun } from './ingest';
import { experimentFileOf, runFolderOf, studyFileOf } from './layout';
import { inTransaction, insertRun, type NewRun, type Tables } from './tables/all';

/** Rows of one transaction. */
const AT_ONCE = 500;

export interface Adoption {
  /** Runs taken in. */
  readonly runs: number;
  /** Folders and files that could not be taken in, and why. */
  readonly problems: readonly Problem[];
}

/**
 * Makes rows for the experiments, studies and run folders on disk that have none (or older ones), runs oldest first,
 * and reads the logs of those runs. What cannot be read is left as it is and named.
 */
export async function adoptFolders(database: Database, tables: Tables, workspace: string): Promise<Adoption> {
  const problems: Problem[] = [];
  const named = async (path: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      problems.push(problemFrom(path, error));
    }
  };
  for (const id of await experimentIdsOnDisk(workspace)) {
    await named(experimentFileOf(workspace, id), async () => {
      const { document, text } = await readExperimentFile(workspace, id);
      const { experiments, runs } = tables;
      const row = experiments.byId(id);
      if (row?.document === text) return;
      const holder = experiments.byName(document.name);
      if (holder !== null && holder.experiment_id !== id) {
        throw new RepriseError('EXPERIMENT_FILE_INVALID', `The name "${document.name}" is that of experiment ${holder.experiment_id} too.`, { kind: 'system', hint: 'Change it in one of the files.' });
      }
      inTransaction(database, tables, () => {
        experiments.put(rowOf(document, text));
        runs.renameExperiment(id, document.name);
      });
    });
  }
  for (const studyId of await studyIdsOnDisk(workspace)) {
    await named(studyFileOf(workspace, studyId), async () => {
      const { study, document } = await readStudyFile(workspace, studyId);
      if (tables.studies.document(studyId) === document) return;
      tables.studies.put({ studyId, experiment: study.experiment, createdAt: study.createdAt, document });
    });
  }

  const known = new Set(tables.runs.ids().map((run) => run.runId));
  const unknown = (await runIdsOnDisk(workspace)).filter((runId) => !known.has(runId));
  const adoption = await adoptRuns(database, tables, workspace, unknown);
  return { runs: adoption.runs, problems: [...problems, ...adoption.problems] };
}

/**
 * Makes rows for run folders that have none, oldest first, and reads their logs. What cannot be read is left as it is
 * and named.
 * @param folderOf where the folder of a run lies
 */
export async function adoptRuns(database: Database, tables: Tables, workspace: string, runIds: readonly string[], folderOf = (runId: string): string => runFolderOf(workspace, runId)): Promise<Adoption> {
  const problems: Problem[] = [];
  const found: NewRun[] = [];
  for (const runId of runIds) {
    try {
      found.push(newRunFrom(await readManifestFile(folderOf(runId), runId)));
    } catch (error) {
      problems.push(problemFrom(folderOf(runId), error));
    }
  }
  found.sort(({ identity: a }, { identity: b }) => a.createdAt - b.createdAt || (a.runId < b.runId ? -1 : 1));
  const experiments = new Experiments(database, tables, workspace);
  for (let from = 0; from < found.length; from += AT_ONCE) {
    const runs: { readonly run: NewRun; readonly home: Home }[] = [];
    for (const run of found.slice(from, from + AT_ONCE)) {
      const { experiment, runId, createdAt } = run.identity;
      runs.push({ run, home: await experiments.homeOf(experiment, runId, createdAt) });
    }
    inTransaction(database, tables, () => {
      for (const { run, home } of runs) insertRun(tables, run, home);
    });
  }
  for (const { identity: { runId } } of found) {
    await ingestRun(database, tables, folderOf(runId), workspace, runId);
    const [row] = tables.runs.withMore([runId]);
    if (row?.run.errorCode === 'EVENT_LOG_CORRUPT' || row?.run.errorCode === 'LOG_INCONSISTENT') {
      problems.push({ path: folderOf(runId), message: row.run.errorMessage ?? row.run.errorCode });
    }
  }
  return { runs: found.length, problems };
}

/** Reads what the logs of runs have that the database has not, after a host that was killed. */
export async function ingestBehind(database: Database, tables: Tables, workspace: string): Promise<void> {
  for (const { runId, deletedAt } of tables.runs.ids()) {
    const run = tables.runs.number(runId);
    if (run === null || deletedAt !== null) continue;
    const folder = runFolderOf(workspace, runId);
    const { offset } = tables.cursors.get(run);
    const size = statSync(join(folder, RUN_FILES.events), { throwIfNoEntry: false })?.size ?? 0;
    if (offset < 0 || size === offset) continue;
    try {
      await ingestRun(database, tables, folder, workspace, runId);
    } catch (error) {
      // A damaged log is named by `workspace check`, and where it is read.
      if (!(error instanceof RepriseError)) throw error;
    }
  }
}

function problemFrom(path: string, error: unknown): Problem {
  if (error instanceof RepriseError) return { path, message: error.message };
  throw error;
}
