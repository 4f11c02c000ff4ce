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
import { openForReading, workspaceNotFound } from './open';
import { tablesOf, type Tables } from './tables/all';
import type { RunRow } from './types';

/**
 * All that is wrong with a workspace, empty when nothing is: a damaged or foreign database, rows without folder and
 * folders without row, manifests or studies that are missing or changed, logs that are damaged, artifacts that are
 * missing or differ from their hash, gaps in series. Safe beside a living host.
 * @throws RepriseError WORKSPACE_NOT_FOUND, STORE_TOO_NEW, STORE_TOO_OLD
 */
export async function checkWorkspace(workspace: string): Promise<Problem[]> {
  const folder = resolve(workspace);
  const file = join(folder, WORKSPACE_FILES.database);
  if (!existsSync(file)) {
    if (!existsSync(join(folder, WORKSPACE_FILES.runs))) throw workspaceNotFound(folder);
    return [{ path: file, message: 'The database is missing; `reprise workspace rebuild` makes it again.' }];
  }
  let database: Database;
  try {
    database = openForReading(folder);
  } catch (error) {
    if (error instanceof RepriseError && error.code === 'STORE_CORRUPT') return [{ path: file, message: error.message }];
    throw error;
  }
  try {
    const damage = integrityProblems(database, 'integrity_check');
    if (damage.length > 0) return damage.map((message) => ({ path: file, message: `SQLite finds: ${message}.` }));
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
      problems.push({ path: folder, message: 'The run folder is missing, but the database has the run.' });
      continue;
    }
    await named(problems, folder, async () => {
      const { manifest, sha256 } = await readManifestFile(workspace, runId);
      dataFiles.set(join(workspace, manifest.data.file), manifest.data.fingerprint);
      return sha256 === manifestSha256 ? null : 'The manifest run.json was changed after the run was made.';
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
      problems.push({ path, message: `The artifact ${artifact.name} of run ${runId} ${what}.` });
    }
  }
  for (const [path, fingerprint] of dataFiles) {
    if (!existsSync(path)) problems.push({ path, message: 'Prepared data that runs were trained on is missing.' });
    else if ((await sha256File(path)) !== fingerprint) problems.push({ path, message: 'Prepared data differs from the fingerprint that runs were trained on.' });
  }
  for (const runId of await runIdsOnDisk(workspace)) {
    if (!ids.has(runId)) problems.push({ path: runFolderOf(workspace, runId), message: 'The database does not have this run.' });
  }
  return problems;
}

/** What is wrong with a log, as far as the database has read it and beyond. */
function logProblem(tables: Tables, folder: string, runId: string): string | null {
  const { offset } = tables.cursors.get(runId);
  const whole = readEvents(join(folder, RUN_FILES.events), 0);
  if (offset < 0) return tables.runs.get(runId)?.errorMessage ?? 'The event log contradicts itself.';
  return whole.offset < offset ? `The event log ends at byte ${whole.offset}, but the database has read ${offset}.` : null;
}

function seriesProblems(tables: Tables, folder: string, run: RunRow): Problem[] {
  const problems: Problem[] = [];
  for (const key of ['train.loss', 'train.learningRate'] as const) {
    const { steps } = tables.series.read(run.runId, key);
    const gap = steps.findIndex((step, index) => step !== index);
    if (gap >= 0) problems.push({ path: folder, message: `The series ${key} has step ${steps[gap]} where step ${gap} belongs.` });
    else if (steps.length !== run.stepsDone) problems.push({ path: folder, message: `The series ${key} has ${steps.length} steps, but ${run.stepsDone} are done.` });
  }
  return problems;
}

async function checkStudies(tables: Tables, workspace: string): Promise<Problem[]> {
  const problems: Problem[] = [];
  const known = new Set<string>();
  for (const { studyId, document } of tables.studies.all()) {
    known.add(studyId);
    await named(problems, studyFileOf(workspace, studyId), async () =>
      (await readStudyFile(workspace, studyId)).document === document ? null : 'The study differs from what the database has.',
    );
  }
  for (const studyId of await studyIdsOnDisk(workspace)) {
    if (!known.has(studyId) && isId(studyId)) problems.push({ path: studyFileOf(workspace, studyId), message: 'The database does not have this study.' });
  }
  return problems;
}

/** Adds what `check` answers, or the RepriseError it throws, as a problem of `path`. */
async function named(problems: Problem[], path: string, check: () => Promise<string | null> | string | null): Promise<void> {
  try {
    const message = await check();
    if (message !== null) problems.push({ path, message });
  } catch (error) {
    if (!(error instanceof RepriseError)) throw error;
    problems.push({ path, message: error.message });
  }
}
