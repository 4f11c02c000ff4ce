/** Where a run is cut into chunks of steps: decided by the config and the graph alone, never by a clock. */
import type { TrainingConfig } from '../config/schema';

export interface StepPlan {
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  /** Most steps of one call. */
  readonly chunk: number;
  readonly checkpointEvery: number;
  readonly hashEvery: number;
}

/** Work of one call, in floating-point operations: some tens of milliseconds on one core. */
const FLOPS_PER_CHUNK = 2e9;
/** Bound on what a call hands over (losses, scalars, masks), and on how long a small model goes unheard. */
const MAX_CHUNK = 256;

export function planSteps(training: TrainingConfig, trainSize: number, flopsPerStep: number): StepPlan {
  const stepsPerEpoch = Math.ceil(trainSize / training.batchSize);
  return {
    stepsPerEpoch,
    totalSteps: stepsPerEpoch * training.epochs,
    chunk: Math.min(MAX_CHUNK, Math.max(1, Math.floor(FLOPS_PER_CHUNK / Math.max(1, flopsPerStep)))),
    checkpointEvery: training.checkpointEvery,
    hashEvery: training.hashEvery,
  };
}

function nextMultiple(step: number, of: number): number {
  return (Math.floor(step / of) + 1) * of;
}

/** End of the chunk that starts at `step`: never across the end of an epoch, a checkpoint or a weights hash. */
export function chunkEnd(plan: StepPlan, step: number): number {
  return Math.min(
    step + plan.chunk,
    nextMultiple(step, plan.stepsPerEpoch),
    nextMultiple(step, plan.checkpointEvery),
    nextMultiple(step, plan.hashEvery),
    plan.totalSteps,
  );
}

/** What is due after `step` steps are done. */
export function dueAfter(plan: StepPlan, step: number): { readonly epochEnd: boolean; readonly checkpoint: boolean; readonly hash: boolean } {
  const epochEnd = step % plan.stepsPerEpoch === 0;
  return {
    epochEnd,
    checkpoint: epochEnd || step % plan.checkpointEvery === 0,
    hash: step % plan.hashEvery === 0 || step === plan.totalSteps,
  };
}
