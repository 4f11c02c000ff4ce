/** Turns records of an event log into rows. What it does to a state must be what `foldEvents` does to a whole log. */
import { fromLogged, type EventRecord } from '../events/records';
import type { Tables } from './tables/all';
import { initialState, type RunState } from './tables/runs';
import type { SeriesKey } from './types';

/** The log says something that cannot be: a gap, an unknown record. */
export class LogContradiction extends Error {}

/** Consecutive points on their way into the series tables. */
class Pending {
  firstStep = 0;
  readonly losses: number[] = [];
  readonly rates: number[] = [];

  clear(): void {
    this.losses.length = 0;
    this.rates.length = 0;
  }
}

/**
 * Applies records, in their order, to the tables and to `state`. Runs inside the caller's transaction.
 * @throws LogContradiction at the first record that cannot follow the ones before; those are applied
 */
export function applyRecords(tables: Tables, runId: string, state: RunState, records: readonly EventRecord[]): void {
  const pending = new Pending();
  try {
    for (const record of records) {
      applyRecord(tables, runId, state, pending, record);
      state.updatedAt = Math.max(state.updatedAt, Math.trunc(record.time));
    }
  } finally {
    flush(tables, runId, pending);
  }
}

function applyRecord(tables: Tables, runId: string, state: RunState, pending: Pending, record: EventRecord): void {
  const time = Math.trunc(record.time);
  switch (record.type) {
    case 'attempt':
      if (record.fromStep > state.stepsDone) throw new LogContradiction(`record ${record.seq} resumes at step ${record.fromStep}, but only ${state.stepsDone} steps came before it`);
      flush(tables, runId, pending);
      rewindSeries(tables, runId, state, record.fromStep);
      tables.metrics.rewind(runId, record.fromStep);
      tables.hashes.dropAfter(runId, record.fromStep);
      tables.artifacts.clear(runId);
      state.logStatus = 'interrupted';
      state.attempts = record.attempt;
      state.totalSteps = record.totalSteps;
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
    case 'steps':
      if (record.firstStep > state.stepsDone) throw new LogContradiction(`record ${record.seq} begins at step ${record.firstStep}, but only ${state.stepsDone} steps came before it`);
      if (record.learningRates.length !== record.losses.length) throw new LogContradiction(`record ${record.seq} has ${record.losses.length} losses and ${record.learningRates.length} learning rates`);
      if (record.firstStep < state.stepsDone) {
        flush(tables, runId, pending);
        rewindSeries(tables, runId, state, record.firstStep);
      }
      if (pending.losses.length === 0) pending.firstStep = record.firstStep;
      for (const logged of record.losses) {
        const loss = fromLogged(logged);
        pending.losses.push(loss);
        state.finalLoss = loss;
        state.bestLoss = smaller(state.bestLoss, loss);
      }
      pending.rates.push(...record.learningRates);
      state.stepsDone = record.firstStep + record.losses.length;
      state.throughput = record.seconds > 0 ? record.losses.length / record.seconds : null;
      break;
    case 'metrics':
      tables.metrics.put(runId, { split: record.split, step: record.step, epoch: record.epoch, loss: fromLogged(record.values.loss), accuracy: fromLogged(record.values.accuracy) });
      break;
    case 'weights-hash':
      tables.hashes.put(runId, { step: record.step, hash: record.hash, chain: record.chain });
      break;
    case 'artifact':
      tables.artifacts.put({ runId, name: record.name, sha256: record.sha256, bytes: record.bytes });
      break;
    case 'finished':
      state.logStatus = 'finished';
      state.weightsHash = record.weightsHash;
      state.selectedStep = record.selectedStep;
      state.finalLoss = fromLogged(record.finalLoss);
      state.bestLoss = fromLogged(record.bestLoss);
      state.metric = declaredMetric(tables, runId);
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
      // Kept in the log only: the worker resumes from there, and people read it there.
      break;
    default:
      throw new LogContradiction(`record ${unknownSeq(record)} is of a type this version of Reprise does not know`);
  }
}

/** Removes everything that came from a run's log. */
export function forgetLog(tables: Tables, runId: string, createdAt: number): RunState {
  tables.metrics.clear(runId);
  tables.series.clear(runId);
  tables.hashes.clear(runId);
  tables.artifacts.clear(runId);
  tables.cursors.set(runId, { offset: 0, lastSeq: -1 });
  return initialState(createdAt);
}

function flush(tables: Tables, runId: string, pending: Pending): void {
  if (pending.losses.length === 0) return;
  const steps = Float64Array.from({ length: pending.losses.length }, (_, index) => pending.firstStep + index);
  const write = (key: SeriesKey, values: readonly number[]): void => tables.series.append(runId, key, steps, Float64Array.from(values));
  write('train.loss', pending.losses);
  write('train.learningRate', pending.rates);
  pending.clear();
}

/** Drops points of step ≥ `fromStep`; the losses in the row follow from what remains. */
function rewindSeries(tables: Tables, runId: string, state: RunState, fromStep: number): void {
  tables.series.truncate(runId, fromStep);
  const { values } = tables.series.read(runId, 'train.loss');
  state.stepsDone = fromStep;
  state.finalLoss = values.at(-1) ?? null;
  state.bestLoss = null;
  for (const value of values) state.bestLoss = smaller(state.bestLoss, value);
}

/** The smaller of two losses; NaN only where there is no number. */
function smaller(best: number | null, loss: number): number {
  if (best === null || Number.isNaN(best)) return loss;
  return loss < best ? loss : best;
}

/** The declared metric on the test split; null where there is none or training diverged: a share of right answers says nothing then. */
export function declaredMetric(tables: Tables, runId: string): number | null {
  const test = tables.metrics.test(runId);
  const metric = tables.variants.metricOf(runId);
  return test === null || metric === null || !Number.isFinite(test.loss) ? null : test[metric];
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
