/** Shapes of the answers that cross the engine's border. Times are milliseconds since 1970, UTC. */
import { z } from 'zod';
import { metricsSchema } from '../config/metric-schema';

/** Any number, NaN and infinities included: a diverged loss is a result, not an error. */
export const anyNumber = z.custom<number>((value) => typeof value === 'number', { error: 'must be a number' });
const time = z.number();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/u);

export const runStatus = z.enum(['queued', 'running', 'finished', 'failed', 'cancelled', 'interrupted']);

export const runKind = z.enum(['training', 'command', 'logged']);

export const runRow = z.object({
  runId: z.string(),
  kind: runKind,
  name: z.string().nullable(),
  reproductionId: z.string(),
  experiment: z.string(),
  studyId: z.string().nullable(),
  variant: z.string().nullable(),
  seed: z.number().nullable(),
  status: runStatus,
  exitCode: z.number().nullable(),
  signal: z.string().nullable(),
  configHash: sha256.nullable(),
  computeHash: sha256.nullable(),
  createdAt: time,
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  attempts: z.number(),
  stepsDone: z.number(),
  totalSteps: z.number().nullable(),
  throughput: anyNumber.nullable(),
  finalLoss: anyNumber.nullable(),
  bestLoss: anyNumber.nullable(),
  weightsHash: sha256.nullable(),
  selectedStep: z.number().nullable(),
  errorCode: z.string().nullable(),
  errorMessage: z.string().nullable(),
});
export type RunView = z.infer<typeof runRow>;

export const experimentRow = z.object({
  name: z.string(),
  runs: z.number(),
  byStatus: z.record(runStatus, z.number()),
  updatedAt: time,
  /** Whether Reprise started one of its runs, so that a bundle can hold them; other programs logged all of the others. */
  executable: z.boolean(),
});

/** Of the metrics only those that were measured. */
export const metricRow = z.object({
  split: z.enum(['train', 'validation', 'test']),
  step: z.number(),
  epoch: z.number(),
  ...metricsSchema(anyNumber).shape,
});

export const change = z.object({ path: z.string(), from: z.unknown(), to: z.unknown() });

/** What the CLI's `run` answers. */
export const runResult = z.object({
  run: z.string(),
  status: runStatus,
  finalLoss: anyNumber.nullable(),
  bestLoss: anyNumber.nullable(),
  /** Of a finished training the metrics on the test split at the selected checkpoint; of any other run the latest value of each series. Null where there are none. */
  metrics: z.record(z.string(), anyNumber).nullable(),
  weightsHash: sha256.nullable(),
  configHash: sha256.nullable(),
  computeHash: sha256.nullable(),
  experiment: z.string(),
  variant: z.string().nullable(),
  seed: z.number().nullable(),
  reproductionId: z.string(),
  /** True when a finished run with the same compute hash stands in. */
  reused: z.boolean(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});
export type RunResult = z.infer<typeof runResult>;

export const studyPlan = z.object({
  experiment: z.string(),
  design: z.enum(['one-at-a-time', 'grid']),
  seeds: z.array(z.number()),
  variants: z.array(
    z.object({
      name: z.string(),
      changes: z.array(change),
      /** The difference to the baseline in words. */
      summary: z.string(),
      runs: z.array(z.object({ seed: z.number(), computeHash: sha256, reuses: z.string().nullable() })),
    }),
  ),
  totalRuns: z.number(),
  reusedRuns: z.number(),
  /** Estimate for the runs still to train, seconds; null where nothing is known to estimate from. */
  estimatedSeconds: z.number().nullable(),
  /** What the estimate rests on. */
  estimateBasis: z.string(),
  /** The batch scripts that clusters would get, one for each array of runs that are alike. */
  scripts: z.array(z.object({ machine: z.string(), runs: z.number(), text: z.string() })),
  /** Why runs of commands that were asked before are to run again: nothing but the code differs. Null where that is not so. */
  changedCode: z
    .object({
      /** How many of the runs to do that concerns. */
      runs: z.number(),
      /** The newest run that would stand in for one of them. */
      since: z.string(),
      /** Files that differ from its code, the first few, from the top of the code; none where they are not known any more. */
      files: z.array(z.string()),
      /** How many differ. */
      total: z.number(),
    })
    .nullable(),
});
export type StudyPlan = z.infer<typeof studyPlan>;

export const studyResult = z.object({
  experiment: z.string(),
  variants: z.array(z.object({ name: z.string(), changes: z.array(change), summary: z.string() })),
  runs: z.array(runResult),
});
export type StudyResult = z.infer<typeof studyResult>;

const interval = z.tuple([anyNumber, anyNumber]);

export const comparison = z.object({
  experiment: z.string(),
  metric: z.string(),
  higherIsBetter: z.boolean(),
  /** Unit of the metric, empty where there is none that is known. */
  unit: z.string(),
  /** How the statistics were made, in words. */
  method: z.string(),
  confidence: z.number(),
  variants: z.array(
    z.object({
      name: z.string(),
      /** The difference to the baseline in words; empty for the baseline. */
      summary: z.string(),
      n: z.number(),
      mean: anyNumber.nullable(),
      sd: anyNumber.nullable(),
      ci: interval.nullable(),
      /** Value of each seed that has one, with the run it comes from; in the order of the seeds. Null for a logged run that names no seed. */
      values: z.array(z.object({ seed: z.number().nullable(), run: z.string(), value: anyNumber })),
      delta: z.object({ n: z.number(), mean: anyNumber.nullable(), ci: interval.nullable(), correlation: anyNumber.nullable(), pValue: anyNumber.nullable(), warning: z.string().nullable() }).nullable(),
    }),
  ),
  /** Cells without a value; `run` is null where the cell has no run. */
  missing: z.array(z.object({ variant: z.string(), seed: z.number().nullable(), run: z.string().nullable(), reason: z.string() })),
  /** Whether it has runs that Reprise started: only those can be executed again, and so be in a bundle. */
  executable: z.boolean(),
  /** Metrics it can be asked for instead, most common first; empty where the runs are trainings, which declare theirs. */
  metrics: z.array(z.string()),
});
export type ComparisonView = z.infer<typeof comparison>;

export const difference = z.object({ path: z.string(), left: z.unknown(), right: z.unknown() });

export const problem = z.object({ path: z.string(), message: z.string() });

export const verdict = z.enum(['identical', 'within-tolerance', 'diverged', 'inconclusive', 'not-executed', 'not-comparable']);

export const verifyResult = z.object({
  valid: z.boolean(),
  digest: z.string(),
  problems: z.array(problem),
  name: z.string(),
  license: z.string(),
  runs: z.array(z.object({ runId: z.string(), reproductionId: z.string(), variant: z.string().nullable(), seed: z.number(), totalSteps: z.number() })),
});
export type VerifyView = z.infer<typeof verifyResult>;

export const reproduceResult = z.object({
  verdict,
  sentence: z.string(),
  digest: z.string(),
  runs: z.array(
    z.object({
      run: z.string(),
      reproductionId: z.string(),
      variant: z.string().nullable(),
      seed: z.number(),
      verdict,
      /** 0-based number of the first step outside the tolerance, or null. */
      firstDivergentStep: z.number().nullable(),
      /** 0-based number of the first step that differs at all, or null. */
      firstDifferentStep: z.number().nullable(),
      maxRelativeDifference: anyNumber.nullable(),
      sentence: z.string(),
      causes: z.array(z.string()),
      /** Of a command run: its judged series. Their steps are those that the program logged, and so are the run's; those of a training count from 0. */
      series: z
        .array(z.object({ key: z.string(), points: z.number(), same: z.boolean(), firstDifferentStep: z.number().nullable(), firstDivergentStep: z.number().nullable(), maxRelativeDifference: anyNumber.nullable() }))
        .default([]),
      /** Of a command run: the files it kept, SHA-256 recorded and here; null where one of the two kept no such file. */
      files: z.array(z.object({ path: z.string(), recorded: z.string().nullable(), here: z.string().nullable(), same: z.boolean() })).default([]),
      kind: z.enum(['training', 'command']).default('training'),
    }),
  ),
});
export type ReproduceView = z.infer<typeof reproduceResult>;

export const doctorResult = z.object({
  ok: z.boolean(),
  checks: z.array(z.object({ name: z.string(), status: z.enum(['ok', 'warning', 'missing']), found: z.string(), hint: z.string().nullable() })),
});
export type DoctorView = z.infer<typeof doctorResult>;
