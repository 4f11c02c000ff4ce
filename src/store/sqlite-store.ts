/** The store over SQLite. */
import { readFileSync } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { VariantConfig } from '../config/hash';
import { RepriseError } from '../errors/errors';
import { RUN_FILES, type TrainingManifest } from '../events/manifest';
import { atomicWrite, syncFolder } from '../files/atomic-write';
import { sha256Bytes } from '../files/hash';
import { objectPath } from '../files/objects';
import { guard, type Database } from './database';
import { manifestProblem, manifestText, newRunFrom, studyProblem } from './documents';
import { ingestRun } from './ingest';
import { runFolderOf, studyFileOf, WORKSPACE_FILES } from './layout';
import type { HostLock } from './lock';
import { insertRun, tablesOf, type Tables } from './tables/all';
import type { RunFilter } from './tables/runs';
import { restoreRuns, trashRuns } from './trash';
import type { ArtifactRow, ExperimentRow, ListedPage, ListedRun, MetricRow, RunGroupRow, RunRow, RunsFilter, RunsOrder, RunStatus, Series, SeriesKey, Store, StudyRow, WeightsHashRow } from './types';

const SHORTEST_PREFIX = 4;

export class SqliteStore implements Store {
  readonly workspace: string;
  readonly readOnly: boolean;
  readonly #file: string;
  readonly #database: Database;
  readonly #tables: Tables;
  readonly #lock: HostLock | null;
  /** The latest reading of each run's log; the next one waits for it. */
  readonly #reading = new Map<string, Promise<void>>();
  #closed = false;

  /** @param lock the host's lock, or null for a reader */
  constructor(workspace: string, database: Database, lock: HostLock | null) {
    this.workspace = workspace;
    this.readOnly = lock === null;
    this.#file = join(workspace, WORKSPACE_FILES.database);
    this.#database = database;
    this.#lock = lock;
    this.#tables = guard(this.#file, () => tablesOf(database));
  }

  runFolder(runId: string): string {
    return runFolderOf(this.workspace, runId);
  }

  objectPath(sha256: string): string {
    return objectPath(this.workspace, sha256);
  }

  /** @throws RepriseError RUN_EXISTS, MANIFEST_INVALID, WORKSPACE_READ_ONLY; nothing is written then */
  async createRun(manifest: TrainingManifest): Promise<RunRow> {
    this.#refuseReader();
    const problem = manifestProblem(manifest);
    if (problem !== null) throw new RepriseError('MANIFEST_INVALID', `The manifest of the new run is not complete: ${problem}.`, { kind: 'system' });
    const { runId } = manifest;
    const folder = this.runFolder(runId);
    const exists = new RepriseError('RUN_EXISTS', `There is a run ${runId} already in ${this.workspace}.`, { kind: 'input' });
    if (await isThere(folder)) throw exists;
    const text = manifestText(manifest);
    // Made aside and renamed: a run folder never lacks its manifest, and a crash leaves no half-made run.
    const aside = join(this.workspace, WORKSPACE_FILES.runs, `.new-${runId}-${process.pid}`);
    try {
      await rm(aside, { recursive: true, force: true });
      await mkdir(aside);
      const handle = await open(join(aside, RUN_FILES.manifest), 'wx');
      try {
        await handle.writeFile(text);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await syncFolder(aside);
      await rename(aside, folder);
    } catch (error) {
      await rm(aside, { recursive: true, force: true });
      throw (await isThere(folder)) ? exists : error;
    }
    await syncFolder(join(this.workspace, WORKSPACE_FILES.runs));
    this.#write(() => insertRun(this.#tables, newRunFrom({ manifest, sha256: sha256Bytes(text) })));
    return this.#row(runId);
  }

  /** @throws RepriseError RUN_NOT_FOUND, RUN_AMBIGUOUS */
  getRun(idOrPrefix: string): RunRow {
    return this.#read(() => {
      const { runs } = this.#tables;
      const exact = runs.get(idOrPrefix) ?? runs.byReproductionId(idOrPrefix);
      if (exact !== null) return exact;
      const found = idOrPrefix.length >= SHORTEST_PREFIX ? runs.byPrefix(idOrPrefix) : [];
      const [run, other] = found;
      if (run === undefined) {
        throw new RepriseError('RUN_NOT_FOUND', `There is no run "${idOrPrefix}" in ${this.workspace}.`, {
          kind: 'input',
          hint: `Give a run id, its first ${SHORTEST_PREFIX} or more characters, or a reproduction id; \`reprise runs\` lists them.`,
        });
      }
      if (other !== undefined) {
        throw new RepriseError('RUN_AMBIGUOUS', `Several runs begin with "${idOrPrefix}": ${run.runId}, ${other.runId}.`, { kind: 'input', hint: 'Give more characters of the id.' });
      }
      return run;
    });
  }

  /** @throws RepriseError RUN_NOT_FOUND, MANIFEST_MISSING, MANIFEST_INVALID where it is not the file the run was made with */
  trainingManifest(runId: string): TrainingManifest {
    const expected = this.#read(() => this.#tables.runs.manifestSha256(runId));
    if (expected === null) throw notFound(this.workspace, runId);
    const file = join(this.runFolder(runId), RUN_FILES.manifest);
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      throw new RepriseError('MANIFEST_MISSING', `The manifest ${file} cannot be read.`, { kind: 'system', hint: 'Restore the run folder from a backup.', cause: error });
    }
    if (sha256Bytes(text) !== expected) {
      throw new RepriseError('MANIFEST_INVALID', `The manifest ${file} was changed after the run was made.`, { kind: 'system', hint: 'Restore the run folder from a backup.' });
    }
    return JSON.parse(text) as TrainingManifest;
  }

  listRuns(filter: RunFilter = {}): RunRow[] {
    return this.#read(() => this.#tables.runs.list(filter));
  }

  getRuns(runIds: readonly string[]): RunRow[] {
    return this.#read(() => this.#tables.runs.byIds(runIds));
  }

  listPage(filter: RunsFilter, order: RunsOrder, offset: number, limit: number): ListedPage {
    return this.#read(() => this.#tables.listing.page(filter, order, offset, limit));
  }

  listedRun(runId: string): ListedRun {
    const run = this.#read(() => this.#tables.listing.one(runId));
    if (run === null) throw notFound(this.workspace, runId);
    return run;
  }

  listGroups(filter: RunsFilter): RunGroupRow[] {
    return this.#read(() => this.#tables.listing.groups(filter));
  }

  variantConfig(variantHash: string): VariantConfig | null {
    return this.#read(() => this.#tables.variants.config(variantHash));
  }

  variantConfigs(experiment?: string): ReadonlyMap<string, VariantConfig> {
    return this.#read(() => this.#tables.variants.configs(experiment));
  }

  sameComputeHash(computeHash: string, most: number): RunRow[] {
    return this.#read(() => this.#tables.runs.sameComputeHash(computeHash, most));
  }

  stepTime(trainingGraphHash: string, threads: number): { readonly ms: number; readonly steps: number } | null {
    return this.#read(() => this.#tables.runs.stepTime(trainingGraphHash, threads));
  }

  listExperiments(): ExperimentRow[] {
    return this.#read(() => this.#tables.runs.experiments());
  }

  findByComputeHash(computeHash: string, statuses: readonly RunStatus[]): RunRow | null {
    return this.#read(() => this.#tables.runs.byComputeHash(computeHash, statuses));
  }

  /**
   * Sets a status the log does not hold: that a worker is alive (`running`), or that none is after all.
   * Ends of a run are records of its log; `ingest` brings them here.
   */
  setStatus(runId: string, status: RunStatus, more: { readonly errorCode?: string; readonly errorMessage?: string } = {}): void {
    this.#refuseReader();
    this.#row(runId);
    this.#write(() => this.#tables.runs.setStatus(runId, status, more.errorCode ?? null, more.errorMessage ?? null));
  }

  async ingest(runId: string): Promise<RunRow> {
    this.#refuseReader();
    this.#row(runId);
    const previous = this.#reading.get(runId) ?? Promise.resolve();
    const reading = previous.catch(() => undefined).then(() => ingestRun(this.#database, this.#tables, this.workspace, runId));
    this.#reading.set(runId, reading);
    try {
      await reading;
    } catch (error) {
      throw guarded(this.#file, error);
    } finally {
      if (this.#reading.get(runId) === reading) this.#reading.delete(runId);
    }
    return this.#row(runId);
  }

  async trashRuns(runIds: readonly string[]): Promise<string[]> {
    this.#refuseReader();
    return trashRuns(this.#database, this.#tables, this.workspace, runIds);
  }

  async restoreRuns(runIds: readonly string[]): Promise<string[]> {
    this.#refuseReader();
    return restoreRuns(this.#database, this.#tables, this.workspace, runIds);
  }

  metrics(runId: string): MetricRow[] {
    return this.#read(() => this.#tables.metrics.all(runId));
  }

  series(runId: string, key: SeriesKey): Series {
    return this.#read(() => this.#tables.series.read(runId, key));
  }

  weightsHashes(runId: string): WeightsHashRow[] {
    return this.#read(() => this.#tables.hashes.all(runId));
  }

  artifacts(runId: string): ArtifactRow[] {
    return this.#read(() => this.#tables.artifacts.ofRun(runId));
  }

  /** Writes `studies/STUDY_ID.json`, then the row. @throws RepriseError STUDY_INVALID, WORKSPACE_READ_ONLY */
  async saveStudy(study: StudyRow): Promise<void> {
    this.#refuseReader();
    const problem = studyProblem(study);
    if (problem !== null) throw new RepriseError('STUDY_INVALID', `The study is not complete: ${problem}.`, { kind: 'system' });
    const document = `${JSON.stringify(study, null, 2)}\n`;
    await atomicWrite(studyFileOf(this.workspace, study.studyId), document);
    this.#write(() => this.#tables.studies.put({ studyId: study.studyId, experiment: study.experiment, createdAt: study.createdAt, document }));
  }

  studiesWithRun(runId: string): StudyRow[] {
    return this.#read(() => this.#tables.studies.withText(JSON.stringify(runId)))
      .map((document) => JSON.parse(document) as StudyRow)
      .filter((study) => study.variants.some((variant) => variant.runIds.includes(runId)));
  }

  latestStudy(experiment: string): StudyRow | null {
    const document = this.#read(() => this.#tables.studies.latestDocument(experiment));
    return document === null ? null : (JSON.parse(document) as StudyRow);
  }

  getStudy(studyId: string): StudyRow | null {
    const document = this.#read(() => this.#tables.studies.document(studyId));
    return document === null ? null : (JSON.parse(document) as StudyRow);
  }

  listStudies(): StudyRow[] {
    const documents = this.#read(() => this.#tables.studies.all());
    const studies = documents.map(({ document }) => JSON.parse(document) as StudyRow);
    return studies.toSorted((a, b) => b.createdAt - a.createdAt || (a.studyId < b.studyId ? 1 : -1));
  }

  /** Lets go of the database and of the host's lock. Closing twice does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#database.close();
    } finally {
      this.#lock?.release();
    }
  }

  #row(runId: string): RunRow {
    const row = this.#read(() => this.#tables.runs.get(runId));
    if (row === null) throw notFound(this.workspace, runId);
    return row;
  }

  #read<T>(work: () => T): T {
    return guard(this.#file, work);
  }

  #write(work: () => void): void {
    guard(this.#file, () => this.#database.transaction(work).immediate());
  }

  #refuseReader(): void {
    if (this.readOnly) {
      throw new RepriseError('WORKSPACE_READ_ONLY', `The workspace ${this.workspace} is open for reading only.`, {
        kind: 'system',
        hint: 'Close the other Reprise that hosts it, or name another workspace.',
      });
    }
  }
}

function notFound(workspace: string, runId: string): RepriseError {
  return new RepriseError('RUN_NOT_FOUND', `There is no run "${runId}" in ${workspace}.`, { kind: 'input', hint: '`reprise runs` lists the runs.' });
}

/** The same translation of SQLite's errors as `guard`, for one that came out of a promise. */
function guarded(file: string, error: unknown): unknown {
  try {
    return guard(file, () => {
      throw error;
    });
  } catch (translated) {
    return translated;
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
