/** Turns records of an event log into rows. What it does to a state must be what `foldEvents` does to a whole log. */
import { mapMetrics, METRIC_NAMES, metricsIn } from '../config/metrics';
import { loggedSeed } from '../events/logged-seed';
import type { RunKind } from '../events/manifest';
import { recordProblem } from '../events/record-problem';
import { fromLogged, type EventRecord, type PointsRecord, type StateRecord, type StepsRecord } from '../events/records';
import { concatPoints } from './points';
import { putConfigParams, type Tables } from './tables/all';
import { initialState, type LogStatus, type RunState } from './tables/run-row';
import type { Points } from './tracking';

/** The log says something that cannot be: a gap, an unknown record. */
export class LogContradiction extends Error {}

/** The run whose records are applied. */
export interface Subject {
  readonly number: number;
  readonly runId: string;
  readonly kind: RunKind;
  readonly createdAt: number;
  /** From the manifest; null for a logged run. */
  readonly seed: number | null;
}

/** What is told of training steps, by the number of the step from 0. */
const STEP_KEYS = ['train.loss', 'train.learningRate', 'train.gradientNorm', 'system/examplesPerSecond', 'system/tokensPerSecond', 'system/memory'] as const;

/** The norm of the parameters, by the number of steps done. */
const WEIGHT_NORM = 'train.weightNorm';

const STATUS_OF: Readonly<Record<NonNullable<StateRecord['status']>, LogStatus>> = { scheduled: 'queued', running: 'running', finished: 'finished', failed: 'failed', killed: 'cancelled' };

/** Points on their way into the tables, by key. */
type Pending = Map<string, Points[]>;

/**
 * Applies records, in their order, to the tables and to `state`. Runs inside the caller's transaction.
 * @throws LogContradiction at the first record that cannot follow the ones before; those are applied
 */
export function applyRecords(tables: Tables, run: Subject, state: RunState, records: readonly EventRecord[]): void {
  const pending: Pending = new Map();
  try {
    for (const record of records) {
      applyRecord(tables, run, state, pending, record);
      state.updatedAt = Math.max(state.updatedAt, Math.trunc(record.time));
    }
  } finally {
    flush(tables, run, state, pending);
  }
  // The clock may have been set back; what a client says of its own run is kept as it says it.
  if (run.kind !== 'logged' && state.startedAt !== null && state.endedAt !== null) state.endedAt = Math.max(state.startedAt, state.endedAt);
  if (run.kind === 'command') state.metric = state.logStatus === 'finished' ? declaredMetric(tables, run.number) : null;
  if (run.kind === 'logged' && records.some((record) => record.type === 'params')) {
    tables.runs.setSeed(run.number, loggedSeed((name) => tables.params.get(run.number, name))?.seed ?? null);
  }
}

function applyRecord(tables: Tables, run: Subject, state: RunState, pending: Pending, record: EventRecord): void {
  const time = Math.trunc(record.time);
  const problem = recordProblem(record);
  if (problem !== null) throw new LogContradiction(`record ${record.seq} ${problem}`);
  switch (record.type) {
    case 'attempt':
      flush(tables, run, state, pending);
      if (run.kind === 'training') {
        if (record.fromStep > state.stepsDone) throw new LogContradiction(`record ${record.seq} resumes at step ${record.fromStep}, but only ${state.stepsDone} steps came before it`);
        rewind(tables, run, state, record.fromStep);
      } else startOver(tables, run, state);
      state.logStatus = 'interrupted';
      state.attempts = record.attempt;
      state.totalSteps = record.totalSteps > 0 || run.kind === 'training' ? record.totalSteps : null;
      state.throughput = null;
      state.startedAt ??= time;
      state.endedAt = null;
      state.exitCode = null;
      state.signal = null;
      state.weightsHash = null;
      state.selectedStep = null;
      state.metric = null;
      state.attemptStartedAt = time;
      state.attemptFromStep = record.fromStep;
      clearError(state);
      break;
    case 'steps': {
      if (record.firstStep > state.stepsDone) throw new LogContradiction(`record ${record.seq} begins at step ${record.firstStep}, but only ${state.stepsDone} steps came before it`);
      if (record.learningRates.length !== record.losses.length) throw new LogContradiction(`record ${record.seq} has ${record.losses.length} losses and ${record.learningRates.length} learning rates`);
      if ((record.gradientNorms?.length ?? record.losses.length) !== record.losses.length) throw new LogContradiction(`record ${record.seq} has ${record.losses.length} losses and ${record.gradientNorms?.length} gradient norms`);
      if (record.firstStep < state.stepsDone) {
        flush(tables, run, state, pending);
        rewindSteps(tables, run, state, record.firstStep);
      }
      const losses = Float64Array.from(record.losses, fromLogged);
      const steps = losses.map((_, index) => record.firstStep + index);
      const times = losses.map(() => record.time);
      hold(pending, 'train.loss', { steps, times, values: losses });
      hold(pending, 'train.learningRate', { steps, times, values: Float64Array.from(record.learningRates) });
      if (record.gradientNorms !== undefined) hold(pending, 'train.gradientNorm', { steps, times, values: Float64Array.from(record.gradientNorms, fromLogged) });
      for (const [key, value] of aboutMachine(record)) hold(pending, key, pointAt(record.firstStep + losses.length - 1, record.time, value));
      for (const loss of losses) state.bestLoss = smaller(state.bestLoss, loss);
      state.finalLoss = losses.at(-1) ?? state.finalLoss;
      state.stepsDone = record.firstStep + losses.length;
      state.throughput = record.seconds > 0 ? losses.length / record.seconds : null;
      break;
    }
    case 'metrics': {
      const { split, step, epoch } = record;
      const values = mapMetrics(record.values, fromLogged);
      tables.metrics.put(run.number, { split, step, epoch, ...values });
      for (const name of metricsIn(values)) {
        // The loss of the training split has the losses of the steps in its series.
        if (split === 'train' && name === 'loss') continue;
        hold(pending, `${split}.${name}`, pointAt(step, record.time, values[name] ?? Number.NaN));
      }
      break;
    }
    case 'points':
      hold(pending, record.key, pointsOf(record));
      break;
    case 'params':
      for (const [name, value] of Object.entries(record.params)) tables.params.put(run.number, name, value);
      break;
    case 'tags':
      for (const [name, value] of Object.entries(record.tags)) {
        if (value === null) tables.tags.remove(run.number, name);
        else tables.tags.put(run.number, name, value);
      }
      break;
    case 'file':
      if (record.sha256 === null) tables.files.remove(run.number, record.path);
      else tables.files.put(run.number, { path: record.path, sha256: record.sha256, bytes: record.bytes });
      break;
    case 'dataset':
      tables.datasets.put(run.number, record);
      break;
    case 'state':
      applyState(run, state, record, time);
      break;
    case 'weights-hash':
      tables.hashes.put(run.number, { step: record.step, hash: record.hash, chain: record.chain });
      if (record.norm !== undefined) hold(pending, WEIGHT_NORM, pointAt(record.step, record.time, fromLogged(record.norm)));
      break;
    case 'artifact':
      tables.artifacts.put(run.number, { name: record.name, sha256: record.sha256, bytes: record.bytes });
      break;
    case 'finished':
      state.logStatus = 'finished';
      state.weightsHash = record.weightsHash;
      state.selectedStep = record.selectedStep;
      state.totalSteps = record.stoppedAfter ?? state.totalSteps;
      state.finalLoss = fromLogged(record.finalLoss);
      state.bestLoss = fromLogged(record.bestLoss);
      state.metric = declaredMetric(tables, run.number);
      endAttempt(state);
      state.endedAt = time;
      break;
    case 'failed':
      state.logStatus = 'failed';
      state.errorCode = record.code;
      state.errorMessage = record.message;
      endAttempt(state);
      state.endedAt = time;
      break;
    case 'cancelled':
      state.logStatus = 'cancelled';
      endAttempt(state);
      state.endedAt = time;
      break;
    case 'orphaned':
      state.logStatus = 'interrupted';
      endAttempt(state);
      state.endedAt = time;
      break;
    case 'exit':
      state.exitCode = record.exitCode;
      state.signal = record.signal;
      endAttempt(state);
      state.endedAt ??= time;
      break;
    case 'requeued':
      state.logStatus = 'queued';
      state.endedAt = null;
      clearError(state);
      break;
    case 'checkpoint':
    case 'message':
    case 'source':
    case 'place':
      // Kept in the log only: workers and readers of sources resume from there, and people read it there.
      break;
    default:
      throw new LogContradiction(`record ${unknownSeq(record)} is of a type this version of Reprise does not know`);
  }
}

/** What steps cost the machine: pace and memory, which no number of a result depends on. */
function aboutMachine({ examples, tokens, memory, seconds }: StepsRecord): readonly (readonly [(typeof STEP_KEYS)[number], number])[] {
  const paces = [['system/examplesPerSecond', examples], ['system/tokensPerSecond', tokens]] as const;
  return [
    ...paces.flatMap(([key, count]) => (count === undefined || seconds <= 0 ? [] : [[key, count / seconds] as const])),
    ...(memory === undefined ? [] : [['system/memory', memory] as const]),
  ];
}

function pointAt(step: number, time: number, value: number): Points {
  return { steps: Float64Array.of(step), times: Float64Array.of(time), values: Float64Array.of(value) };
}

function applyState(run: Subject, state: RunState, record: StateRecord, time: number): void {
  if (record.name !== undefined) state.name = record.name;
  if (record.startedAt !== undefined) state.startedAt = Math.trunc(record.startedAt);
  if (record.endedAt !== undefined) state.endedAt = record.endedAt === null ? null : Math.trunc(record.endedAt);
  if (record.status === undefined) return;
  state.logStatus = STATUS_OF[record.status];
  if (run.kind === 'logged' || state.logStatus === 'queued' || state.logStatus === 'running') return;
  endAttempt(state);
  state.endedAt ??= time;
}

/** Removes everything that came from a run's log. */
export function forgetLog(tables: Tables, run: Subject): RunState {
  forgetNamed(tables, run);
  tables.tags.clear(run.number);
  tables.metrics.clear(run.number);
  tables.hashes.clear(run.number);
  tables.artifacts.clear(run.number);
  tables.cursors.set(run.number, { offset: 0, lastSeq: -1 });
  if (run.kind === 'logged') tables.runs.setSeed(run.number, null);
  return initialState(run.kind, run.createdAt);
}

/** Removes series, files and data sets, and of the parameters all but those of the config. */
function forgetNamed(tables: Tables, run: Subject): void {
  tables.series.clear(run.number);
  tables.latest.clear(run.number);
  tables.files.clear(run.number);
  tables.datasets.clear(run.number);
  tables.params.clear(run.number);
  putConfigParams(tables, run.number, tables.variants.ofRun(run.number), run.kind === 'logged' ? null : run.seed);
}

/** A command begins anew: what earlier attempts said holds no more, but for the tags, which people set. */
function startOver(tables: Tables, run: Subject, state: RunState): void {
  forgetNamed(tables, run);
  state.stepsDone = 0;
}

function hold(pending: Pending, key: string, points: Points): void {
  const held = pending.get(key);
  if (held === undefined) pending.set(key, [points]);
  else held.push(points);
}

function pointsOf({ steps, times, values }: PointsRecord): Points {
  // Adding 0 makes −0, which the log says as 0, the same.
  return { steps: Float64Array.from(steps, (step) => step + 0), times: Float64Array.from(times, (at) => at + 0), values: Float64Array.from(values, fromLogged) };
}

function flush(tables: Tables, run: Subject, state: RunState, pending: Pending): void {
  for (const [name, parts] of pending) {
    const points = concatPoints(parts);
    if (points.values.length === 0) continue;
    const key = tables.keys.of(name);
    const before = tables.latest.get(run.number, key);
    const added = tables.series.add(run.number, key, points, before === null);
    tables.latest.add(run.number, key, added, before);
    if (run.kind !== 'training') state.stepsDone = Math.max(state.stepsDone, added.steps.at(-1) ?? 0);
  }
  pending.clear();
}

/** A training goes on from a step: what earlier attempts said of later states holds no more. */
function rewind(tables: Tables, run: Subject, state: RunState, fromStep: number): void {
  rewindSteps(tables, run, state, fromStep);
  for (const split of ['train', 'validation', 'test']) {
    for (const metric of METRIC_NAMES) {
      const name = `${split}.${metric}`;
      if (name === 'train.loss') continue;
      // The test split is measured once, at the end.
      cut(tables, run, name, split === 'test' ? 0 : fromStep + 1);
    }
  }
  cut(tables, run, WEIGHT_NORM, fromStep + 1);
  tables.metrics.rewind(run.number, fromStep);
  tables.hashes.dropAfter(run.number, fromStep);
  tables.artifacts.clear(run.number);
}

/** Drops what is told of steps ≥ `fromStep`; what the row says of losses follows from those that remain. */
function rewindSteps(tables: Tables, run: Subject, state: RunState, fromStep: number): void {
  for (const name of STEP_KEYS) cut(tables, run, name, fromStep);
  const key = tables.keys.find('train.loss');
  const values = key === null ? new Float64Array(0) : tables.series.read(run.number, key).values;
  state.stepsDone = fromStep;
  state.finalLoss = values.at(-1) ?? null;
  state.bestLoss = null;
  for (const value of values) state.bestLoss = smaller(state.bestLoss, value);
}

function cut(tables: Tables, run: Subject, name: string, fromStep: number): void {
  const key = tables.keys.find(name);
  if (key === null || tables.latest.get(run.number, key) === null) return;
  tables.series.truncate(run.number, key, fromStep);
  tables.latest.set(run.number, key, tables.series.facts(run.number, key));
}

/** The smaller of two losses; NaN only where there is no number. */
function smaller(best: number | null, loss: number): number {
  if (best === null || Number.isNaN(best)) return loss;
  return loss < best ? loss : best;
}

/**
 * The metric that a run's config declares. Of a training on the test split; null where there is none or training
 * diverged: a share of right answers says nothing then. Of a command the latest or the best value of the series.
 */
export function declaredMetric(tables: Tables, run: number): number | null {
  const config = tables.variants.ofRun(run);
  if (config === null) return null;
  if (!('task' in config)) {
    const test = tables.metrics.test(run);
    const value = test === null || !Number.isFinite(test.loss) ? undefined : test[config.selection.metric];
    return value !== undefined && Number.isFinite(value) ? value : null;
  }
  const { selection } = config;
  const key = selection === undefined ? null : tables.keys.find(selection.metric);
  const latest = key === null ? null : tables.latest.get(run, key);
  if (selection === undefined || latest === null) return null;
  const value = selection.value === 'last' ? latest.value : selection.goal === 'maximize' ? latest.max : latest.min;
  return value !== null && Number.isFinite(value) ? value : null;
}

function endAttempt(state: RunState): void {
  state.attemptStartedAt = null;
  state.attemptFromStep = null;
}

function clearError(state: RunState): void {
  state.errorCode = null;
  state.errorMessage = null;
}

function unknownSeq(record: never): number {
  return (record as EventRecord).seq;
}
