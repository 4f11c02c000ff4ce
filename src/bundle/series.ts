/** What a command run leaves behind to be compared: its metric series and the files it kept. */
import type { LoggedStatus } from '../events/fold';
import { fromLogged, type EventRecord } from '../events/records';
import type { RunStatus } from '../store/types';
import type { SeriesSummary } from './model';
import { relativeDifference } from './tolerance';

/** A series in the order of steps; columns of equal length. */
export interface TracedSeries {
  readonly steps: readonly number[];
  readonly values: readonly number[];
}

export interface CommandTrace {
  readonly status: RunStatus;
  /** Why it failed, in its own words; null where it did not. */
  readonly error: string | null;
  readonly series: ReadonlyMap<string, TracedSeries>;
  /** SHA-256 (hex) of each kept file, by its path. */
  readonly files: ReadonlyMap<string, string>;
}

/** Series that tell of the machine or the clock: no re-execution repeats them. */
const ABOUT_MACHINE = /^system[/.]|(?:^|[^a-z])(?:time|times|seconds|secs|ms|duration|elapsed|runtime|wall|timestamp|throughput|fps|per_second|per_sec|it_s|eta)(?:$|[^a-z])/iu;

/** Whether a series says what was computed, rather than how fast or on what. Told by its name alone. */
export function isJudged(key: string): boolean {
  return !ABOUT_MACHINE.test(key);
}

/**
 * Points of one key as they are compared: by step, among equal steps as logged, a value that is repeated for its step
 * once. Whether a repeated point counts twice depends on the millisecond in which it was logged.
 */
export function tracedSeries(steps: ArrayLike<number>, values: ArrayLike<number>): TracedSeries {
  const order = Array.from({ length: steps.length }, (_, index) => index).sort((a, b) => (steps[a] ?? 0) - (steps[b] ?? 0) || a - b);
  const kept = order.filter((index, place) => {
    const before = order[place - 1];
    return before === undefined || steps[before] !== steps[index] || !Object.is(values[before], values[index]);
  });
  return { steps: kept.map((index) => steps[index] ?? 0), values: kept.map((index) => values[index] ?? Number.NaN) };
}

/** All series of an event log, by key. */
export function seriesOfLog(records: readonly EventRecord[]): Map<string, TracedSeries> {
  const columns = new Map<string, { readonly steps: number[]; readonly values: number[] }>();
  for (const record of records) {
    if (record.type !== 'points') continue;
    const { steps, values } = columns.get(record.key) ?? { steps: [], values: [] };
    for (const step of record.steps) steps.push(step);
    for (const value of record.values) values.push(fromLogged(value));
    columns.set(record.key, { steps, values });
  }
  return new Map([...columns].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, { steps, values }]) => [key, tracedSeries(steps, values)]));
}

/**
 * What became of a command, as its log says: its host writes `state` when it finished by itself with exit code 0. A
 * program that calls itself finished over the tracking API and fails then has failed.
 */
export function commandStatus(records: readonly EventRecord[]): LoggedStatus {
  let status: LoggedStatus = 'queued';
  for (const record of records) {
    if (record.type === 'attempt') status = 'running';
    else if (record.type === 'state' && record.status === 'finished') status = 'finished';
    else if (record.type === 'failed' || record.type === 'cancelled') status = record.type;
    else if (record.type === 'orphaned' || (record.type === 'exit' && status === 'running')) status = 'interrupted';
    else if (record.type === 'requeued') status = 'queued';
  }
  return status;
}

/** Every series of an event log in short, by name. */
export function summariesOfLog(records: readonly EventRecord[]): SeriesSummary[] {
  return [...seriesOfLog(records)].flatMap(([key, { values }]) => {
    const last = values.at(-1);
    return last === undefined ? [] : [{ key, points: values.length, last }];
  });
}

/** Kept files of an event log: the newest record of a path holds. */
export function filesOfLog(records: readonly EventRecord[]): Map<string, { readonly sha256: string; readonly bytes: number }> {
  const files = new Map<string, { sha256: string; bytes: number }>();
  for (const record of records) {
    if (record.type !== 'file') continue;
    if (record.sha256 === null) files.delete(record.path);
    else files.set(record.path, { sha256: record.sha256, bytes: record.bytes });
  }
  return files;
}

/** Two executions of one series, held against each other. Steps are those that the program logged. */
export interface SeriesDifference {
  readonly key: string;
  /** Points that both have, in their order. */
  readonly points: number;
  /** Whether all points are the same, bit for bit. */
  readonly same: boolean;
  /** Step of the first point that differs at all; null where none does. */
  readonly firstDifferentStep: number | null;
  /** Step of the first point outside what is allowed; null where none is. */
  readonly firstDivergentStep: number | null;
  /** Largest |a − b| / max(|a|, |b|) over the points that both have, 0 to 2; null where there is none. */
  readonly maxRelativeDifference: number | null;
}

const same = (a: number, b: number): boolean => Object.is(a, b) || a === b;

/**
 * Compares point by point, in the order of steps. A point that only one of the two has differs, and diverges.
 * @param allowed largest relative difference that is no divergence
 * @param floor absolute difference that is none either
 */
export function compareSeries(key: string, recorded: TracedSeries, actual: TracedSeries, allowed: number, floor: number): SeriesDifference {
  const points = Math.min(recorded.steps.length, actual.steps.length);
  let firstDifferent: number | null = null;
  let firstDivergent: number | null = null;
  let largest = 0;
  for (let index = 0; index < points; index += 1) {
    const step = recorded.steps[index] ?? 0;
    const [a, b] = [recorded.values[index] ?? Number.NaN, actual.values[index] ?? Number.NaN];
    const aligned = step === actual.steps[index];
    if (aligned && same(a, b)) continue;
    firstDifferent ??= Math.min(step, actual.steps[index] ?? step);
    const difference = relativeDifference(a, b);
    largest = Math.max(largest, difference);
    const within = difference <= allowed || (Number.isFinite(a) && Number.isFinite(b) && Math.abs(a - b) <= floor);
    if (!aligned || !within) firstDivergent ??= Math.min(step, actual.steps[index] ?? step);
  }
  const beyond = recorded.steps[points] ?? actual.steps[points] ?? null;
  firstDifferent ??= beyond;
  firstDivergent ??= beyond;
  return { key, points, same: firstDifferent === null, firstDifferentStep: firstDifferent, firstDivergentStep: firstDivergent, maxRelativeDifference: points === 0 ? null : largest };
}
