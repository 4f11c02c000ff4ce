import type { Store } from '../store/types';

/** One run still to train. */
export interface Workload {
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
 * Estimated wall time of runs that share the machine's cores, seconds. A finished run of the same training graph
 * in this workspace sets the time a step; otherwise a rule of thumb over its floating-point operations does.
 */
export function estimate(store: Store, workloads: readonly Workload[], cores: number): { readonly seconds: number; readonly basis: string } {
  const measured = new Map<string, number>();
  for (const run of store.listRuns({ status: ['finished'] })) {
    if (run.startedAt === null || run.endedAt === null || run.stepsDone === 0 || run.attempts !== 1) continue;
    const { trainingGraphHash, runtime } = store.getManifest(run.runId);
    measured.set(`${trainingGraphHash}/${runtime.threads}`, Math.max(0, (run.endedAt - run.startedAt) / 1000 - RUN_OVERHEAD_SECONDS) / run.stepsDone);
  }
  let coreSeconds = 0;
  let known = 0;
  for (const { trainingGraphHash, threads, steps, flopsPerStep } of workloads) {
    const perStep = measured.get(`${trainingGraphHash}/${threads}`);
    if (perStep !== undefined) known += 1;
    const seconds = RUN_OVERHEAD_SECONDS + steps * (perStep ?? STEP_OVERHEAD_SECONDS + flopsPerStep / (FLOPS_PER_SECOND_AND_THREAD * threads));
    coreSeconds += seconds * Math.min(threads, cores);
  }
  const basis =
    workloads.length === 0
      ? 'nothing to train'
      : known === workloads.length
        ? 'measured: finished runs of the same training graphs'
        : known === 0
          ? 'a rule of thumb over floating-point operations; no finished run to measure by'
          : `measured for ${known} of ${workloads.length} runs, a rule of thumb for the rest`;
  return { seconds: coreSeconds / cores, basis };
}
