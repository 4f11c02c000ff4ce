import type { ModelConfig } from '../config/schema';
import { RepriseError } from '../errors/errors';
import { add } from '../onnx/operators/arithmetic';
import { maxPool } from '../onnx/operators/pooling';
import { reshape } from '../onnx/operators/reshape';
import type { FloatTensor, Tensor } from '../onnx/types';
import type { Emission } from './emission';
import { activate, asFloats, convolve, drop } from './layers';
import { emitDense } from './mlp';
import type { InputShape } from './types';

type Cnn = Extract<ModelConfig, { kind: 'cnn' }>;

/**
 * (block → 2×2 max-pool)… → dropout → (linear → activation → dropout)… → linear:
 * `input` [batch, size] → [batch, outputs].
 * @throws RepriseError MODEL_NEEDS_IMAGES; MODEL_IMAGE_TOO_SMALL when pooling leaves nothing
 */
export function emitCnn(emission: Emission, model: Cnn, input: Tensor, shape: InputShape, outputs: number): FloatTensor {
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
    value = emitBlock(emission, model, index, value, next);
    // Only the gradient wants to know where the maximum was, and only the processor's MaxPool can tell.
    value = emission.tape.apply(maxPool, [value], { kernel: [2, 2], backward: emission.training && !emission.portable ? 'positions' : 'comparison' });
    [rows, columns, channels] = [Math.floor(rows / 2), Math.floor(columns / 2), next];
  });
  const flat = emission.tape.apply(reshape, [value], { shape: [emission.batch, rows * columns * channels] });
  return emitDense(emission, { ...model, norm: 'none' }, drop(emission, 'dropout.0', flat, model.dropout), outputs, model.dropout === 0 ? 0 : 1);
}

/**
 * `blockDepth` times convolution → activation. With residual connections the block adds what it was given before the
 * last activation, as in ResNet (He et al., 2016): through a 1×1 convolution, since the channels may differ.
 */
function emitBlock(emission: Emission, model: Cnn, index: number, input: FloatTensor, channels: number): FloatTensor {
  let value = input;
  for (let depth = 0; depth < model.blockDepth; depth += 1) {
    value = convolve(emission, depth === 0 ? `conv.${index}` : `conv.${index}.${depth}`, value, channels, model.kernel, model);
    if (model.residual && depth === model.blockDepth - 1) {
      value = emission.tape.apply(add, [value, convolve(emission, `shortcut.${index}`, input, channels, 1, model)], undefined);
    }
    value = activate(emission, model.activation, value);
  }
  return value;
}
