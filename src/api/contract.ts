/**
 * The contract: every method of the engine with the shape of its input and output, and the events.
 * All that a user interface may know of the engine.
 */
import { z } from 'zod';
import { comparison, difference, doctorResult, experimentRow, metricRow, problem, reproduceResult, runResult, runRow, studyPlan, verifyResult } from './rows';

const none = z.strictObject({});
/** A run's id, a unique prefix of it (≥ 4 characters), or its reproductionId. */
const run = z.string().min(1).max(300);
const experiment = z.string().min(1).max(200);
/** An experiment's name or a run. */
const target = z.string().min(1).max(300);
const float64Array = z.custom<Float64Array>((value) => value instanceof Float64Array, { error: 'must be a Float64Array' });
const file = z.string().min(1).max(4096);

/** What could not be captured, and what the environment spec asks for and this machine lacks; one sentence each. */
const warnings = z.array(z.string());

interface MethodShape {
  readonly input: z.ZodType;
  readonly output: z.ZodType;
}

export const methods = {
  'app.info': { input: none, output: z.object({ version: z.string(), workspace: z.string(), readOnly: z.boolean(), cores: z.number() }) },

  'experiments.list': { input: none, output: z.array(experimentRow) },
  'runs.list': { input: z.strictObject({ experiment: experiment.optional() }), output: z.array(runRow) },
  'runs.get': { input: z.strictObject({ run }), output: z.object({ run: runRow, result: runResult, metrics: z.array(metricRow), artifacts: z.array(z.object({ name: z.string(), sha256: z.string(), bytes: z.number() })) }) },
  'runs.series': { input: z.strictObject({ run, key: z.enum(['train.loss', 'train.learningRate']) }), output: z.object({ steps: float64Array, values: float64Array }) },
  /** Queues one run of a config file; takes up an interrupted run of the same compute hash unless `fresh`. */
  'runs.start': { input: z.strictObject({ config: file, seed: z.int().min(0).max(0xffff_ffff).optional(), fresh: z.boolean().optional() }), output: z.object({ run: runRow, resumed: z.boolean(), warnings }) },
  'runs.cancel': { input: z.strictObject({ run }), output: runRow },
  'runs.retry': { input: z.strictObject({ run }), output: runRow },
  /** Waits until the runs are at an end and answers with their results, in the order asked for. */
  'runs.wait': { input: z.strictObject({ runs: z.array(run).max(10_000) }), output: z.array(runResult) },
  /** What differs between two runs: config, environment. */
  'runs.diff': { input: z.strictObject({ left: run, right: run }), output: z.object({ config: z.array(difference), environment: z.array(difference) }) },

  'studies.plan': { input: z.strictObject({ study: file, reuse: z.boolean().optional() }), output: studyPlan },
  'studies.start': {
    input: z.strictObject({ study: file, reuse: z.boolean().optional() }),
    output: z.object({ experiment: z.string(), studyId: z.string(), plan: studyPlan, runs: z.array(z.object({ run: z.string(), reused: z.boolean() })), warnings }),
  },
  'compare.experiment': { input: z.strictObject({ experiment }), output: comparison },

  'report.write': { input: z.strictObject({ target, format: z.enum(['md', 'html']), out: file, overwrite: z.boolean().optional() }), output: z.object({ file: z.string(), bytes: z.number() }) },

  'bundle.export': {
    input: z.strictObject({ target, out: file, license: z.string().min(1).max(100), overwrite: z.boolean().optional(), includeData: z.boolean().optional(), calibrate: z.boolean().optional() }),
    output: z.object({ file: z.string(), digest: z.string(), bytes: z.number(), runs: z.number() }),
  },
  'bundle.verify': { input: z.strictObject({ file }), output: verifyResult },
  /** What a reproduction would run; executes nothing. */
  'bundle.plan': {
    input: z.strictObject({ file, runs: z.int().min(1).optional(), data: file.optional() }),
    output: z.object({ digest: z.string(), name: z.string(), lines: z.array(z.string()), problems: z.array(problem) }),
  },
  /** Re-executes the runs of a bundle in an empty workspace; `trust` must be the bundle's digest, `data` is the CSV file where the bundle has none. */
  'bundle.reproduce': { input: z.strictObject({ file, trust: z.string().min(1).max(200), runs: z.int().min(1).optional(), data: file.optional() }), output: reproduceResult },

  'workspace.check': { input: none, output: z.object({ ok: z.boolean(), problems: z.array(problem) }) },
  doctor: { input: none, output: doctorResult },
} as const satisfies Record<string, MethodShape>;

export type Method = keyof typeof methods;
export type Input<M extends Method> = z.input<(typeof methods)[M]['input']>;
export type Output<M extends Method> = z.infer<(typeof methods)[M]['output']>;

/** What the engine tells without being asked. */
export const events = {
  /** A run changed: status, progress. */
  run: runRow,
  /** A long task moved on. `total` null: not known. */
  progress: z.object({ task: z.string(), done: z.number(), total: z.number().nullable(), text: z.string() }),
} as const;
export type EventName = keyof typeof events;
export type EventOf<E extends EventName> = z.infer<(typeof events)[E]>;

/** One call over a message port. */
export const request = z.strictObject({ id: z.int().min(0), method: z.enum(Object.keys(methods) as [Method, ...Method[]]), input: z.unknown() });
export type Request = z.infer<typeof request>;

/** An engine as its hosts see it. A method that fails answers with an error report; it never throws. */
export interface EngineClient {
  call<M extends Method>(method: M, input: Input<M>): Promise<import('../errors/errors').Result<Output<M>>>;
  on<E extends EventName>(event: E, listener: (value: EventOf<E>) => void): () => void;
}
