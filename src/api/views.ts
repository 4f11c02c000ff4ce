/** Shapes that the window asks for: pages of runs, studies with their matrix, curves, bundles. Times are milliseconds since 1970, UTC. */
import { z } from 'zod';
import { anyNumber, change, metricRow, problem, reproduceResult, runRow, runStatus, verdict } from './rows';

const id = z.string().min(1).max(300);
const float64Array = z.custom<Float64Array>((value) => value instanceof Float64Array, { error: 'must be a Float64Array' });
const interval = z.tuple([anyNumber, anyNumber]);
/** How many runs have each status. */
export const byStatus = z.record(runStatus, z.number());
/** Dotted path of a config leaf: `training.learningRate`. */
const leafPath = z.string().min(1).max(200);

// Runs ---------------------------------------------------------------------------------------------------------------

/** What a list of runs can be sorted by, besides config leaves (`config:PATH`). */
export const runSortKeys = ['created', 'experiment', 'variant', 'seed', 'status', 'progress', 'metric', 'loss', 'duration'] as const;
export type RunSortKey = (typeof runSortKeys)[number] | `config:${string}`;
const sortKey = z.custom<RunSortKey>((value) => typeof value === 'string' && value.length <= 220 && ((runSortKeys as readonly string[]).includes(value) || /^config:.+$/u.test(value)), {
  error: `must be one of ${runSortKeys.join(', ')}, or config:PATH`,
});

const runsFilter = {
  experiment: z.string().min(1).max(200).optional(),
  studyId: id.optional(),
  /**
   * A filter as in `runs.search`, or words. Every word must occur in name, experiment, variant, seed, status, run id or reproduction id, or begin a hash (4 characters or more); case of A to Z
   * does not matter.
   */
  text: z.string().max(2000).optional(),
  status: z.array(runStatus).max(6).optional(),
};

export const runsQuery = z.strictObject({
  ...runsFilter,
  /** Config leaves to answer with, in this order. */
  columns: z.array(leafPath).max(40).optional(),
  sort: z.strictObject({ by: sortKey, descending: z.boolean() }).optional(),
  offset: z.int().min(0),
  limit: z.int().min(1).max(500),
});

export const runsOpeningQuery = z.strictObject({
  experiment: runsFilter.experiment,
  /** How many of the leaves that vary the page answers with. */
  leaves: z.int().min(0).max(40),
  sort: runsQuery.shape.sort,
  limit: runsQuery.shape.limit,
});

/** The name of a declared metric as people read it: `test accuracy`, or the key of a series. */
const metricName = z.string();
const namedMetric = z.object({ name: metricName, value: anyNumber });

export const runListRow = z.object({
  run: runRow,
  /** The declared metric; null until the run is finished. Of a logged run, which declares none, the latest value of the series that most of them have. */
  metric: namedMetric.nullable(),
  /** Values of the asked columns; undefined where the run's config, or what was logged as parameters, has no such leaf. */
  leaves: z.array(z.unknown()),
  /** Seconds left, steadied over the whole attempt; null where not running or not known. An estimate. */
  secondsLeft: z.number().nullable(),
});
export type RunListRow = z.infer<typeof runListRow>;

export const runsPage = z.object({
  /** Runs that meet the filter. */
  total: z.number(),
  byStatus,
  rows: z.array(runListRow),
});

export const runsColumns = z.object({
  /** Leaves with two or more values among the runs, those with a study's factors first; at most 60. */
  varying: z.array(leafPath),
  constant: z.array(z.object({ path: leafPath, value: z.unknown() })),
  /** The declared metric where all runs declare one and the same; what stands for it where runs were logged. */
  metric: metricName.nullable(),
});

export const runsGroupsQuery = z.strictObject({ ...runsFilter, columns: z.array(leafPath).max(40).optional() });
export const runsGroups = z.object({
  /** How mean and interval were made, in words. */
  method: z.string(),
  groups: z.array(
    z.object({
      /** Of config without seed, data and training graph: a data file that changed makes two groups of one variant. */
      groupHash: z.string(),
      experiment: z.string(),
      /** Name in its study; null where the runs have none. */
      variant: z.string().nullable(),
      variantHash: z.string(),
      runs: z.number(),
      byStatus,
      metric: metricName,
      n: z.number(),
      mean: anyNumber.nullable(),
      sd: anyNumber.nullable(),
      ci: interval.nullable(),
      leaves: z.array(z.unknown()),
    }),
  ),
});
export type RunGroup = z.infer<typeof runsGroups>['groups'][number];

export const sparkline = z.object({ run: z.string(), values: float64Array });

export const runDetails = z.object({
  run: runRow,
  metric: namedMetric.nullable(),
  secondsLeft: z.number().nullable(),
  folder: z.string(),
  /** The complete config; empty for a logged run, which has none. */
  config: z.record(z.string(), z.unknown()),
  /** What a command run starts, on one line; null for other runs. */
  command: z.string().nullable(),
  /** Where a logged run comes from, in words; null for other runs. */
  source: z.string().nullable(),
  /** By name; of a training none: they are its config. */
  params: z.array(z.object({ name: z.string(), value: z.string() })),
  tags: z.array(z.object({ name: z.string(), value: z.string() })),
  /** Metric series by name; of a training those that are no metric of a split, nor its losses or learning rates. */
  series: z.array(z.object({ key: z.string(), latest: anyNumber, step: z.number(), points: z.number(), min: anyNumber.nullable(), max: anyNumber.nullable() })),
  /** Files that a command or a logged run kept, by path. */
  files: z.array(z.object({ path: z.string(), sha256: z.string(), bytes: z.number() })),
  datasets: z.array(z.object({ name: z.string(), digest: z.string(), source: z.string() })),
  /** Provenance and environment in sections, to be shown as they come. `code` marks a block of text (a patch). */
  provenance: z.array(
    z.object({ title: z.string(), items: z.array(z.object({ name: z.string(), value: z.string(), kind: z.enum(['text', 'hash', 'code', 'warning']) })) }),
  ),
  metrics: z.array(metricRow),
  artifacts: z.array(z.object({ name: z.string(), file: z.string(), sha256: z.string(), bytes: z.number() })),
  /** Checkpoints that lie in the run's folder. */
  checkpoints: z.array(z.object({ step: z.number(), file: z.string(), bytes: z.number() })),
  /** Numbers that a training trains, and floating-point operations of a step as they are estimated; null of other runs and in older logs. */
  size: z.object({ parameters: z.number(), flopsPerStep: z.number() }).nullable(),
  attempts: z.array(z.object({ attempt: z.number(), fromStep: z.number(), startedAt: z.number(), endedAt: z.number().nullable(), ending: z.string() })),
  /** Where its attempts were carried out, those on other machines and in containers. Times in this machine's clock. */
  places: z.array(
    z.object({
      attempt: z.number(),
      executor: z.string(),
      /** Null for this machine. */
      machine: z.string().nullable(),
      node: z.string().nullable(),
      /** What the attempt is called there. */
      job: z.string().nullable(),
      submittedAt: z.number().nullable(),
      startedAt: z.number().nullable(),
      endedAt: z.number().nullable(),
      /** What is known of it now, in words; empty for one of this machine. */
      state: z.string(),
      /** What else its executor told: image digest, folder, script. */
      facts: z.array(z.object({ name: z.string(), value: z.string() })),
    }),
  ),
  lineage: z.object({
    study: z.object({ studyId: z.string(), experiment: z.string(), variant: z.string() }).nullable(),
    /** Studies in which this run stands for a cell, its own among them. */
    usedBy: z.array(z.object({ studyId: z.string(), experiment: z.string(), variant: z.string(), createdAt: z.number() })),
    /** Other runs with the same compute hash, newest first. */
    twins: z.array(z.object({ runId: z.string(), status: runStatus, weightsHash: z.string().nullable(), createdAt: z.number() })),
  }),
});
export type RunDetails = z.infer<typeof runDetails>;

/** A stretch of a series in buckets, in the order of steps. Exact: every point is in one. */
export const seriesWindow = z.object({
  fromSteps: float64Array,
  toSteps: float64Array,
  min: float64Array,
  max: float64Array,
  first: float64Array,
  last: float64Array,
  mean: float64Array,
  /** Points of each bucket, those that are no number among them. */
  counts: float64Array,
  /** Points in the stretch, and of the whole series. */
  points: z.number(),
  total: z.number(),
});
export type SeriesWindowView = z.infer<typeof seriesWindow>;

/** Which classes the examples of the test split were taken for, at the selected checkpoint. */
export const confusion = z.object({
  classes: z.array(z.string()),
  /** A row for each class, a column for what its examples were taken for. */
  counts: z.array(z.array(z.number())),
});
export type ConfusionView = z.infer<typeof confusion>;

/** What a command printed, one line a line. `note`: what Reprise says of the output. */
export const outputLine = z.object({ time: z.number(), stream: z.enum(['stdout', 'stderr', 'note']), text: z.string() });
export const outputPage = z.object({
  lines: z.array(outputLine),
  /** Where the next page begins. */
  offset: z.number(),
  /** Attempts that have an output, from the first on. */
  attempts: z.number(),
  /** Whether there is more now. */
  more: z.boolean(),
});

export const logLine = z.object({ seq: z.number(), time: z.number(), level: z.enum(['info', 'warning', 'error']), text: z.string() });

// Studies ------------------------------------------------------------------------------------------------------------

/** A study: a file, or the text of one that is being edited; relative paths in it start at `folder`. */
export const studySource = z.union([z.string().min(1).max(4096), z.strictObject({ text: z.string().max(2_000_000), folder: z.string().min(1).max(4096).nullable() })]);
export type StudySource = z.infer<typeof studySource>;

export const studySummary = z.object({
  studyId: z.string(),
  experiment: z.string(),
  createdAt: z.number(),
  variants: z.number(),
  seeds: z.number(),
  /** Cells of the matrix by what their run does; `missing` are cells without a run. */
  byStatus,
  missing: z.number(),
  paused: z.boolean(),
});
export type StudySummary = z.infer<typeof studySummary>;

export const studyView = studySummary.extend({
  /** YAML that needs no other file but the user's own data. */
  source: z.string(),
  /** Null where a study of commands declares none. */
  metric: metricName.nullable(),
  seedValues: z.array(z.number()),
  matrix: z.array(
    z.object({
      name: z.string(),
      summary: z.string(),
      changes: z.array(change),
      cells: z.array(z.object({ seed: z.number(), run: runRow.nullable(), reused: z.boolean(), value: anyNumber.nullable() })),
    }),
  ),
  secondsLeft: z.number().nullable(),
});
export type StudyView = z.infer<typeof studyView>;

// Comparison ---------------------------------------------------------------------------------------------------------

/** A series of a training (`train.loss`, `train.learningRate`, and `validation.` with a metric), or one that other runs named. */
export const curveKey = z.string().min(1).max(250);
export type CurveKey = z.infer<typeof curveKey>;

export const curves = z.object({
  key: curveKey,
  /** Unit of the values, empty where there is none that is known. */
  unit: z.string(),
  /** How mean and band were made and what was left out, in words. */
  method: z.string(),
  /** Series that the runs have, most common first. */
  keys: z.array(curveKey),
  variants: z.array(
    z.object({
      name: z.string(),
      /** Seeds that have a value at every shown step. */
      n: z.number(),
      steps: float64Array,
      mean: float64Array,
      /** Band of the t interval over seeds; empty for n < 2. */
      low: float64Array,
      high: float64Array,
    }),
  ),
});
export type CurvesView = z.infer<typeof curves>;

/** Runs side by side: one row a leaf, one value a run. */
export const sideBySide = z.object({
  runs: z.array(runRow),
  sections: z.array(
    z.object({
      title: z.string(),
      rows: z.array(z.object({ path: z.string(), same: z.boolean(), values: z.array(z.object({ present: z.boolean(), value: z.unknown() })) })),
    }),
  ),
});
export type SideBySide = z.infer<typeof sideBySide>;

// Bundles ------------------------------------------------------------------------------------------------------------

export const bundlePage = z.object({
  file: z.string(),
  bytes: z.number(),
  digest: z.string(),
  name: z.string(),
  license: z.string(),
  createdAt: z.number().nullable(),
  /** False where a file does not have the recorded hash or the crate contradicts itself: see `problems`. */
  valid: z.boolean(),
  problems: z.array(problem),
  /** What was checked, in words, with what was found. */
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), found: z.string() })),
  runs: z.array(z.object({ runId: z.string(), reproductionId: z.string(), variant: z.string().nullable(), seed: z.number(), status: runStatus, totalSteps: z.number() })),
  /** Programs of its author that re-executing starts, each once for each state of its code; none where all runs are trainings. */
  commands: z.array(
    z.object({
      command: z.string(),
      cwd: z.string(),
      /** `NAME=VALUE` */
      env: z.array(z.string()),
      runs: z.number(),
      /** Null where the code was not captured. `patch`: the uncommitted changes, cut where they are long. */
      code: z
        .object({
          snapshot: z.string(),
          commit: z.string().nullable(),
          remote: z.string().nullable(),
          dirty: z.boolean(),
          patch: z.string().nullable(),
          untracked: z.array(z.string()),
          files: z.number(),
          bytes: z.number(),
          withheld: z.array(z.object({ path: z.string(), note: z.string() })),
        })
        .nullable(),
      interpreter: z.string().nullable(),
      /** `held`: the bundle has its files. */
      inputs: z.array(z.object({ path: z.string(), fingerprint: z.string().nullable(), bytes: z.number(), files: z.number(), held: z.boolean() })),
      outputs: z.array(z.string()),
    }),
  ),
  files: z.array(z.object({ path: z.string(), bytes: z.number() })),
  /** The recorded environment against this machine. */
  environment: z.array(z.object({ name: z.string(), recorded: z.string(), here: z.string(), same: z.boolean() })),
  /** What re-execution needs and lacks (a CSV file); one sentence each. */
  needs: z.array(problem),
  /** Whether the author's data file is asked for. */
  needsData: z.boolean(),
  /** Estimate for re-executing all runs here, seconds; null where nothing is known. */
  estimatedSeconds: z.number().nullable(),
});
export type BundlePage = z.infer<typeof bundlePage>;

export const bundleEstimate = z.object({ runs: z.number(), bytes: z.number(), dataBytes: z.number(), /** Runs that are not at an end: they hold the export up. */ leftOut: z.number(), calibrationRuns: z.number() });

/** A re-execution that came to a verdict, kept in the workspace. */
export const verdictSummary = z.object({
  verdictId: z.string(),
  createdAt: z.number(),
  seconds: z.number(),
  file: z.string(),
  name: z.string(),
  digest: z.string(),
  verdict,
  sentence: z.string(),
  runs: z.number(),
});
export type VerdictSummary = z.infer<typeof verdictSummary>;

export const verdictView = verdictSummary.extend({ result: reproduceResult, environment: bundlePage.shape.environment });
export type VerdictView = z.infer<typeof verdictView>;

/** A series of one run, recorded and re-executed (of a training its loss), thinned, whole around the first divergent step. */
export const verdictTrace = z.object({ key: z.string(), steps: float64Array, recorded: float64Array, here: float64Array, hereSteps: float64Array, firstDivergentStep: z.number().nullable() });
