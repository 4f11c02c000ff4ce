import type { ModelConfig } from '../config/schema';
import { RepriseError } from '../errors/errors';
import { maxPool } from '../onnx/operators/pooling';
import { reshape } from '../onnx/operators/reshape';
import type { FloatTensor, Tensor } from '../onnx/types';
import type { Emission } from './emission';
import { activate, asFloats, convolve, drop } from './layers';
import { emitDense } from './mlp';
import type { InputShape } from './types';

/**
 * (convolution → activation → 2×2 max-pool)… → dropout → (linear → activation → dropout)… → linear:
 * `input` [batch, size] → [batch, outputs].
 * @throws RepriseError MODEL_NEEDS_IMAGES; MODEL_IMAGE_TOO_SMALL when pooling leaves nothing
 */
export function emitCnn(emission: Emission, model: Extract<ModelConfig, { kind: 'cnn' }>, input: Tensor, shape: InputShape, outputs: number): FloatTensor {
  if (shape.kind !== 'image') {
    throw new RepriseError('MODEL_NEEDS_IMAGES', 'model.kind is cnn, but the data are not images.', {
      hint: 'Use image data such as mnist, or set model.kind to mlp.',
      problems: [{ path: 'model.kind', message: 'cnn needs image data (such as mnist).' }],
    });
  }
  let { rows, columns, channels } = shape;
  let value = emission.tape.apply(reshape, [asFloats(emission, input)], { shape: [emission.batch, channels, rows, columns] });
  model.channels.forEach((next, index) => {
    if (rows < 2 || columns < 2) {
      throw new RepriseError('MODEL_IMAGE_TOO_SMALL', `model.channels has ${model.channels.length} blocks, but images of ${shape.rows}×${shape.columns} can be halved ${index} times only.`, {
        hint: `Give model.channels at most ${index} entries for these images.`,
        problems: [{ path: 'model.channels', message: `has ${model.channels.length} entries; at most ${index} fit images of ${shape.rows}×${shape.columns}.` }],
      });
    }
    value = activate(emission, model.activation, convolve(emission, `conv.${index}`, value, next, model.kernel));
    value = emission.tape.apply(maxPool, [value], { kernel: [2, 2] });
    [rows, columns, channels] = [Math.floor(rows / 2), Math.floor(columns / 2), next];
  });
  const flat = emission.tape.apply(reshape, [value], { shape: [emission.batch, rows * columns * channels] });
  return emitDense(emission, model, drop(emission, 'dropout.0', flat, model.dropout), outputs, model.dropout === 0 ? 0 : 1);
}
