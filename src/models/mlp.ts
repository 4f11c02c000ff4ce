import type { ModelConfig } from '../config/schema';
import type { Tensor, FloatTensor } from '../onnx/types';
import type { Emission } from './emission';
import { activate, asFloats, dense, drop } from './layers';

/** (linear → activation → dropout)… → linear: `input` [batch, size] → [batch, outputs]. */
export function emitMlp(emission: Emission, model: Extract<ModelConfig, { kind: 'mlp' }>, input: Tensor, outputs: number): FloatTensor {
  return emitDense(emission, model, asFloats(emission, input), outputs, 0);
}

/** The hidden layers and the output layer that MLP and CNN end in; `dropouts` counts the masks so far. */
export function emitDense(
  emission: Emission,
  { hidden, activation, dropout }: Pick<Extract<ModelConfig, { kind: 'mlp' }>, 'hidden' | 'activation' | 'dropout'>,
  features: FloatTensor,
  outputs: number,
  dropouts: number,
): FloatTensor {
  let value = features;
  hidden.forEach((units, index) => {
    value = activate(emission, activation, dense(emission, `dense.${index}`, value, units));
    value = drop(emission, `dropout.${dropouts + index}`, value, dropout);
  });
  return dense(emission, `dense.${hidden.length}`, value, outputs);
}
