/**
 * The tolerance of a re-execution on another runtime, sealed at export. Rounding differences grow
 * over training, so it is measured: a re-run whose initial weights differ in one last bit shows how
 * far two honest executions of the same run part. On the same runtime nothing is tolerated.
 */
import { metricOf, type MetricName } from '../config/metrics';

/** Units: losses in nats, differences as |a − b| / max(|a|, |b|). */
export interface Tolerance {
  /** `calibrated`: measured by a perturbed re-run. `default`: nothing was measured, the limits are a convention. */
  readonly kind: 'calibrated' | 'default';
  /** What the measured differences were multiplied with. */
  readonly safetyFactor: number;
  /** Differences up to either of these are rounding and always allowed. */
  readonly floor: { readonly relative: number; readonly absolute: number };
  /** Steps a block covers; the last block also covers all later steps. */
  readonly blockSize: number;
  /** Allowed relative difference of the loss for each block of steps. */
  readonly blocks: readonly number[];
  /** Largest relative difference measured in each block; empty where nothing was measured. */
  readonly observed: readonly number[];
  /** Allowed difference of the declared metric, and the one measured: absolute, but of a metric without a scale of its own (`isRelative`) relative. */
  readonly metric: { readonly absolute: number; readonly observed: number | null };
  /** Where the numbers come from, one sentence. */
  readonly reason: string;
}

/** The perturbed re-run changes one bit; another processor rounds everywhere. */
const SAFETY_FACTOR = 16;
/** Metrics at the end are no longer proportional to the perturbation. */
const METRIC_FACTOR = 4;
const METRIC_FLOOR = 0.01;
/** About 84 spacings of float32: what another order of summation alone can do to a mean of losses. */
const FLOOR = { relative: 1e-5, absolute: 1e-6 } as const;
const MAX_BLOCKS = 64;
/** Past this difference two traces have parted for good; multiplying it further would allow anything. */
const SATURATED = 0.25;

const DEFAULT_RELATIVE = 1e-3;

/** Largest value `relativeDifference` can take. */
export const MAX_RELATIVE_DIFFERENCE = 2;
/** A larger difference of the metric is counted as this one: nothing is like anything by then. */
const MAX_METRIC_OBSERVED = 2;

/**
 * |a − b| / max(|a|, |b|), in [0, 2]. Equal values, two NaN and equal infinities differ by 0; a number
 * against NaN or an infinity differs by 2, the largest value the measure has.
 */
export function relativeDifference(a: number, b: number): number {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return 0;
  if (!Number.isFinite(a) || !Number.isFinite(b)) return MAX_RELATIVE_DIFFERENCE;
  return Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b));
}

/** How far two values of a metric are apart. */
function metricDifference(metric: MetricName, a: number, b: number): number {
  return metricOf(metric).isRelative === true ? relativeDifference(a, b) : Math.abs(a - b);
}

/** The tolerance where nothing could be measured; verdicts say so. */
export function defaultTolerance(reason: string): Tolerance {
  return {
    kind: 'default',
    safetyFactor: 1,
    floor: FLOOR,
    blockSize: 1,
    blocks: [DEFAULT_RELATIVE],
    observed: [],
    metric: { absolute: METRIC_FLOOR, observed: null },
    reason,
  };
}

function largestDifferences(recorded: readonly number[], perturbed: readonly number[], blockSize: number): number[] {
  const observed: number[] = [];
  for (let step = 0; step < recorded.length; step++) {
    const block = Math.floor(step / blockSize);
    observed[block] = Math.max(observed[block] ?? 0, relativeDifference(recorded[step]!, perturbed[step]!));
  }
  return observed;
}

/** Allowed relative difference of each block, from those measured. */
function allowedBlocks(observed: readonly number[]): number[] {
  let largest = 0;
  return observed.map((difference) => {
    // Differences grow on the whole; a block that happens to be close again promises nothing.
    largest = Math.max(largest, difference);
    const allowed = Math.min(SAFETY_FACTOR * largest, Math.max(SATURATED, 2 * largest));
    return Math.max(FLOOR.relative, Math.min(allowed, MAX_RELATIVE_DIFFERENCE));
  });
}

function allowedMetric(observed: number | null): number {
  return Math.max(METRIC_FLOOR, METRIC_FACTOR * (observed ?? 0));
}

/**
 * Why a sealed tolerance is not one that `calibrate` or `defaultTolerance` makes, or null: what it allows must follow
 * from what it says was measured, by the formula and constants that belong to format 1 of `tolerance.json`.
 */
export function toleranceProblem(tolerance: Tolerance): string | null {
  const { kind, observed, metric } = tolerance;
  const expected: Tolerance =
    kind === 'default'
      ? defaultTolerance(tolerance.reason)
      : {
          ...tolerance,
          safetyFactor: SAFETY_FACTOR,
          floor: FLOOR,
          blocks: allowedBlocks(observed),
          metric: { absolute: allowedMetric(metric.observed), observed: metric.observed },
        };
  if (kind === 'calibrated' && (observed.length > MAX_BLOCKS || observed.every((difference) => difference === 0))) {
    return `has ${observed.length} blocks of differences${observed.length > MAX_BLOCKS ? `, more than ${MAX_BLOCKS}` : ', none above 0, which is no measurement'}`;
  }
  if (Math.max(0, metric.observed ?? 0, ...observed) > MAX_RELATIVE_DIFFERENCE) return 'says that more was measured than can be';
  const equal = (a: readonly number[], b: readonly number[]): boolean => a.length === b.length && a.every((value, index) => value === b[index]);
  const fields: readonly (readonly [string, boolean])[] = [
    ['safetyFactor', tolerance.safetyFactor === expected.safetyFactor],
    ['floor', tolerance.floor.relative === expected.floor.relative && tolerance.floor.absolute === expected.floor.absolute],
    ['blockSize', tolerance.blockSize === expected.blockSize],
    ['blocks', equal(tolerance.blocks, expected.blocks)],
    ['observed', equal(observed, expected.observed)],
    ['metric', metric.absolute === expected.metric.absolute && metric.observed === expected.metric.observed],
  ];
  const wrong = fields.flatMap(([name, right]) => (right ? [] : [name]));
  return wrong.length === 0 ? null : `allows what does not follow from what was measured (${wrong.join(', ')})`;
}

/**
 * Measures a tolerance from a recorded run and its re-run with one bit of the initial weights flipped.
 * For each block of steps: the largest relative difference of the loss up to that block, times a safety
 * factor of 16 (falling to 2 once the traces have parted by a quarter), never under the floor.
 * @param recorded training loss of each step
 * @param perturbed the same of the perturbed re-run, on the same runtime
 * @param metricRecorded declared test metric of the recorded run
 * @param metric its name
 * @returns a `default` tolerance where the two say nothing: unequal lengths, or a perturbation without effect
 */
export function calibrate(recorded: readonly number[], perturbed: readonly number[], metricRecorded: number, metricPerturbed: number, metric: MetricName): Tolerance {
  if (recorded.length === 0 || recorded.length !== perturbed.length) {
    return defaultTolerance(`Not calibrated: the recorded run has ${recorded.length} steps and the perturbed re-run ${perturbed.length}.`);
  }
  const blockSize = Math.max(1, Math.ceil(recorded.length / MAX_BLOCKS));
  const observed = largestDifferences(recorded, perturbed, blockSize);
  if (observed.every((difference) => difference === 0)) {
    return defaultTolerance('Not calibrated: the perturbed re-run gave the same losses, so it shows nothing about the growth of differences.');
  }
  const apart = metricDifference(metric, metricRecorded, metricPerturbed);
  const metricObserved = Number.isFinite(metricRecorded - metricPerturbed) ? Math.min(apart, MAX_METRIC_OBSERVED) : null;
  return {
    kind: 'calibrated',
    safetyFactor: SAFETY_FACTOR,
    floor: FLOOR,
    blockSize,
    blocks: allowedBlocks(observed),
    observed,
    metric: { absolute: allowedMetric(metricObserved), observed: metricObserved },
    reason: `Measured by a re-run with the last bit of one initial weight flipped; differences of the loss times ${SAFETY_FACTOR}, of the metric times ${METRIC_FACTOR}.`,
  };
}

/** Whether the loss of a step (0-based) lies within the tolerance of the recorded one. Two NaN are equal. */
export function within(tolerance: Tolerance, step: number, recorded: number, actual: number): boolean {
  const difference = relativeDifference(recorded, actual);
  if (difference === 0) return true;
  if (!Number.isFinite(recorded) || !Number.isFinite(actual)) return false;
  if (Math.abs(recorded - actual) <= tolerance.floor.absolute || difference <= tolerance.floor.relative) return true;
  const block = Math.min(Math.floor(step / tolerance.blockSize), tolerance.blocks.length - 1);
  return difference <= (tolerance.blocks[block] ?? 0);
}

/** Whether the declared metric lies within the tolerance. Two NaN are equal. */
export function metricWithin(tolerance: Tolerance, metric: MetricName, recorded: number, actual: number): boolean {
  if (Object.is(recorded, actual) || recorded === actual) return true;
  return Number.isFinite(recorded - actual) && metricDifference(metric, recorded, actual) <= tolerance.metric.absolute;
}
