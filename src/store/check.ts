/** Compares a workspace's database with its folders. Reads only. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { RepriseError, type Problem } from '../errors/errors';
import { RUN_FILES } from '../events/manifest';
import { readEvents } from '../events/reader';
import { sha256File } from '../files/hash';
import { hasObject, objectPath } from '../files/objects';
import { integrityProblems, type Database } from './database';
import { readManifestFile, readStudyFile, runIdsOnDisk, studyIdsOnDisk } from './documents';
import { isId, runFolderOf, studyFileOf, WORKSPACE_FILES } from './layout';
import { holdsRecords, openForReading, workspaceNotFound } from './open';
import { tablesOf, type Tables } from './tables/all';
import type { RunRow } from './types';

const REBUILD = '`reprise workspace rebuild`';
const PREPARE_AGAIN = 'A new run on the same data prepares it again.';

/**
 * All that is wrong with a workspace, each with what mends it, empty when nothing is: a damaged or foreign database, rows without folder and
 * folders without row, manifests or studies that are missing or changed, logs that are damaged, artifacts that are
 * missing or differ from their hash, gaps in series. Safe beside a living host.
 * @throws RepriseError WORKSPACE_NOT_FOUND, STORE_TOO_NEW, STORE_TOO_OLD
 */
export async function checkWorkspace(workspace: string): Promise<Problem[]> {
  const folder = resolve(workspace);
  const file = join(folder, WORKSPACE_FILES.database);
  if (!existsSync(file)) {
    if (!holdsRecords(folder)) throw workspaceNotFound(folder);
    return [{ path: file, message: `The database is missing. ${REBUILD} makes it again; so does the next start of the app or of a training command.` }];
  }
  let database: Database;
  try {
    database = openForReading(folder);
  } catch (error) {
    if (error instanceof RepriseError && error.code === 'STORE_CORRUPT') return [{ path: file, message: withHint(error) }];
    throw error;
  }
  try {
    const damage = integrityProblems(database, 'integrity_check');
    if (damage.length > 0) return damage.map((message) => ({ path: file, message: `SQLite finds: ${message}. ${REBUILD} makes the database again from the run folders.` }));
    const tables = tablesOf(database);
    return [...(await checkRuns(tables, folder)), ...(await checkStudies(tables, folder))];
  } finally {
    database.close();
  }
}

async function checkRuns(tables: Tables, workspace: string): Promise<Problem[]> {
  const problems: Problem[] = [];
  const known = tables.runs.ids();
  const ids = new Set(known.map((run) => run.runId));
  const dataFiles = new Map<string, string>();
  for (const { runId, manifestSha256 } of known) {
    const folder = runFolderOf(workspace, runId);
    if (!existsSync(folder)) {
      problems.push({ path: folder, message: `The run folder is missing, but the database has the run. Restore the folder from a backup; ${REBUILD} would leave the run out.` });
      continue;
    }
    await named(problems, folder, async () => {
      const { manifest, sha256 } = await readManifestFile(workspace, runId);
      dataFiles.set(join(workspace, manifest.data.file), manifest.data.fingerprint);
      return sha256 === manifestSha256 ? null : 'The manifest run.json was changed after the run was made. Restore it from a backup.';
    });
    await named(problems, join(folder, RUN_FILES.events), () => logProblem(tables, folder, runId));
    const run = tables.runs.get(runId);
    if (run === null) continue;
    problems.push(...seriesProblems(tables, folder, run));
    for (const artifact of tables.artifacts.ofRun(runId)) {
      // An unfinished run may announce a file that the host has not taken in yet.
      if (run.status !== 'finished' || (await hasObject(workspace, artifact.sha256))) continue;
      const path = objectPath(workspace, artifact.sha256);
      const what = existsSync(path) ? 'differs from its hash' : 'is missing';
      problems.push({ path, message: `The artifact ${artifact.name} of run ${runId} ${what}. Restore the file from a backup, or train the run again.` });
    }
  }
  for (const [path, fingerprint] of dataFiles) {
    if (!existsSync(path)) problems.push({ path, message: `Prepared data that runs were trained on is missing. ${PREPARE_AGAIN}` });
    else if ((await sha256File(path)) !== fingerprint) problems.push({ path, message: `Prepared data differs from the fingerprint that runs were trained on. ${PREPARE_AGAIN}` });
  }
  for (const runId of await runIdsOnDisk(workspace)) {
    if (!ids.has(runId)) problems.push({ path: runFolderOf(workspace, runId), message: await strayProblem('run', () => readManifestFile(workspace, runId)) });
  }
  return problems;
}

/** A run or study that only the folders have: a rebuild takes it in, if it can be read. */
async function strayProblem(what: 'run' | 'study', read: () => Promise<unknown>): Promise<string> {
  try {
    await read();
    return `The database does not have this ${what}. ${REBUILD} takes it in.`;
  } catch (error) {
    if (!(error instanceof RepriseError)) throw error;
    return `The database does not have this ${what}, and it cannot be taken in. ${error.message} Restore it from a backup, or remove it.`;
  }
}

/** What is wrong with a log, as far as the database has read it and beyond. */
function logProblem(tables: Tables, folder: string, runId: string): string | null {
  const { offset } = tables.cursors.get(runId);
  const whole = readEvents(join(folder, RUN_FILES.events), 0);
  if (offset < 0) return tables.runs.get(runId)?.errorMessage ?? 'The event log contradicts itself.';
  return whole.offset < offset ? `The event log ends at byte ${whole.offset}, but the database has read ${offset}. Restore the log from a backup; without one, the record ends there.` : null;
}

function seriesProblems(tables: Tables, folder: string, run: RunRow): Problem[] {
  const problems: Problem[] = [];
  for (const key of ['train.loss', 'train.learningRate'] as const) {
    const { steps } = tables.series.read(run.runId, key);
    const gap = steps.findIndex((step, index) => step !== index);
    if (gap >= 0) problems.push({ path: folder, message: `The series ${key} has step ${steps[gap]} where step ${gap} belongs. ${REBUILD} reads the log again.` });
    else if (steps.length !== run.stepsDone) problems.push({ path: folder, message: `The series ${key} has ${steps.length} steps, but ${run.stepsDone} are done. ${REBUILD} reads the log again.` });
  }
  return problems;
}

async function checkStudies(tables: Tables, workspace: string): Promise<Problem[]> {
  const problems: Problem[] = [];
  const known = new Set<string>();
  for (const { studyId, document } of tables.studies.all()) {
    known.add(studyId);
    await named(problems, studyFileOf(workspace, studyId), async () =>
      (await readStudyFile(workspace, studyId)).document === document ? null : `The study differs from what the database has. Restore the file from a backup; if the file is right, ${REBUILD} takes it in.`,
    );
  }
  for (const studyId of await studyIdsOnDisk(workspace)) {
    if (!known.has(studyId) && isId(studyId)) problems.push({ path: studyFileOf(workspace, studyId), message: await strayProblem('study', () => readStudyFile(workspace, studyId)) });
  }
  return problems;
}

function withHint(error: RepriseError): string {
  return error.hint === undefined ? error.message : `${error.message} ${error.hint}`;
}

/** Adds what `check` answers, or the RepriseError it throws, as a problem of `path`. */
async function named(problems: Problem[], path: string, check: () => Promise<string | null> | string | null): Promise<void> {
  try {
    const message = await check();
    if (message !== null) problems.push({ path, message });
  } catch (error) {
    if (!(error instanceof RepriseError)) throw error;
    problems.push({ path, message: withHint(error) });
  }
}
