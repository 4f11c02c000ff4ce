/** The numbers that change from step to step, computed by portable functions only, and stored with the run. */
import type { TrainingConfig } from '../config/schema';
import { portableCos, portablePow } from '../random/portable';

/**
 * The learning rate at a step (from 0). Warm-up: lr·(step+1)/warmupSteps while step < warmupSteps. Then
 * constant, or cosine decay (Loshchilov & Hutter, 2017, without restarts): lr·(f + (1−f)·(1+cos πt)/2),
 * where t goes from 0 at the first step after warm-up towards 1 at `totalSteps` and f is `finalFraction`;
 * torch.optim.lr_scheduler.CosineAnnealingLR with T_max = totalSteps − warmupSteps gives the same.
 */
export function learningRateAt(training: TrainingConfig, step: number, totalSteps: number): number {
  const { schedule, learningRate } = training;
  if (step < schedule.warmupSteps) return (learningRate * (step + 1)) / schedule.warmupSteps;
  switch (schedule.kind) {
    case 'constant':
      return learningRate;
    case 'cosine': {
      const progress = Math.min(1, (step - schedule.warmupSteps) / Math.max(1, totalSteps - schedule.warmupSteps));
      return learningRate * (schedule.finalFraction + ((1 - schedule.finalFraction) * (1 + portableCos(Math.PI * progress))) / 2);
    }
  }
}

/**
 * The rows of `scalars` for the steps firstStep … firstStep + count − 1, row-major [count, scalarNames.length].
 * `totalSteps` is the whole run's, so a resumed run continues the same schedule. Computed in float64 and
 * rounded once.
 */
export function stepScalars(training: TrainingConfig, scalarNames: readonly string[], firstStep: number, count: number, totalSteps: number): Float32Array {
  const values = new Float32Array(count * scalarNames.length);
  for (let row = 0; row < count; row += 1) {
    const step = firstStep + row;
    scalarNames.forEach((name, column) => {
      values[row * scalarNames.length + column] = scalarAt(training, name, step, totalSteps);
    });
  }
  return values;
}

/** Formulas as in `onnx/optimizers`; Adam counts its steps from 1. */
function scalarAt(training: TrainingConfig, name: string, step: number, totalSteps: number): number {
  const { optimizer } = training;
  const learningRate = learningRateAt(training, step, totalSteps);
  switch (name) {
    case 'learningRate':
      return learningRate;
    case 'adam.stepSize':
      if (optimizer.kind !== 'sgd') return (learningRate * (1 - optimizer.beta1)) / (1 - portablePow(optimizer.beta1, step + 1));
      break;
    case 'adam.denominatorScale':
      if (optimizer.kind !== 'sgd') return Math.sqrt((1 - optimizer.beta2) / (1 - portablePow(optimizer.beta2, step + 1)));
      break;
    case 'adamw.decay':
      if (optimizer.kind === 'adamw') return 1 - learningRate * optimizer.weightDecay;
      break;
  }
  throw new Error(`optimizer ${optimizer.kind} has no scalar named ${name}`);
}
