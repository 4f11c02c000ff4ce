/** What a run leaves behind to be compared, and the bare comparison of two such traces. */
import { metricsIn, type MetricNumbers } from '../config/metrics';
import { ARTIFACT_NAMES, type ArtifactName } from '../events/records';
import type { RunStatus } from '../store/types';
import { relativeDifference } from './tolerance';

export interface Trace {
  readonly status: RunStatus;
  /** Training loss of each step, float32 values, step 0 first. */
  readonly losses: readonly number[];
  /** Hash chain: SHA-256 of the weights after `step` steps. */
  readonly weightsHashes: readonly { readonly step: number; readonly hash: string }[];
  /** SHA-256 of the final weights; null when the run did not finish. */
  readonly weightsHash: string | null;
  /** Test metrics at the selected checkpoint; null when the run did not finish. */
  readonly metrics: MetricNumbers | null;
  /** Learning rate of each step, float32 values. This and what follows is compared where both traces have it. */
  readonly learningRates?: readonly number[];
  /** Validation metrics after `step` steps. */
  readonly validation?: readonly ValidationPoint[];
  /** Steps done at the selected checkpoint; null when the run did not finish. */
  readonly selectedStep?: number | null;
  /** SHA-256 (hex) of each file the run left. */
  readonly artifacts?: Readonly<Partial<Record<ArtifactName, string>>>;
}

export type ValidationPoint = MetricNumbers & {
  /** Number of steps done. */
  readonly step: number;
};

export interface TraceDifference {
  /** 0-based number of the first step whose loss differs, or null. */
  readonly firstLoss: number | null;
  /** How many steps of those compared have another loss. */
  readonly differentLosses: number;
  /** 0-based number of the last step before the first unequal weights hash, or null. */
  readonly firstWeights: number | null;
  /** 0-based number of the first step with another learning rate, or null. */
  readonly firstRate: number | null;
  /** 0-based number of the last step before the first unequal validation metrics, or null. */
  readonly firstValidation: number | null;
  /** Smallest of these: the first step of which anything recorded differs, or null. */
  readonly firstStep: number | null;
  /** Over the steps both have; 0 for equal losses, null when there is no step to compare. */
  readonly maxRelativeDifference: number | null;
  /** Largest distance of two losses in float32 values; a number against NaN is 2^32. */
  readonly maxUlp: number | null;
  readonly weightsHashEqual: boolean;
  readonly metricsEqual: boolean;
  readonly selectedStepEqual: boolean;
  /** Files both have, with other bytes. */
  readonly differentArtifacts: readonly ArtifactName[];
}

const floatView = new Float32Array(1);
const bitsView = new Int32Array(floatView.buffer);
const NOT_A_DISTANCE = 2 ** 32;

/** float32 values in order, as integers one apart; −0 and 0 are the same. */
function ordinal(value: number): number {
  floatView[0] = value;
  const bits = bitsView[0]!;
  return bits < 0 ? -(bits & 0x7fff_ffff) : bits;
}

/** How many float32 values two numbers lie apart. Two NaN: 0; a number against NaN: 2^32. */
export function ulpDistance(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) && Number.isNaN(b) ? 0 : NOT_A_DISTANCE;
  return Math.abs(ordinal(a) - ordinal(b));
}

function same(a: number, b: number): boolean {
  return a === b || (Number.isNaN(a) && Number.isNaN(b));
}

/** Whether every metric of the record is the same again. What only the re-execution measured says nothing: an older record knows fewer. */
export function sameMetrics(recorded: MetricNumbers, actual: MetricNumbers): boolean {
  return metricsIn(recorded).every((name) => same(recorded[name] ?? Number.NaN, actual[name] ?? Number.NaN));
}

/** First hash of the chain that differs among the steps both traces have, as a 0-based step, or null. */
function firstUnequalHash(recorded: Trace, actual: Trace): number | null {
  const others = new Map(actual.weightsHashes.map(({ step, hash }) => [step, hash]));
  let first: number | null = null;
  for (const { step, hash } of recorded.weightsHashes) {
    const other = others.get(step);
    if (other === undefined || other === hash) continue;
    // The hash after `step` steps speaks of the step before it, counted from 0.
    const index = Math.max(0, step - 1);
    if (first === null || index < first) first = index;
  }
  return first;
}

/** First learning rate that differs. One that only one of two finished runs has counts as different. */
function firstUnequalRate(recorded: Trace, actual: Trace): number | null {
  const { learningRates: left } = recorded;
  const { learningRates: right } = actual;
  if (left === undefined || right === undefined) return null;
  const bothFinished = recorded.status === 'finished' && actual.status === 'finished';
  const steps = bothFinished ? Math.max(left.length, right.length) : Math.min(left.length, right.length);
  for (let step = 0; step < steps; step++) {
    const [a, b] = [left[step], right[step]];
    if (a === undefined || b === undefined || !same(a, b)) return step;
  }
  return null;
}

/** First validation metrics that differ, as a 0-based step. Those only one of two finished runs has count as different. */
function firstUnequalValidation(recorded: Trace, actual: Trace): number | null {
  const { validation: left } = recorded;
  const { validation: right } = actual;
  if (left === undefined || right === undefined) return null;
  const bothFinished = recorded.status === 'finished' && actual.status === 'finished';
  const [before, after] = [left, right].map((points) => new Map(points.map((point) => [point.step, point])));
  const steps = [...new Set([...left, ...right].map(({ step }) => step))].sort((a, b) => a - b);
  const unequal = steps.find((step) => {
    const [a, b] = [before?.get(step), after?.get(step)];
    return a === undefined || b === undefined ? bothFinished : !sameMetrics(a, b);
  });
  return unequal === undefined ? null : Math.max(0, unequal - 1);
}

function unequalArtifacts({ artifacts: left }: Trace, { artifacts: right }: Trace): ArtifactName[] {
  return ARTIFACT_NAMES.filter((name) => left?.[name] !== undefined && right?.[name] !== undefined && left[name] !== right[name]);
}

/** The smallest of the steps that are there, or null. */
export function smallest(steps: readonly (number | null)[]): number | null {
  return steps.reduce((first, step) => (first === null || (step !== null && step < first) ? step : first), null);
}

/** Compares two traces over the steps both have. NaN equals NaN. */
export function compareTraces(recorded: Trace, actual: Trace): TraceDifference {
  const steps = Math.min(recorded.losses.length, actual.losses.length);
  let firstLoss: number | null = null;
  let differentLosses = 0;
  let maxRelative = 0;
  let maxUlp = 0;
  for (let step = 0; step < steps; step++) {
    const a = recorded.losses[step]!;
    const b = actual.losses[step]!;
    if (same(a, b)) continue;
    firstLoss ??= step;
    differentLosses++;
    maxRelative = Math.max(maxRelative, relativeDifference(a, b));
    maxUlp = Math.max(maxUlp, ulpDistance(a, b));
  }
  const firstWeights = firstUnequalHash(recorded, actual);
  const firstRate = firstUnequalRate(recorded, actual);
  const firstValidation = firstUnequalValidation(recorded, actual);
  const { metrics: left } = recorded;
  const { metrics: right } = actual;
  return {
    firstLoss,
    differentLosses,
    firstWeights,
    firstRate,
    firstValidation,
    firstStep: smallest([firstLoss, firstWeights, firstRate, firstValidation]),
    maxRelativeDifference: steps === 0 ? null : maxRelative,
    maxUlp: steps === 0 ? null : maxUlp,
    weightsHashEqual: recorded.weightsHash !== null && recorded.weightsHash === actual.weightsHash,
    metricsEqual: left === null || right === null ? left === right : sameMetrics(left, right),
    selectedStepEqual: recorded.selectedStep === undefined || actual.selectedStep === undefined || recorded.selectedStep === actual.selectedStep,
    differentArtifacts: unequalArtifacts(recorded, actual),
  };
}
