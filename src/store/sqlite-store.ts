/** The store over SQLite. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { VariantConfig } from '../config/hash';
import { RepriseError } from '../errors/errors';
import { kindOf, RUN_FILES, type RunManifest, type TrainingManifest } from '../events/manifest';
import { atomicWrite } from '../files/atomic-write';
import { sha256Bytes } from '../files/hash';
import { objectPath } from '../files/objects';
import { guard, type Database } from './database';
import { manifestText, newRunFrom } from './documents';
import { behindFileOf, runFolderOf, studyFileOf, WORKSPACE_FILES } from './layout';
import type { HostLock } from './lock';
import { isThere, writeRunFolder } from './run-folder';
import { RunFinder, type RunScope, type RunSearch, type RunsFound } from './search';
import { RunGroups, type GroupsFound, type RunGrouping } from './search-groups';
import { insertRun, tablesOf, type Tables } from './tables/all';
import type { RunFilter } from './tables/runs';
import { notFound, SqliteTracking } from './sqlite-tracking';
import { presentFolderOf, restoreRuns, trashRuns } from './trash';
import type { ArtifactRow, ExperimentRow, ListedPage, ListedRun, MetricRow, QueuedRun, RunGroupRow, RunRow, RunsFilter, RunsOrder, RunStatus, Series, SeriesKey, Store, StudyRow, WeightsHashRow } from './types';

const SHORTEST_PREFIX = 4;

export class SqliteStore extends SqliteTracking implements Store {
  readonly #finder: RunFinder;
  readonly #groups: RunGroups;
  readonly #lock: HostLock | null;
  #closed = false;

  /** @param lock the host's lock, or null for a reader */
  constructor(workspace: string, database: Database, lock: HostLock | null, tables: Tables = guard(join(workspace, WORKSPACE_FILES.database), () => tablesOf(database))) {
    super(workspace, database, tables, lock === null);
    this.#lock = lock;
    this.#finder = new RunFinder(database, (name) => tables.keys.find(name));
    this.#groups = new RunGroups(database, (name) => tables.keys.find(name));
  }

  runFolder(runId: string): string {
    return runFolderOf(this.workspace, runId);
  }

  objectPath(sha256: string): string {
    return objectPath(this.workspace, sha256);
  }

  /** @throws RepriseError RUN_EXISTS, MANIFEST_INVALID, EXPERIMENT_DELETED, WORKSPACE_READ_ONLY; no run is made then */
  async createRun(manifest: RunManifest): Promise<RunRow> {
    this.refuseReader();
    const { manifestProblem } = await import('./document-shapes');
    const problem = manifestProblem(manifest);
    if (problem !== null) throw new RepriseError('MANIFEST_INVALID', `The manifest of the new run is not complete: ${problem}.`, { kind: 'system' });
    const { runId, experiment, createdAt } = manifest;
    const exists = new RepriseError('RUN_EXISTS', `There is a run ${runId} already in ${this.workspace}.`, { kind: 'input' });
    if (this.read(() => this.tables.runs.number(runId)) !== null || (await isThere(this.runFolder(runId)))) throw exists;
    const home = await this.homes.homeOf(experiment, null, createdAt);
    if (home.deletedAt !== null) throw new RepriseError('EXPERIMENT_DELETED', `The experiment "${experiment}" is deleted.`, { kind: 'input', hint: 'Bring it back, or choose another name.' });
    const text = manifestText(manifest);
    if (!(await writeRunFolder(this.workspace, runId, text))) throw exists;
    this.write(() => insertRun(this.tables, newRunFrom({ manifest, sha256: sha256Bytes(text) }), home));
    return this.row(runId);
  }

  /** @throws RepriseError RUN_NOT_FOUND, RUN_AMBIGUOUS */
  getRun(idOrPrefix: string): RunRow {
    return this.readRun(idOrPrefix, () => {
      const { runs } = this.tables;
      const exact = runs.get(idOrPrefix) ?? runs.byReproductionId(idOrPrefix);
      if (exact !== null) return exact;
      this.logs.index();
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

  manifest(runId: string): RunManifest {
    const [found] = this.read(() => this.tables.runs.withMore([runId]));
    if (found === undefined) throw notFound(this.workspace, runId);
    const file = join(presentFolderOf(this.workspace, runId), RUN_FILES.manifest);
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      throw new RepriseError('MANIFEST_MISSING', `The manifest ${file} cannot be read.`, { kind: 'system', hint: 'Restore the run folder from a backup.', cause: error });
    }
    if (sha256Bytes(text) !== found.more.manifestSha256) {
      throw new RepriseError('MANIFEST_INVALID', `The manifest ${file} was changed after the run was made.`, { kind: 'system', hint: 'Restore the run folder from a backup.' });
    }
    return JSON.parse(text) as RunManifest;
  }

  trainingManifest(runId: string): TrainingManifest {
    const manifest = this.manifest(runId);
    if (manifest.kind === 'command' || manifest.kind === 'logged') {
      throw new RepriseError('RUN_NOT_TRAINING', `Run ${runId} is ${kindOf(manifest) === 'command' ? 'that of a command' : 'one that another program logged'}; Reprise did not train it.`, {
        kind: 'input',
        hint: 'Choose a run that Reprise trained.',
      });
    }
    return manifest;
  }

  listRuns(filter: RunFilter = {}): RunRow[] {
    return this.readAll(() => this.tables.runs.list(filter));
  }

  getRuns(runIds: readonly string[]): RunRow[] {
    return this.readAll(() => this.tables.runs.byIds(runIds));
  }

  queueHeads(): QueuedRun[] {
    return this.read(() => this.tables.queued.heads());
  }

  queuedBehind(run: QueuedRun, most: number): QueuedRun[] {
    return this.read(() => this.tables.queued.behind(run, most));
  }

  listPage(filter: RunsFilter, order: RunsOrder, offset: number, limit: number): ListedPage {
    return this.readAll(() => this.tables.listing.page(filter, order, offset, limit, this.#among(filter)));
  }

  listedRun(runId: string): ListedRun {
    const run = this.readRun(runId, () => this.tables.listing.one(runId));
    if (run === null) throw notFound(this.workspace, runId);
    return run;
  }

  search(search: RunSearch): RunsFound {
    return this.readAll(() => this.#finder.find(search));
  }

  countRuns(scope: RunScope): number {
    return this.readAll(() => this.#finder.count(scope));
  }

  names(): string[] {
    return this.readAll(() => this.tables.keys.names());
  }

  groupRuns(grouping: RunGrouping): GroupsFound {
    return this.readAll(() => this.#groups.find(grouping));
  }

  /** The runs that meet a filter's expression; null where it has none. */
  #among({ expression, experiment }: RunsFilter): readonly number[] | null {
    return expression === undefined ? null : this.#finder.all({ filter: expression, ...(experiment === undefined ? {} : { experiments: [experiment] }) });
  }

  listGroups(filter: RunsFilter): RunGroupRow[] {
    return this.readAll(() => this.tables.listing.groups(filter, this.#among(filter)));
  }

  variantConfig(variantHash: string): VariantConfig | null {
    return this.read(() => this.tables.variants.config(variantHash));
  }

  variantConfigs(experiment?: string): ReadonlyMap<string, VariantConfig> {
    return this.read(() => this.tables.variants.configs(experiment));
  }

  sameComputeHash(computeHash: string, most: number): RunRow[] {
    return this.read(() => this.tables.runs.sameComputeHash(computeHash, most));
  }

  stepTime(trainingGraphHash: string, threads: number): { readonly ms: number; readonly steps: number } | null {
    return this.read(() => this.tables.runs.stepTime(trainingGraphHash, threads));
  }

  listExperiments(): ExperimentRow[] {
    return this.readAll(() => this.tables.runs.experiments());
  }

  findByComputeHash(computeHash: string, statuses: readonly RunStatus[]): RunRow | null {
    return this.read(() => this.tables.runs.byComputeHash(computeHash, statuses));
  }

  /**
   * Sets a status the log does not hold: that a worker is alive (`running`), or that none is after all.
   * Ends of a run are records of its log; `ingest` brings them here.
   */
  setStatus(runId: string, status: RunStatus, more: { readonly errorCode?: string; readonly errorMessage?: string } = {}): void {
    this.refuseReader();
    const run = this.number(runId);
    this.write(() => this.tables.runs.setStatus(run, status, more.errorCode ?? null, more.errorMessage ?? null));
  }

  async trashRuns(runIds: readonly string[]): Promise<string[]> {
    this.refuseReader();
    for (const runId of runIds) this.releaseLog(runId);
    return trashRuns(this.database, this.tables, this.workspace, runIds);
  }

  async restoreRuns(runIds: readonly string[]): Promise<string[]> {
    this.refuseReader();
    return restoreRuns(this.database, this.tables, this.workspace, runIds);
  }

  metrics(runId: string): MetricRow[] {
    return this.ofRun(runId, (run) => this.tables.metrics.all(run), []);
  }

  series(runId: string, key: SeriesKey): Series {
    const { steps, values } = this.points(runId, key);
    return { steps, values };
  }

  weightsHashes(runId: string): WeightsHashRow[] {
    return this.ofRun(runId, (run) => this.tables.hashes.all(run), []);
  }

  artifacts(runId: string): ArtifactRow[] {
    return this.ofRun(runId, (run) => this.tables.artifacts.ofRun(run).map((artifact) => ({ runId, ...artifact })), []);
  }

  /** Writes `studies/STUDY_ID.json`, then the row. @throws RepriseError STUDY_INVALID, WORKSPACE_READ_ONLY */
  async saveStudy(study: StudyRow): Promise<void> {
    this.refuseReader();
    const { studyProblem } = await import('./document-shapes');
    const problem = studyProblem(study);
    if (problem !== null) throw new RepriseError('STUDY_INVALID', `The study is not complete: ${problem}.`, { kind: 'system' });
    const document = `${JSON.stringify(study, null, 2)}\n`;
    await atomicWrite(studyFileOf(this.workspace, study.studyId), document);
    this.write(() => this.tables.studies.put({ studyId: study.studyId, experiment: study.experiment, createdAt: study.createdAt, document }));
  }

  studiesWithRun(runId: string): StudyRow[] {
    return this.read(() => this.tables.studies.withText(JSON.stringify(runId)))
      .map((document) => JSON.parse(document) as StudyRow)
      .filter((study) => study.variants.some((variant) => variant.runIds.includes(runId)));
  }

  latestStudy(experiment: string): StudyRow | null {
    const document = this.read(() => this.tables.studies.latestDocument(experiment));
    return document === null ? null : (JSON.parse(document) as StudyRow);
  }

  getStudy(studyId: string): StudyRow | null {
    const document = this.read(() => this.tables.studies.document(studyId));
    return document === null ? null : (JSON.parse(document) as StudyRow);
  }

  listStudies(): StudyRow[] {
    const documents = this.read(() => this.tables.studies.all());
    const studies = documents.map(({ document }) => JSON.parse(document) as StudyRow);
    return studies.toSorted((a, b) => b.createdAt - a.createdAt || (a.studyId < b.studyId ? 1 : -1));
  }

  /** Lets go of the database and of the host's lock. What the database could not take is left to the next host. Closing twice does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      if (!this.logs.close()) writeFileSync(behindFileOf(this.workspace), '');
    } finally {
      this.database.close();
      this.#lock?.release();
    }
  }

}
