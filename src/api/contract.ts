/**
 * The contract: every method of the engine with the shape of its input and output, and the events.
 * All that a user interface may know of the engine.
 */
import { z } from 'zod';
import { exportQuery, exportResult, importQuery, importResult } from './imports';
import { queueView, studyEnded, task } from './long-work';
import { bundleEstimate, bundlePage, confusion, curveKey, curves, logLine, outputPage, runDetails, runsColumns, runsGroups, runsGroupsQuery, runsOpeningQuery, runsPage, runsQuery, seriesWindow, sideBySide, sparkline, studySource, studySummary, studyView, verdictSummary, verdictTrace, verdictView } from './views';
import { machineClean, machineCleaned } from './machine-clean';
import { hostKey, hostKeyQuery, machineAdd, machineNameText, machineTest, machineView } from './machines';
import { trackingServer, trackingStart } from './tracking-server';
import { restoredCode, score } from './provenance';
import { comparison, difference, doctorResult, experimentRow, metricRow, problem, reproduceResult, runResult, runRow, studyPlan, verifyResult } from './rows';
import { runGroupsFound, runsFound, runsSearch, runsSearchGroups } from './search';

const none = z.strictObject({});
/** A run's id, a unique prefix of it (≥ 4 characters), or its reproductionId. */
const run = z.string().min(1).max(300);
const experiment = z.string().min(1).max(200);
/** The key of a metric series. */
const metric = z.string().min(1).max(250);
/** An experiment's name or a run. */
const target = z.string().min(1).max(300);
const float64Array = z.custom<Float64Array>((value) => value instanceof Float64Array, { error: 'must be a Float64Array' });
const file = z.string().min(1).max(4096);
/** Name of a machine in place of the config's; `local`: this one. */
const on = machineNameText.optional();
/** Chosen by the caller, so that it can cancel before the answer: `[A-Za-z0-9-]`, unique. */
const taskId = z.string().regex(/^[A-Za-z0-9-]{1,100}$/u);

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
  /** One page of the runs that meet a filter, sorted. */
  'runs.page': { input: runsQuery, output: runsPage },
  /** Which config leaves vary among the runs of an experiment, or of all. */
  'runs.columns': { input: z.strictObject({ experiment: experiment.optional() }), output: runsColumns },
  /** All that the table of runs begins with, in one answer: what `experiments.list`, `runs.columns` and the first `runs.page` say. */
  'runs.opening': { input: runsOpeningQuery, output: z.object({ experiments: z.array(experimentRow), columns: runsColumns, page: runsPage }) },
  /** Runs that meet a filter, sorted by anything. */
  'runs.search': { input: runsSearch, output: runsFound },
  /** Groups of the runs that meet a filter, with exact statistics of a metric. */
  'runs.searchGroups': { input: runsSearchGroups, output: runGroupsFound },
  /** Runs grouped by everything but the seed. */
  'runs.groups': { input: runsGroupsQuery, output: runsGroups },
  /** Training losses thinned to at most `points` values, for lists. Runs that are gone are left out. */
  'runs.sparklines': { input: z.strictObject({ runs: z.array(run).max(100), points: z.int().min(2).max(200) }), output: z.array(sparkline) },
  'runs.details': { input: z.strictObject({ run }), output: runDetails },
  /** Writes a file that a run kept to another place. */
  'runs.saveFile': { input: z.strictObject({ run, path: z.string().min(1).max(4096), out: file, overwrite: z.boolean().optional() }), output: z.object({ file: z.string(), bytes: z.number() }) },
  /** What a command printed in an attempt (the newest one where none is named), from byte `offset` on. */
  'runs.output': { input: z.strictObject({ run, attempt: z.int().min(1).optional(), offset: z.int().min(0), limit: z.int().min(1).max(5000) }), output: outputPage },
  /** A stretch of a series of a command or a logged run, in about `buckets` buckets. */
  'series.window': { input: z.strictObject({ run, key: metric, from: z.number().optional(), to: z.number().optional(), buckets: z.int().min(2).max(10_000) }), output: seriesWindow },
  /** Of a training of classes; null where it has none (yet). */
  'runs.confusion': { input: z.strictObject({ run }), output: confusion.nullable() },
  /** Lines of the event log in words, from record `after` + 1 on. */
  'runs.log': { input: z.strictObject({ run, after: z.int().min(-1), limit: z.int().min(1).max(5000) }), output: z.object({ lines: z.array(logLine), last: z.number() }) },
  /** Puts runs that are at an end into the workspace's trash, from where `runs.restore` brings them back for 30 days. */
  'runs.delete': { input: z.strictObject({ runs: z.array(run).min(1).max(10_000) }), output: z.object({ deleted: z.array(z.string()) }) },
  'runs.restore': { input: z.strictObject({ runs: z.array(run).min(1).max(10_000) }), output: z.object({ restored: z.array(z.string()) }) },
  /** What emptying the trash would remove for good, and how many bytes that frees: what other runs share stays. */
  'trash.plan': { input: none, output: z.object({ runs: z.array(z.string()), objects: z.number(), bytes: z.number() }) },
  /** With `points` the series is thinned to about so many, first, last and extremes kept. */
  'runs.series': { input: z.strictObject({ run, key: z.enum(['train.loss', 'train.learningRate']), points: z.int().min(10).max(100_000).optional() }), output: z.object({ steps: float64Array, values: float64Array }) },
  /** Queues one run of a config file, on the machine `on` where one is named; takes up an interrupted run of the same compute hash unless `fresh`. */
  'runs.start': { input: z.strictObject({ config: file, seed: z.int().min(0).max(0xffff_ffff).optional(), fresh: z.boolean().optional(), on }), output: z.object({ run: runRow, resumed: z.boolean(), warnings }) },
  'runs.cancel': { input: z.strictObject({ run }), output: runRow },
  'runs.retry': { input: z.strictObject({ run }), output: runRow },
  /** Waits until the runs are at an end and answers with their results, in the order asked for. */
  'runs.wait': { input: z.strictObject({ runs: z.array(run).max(10_000) }), output: z.array(runResult) },
  /** What differs between two runs: config, environment with the code, data. */
  'runs.diff': { input: z.strictObject({ left: run, right: run }), output: z.object({ config: z.array(difference), environment: z.array(difference), data: z.array(difference) }) },

  /** Imports the runs of another program that are not here yet; `path` is theirs. */
  'runs.import': { input: importQuery, output: importResult },
  /** Writes runs in a form that other programs read. */
  'runs.export': { input: exportQuery, output: exportResult },

  /** Makes the code of a run again in a folder that is empty or not there yet, byte for byte, from what the workspace has of it. */
  'runs.restoreCode': { input: z.strictObject({ run, out: file }), output: restoredCode },
  /** How fit a run, or the shown runs of an experiment, are to be repeated: facts with what to do about each. */
  'runs.score': { input: z.strictObject({ target }), output: score },
  /** The same of a config or a study file as it would run here and now; nothing is started or kept. */
  'config.score': { input: z.strictObject({ config: file, seed: z.int().min(0).max(0xffff_ffff).optional() }), output: score },

  'studies.list': { input: none, output: z.array(studySummary) },
  'studies.get': { input: z.strictObject({ studyId: target }), output: studyView },
  /** Holds a study: waiting runs keep waiting, running ones stop at their next checkpoint and go on later to the same bits. Survives a restart. */
  'studies.pause': { input: z.strictObject({ studyId: target }), output: studySummary },
  'studies.resume': { input: z.strictObject({ studyId: target }), output: studySummary },
  'studies.plan': { input: z.strictObject({ study: studySource, reuse: z.boolean().optional(), on }), output: studyPlan },
  'studies.start': {
    input: z.strictObject({ study: studySource, reuse: z.boolean().optional(), on }),
    output: z.object({ experiment: z.string(), studyId: z.string(), plan: studyPlan, runs: z.array(z.object({ run: z.string(), reused: z.boolean() })), warnings }),
  },
  /** By the metric that the runs declare; with `metric`, or where none is declared, by the latest value of a series. */
  'compare.experiment': { input: z.strictObject({ experiment, metric: metric.optional() }), output: comparison },
  /** Mean and band over seeds of every variant, thinned to about `points` steps. */
  'compare.curves': { input: z.strictObject({ experiment, key: curveKey, points: z.int().min(10).max(5000) }), output: curves },
  'compare.runs': { input: z.strictObject({ runs: z.array(run).min(2).max(6) }), output: sideBySide },
  /** The comparison as text to paste. LaTeX uses booktabs. */
  'compare.table': { input: z.strictObject({ experiment, metric: metric.optional(), format: z.enum(['md', 'csv', 'latex']) }), output: z.object({ text: z.string() }) },

  'report.write': { input: z.strictObject({ target, format: z.enum(['md', 'html']), out: file, overwrite: z.boolean().optional() }), output: z.object({ file: z.string(), bytes: z.number() }) },

  'bundle.export': {
    input: z.strictObject({ target, out: file, license: z.string().min(1).max(100), overwrite: z.boolean().optional(), includeData: z.boolean().optional(), calibrate: z.boolean().optional(), task: taskId.optional() }),
    /** `leftOut`: runs that another program logged, which nothing can execute again. */
    output: z.object({ file: z.string(), digest: z.string(), bytes: z.number(), runs: z.number(), leftOut: z.array(z.object({ run: z.string(), name: z.string().nullable() })) }),
  },
  'bundle.estimate': { input: z.strictObject({ target, includeData: z.boolean().optional(), calibrate: z.boolean().optional() }), output: bundleEstimate },
  /** All about a bundle that can be known without executing anything of it. */
  'bundle.inspect': { input: z.strictObject({ file }), output: bundlePage },
  'bundle.verify': { input: z.strictObject({ file }), output: verifyResult },
  /** What a reproduction would run; executes nothing. */
  'bundle.plan': {
    input: z.strictObject({ file, runs: z.int().min(1).optional(), data: file.optional() }),
    output: z.object({ digest: z.string(), name: z.string(), lines: z.array(z.string()), problems: z.array(problem) }),
  },
  /** Re-executes the runs of a bundle in an empty workspace; `trust` must be the bundle's digest, `data` is the CSV file where the bundle has none. */
  'bundle.reproduce': { input: z.strictObject({ file, trust: z.string().min(1).max(200), runs: z.int().min(1).optional(), data: file.optional(), task: taskId.optional() }), output: reproduceResult },
  /** Verdicts kept in the workspace, newest first. */
  'verdicts.list': { input: none, output: z.array(verdictSummary) },
  'verdicts.get': { input: z.strictObject({ verdictId: target }), output: verdictView },
  'verdicts.trace': { input: z.strictObject({ verdictId: target, run }), output: verdictTrace },

  /** Long work, newest first: exports and reproductions that were given a task id. */
  'tasks.list': { input: none, output: z.array(task) },
  'tasks.cancel': { input: z.strictObject({ task: taskId }), output: task },
  'queue.status': { input: none, output: queueView },

  /** Machines besides this one that runs can go to, by name. */
  'machines.list': { input: none, output: z.array(machineView) },
  /** Asks a host for its key, which a person confirms before a machine is added; nothing else is sent. */
  'machines.hostKey': { input: hostKeyQuery, output: hostKey },
  'machines.add': { input: machineAdd, output: machineView },
  'machines.remove': { input: z.strictObject({ name: machineNameText }), output: z.object({ removed: z.string() }) },
  /** What lies in a machine's folder and what of it may go; with `remove` it does. */
  'machines.clean': { input: machineClean, output: machineCleaned },
  /** What a machine has and lacks, for the environment that a config asks for where one is named. */
  'machines.test': { input: z.strictObject({ name: machineNameText, config: file.optional() }), output: machineTest },

  /** The server that MLflow's clients log to. */
  'tracking.status': { input: none, output: trackingServer },
  'tracking.start': { input: trackingStart, output: trackingServer },
  'tracking.stop': { input: none, output: trackingServer },

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
  task,
  /** At most five times a second. */
  queue: queueView,
  /** Something that lists show came, went or changed, beyond what `run` tells. */
  changed: z.object({ what: z.enum(['runs', 'studies', 'verdicts', 'machines']) }),
  studyEnded,
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
