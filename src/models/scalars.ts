/** The numbers that change from step to step, computed by portable functions only, and stored with the run. */
import type { TrainingConfig } from '../config/schema';
import { portableCos, portablePow } from '../random/portable';

/**
 * The learning rate at a step (from 0), η times what torch.optim.lr_scheduler's classes give. Warm-up: (step+1)/W while
 * step < W = warmupSteps, LinearLR with start_factor 1/W and total_iters W − 1. After it, with t from 0 on and T =
 * totalSteps − W: constant 1; step factor^⌊t/every⌋ (StepLR); cosine f + (1−f)·(1+cos πt/T)/2, where f is
 * `finalFraction` (Loshchilov & Hutter, 2017, without restarts; CosineAnnealingLR with T_max = T); linear
 * 1 − (1−f)·t/T (LinearLR with start_factor 1, end_factor f and total_iters T).
 */
export function learningRateAt({ schedule, learningRate }: TrainingConfig, step: number, totalSteps: number): number {
  if (step < schedule.warmupSteps) return (learningRate * (step + 1)) / schedule.warmupSteps;
  const since = step - schedule.warmupSteps;
  const progress = Math.min(1, since / Math.max(1, totalSteps - schedule.warmupSteps));
  switch (schedule.kind) {
    case 'constant':
      return learningRate;
    case 'step':
      return learningRate * portablePow(schedule.factor, Math.floor(since / schedule.every));
    case 'cosine':
      return learningRate * (schedule.finalFraction + ((1 - schedule.finalFraction) * (1 + portableCos(Math.PI * progress))) / 2);
    case 'linear':
      return learningRate * (1 - (1 - schedule.finalFraction) * progress);
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
  if (name === 'learningRate') return learningRate;
  // The first step starts the average with the weights themselves, as torch.optim.swa_utils.AveragedModel does.
  if (name === 'ema.share' && training.ema !== undefined) return step === 0 ? 1 : 1 - training.ema;
  switch (optimizer.kind) {
    case 'sgd':
      break;
    case 'adam':
    case 'adamw': {
      const scale = Math.sqrt((1 - optimizer.beta2) / (1 - portablePow(optimizer.beta2, step + 1)));
      if (name === 'adam.stepSize') return (learningRate * (1 - optimizer.beta1)) / (1 - portablePow(optimizer.beta1, step + 1)) / scale;
      if (name === 'adam.epsilon') return optimizer.epsilon / scale;
      if (name === 'adamw.decay' && optimizer.kind === 'adamw') return 1 - learningRate * optimizer.weightDecay;
      break;
    }
    case 'rmsprop':
      if (name === 'rmsprop.stepSize') return learningRate / Math.sqrt(1 - optimizer.alpha);
      break;
  }
  throw new Error(`optimizer ${optimizer.kind} has no scalar named ${name}`);
}
