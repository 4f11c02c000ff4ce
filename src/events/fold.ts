/** What a run's event log says, folded into one state. Pure. */
import type {
  ArtifactName,
  ArtifactRecord,
  CheckpointRecord,
  EventRecord,
  ExitRecord,
  FailedRecord,
  FinishedRecord,
  MessageRecord,
  MetricsRecord,
  SplitName,
  WeightsHashRecord,
} from './records';
import { fromLogged } from './records';

/**
 * queued: no worker has begun, or the host put it back. running: a worker began and has not ended, as
 * far as the log knows. interrupted: it ended without having done all, and can go on.
 */
export type LoggedStatus = 'queued' | 'running' | 'finished' | 'failed' | 'cancelled' | 'interrupted';

export interface RunState {
  readonly status: LoggedStatus;
  readonly attempts: number;
  /** Of the newest attempt; null while none has begun. */
  readonly totalSteps: number | null;
  readonly stepsPerEpoch: number | null;
  readonly pid: number | null;
  /** First attempt's begin, and the latest end; milliseconds since 1970. */
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** Training loss and learning rate of step 0, 1, 2, …, without gaps: of each step the newest attempt's. */
  readonly losses: readonly number[];
  readonly learningRates: readonly number[];
  /** Steps a second over the latest chunk. */
  readonly throughput: number | null;
  /** By step, one a split and step. */
  readonly metrics: readonly MetricsRecord[];
  /** By step, one a step. */
  readonly weightsHashes: readonly WeightsHashRecord[];
  /** By step, one a step. Files of older ones are deleted. */
  readonly checkpoints: readonly CheckpointRecord[];
  readonly artifacts: ReadonlyMap<ArtifactName, ArtifactRecord>;
  readonly finished: FinishedRecord | null;
  readonly failed: FailedRecord | null;
  /** Of the newest process that ended; null while one runs. */
  readonly exit: ExitRecord | null;
  readonly messages: readonly (MessageRecord & { readonly time: number })[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer U)[] ? U[] : T[K] extends ReadonlyMap<infer K2, infer V> ? Map<K2, V> : T[K] };
type Draft = Mutable<RunState>;

function emptyState(): Draft {
  return {
    status: 'queued',
    attempts: 0,
    totalSteps: null,
    stepsPerEpoch: null,
    pid: null,
    startedAt: null,
    endedAt: null,
    losses: [],
    learningRates: [],
    throughput: null,
    metrics: [],
    weightsHashes: [],
    checkpoints: [],
    artifacts: new Map(),
    finished: null,
    failed: null,
    exit: null,
    messages: [],
  };
}

const SPLIT_ORDER: Readonly<Record<SplitName, number>> = { train: 0, validation: 1, test: 2 };

/** Puts an item in its place by step, in place of one with the same key; items mostly come in order. */
function put<T extends { readonly step: number }>(items: T[], item: T, compare: (a: T, b: T) => number): void {
  let index = items.length;
  while (index > 0 && compare(items[index - 1]!, item) > 0) index--;
  const replaces = index > 0 && compare(items[index - 1]!, item) === 0;
  items.splice(replaces ? index - 1 : index, replaces ? 1 : 0, item);
}

const byStep = (a: { readonly step: number }, b: { readonly step: number }): number => a.step - b.step;
const byStepAndSplit = (a: MetricsRecord, b: MetricsRecord): number => a.step - b.step || SPLIT_ORDER[a.split] - SPLIT_ORDER[b.split];

/** An attempt computes from `fromStep` on: what earlier ones said about later states holds no more. */
function rewind(state: Draft, fromStep: number): void {
  state.losses.length = Math.min(state.losses.length, fromStep);
  state.learningRates.length = Math.min(state.learningRates.length, fromStep);
  state.metrics = state.metrics.filter((record) => record.step <= fromStep && record.split !== 'test');
  state.weightsHashes = state.weightsHashes.filter((record) => record.step <= fromStep);
  state.checkpoints = state.checkpoints.filter((record) => record.step <= fromStep);
  state.artifacts = new Map();
  state.throughput = null;
}

function apply(state: Draft, record: EventRecord): void {
  switch (record.type) {
    case 'attempt':
      rewind(state, record.fromStep);
      state.status = 'running';
      state.attempts = record.attempt;
      state.totalSteps = record.totalSteps;
      state.stepsPerEpoch = record.stepsPerEpoch;
      state.pid = record.pid;
      state.startedAt ??= record.time;
      state.endedAt = null;
      state.finished = null;
      state.failed = null;
      state.exit = null;
      break;
    case 'steps':
      if (record.firstStep > state.losses.length) {
        throw new RangeError(`Record ${record.seq} begins at step ${record.firstStep}, but only ${state.losses.length} steps came before it.`);
      }
      state.losses.length = record.firstStep;
      state.learningRates.length = record.firstStep;
      for (const loss of record.losses) state.losses.push(fromLogged(loss));
      for (const rate of record.learningRates) state.learningRates.push(rate);
      state.throughput = record.seconds > 0 ? record.losses.length / record.seconds : null;
      break;
    case 'metrics':
      put(state.metrics, record, byStepAndSplit);
      break;
    case 'weights-hash':
      put(state.weightsHashes, record, byStep);
      break;
    case 'checkpoint':
      put(state.checkpoints, record, byStep);
      break;
    case 'artifact':
      state.artifacts.set(record.name, record);
      break;
    case 'finished':
      state.status = 'finished';
      state.finished = record;
      state.totalSteps = record.stoppedAfter ?? state.totalSteps;
      state.endedAt = record.time;
      break;
    case 'failed':
      state.status = 'failed';
      state.failed = record;
      state.endedAt = record.time;
      break;
    case 'cancelled':
      state.status = 'cancelled';
      state.endedAt = record.time;
      break;
    case 'orphaned':
      state.status = 'interrupted';
      state.endedAt = record.time;
      break;
    case 'exit':
      // A process that ended without a word was killed or crashed.
      if (state.status === 'running') state.status = 'interrupted';
      state.exit = record;
      state.endedAt ??= record.time;
      break;
    case 'requeued':
      state.status = 'queued';
      state.failed = null;
      state.endedAt = null;
      break;
    case 'message':
      state.messages.push(record);
      break;
    case 'points':
    case 'params':
    case 'tags':
    case 'file':
    case 'dataset':
    case 'state':
    case 'source':
    case 'place':
      // What authors named is read from the store; a log is folded for what a worker says.
      break;
    default:
      assertNever(record);
  }
}

function assertNever(record: never): void {
  throw new RangeError(`Unknown record type: ${JSON.stringify(record)}`);
}

/**
 * Folds the records of a whole log, in their order.
 * @throws RangeError for a record of an unknown type, or steps that leave a gap
 */
export function foldEvents(records: Iterable<EventRecord>): RunState {
  const state = emptyState();
  for (const record of records) apply(state, record);
  return state;
}
