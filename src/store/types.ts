/** What the store answers with; rows as other rooms see them. Times are milliseconds since 1970, UTC. */
import type { ArtifactName, SplitName } from '../events/records';
import type { VariantConfig } from '../config/hash';
import type { MetricNumbers } from '../config/metrics';
import type { RunKind, RunManifest, TrainingManifest } from '../events/manifest';
import type { Filter } from '../filter/ast';
import type { RunScope, RunSearch, RunsFound } from './search';
import type { GroupsFound, RunGrouping } from './search-groups';
import type { TrackingStore } from './tracking';

/**
 * queued: waits for a free core. running: a worker process is alive. finished: the worker did all it had to.
 * failed: the worker said so or died for good. cancelled: stopped on request.
 * interrupted: the worker or its host died; the run resumes from its last checkpoint.
 */
export type RunStatus = 'queued' | 'running' | 'finished' | 'failed' | 'cancelled' | 'interrupted';

export const RUN_STATUSES: readonly RunStatus[] = ['queued', 'running', 'finished', 'failed', 'cancelled', 'interrupted'];

export interface RunRow {
  readonly runId: string;
  readonly kind: RunKind;
  /** What people call it; null where nobody named it. */
  readonly name: string | null;
  /** Of a logged run its id. */
  readonly reproductionId: string;
  readonly experiment: string;
  readonly studyId: string | null;
  readonly variant: string | null;
  /** Null for a logged run that has no parameter which names a seed. */
  readonly seed: number | null;
  readonly status: RunStatus;
  /** Exit code of the last worker process; null while none has ended, or when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Both null for a logged run: nobody knows all that decided it. */
  readonly configHash: string | null;
  readonly computeHash: string | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly attempts: number;
  readonly stepsDone: number;
  readonly totalSteps: number | null;
  /** Steps a second over the latest chunk. */
  readonly throughput: number | null;
  /** Training loss of the last step and the smallest of any step. NaN allowed. */
  readonly finalLoss: number | null;
  readonly bestLoss: number | null;
  readonly weightsHash: string | null;
  readonly selectedStep: number | null;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
}

/** A run that waits for its turn. Runs of one place and one experiment are a line. */
export interface QueuedRun {
  readonly runId: string;
  /** As `placeOf` names it. */
  readonly place: string;
  readonly experiment: string;
  readonly createdAt: number;
  /** Counts the runs of the store: of two that were made at the same time the one with the smaller number is older. */
  readonly number: number;
}

/** What was measured on a split after so many steps. */
export type MetricRow = MetricNumbers & {
  readonly split: SplitName;
  readonly step: number;
  readonly epoch: number;
};

/** A metric series, one value a step, without gaps or repeats; older attempts' overridden values are gone. */
export interface Series {
  readonly steps: Float64Array;
  readonly values: Float64Array;
}

export type SeriesKey = 'train.loss' | 'train.learningRate';

export interface ArtifactRow {
  readonly runId: string;
  readonly name: ArtifactName;
  readonly sha256: string;
  readonly bytes: number;
}

export interface WeightsHashRow {
  readonly step: number;
  readonly hash: string;
  readonly chain: string;
}

export interface StudyRow {
  readonly studyId: string;
  readonly experiment: string;
  readonly createdAt: number;
  /** The study's YAML as it was read. */
  readonly source: string;
  /** Expanded plan, baseline first. */
  readonly variants: readonly StudyVariantRow[];
  readonly seeds: readonly number[];
}

export interface StudyVariantRow {
  readonly name: string;
  /** Differences to the baseline: path, baseline's value, variant's value. */
  readonly changes: readonly { readonly path: string; readonly from: unknown; readonly to: unknown }[];
  /** configHash with the seed left out. */
  readonly variantHash: string;
  /** Run of each seed, in the order of `seeds`; null where none was made. */
  readonly runIds: readonly (string | null)[];
}

export interface ExperimentRow {
  readonly name: string;
  readonly runs: number;
  readonly byStatus: Readonly<Record<RunStatus, number>>;
  readonly updatedAt: number;
  /** Whether Reprise started one of its runs: those that other programs logged cannot be executed again. */
  readonly executable: boolean;
}

/** Which runs; every part that is given must be met. */
export interface RunsFilter {
  readonly experiment?: string | undefined;
  readonly studyId?: string | undefined;
  readonly status?: readonly RunStatus[] | undefined;
  /** Every word must occur in name, experiment, variant, seed, status, id or reproduction id, or begin a hash (4 characters or more). Upper and lower case of A to Z are the same. */
  readonly text?: string | undefined;
  /** In the language of filters. */
  readonly expression?: Filter | undefined;
}

/**
 * `place`: by what is said of each variant hash; variants without a place come last. `param`: by the parameter of a name,
 * numbers before texts. `value`: by the declared metric, of logged runs by the latest value of the series of a name.
 */
export type RunsOrder =
  | { readonly by: 'created' | 'experiment' | 'variant' | 'seed' | 'status' | 'progress' | 'metric' | 'loss' | 'duration'; readonly descending: boolean }
  | { readonly by: 'param' | 'value'; readonly name: string; readonly descending: boolean }
  | { readonly by: 'place'; readonly places: Readonly<Record<string, number>>; readonly descending: boolean };

/** A run with what lists show beside it. */
export interface ListedRun {
  readonly run: RunRow;
  /** null where the manifest has not been read. */
  readonly variantHash: string | null;
  /** Test metrics at the selected checkpoint of a finished run. */
  readonly test: MetricNumbers | null;
  /** The attempt that is under way, and when its log was last written to. */
  readonly attempt: { readonly startedAt: number; readonly fromStep: number; readonly updatedAt: number } | null;
}

export interface ListedPage {
  /** Of all runs that meet the filter. */
  readonly byStatus: Readonly<Record<RunStatus, number>>;
  readonly rows: readonly ListedRun[];
}

/** Runs that differ in nothing but the seed. */
export interface RunGroupRow {
  /** Of variant, data and training graph. */
  readonly groupHash: string;
  readonly experiment: string;
  readonly variant: string | null;
  readonly variantHash: string;
  readonly byStatus: Readonly<Record<RunStatus, number>>;
  /** The declared metric of every seed with a finished run whose test loss is a finite number. */
  readonly values: readonly number[];
}

/** The open store. Reading methods are synchronous and quick; every write is one transaction. */
export interface Store extends TrackingStore {
  readonly workspace: string;
  readonly readOnly: boolean;
  /** Absolute folder of a run that is not deleted. */
  runFolder(runId: string): string;
  /** Absolute path of an object of the content-addressed store; it may not exist. */
  objectPath(sha256: string): string;

  /** Writes the run folder with its manifest, then the row, `queued`. @throws RepriseError RUN_EXISTS, MANIFEST_INVALID, EXPERIMENT_DELETED */
  createRun(manifest: RunManifest): Promise<RunRow>;
  /**
   * Accepts a unique prefix (≥ 4 characters) of a run id, or a reproductionId; of a deleted run its whole id.
   * @throws RepriseError RUN_NOT_FOUND, RUN_AMBIGUOUS
   */
  getRun(idOrPrefix: string): RunRow;
  /** @throws RepriseError RUN_NOT_FOUND, MANIFEST_MISSING, MANIFEST_INVALID where it is not the file the run was made with */
  manifest(runId: string): RunManifest;
  /** @throws RepriseError as `manifest`, and RUN_NOT_TRAINING */
  trainingManifest(runId: string): TrainingManifest;
  /** Oldest first. `elsewhere`: only those of other places than this machine. */
  listRuns(filter?: { readonly kind?: readonly RunKind[]; readonly experiment?: string; readonly status?: readonly RunStatus[]; readonly studyId?: string; readonly elsewhere?: true }): RunRow[];
  /** Those of the runs that there are, oldest first. */
  getRuns(runIds: readonly string[]): RunRow[];
  /** The oldest waiting run of each line of the queue; quick however many wait. Runs that other programs tell of wait for nothing. */
  queueHeads(): QueuedRun[];
  /** Waiting runs of the same line that came later, oldest first. */
  queuedBehind(run: QueuedRun, most: number): QueuedRun[];
  listExperiments(): ExperimentRow[];
  listPage(filter: RunsFilter, order: RunsOrder, offset: number, limit: number): ListedPage;
  /** @throws RepriseError RUN_NOT_FOUND */
  listedRun(runId: string): ListedRun;
  /** @throws RepriseError PAGE_INVALID where `after` is none of this store's */
  search(search: RunSearch): RunsFound;
  /** Of all runs that meet a filter. */
  countRuns(scope: RunScope): number;
  /** Every name that a metric, a parameter or a tag has had. */
  names(): string[];
  /** Groups of the runs that meet a filter, with exact statistics of a metric. */
  groupRuns(grouping: RunGrouping): GroupsFound;
  listGroups(filter: RunsFilter): RunGroupRow[];
  /** The config of a variant without seed and labels. It never changes: the same object comes every time. */
  variantConfig(variantHash: string): VariantConfig | null;
  /** By variant hash: of the runs of an experiment, or of all. */
  variantConfigs(experiment?: string): ReadonlyMap<string, VariantConfig>;
  /** Every run with this compute hash, newest first. */
  sameComputeHash(computeHash: string, most: number): RunRow[];
  /** Duration in milliseconds and steps of the newest finished run of a training graph; null where none finished in one attempt. */
  stepTime(trainingGraphHash: string, threads: number): { readonly ms: number; readonly steps: number } | null;
  /** Newest run with this compute hash and one of the statuses, or null. Calibration re-runs are never found. */
  findByComputeHash(computeHash: string, statuses: readonly RunStatus[]): RunRow | null;
  setStatus(runId: string, status: RunStatus, more?: { readonly errorCode?: string; readonly errorMessage?: string }): void;

  /** Reads what is new in the run's event log into the database; moves announced artifacts into the object store. Idempotent. */
  ingest(runId: string): Promise<RunRow>;

  /** Moves runs that are at an end, and logged ones, into the workspace's trash. @throws RepriseError RUN_ACTIVE: nothing is deleted then */
  trashRuns(runIds: readonly string[]): Promise<string[]>;
  /** Brings runs back from the trash; those that are not there are left out. */
  restoreRuns(runIds: readonly string[]): Promise<string[]>;

  metrics(runId: string): MetricRow[];
  series(runId: string, key: SeriesKey): Series;
  weightsHashes(runId: string): WeightsHashRow[];
  artifacts(runId: string): ArtifactRow[];

  saveStudy(study: StudyRow): Promise<void>;
  /** Studies in which a run stands for a cell, newest first. */
  studiesWithRun(runId: string): StudyRow[];
  /** Newest study of an experiment, or null. */
  latestStudy(experiment: string): StudyRow | null;
  getStudy(studyId: string): StudyRow | null;
  /** All studies, newest first. */
  listStudies(): StudyRow[];

  close(): void;
}
