import type { Store } from '../store/types';
import { Spread, type CoresOf } from './spread';

/** One run still to train. */
export interface Workload {
  /** Where, as `placeOf` calls it. */
  readonly place: string;
  readonly trainingGraphHash: string;
  readonly threads: number;
  readonly steps: number;
  readonly flopsPerStep: number;
}

/** Seconds to start a worker and to write its files at the end. */
const RUN_OVERHEAD_SECONDS = 0.4;
/** Where no finished run tells: a step costs this much at least, and its arithmetic at this rate a thread. */
const STEP_OVERHEAD_SECONDS = 0.0003;
const FLOPS_PER_SECOND_AND_THREAD = 8e9;

/**
 * Estimated wall time of runs that share the cores of their places, seconds. The newest finished run of the same training
 * graph in this workspace sets the time a step; otherwise a rule of thumb over its floating-point operations does.
 * @param coresOf of a place; without end where it has a queue of its own
 */
export function estimate(store: Store, workloads: readonly Workload[], coresOf: CoresOf): { readonly seconds: number; readonly basis: string } {
  const measured = new Map<string, number | null>();
  const secondsPerStep = (trainingGraphHash: string, threads: number): number | null => {
    const key = `${trainingGraphHash}/${threads}`;
    const known = measured.get(key);
    if (known !== undefined) return known;
    const newest = store.stepTime(trainingGraphHash, threads);
    const seconds = newest === null ? null : Math.max(0, newest.ms / 1000 - RUN_OVERHEAD_SECONDS) / newest.steps;
    measured.set(key, seconds);
    return seconds;
  };
  const spread = new Spread(coresOf);
  let known = 0;
  for (const { place, trainingGraphHash, threads, steps, flopsPerStep } of workloads) {
    const perStep = secondsPerStep(trainingGraphHash, threads);
    if (perStep !== null) known += 1;
    const seconds = RUN_OVERHEAD_SECONDS + steps * (perStep ?? STEP_OVERHEAD_SECONDS + flopsPerStep / (FLOPS_PER_SECOND_AND_THREAD * threads));
    spread.add(place, seconds, threads);
  }
  const basis =
    workloads.length === 0
      ? 'nothing to train'
      : known === workloads.length
        ? 'measured: finished runs of the same training graphs'
        : known === 0
          ? 'a rule of thumb over floating-point operations; no finished run to measure by'
          : `measured for ${known} of ${workloads.length} runs, a rule of thumb for the rest`;
  return { seconds: spread.seconds, basis };
}
