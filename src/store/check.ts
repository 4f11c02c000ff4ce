/** Compares a workspace's database with its folders. Reads only. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { RepriseError, type Problem } from '../errors/errors';
import { RUN_FILES } from '../events/manifest';
import { readEvents } from '../events/reader';
import { parseSnapshot, snapshotObjects } from '../events/snapshot';
import { sha256File } from '../files/hash';
import { hasObject, objectPath } from '../files/objects';
import { integrityProblems, type Database } from './database';
import { readManifestFile, readStudyFile, runIdsOnDisk, studyIdsOnDisk } from './documents';
import { experimentIdsOnDisk, readExperimentFile } from './experiment-files';
import { BYTES_AT_ONCE } from './ingest';
import { experimentFileOf, isId, runFolderOf, studyFileOf, WORKSPACE_FILES } from './layout';
import { holdsRecords, openForReading, workspaceNotFound } from './open';
import { tablesOf, type Tables } from './tables/all';
import { presentFolderOf } from './trash';
import type { RunRow } from './types';

const REBUILD = '`reprise workspace rebuild`';
const PREPARE_AGAIN = 'A new run on the same data prepares it again.';

/**
 * All that is wrong with a workspace, each with what mends it, empty when nothing is: a damaged or foreign database, rows without folder and
 * folders without row, manifests, experiments or studies that are missing or changed, logs that are damaged, artifacts and files that are
 * missing or differ from their hash, series with gaps or with overviews that are not theirs. Safe beside a living host.
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
    return [...(await checkRuns(tables, folder)), ...(await checkExperiments(tables, folder)), ...(await checkStudies(tables, folder))];
  } finally {
    database.close();
  }
}

async function checkRuns(tables: Tables, workspace: string): Promise<Problem[]> {
  const problems: Problem[] = [];
  const known = tables.runs.ids();
  const ids = new Set(known.map((run) => run.runId));
  const dataFiles = new Map<string, string>();
  const data = new Set<string>();
  const objects = new Objects(workspace, problems);
  for (const { runId, manifestSha256, deletedAt } of known) {
    const folder = presentFolderOf(workspace, runId);
    if (!existsSync(folder)) {
      const where = deletedAt === null ? '' : ' The run is deleted; a purge removes the rest of it.';
      problems.push({ path: folder, message: `The run folder is missing, but the database has the run.${where} Restore the folder from a backup; ${REBUILD} would leave the run out.` });
      continue;
    }
    await named(problems, folder, async () => {
      const { manifest, sha256 } = await readManifestFile(folder, runId);
      if (manifest.kind !== 'command' && manifest.kind !== 'logged') {
        dataFiles.set(join(workspace, manifest.data.file), manifest.data.fingerprint);
        data.add(manifest.data.fingerprint);
      }
      return sha256 === manifestSha256 ? null : 'The manifest run.json was changed after the run was made. Restore it from a backup.';
    });
    const [found] = tables.runs.withMore([runId]);
    if (found === undefined) continue;
    const { number, run } = found;
    await named(problems, join(folder, RUN_FILES.events), () => logProblem(tables, folder, number, run));
    await named(problems, folder, () => seriesProblem(tables, number, run));
    for (const artifact of tables.artifacts.ofRun(number)) {
      // An unfinished run may announce a file that the host has not taken in yet.
      if (run.status === 'finished') await objects.check(artifact.sha256, `The artifact ${artifact.name} of run ${runId}`, 'Restore the file from a backup, or train the run again.');
    }
    for (const file of tables.files.ofRun(number)) await objects.check(file.sha256, `The file ${file.path} of run ${runId}`);
    for (const { sha256, isCode } of tables.files.refsOf(number)) {
      // Prepared data is looked at below, by its own name.
      if (data.has(sha256)) continue;
      const isThere = await objects.check(sha256, isCode ? `The list of the code of run ${runId}` : `An object that the manifest of run ${runId} names`);
      if (isCode && isThere) for (const file of snapshotObjects(parseSnapshot(readFileSync(objectPath(workspace, sha256), 'utf8')))) await objects.check(file, `A file of the code of run ${runId}`);
    }
  }
  for (const [path, fingerprint] of dataFiles) {
    if (!existsSync(path)) problems.push({ path, message: `Prepared data that runs were trained on is missing. ${PREPARE_AGAIN}` });
    else if ((await sha256File(path)) !== fingerprint) problems.push({ path, message: `Prepared data differs from the fingerprint that runs were trained on. ${PREPARE_AGAIN}` });
  }
  for (const runId of await runIdsOnDisk(workspace)) {
    const folder = runFolderOf(workspace, runId);
    if (!ids.has(runId)) problems.push({ path: folder, message: await strayProblem('run', () => readManifestFile(folder, runId)) });
  }
  return problems;
}

/** Objects that were looked at: many runs share one, and each is read once and named once. */
class Objects {
  readonly #workspace: string;
  readonly #problems: Problem[];
  readonly #found = new Map<string, boolean>();

  constructor(workspace: string, problems: Problem[]) {
    this.#workspace = workspace;
    this.#problems = problems;
  }

  /** @returns whether the object is there and is what its name says */
  async check(sha256: string, what: string, remedy = 'Restore the object from a backup.'): Promise<boolean> {
    const known = this.#found.get(sha256);
    if (known !== undefined) return known;
    const isGood = await hasObject(this.#workspace, sha256);
    this.#found.set(sha256, isGood);
    const path = objectPath(this.#workspace, sha256);
    if (!isGood) this.#problems.push({ path, message: `${what} ${existsSync(path) ? 'differs from its hash' : 'is missing'}. ${remedy}` });
    return isGood;
  }
}

/** A run, study or experiment that only the folders have: a rebuild takes it in, if it can be read. */
async function strayProblem(what: 'run' | 'study' | 'experiment', read: () => Promise<unknown>): Promise<string> {
  try {
    await read();
    return `The database does not have this ${what}. ${REBUILD} takes it in.`;
  } catch (error) {
    if (!(error instanceof RepriseError)) throw error;
    return `The database does not have this ${what}, and it cannot be taken in. ${error.message} Restore it from a backup, or remove it.`;
  }
}

/** What is wrong with a log, as far as the database has read it and beyond. */
function logProblem(tables: Tables, folder: string, number: number, run: RunRow): string | null {
  const { offset } = tables.cursors.get(number);
  let end = 0;
  for (let batch = readEvents(join(folder, RUN_FILES.events), 0, 0, BYTES_AT_ONCE); batch.offset > end; ) {
    end = batch.offset;
    batch = readEvents(join(folder, RUN_FILES.events), end, null, BYTES_AT_ONCE);
  }
  if (offset < 0) return run.errorMessage ?? 'The event log contradicts itself.';
  return end < offset ? `The event log ends at byte ${end}, but the database has read ${offset}. Restore the log from a backup; without one, the record ends there.` : null;
}

/** What is wrong with the series of a run: steps of a training that are missing, points out of order, overviews that are not of their points. */
function seriesProblem(tables: Tables, number: number, run: RunRow): string | null {
  for (const { key, name } of tables.latest.keysOf(number)) {
    const problem = tables.series.problem(number, key);
    if (problem !== null) return `The series ${name} is damaged: ${problem}. ${REBUILD} reads the log again.`;
    const { steps } = tables.series.read(number, key);
    const isOfSteps = run.kind === 'training' && (name === 'train.loss' || name === 'train.learningRate');
    const gap = isOfSteps ? steps.findIndex((step, index) => step !== index) : -1;
    if (gap >= 0) return `The series ${name} has step ${steps[gap]} where step ${gap} belongs. ${REBUILD} reads the log again.`;
    const expected = isOfSteps ? run.stepsDone : tables.latest.get(number, key)?.points;
    if (steps.length !== expected) return `The series ${name} has ${steps.length} points, but ${expected ?? 0} were logged. ${REBUILD} reads the log again.`;
  }
  return null;
}

async function checkExperiments(tables: Tables, workspace: string): Promise<Problem[]> {
  const problems: Problem[] = [];
  const known = new Set<number>();
  for (const { experiment_id: id, document } of tables.experiments.all()) {
    known.add(id);
    if (document === null) continue;
    await named(problems, experimentFileOf(workspace, id), async () =>
      (await readExperimentFile(workspace, id)).text === document ? null : `The experiment differs from what the database has. Restore the file from a backup; if the file is right, ${REBUILD} takes it in.`,
    );
  }
  for (const id of await experimentIdsOnDisk(workspace)) {
    if (!known.has(id)) problems.push({ path: experimentFileOf(workspace, id), message: await strayProblem('experiment', () => readExperimentFile(workspace, id)) });
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
