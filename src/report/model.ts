/**
 * What a report is made from. The engine fills it from the store; rendering adds nothing that is not in it,
 * reads no clock and gives the same bytes for the same model.
 */
import type { Config } from '../config/schema';
import type { MetricRow, RunRow, Series, Store } from '../store/types';

export type ReportManifest = ReturnType<Store['trainingManifest']>;

/** A run whose config is known whole: what only a logged run may lack is there. */
export type DeclaredRow = RunRow & { readonly seed: number; readonly configHash: string; readonly computeHash: string };

/** One run with all that is told about it. */
export interface ReportRun {
  /** Its `variant` is the variant's name in this report: for a run that a study reused, the engine puts that study's name there. */
  readonly row: DeclaredRow;
  readonly manifest: ReportManifest;
  /** All metric rows, any split. */
  readonly metrics: readonly MetricRow[];
  /** Training loss of every step; null where nothing was logged. */
  readonly loss: Series | null;
  /** What makes metrics on its data tell less than they seem to. */
  readonly dataWarnings: readonly string[];
}

/** A comparison as a table needs it: what `compareVariants` returns, or the same after a trip through JSON. */
export interface ComparisonModel {
  readonly metric: string;
  readonly method: string;
  readonly confidence: number;
  readonly variants: readonly {
    readonly name: string;
    /** The difference to the baseline in words, where it is known. */
    readonly summary?: string;
    readonly n: number;
    readonly mean: number | null;
    readonly sd: number | null;
    readonly ci: readonly number[] | null;
    readonly delta: {
      readonly n: number;
      readonly mean: number | null;
      readonly ci: readonly number[] | null;
      readonly correlation: number | null;
      readonly pValue?: number | null;
      readonly warning?: string | null;
    } | null;
  }[];
  /** `seed` null: a logged run that names none. */
  readonly missing: readonly { readonly variant: string; readonly seed: number | null; readonly reason: string }[];
}

export interface ReportStudy {
  /** The study in one document, baseline inline. */
  readonly yaml: string;
  /** What the study is about, in its author's words. */
  readonly description?: string;
  readonly design: string;
  readonly seeds: readonly number[];
  /** Baseline first. `summary`: the changes in words. */
  readonly variants: readonly {
    readonly name: string;
    readonly summary: string;
    readonly changes: readonly { readonly path: string; readonly from: unknown; readonly to: unknown }[];
  }[];
}

export interface ReportModel {
  readonly kind: 'run' | 'experiment';
  readonly title: string;
  /** ISO 8601, UTC. */
  readonly generatedAt: string;
  /** Version of Reprise that wrote the report. */
  readonly reprise: string;
  /** The run's config, or the baseline's: complete, as YAML and as values. With a study, its experiment is the study's. */
  readonly configYaml: string;
  readonly config: Config;
  /** In an experiment: null where its runs were started one by one; then the config of the oldest stands as baseline. */
  readonly study: ReportStudy | null;
  /** In the order in which they are shown: by variant, then by seed. */
  readonly runs: readonly ReportRun[];
  /** Runs of the experiment that are not in `runs` because another run of the same config and seed stands for them. */
  readonly supersededRuns?: number;
  /** null for one run. */
  readonly comparison: ComparisonModel | null;
  /** Of one run: which classes its test examples were taken for, where it left a matrix. */
  readonly confusion?: {
    readonly classes: readonly string[];
    /** A row for each class, a column for what its examples were taken for. */
    readonly counts: readonly (readonly number[])[];
    /** Name of its file in the folder of the run. */
    readonly file: string;
  } | null;
  /** SHA-256 of data files as they were read, by the path the config names, where the engine knows them. */
  readonly dataFiles?: readonly { readonly path: string; readonly sha256: string }[];
  /** File name of the bundle that carries these runs, where there is one. */
  readonly bundle: string | null;
}
