/**
 * What the store knows of runs by names that their authors chose: parameters, tags, metric series, files; and experiments
 * as things of their own. Times are milliseconds since 1970, UTC.
 */
import type { LoggedSystem, RunKind } from '../events/manifest';
import type { NewRecord } from '../events/records';
import type { RunRow } from './types';

export interface ExperimentInfo {
  /** Decimal digits; `0` is the experiment "Default", which is always there. */
  readonly experimentId: string;
  readonly name: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly tags: Readonly<Record<string, string>>;
  /** Null while it is not deleted. */
  readonly deletedAt: number | null;
}

/** The latest point of a series is the one with the greatest (step, time, value), NaN below every number. */
export interface LatestMetric {
  readonly key: string;
  readonly value: number;
  readonly step: number;
  readonly time: number;
  /** Points of the series. */
  readonly points: number;
  /** Over all points that are no NaN; null where there is none. */
  readonly min: number | null;
  readonly max: number | null;
}

export interface FileRow {
  /** With `/`, relative to the run. */
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface DatasetRow {
  readonly name: string;
  readonly digest: string;
  readonly sourceType: string;
  readonly source: string;
  readonly schema: string | null;
  readonly profile: string | null;
  readonly tags: Readonly<Record<string, string>>;
}

/** A run with all that was said of it by name. */
export interface RunData {
  readonly run: RunRow;
  /** Null while it is not deleted. */
  readonly deletedAt: number | null;
  /** Who made it, as its client said; may be empty. */
  readonly user: string;
  /**
   * Of a training run the leaves of its config (`model.kind`, `training.learningRate`), of a command run its parameters
   * and `seed`, of a logged run what was logged.
   */
  readonly params: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly metrics: readonly LatestMetric[];
}

/** Columns of equal length. */
export interface Points {
  readonly steps: Float64Array;
  readonly times: Float64Array;
  readonly values: Float64Array;
}

/**
 * A stretch of a series in buckets, in the order of steps; columns of equal length. Exact: every point of the stretch is
 * in one bucket. NaN points count in `counts` only; a bucket of nothing else has NaN in the other columns.
 */
export interface SeriesWindow {
  /** First and last step of each bucket. */
  readonly fromSteps: Float64Array;
  readonly toSteps: Float64Array;
  readonly min: Float64Array;
  readonly max: Float64Array;
  readonly first: Float64Array;
  readonly last: Float64Array;
  readonly mean: Float64Array;
  readonly counts: Float64Array;
  /** Points in the stretch, and of the whole series. */
  readonly points: number;
  readonly total: number;
}

export interface RunLifecycle {
  readonly kind: RunKind;
  /** Null while it is not deleted. */
  readonly deletedAt: number | null;
}

/** What a purge removes for good. */
export interface PurgePlan {
  /** Ids of deleted runs. */
  readonly runs: readonly string[];
  /** Objects that nothing else refers to. */
  readonly objects: readonly { readonly sha256: string; readonly bytes: number }[];
  /** Bytes of folders and objects together. */
  readonly bytes: number;
}

export interface TrackingStore {
  /**
   * Appends records to the log of a run that no worker writes (a command or a logged run). When it resolves they survive
   * the end of this process; what is read of the run afterwards has them.
   * @throws RepriseError RUN_NOT_FOUND, RUN_DELETED, RECORD_INVALID, EVENT_LOG_OWNED, EVENT_LOG_CORRUPT, EVENT_LOG_NOT_WRITTEN;
   * none of the records is in the log then
   */
  append(runId: string, records: readonly NewRecord[]): Promise<void>;
  /** Whether the database could not take in what was logged, when it was tried last: reading would wait for whoever has it locked. */
  readonly isBehind: boolean;
  /** Makes the database hold all that was appended, to one run or to all; of all a little at a time, so that nobody else waits for it. */
  index(runId?: string): Promise<void>;
  /** Lets go of the log of a run, so that another can write it; the next `append` opens it again. */
  releaseLog(runId: string): void;

  /** By id. */
  experiments(lifecycle?: 'active' | 'deleted' | 'all'): ExperimentInfo[];
  experiment(by: { readonly id: string } | { readonly name: string }): ExperimentInfo | null;
  /** @throws RepriseError EXPERIMENT_EXISTS (also where a deleted one has the name), INPUT_INVALID */
  createExperiment(name: string, tags?: Readonly<Record<string, string>>): Promise<ExperimentInfo>;
  /** Renames, tags, deletes (its runs with it) or brings back. Null takes a tag away. @throws RepriseError EXPERIMENT_NOT_FOUND, EXPERIMENT_EXISTS, EXPERIMENT_DEFAULT */
  updateExperiment(id: string, change: { readonly name?: string; readonly tags?: Readonly<Record<string, string | null>>; readonly deleted?: boolean }): Promise<ExperimentInfo>;

  /** The newest run that was imported from there, deleted ones left out. */
  runFrom(system: LoggedSystem, sourceId: string): RunRow | null;
  /** What never follows from a run's log, so that nothing is taken in to tell it; null where there is no such run. */
  lifecycleOf(runId: string): RunLifecycle | null;
  /** Those of the runs that there are, deleted ones too, in the order asked for. */
  runData(runIds: readonly string[]): RunData[];
  /** Names of the series of a run, sorted. */
  seriesKeys(runId: string): string[];
  latestMetrics(runId: string): LatestMetric[];
  /** Points in the order of (step, time, as logged), from the `from`-th on. */
  points(runId: string, key: string, from?: number, limit?: number): Points;
  /** Between two steps, both included, in at least `buckets` and at most about four times as many; fewer where there are fewer points. */
  seriesWindow(runId: string, key: string, fromStep: number, toStep: number, buckets: number): SeriesWindow;
  files(runId: string): FileRow[];
  datasets(runId: string): DatasetRow[];

  /** What `purge` would remove: of the runs named those that are deleted, or all that are. */
  planPurge(runIds?: readonly string[]): Promise<PurgePlan>;
  /** Removes deleted runs for good, with the objects that nothing else refers to. */
  purge(runIds?: readonly string[]): Promise<PurgePlan>;
  /** Removes for good what was deleted over 30 days ago. */
  purgeExpired(now?: number): Promise<PurgePlan>;
}
