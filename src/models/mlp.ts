import type { ModelConfig } from '../config/schema';
import { add } from '../onnx/operators/arithmetic';
import { sizeOf } from '../onnx/shapes';
import type { Tensor, FloatTensor } from '../onnx/types';
import type { Emission } from './emission';
import { activate, asFloats, dense, drop, layerInits } from './layers';
import { normalizeBatch, normalizeRows } from './norms';

type Mlp = Extract<ModelConfig, { kind: 'mlp' }>;

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
