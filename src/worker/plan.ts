/** Where a run is cut into chunks of steps: decided by the config and the graph alone, never by a clock. */
import type { TrainingConfig } from '../config/schema';

export interface StepPlan {
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  /** Most steps of one call. */
  readonly chunk: number;
  /** Steps between two validations; there is one at the end too. */
  readonly evaluateEvery: number;
  readonly checkpointEvery: number;
  readonly hashEvery: number;
}

/** Work of one call, in floating-point operations: some tens of milliseconds on one core. */
const FLOPS_PER_CHUNK = 4e9;
/** Bound on what a call hands over (losses, scalars, masks), and on how long a small model goes unheard. */
const MAX_CHUNK = 256;

/** Every run has steps or epochs: the schema sees to it. */
function lengthOf({ steps, epochs = 1 }: TrainingConfig, stepsPerEpoch: number): number {
  return steps ?? stepsPerEpoch * epochs;
}

export function planSteps(training: TrainingConfig, trainSize: number, flopsPerStep: number): StepPlan {
  const stepsPerEpoch = Math.ceil(trainSize / training.batchSize);
  return {
    stepsPerEpoch,
    totalSteps: lengthOf(training, stepsPerEpoch),
    chunk: Math.min(MAX_CHUNK, Math.max(1, Math.floor(FLOPS_PER_CHUNK / Math.max(1, flopsPerStep)))),
    evaluateEvery: training.evaluateEvery ?? stepsPerEpoch,
    checkpointEvery: training.checkpointEvery,
    hashEvery: training.hashEvery,
  };
}

/** What a person should know where a batch has room for more examples than there are; null where it has not. */
export function batchNote(batchSize: number, trainSize: number): string | null {
  if (batchSize <= trainSize) return null;
  return `batchSize is ${batchSize}, but the training split has ${trainSize} example${trainSize === 1 ? '' : 's'}: each step sees all of them.`;
}

function nextMultiple(step: number, of: number): number {
  return (Math.floor(step / of) + 1) * of;
}

/** End of the chunk that starts at `step`: never across the end of an epoch, a validation, a checkpoint or a weights hash. */
export function chunkEnd(plan: StepPlan, step: number): number {
  return Math.min(
    step + plan.chunk,
    nextMultiple(step, plan.stepsPerEpoch),
    nextMultiple(step, plan.evaluateEvery),
    nextMultiple(step, plan.checkpointEvery),
    nextMultiple(step, plan.hashEvery),
    plan.totalSteps,
  );
}

/** What is due after `step` steps are done. */
export function dueAfter(plan: StepPlan, step: number): { readonly validation: boolean; readonly checkpoint: boolean; readonly hash: boolean } {
  const last = step === plan.totalSteps;
  const validation = last || step % plan.evaluateEvery === 0;
  return {
    validation,
    checkpoint: validation || step % plan.checkpointEvery === 0,
    hash: last || step % plan.hashEvery === 0,
  };
}
