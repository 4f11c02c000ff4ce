import type { ModelConfig, TrainingConfig } from '../config/schema';
import { RepriseError } from '../errors/errors';
import { add } from '../onnx/operators/arithmetic';
import { sizeOf } from '../onnx/shapes';
import type { Tensor, FloatTensor } from '../onnx/types';
import type { Emission } from './emission';
import { activate, asFloats, dense, drop, layerInits } from './layers';
import { normalizeBatch, normalizeRows } from './norms';

type Mlp = Extract<ModelConfig, { kind: 'mlp' }>;

/**
 * Batches of one example have no variance to be normed by.
 * @throws RepriseError MODEL_NORM_NEEDS_EXAMPLES where a batch, or a part of one that is computed alone, has one example
 */
export function refuseLoneExamples({ norm, hidden }: Mlp, { batchSize, accumulate }: Pick<TrainingConfig, 'batchSize' | 'accumulate'>, trainSize: number): void {
  const part = batchSize / accumulate;
  const last = trainSize % batchSize;
  if (norm !== 'batch' || hidden.length === 0 || (part > 1 && last % part !== 1)) return;
  const which = part === 1 ? 'each batch, or each part of one,' : accumulate === 1 ? 'the last batch of an epoch' : 'a part of the last batch of an epoch';
  throw new RepriseError('MODEL_NORM_NEEDS_EXAMPLES', `model.norm is batch, but ${which} has one example of ${trainSize}, and one has no variance.`, {
    hint: 'Choose another training.batchSize or training.accumulate, or another norm.',
    problems: [{ path: 'training.batchSize', message: `is ${batchSize}: ${which} has one example.` }],
  });
}

/** (linear → norm → activation → dropout)… → linear: `input` [batch, size] → [batch, outputs]. */
export function emitMlp(emission: Emission, model: Mlp, input: Tensor, outputs: number): FloatTensor {
  return emitDense(emission, model, asFloats(emission, input), outputs, 0);
}

/**
 * The hidden layers and the output layer that MLP and CNN end in; `dropouts` counts the masks so far. With residual
 * connections a hidden layer adds what it was given where that is as wide. A layer before a batch norm has no bias: the
 * norm would take it away again.
 */
export function emitDense(
  emission: Emission,
  { hidden, norm, activation, dropout, bias, init, residual }: Pick<Mlp, 'hidden' | 'norm' | 'activation' | 'dropout' | 'bias' | 'init' | 'residual'>,
  features: FloatTensor,
  outputs: number,
  dropouts: number,
): FloatTensor {
  const layer = (index: number, value: FloatTensor, units: number, biased: boolean): FloatTensor => dense(emission, `dense.${index}`, value, units, layerInits(init, sizeOf(value, 1), units, biased));
  let value = features;
  hidden.forEach((units, index) => {
    const linear = layer(index, value, units, bias && norm !== 'batch');
    const normed = norm === 'batch' ? normalizeBatch(emission, `norm.${index}`, linear, bias) : normalizeRows(emission, norm, `norm.${index}`, linear, bias);
    const activated = activate(emission, activation, normed);
    const result = drop(emission, `dropout.${dropouts + index}`, activated, dropout);
    value = residual && index > 0 && hidden[index - 1] === units ? emission.tape.apply(add, [value, result], undefined) : result;
  });
  return layer(hidden.length, value, outputs, bias);
}

/** One linear layer: [batch, size] → [batch, outputs]. */
export function emitLinear(emission: Emission, { bias, init }: Extract<ModelConfig, { kind: 'linear' }>, input: Tensor, outputs: number): FloatTensor {
  const features = asFloats(emission, input);
  return dense(emission, 'linear', features, outputs, layerInits(init, sizeOf(features, 1), outputs, bias));
}
