/** How a training ends in which a number is none any more. */
import { RepriseError } from '../errors/errors';
import type { NamedTensor } from '../tensors/safetensors';

/** What is wrong with a loss, or null. @param what names it: `training loss of step 7` */
export function lossProblem(what: string, loss: number): string | null {
  if (Number.isFinite(loss)) return null;
  return `the ${what} is ${Number.isNaN(loss) ? 'NaN' : 'infinite'}`;
}

/** The first of the tensors of a training that holds what is no number after so many steps, or null. */
export function tensorProblem(tensors: readonly NamedTensor[], step: number): string | null {
  for (const { name, data } of tensors) {
    const bad = data instanceof Float32Array ? data.find((value) => !Number.isFinite(value)) : undefined;
    if (bad !== undefined) return `${name} holds ${bad} after step ${step}`;
  }
  return null;
}

/**
 * @param problem of `lossProblem` or `tensorProblem`
 * @param learningRate of the last step
 * @param checkpoint number of steps done at the newest checkpoint, 0 where there is none
 * @returns RepriseError TRAINING_DIVERGED
 */
export function diverged(problem: string, learningRate: number, checkpoint: number): RepriseError {
  const kept = checkpoint === 0 ? 'it had made no checkpoint yet' : `its last good checkpoint, of step ${checkpoint}, is kept`;
  return new RepriseError('TRAINING_DIVERGED', `The training diverged: ${problem}, at a learning rate of ${Number(learningRate.toPrecision(6))}; ${kept}.`, {
    hint: 'A retry would compute the same again: start a new run with a smaller training.learningRate, more training.schedule.warmupSteps or a training.clipNorm.',
  });
}
