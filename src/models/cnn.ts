import type { ModelConfig } from '../config/schema';
import { RepriseError } from '../errors/errors';
import { add } from '../onnx/operators/arithmetic';
import { averagePool, globalAveragePool, maxPool } from '../onnx/operators/pooling';
import { reduceMax } from '../onnx/operators/reductions';
import { reshape } from '../onnx/operators/reshape';
import { sizeOf } from '../onnx/shapes';
import type { FloatTensor, Tensor } from '../onnx/types';
import type { Emission } from './emission';
import { activate, asFloats, convolve, drop, type Activation } from './layers';
import { emitDense } from './mlp';
import { normalizeBatch, normalizeGroups } from './norms';
import type { InputShape } from './types';

type Cnn = Extract<ModelConfig, { kind: 'cnn' }>;
type Image = Extract<InputShape, { kind: 'image' }>;

/**
 * (block → activation → pooling)… → what the head reads → dropout → (linear → activation → dropout)… → linear:
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
  let value = emission.tape.apply(reshape, [asFloats(emission, input)], { shape: [emission.batch, shape.channels, shape.rows, shape.columns] });
  model.channels.forEach((channels, index) => {
    const block = emitBlock(emission, model, index, value, channels);
    const activated = (of: FloatTensor): FloatTensor => activate(emission, model.activation, of);
    const pooled = (of: FloatTensor): FloatTensor => pool(emission, model, shape, index, of);
    value = model.pooling === 'max' && RISING.has(model.activation) ? activated(pooled(block)) : pooled(activated(block));
  });
  const features = drop(emission, 'dropout.0', readOut(emission, model, value), model.dropout);
  return emitDense(emission, { ...model, norm: 'none' }, features, outputs, model.dropout === 0 ? 0 : 1);
}

/** Activations that never fall: the largest of what they make is what they make of the largest, which is less to activate. */
const RISING: ReadonlySet<Activation> = new Set<Activation>(['relu', 'leaky-relu', 'elu', 'tanh', 'sigmoid']);

/** Halves the image as the config says; what is left over at an end is dropped. */
function pool({ tape, training }: Emission, { channels, pooling }: Cnn, image: Image, index: number, value: FloatTensor): FloatTensor {
  if (pooling !== 'max' && pooling !== 'average') return value;
  if (sizeOf(value, 2) < 2 || sizeOf(value, 3) < 2) {
    throw new RepriseError('MODEL_IMAGE_TOO_SMALL', `model.channels has ${channels.length} blocks, but images of ${image.rows}×${image.columns} can be halved ${index} times only.`, {
      hint: `Give model.channels at most ${index} entries for these images, or set model.pooling to stride or none.`,
      problems: [{ path: 'model.channels', message: `has ${channels.length} entries; at most ${index} fit images of ${image.rows}×${image.columns}.` }],
    });
  }
  if (pooling === 'average') return tape.apply(averagePool, [value], { kernel: [2, 2], countPadding: true });
  // Only the gradient wants to know where the maximum was.
  return tape.apply(maxPool, [value], { kernel: [2, 2], backward: training ? 'positions' : 'comparison' });
}

/** [batch, channels, rows, columns] → [batch, features]. */
function readOut({ tape, batch }: Emission, { readout }: Cnn, value: FloatTensor): FloatTensor {
  const channels = sizeOf(value, 1);
  switch (readout) {
    case 'all':
      return tape.apply(reshape, [value], { shape: [batch, channels * sizeOf(value, 2) * sizeOf(value, 3)] });
    case 'mean':
      return tape.apply(reshape, [tape.apply(globalAveragePool, [value], undefined)], { shape: [batch, channels] });
    case 'max':
      return tape.apply(reduceMax, [value], { axes: [2, 3], keepDims: false });
  }
}

/**
 * `blockDepth` times convolution → norm → activation, without the last activation. With residual connections the block
 * adds what it was given before that activation, as in ResNet (He et al., 2016): through a 1×1 convolution and a norm, since the channels may differ.
 */
function emitBlock(emission: Emission, model: Cnn, index: number, input: FloatTensor, channels: number): FloatTensor {
  const stride = model.pooling === 'stride' ? 2 : 1;
  let value = input;
  for (let depth = 0; depth < model.blockDepth; depth += 1) {
    const place = depth === 0 ? `${index}` : `${index}.${depth}`;
    value = convolveNormed(emission, model, `conv.${place}`, `norm.${place}`, value, channels, model.kernel, depth === 0 ? stride : 1);
    if (model.residual && depth === model.blockDepth - 1) {
      value = emission.tape.apply(add, [value, convolveNormed(emission, model, `shortcut.${index}`, `shortcut.${index}.norm`, input, channels, 1, stride)], undefined);
    }
    if (depth < model.blockDepth - 1) value = activate(emission, model.activation, value);
  }
  return value;
}

/** A convolution and its norm. Before a batch norm it has no bias: the norm would take it away again. */
function convolveNormed(emission: Emission, model: Cnn, name: string, normName: string, input: FloatTensor, channels: number, side: number, stride: number): FloatTensor {
  const { norm, bias, init, groups } = model;
  const value = convolve(emission, name, input, channels, side, { init, bias: bias && norm !== 'batch' }, stride);
  switch (norm) {
    case 'none':
      return value;
    case 'batch':
      return normalizeBatch(emission, normName, value, bias);
    case 'group':
      return normalizeGroups(emission, groups, normName, value, bias);
    case 'layer':
      return normalizeGroups(emission, 1, normName, value, bias);
  }
}
