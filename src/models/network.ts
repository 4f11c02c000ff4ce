/** The networks themselves: one forward pass that training, evaluation and inference graphs share. */
import type { ModelConfig } from '../config/schema';
import { RepriseError } from '../errors/errors';
import type { Tape } from '../onnx/autodiff';
import { gelu, relu, sigmoid, tanh } from '../onnx/operators/activations';
import { convolution } from '../onnx/operators/convolution';
import { dropout } from '../onnx/operators/dropout';
import { linear } from '../onnx/operators/linear';
import type { Operator } from '../onnx/operators/operator';
import { maxPool } from '../onnx/operators/pooling';
import { reshape } from '../onnx/operators/reshape';
import { cast, multiply } from '../onnx/primitives';
import { dimOf } from '../onnx/shapes';
import type { FloatTensor, Tensor } from '../onnx/types';
import type { DataShape, MaskSpec, ParameterSpec } from './types';

type Activation = ModelConfig['activation'];

/** A layer with the names of its tensors; masks name the graph input that holds them. */
type Layer =
  | { readonly kind: 'images'; readonly channels: number; readonly rows: number; readonly columns: number }
  | { readonly kind: 'convolution'; readonly weight: ParameterSpec; readonly bias: ParameterSpec }
  | { readonly kind: 'pool' }
  | { readonly kind: 'flatten'; readonly width: number }
  | { readonly kind: 'linear'; readonly weight: ParameterSpec; readonly bias: ParameterSpec }
  | { readonly kind: 'activation'; readonly activation: Activation }
  | { readonly kind: 'dropout'; readonly mask: MaskSpec };

/** A model for a data set, layer by layer. */
export interface Network {
  readonly layers: readonly Layer[];
  /** In the order of the layers, weight before bias. */
  readonly parameters: readonly ParameterSpec[];
  /** None where the dropout probability is 0. */
  readonly masks: readonly MaskSpec[];
}

const activations: Readonly<Record<Activation, Operator<readonly [FloatTensor], undefined, readonly Tensor[]>>> = { relu, tanh, sigmoid, gelu };

/**
 * Lays a model out for the data.
 * MLP: (linear → activation → dropout)… → linear. CNN: (convolution → activation → 2×2 max-pool)… →
 * flatten → dropout → (linear → activation → dropout)… → linear. Parameters are named like PyTorch's
 * (`conv.0.weight` [O, C, k, k], `dense.0.weight` [out, in], `….bias`) and start uniform in ±1/√fanIn,
 * PyTorch's default for Linear and Conv2d.
 * @throws RepriseError MODEL_NEEDS_IMAGES for a CNN on data that are no images; MODEL_IMAGE_TOO_SMALL when
 * pooling leaves nothing.
 */
export function layOut(model: ModelConfig, data: DataShape): Network {
  const layers: Layer[] = [];
  const parameters: ParameterSpec[] = [];
  const masks: MaskSpec[] = [];

  const pair = (name: string, shape: readonly number[], fanIn: number) => {
    const init = { kind: 'uniform', bound: 1 / Math.sqrt(fanIn) } as const;
    const weight: ParameterSpec = { name: `${name}.weight`, type: 'float32', shape, init };
    const bias: ParameterSpec = { name: `${name}.bias`, type: 'float32', shape: shape.slice(0, 1), init };
    parameters.push(weight, bias);
    return { weight, bias };
  };
  const drop = (width: number): void => {
    if (model.dropout === 0) return;
    const mask: MaskSpec = { name: `dropout.${masks.length}`, width, dropProbability: model.dropout };
    masks.push(mask);
    layers.push({ kind: 'dropout', mask });
  };

  let width = data.features;
  if (model.kind === 'cnn') {
    width = layOutConvolutions(model, data, layers, pair);
    drop(width);
  }
  model.hidden.forEach((units, index) => {
    layers.push({ kind: 'linear', ...pair(`dense.${index}`, [units, width], width) }, { kind: 'activation', activation: model.activation });
    drop(units);
    width = units;
  });
  layers.push({ kind: 'linear', ...pair(`dense.${model.hidden.length}`, [data.classes, width], width) });
  return { layers, parameters, masks };
}

/** The convolution blocks; gives the number of features they end in. */
function layOutConvolutions(
  model: Extract<ModelConfig, { kind: 'cnn' }>,
  data: DataShape,
  layers: Layer[],
  pair: (name: string, shape: readonly number[], fanIn: number) => { weight: ParameterSpec; bias: ParameterSpec },
): number {
  const { image } = data;
  if (image === null || image.rows * image.columns * image.channels !== data.features) {
    throw new RepriseError('MODEL_NEEDS_IMAGES', 'model.kind is cnn, but the data are not images.', {
      hint: 'Use image data such as mnist, or set model.kind to mlp.',
      problems: [{ path: 'model.kind', message: 'cnn needs image data (such as mnist).' }],
    });
  }
  let { rows, columns, channels } = image;
  layers.push({ kind: 'images', channels, rows, columns });
  model.channels.forEach((outputs, index) => {
    if (rows < 2 || columns < 2) {
      throw new RepriseError('MODEL_IMAGE_TOO_SMALL', `model.channels has ${model.channels.length} blocks, but images of ${image.rows}×${image.columns} can be halved ${index} times only.`, {
        hint: `Give model.channels at most ${index} entries for these images.`,
        problems: [{ path: 'model.channels', message: `has ${model.channels.length} entries; at most ${index} fit images of ${image.rows}×${image.columns}.` }],
      });
    }
    const parameters = pair(`conv.${index}`, [outputs, channels, model.kernel, model.kernel], channels * model.kernel * model.kernel);
    layers.push({ kind: 'convolution', ...parameters }, { kind: 'activation', activation: model.activation }, { kind: 'pool' });
    [rows, columns, channels] = [Math.floor(rows / 2), Math.floor(columns / 2), outputs];
  });
  const width = rows * columns * channels;
  layers.push({ kind: 'flatten', width });
  return width;
}

/**
 * Emits the forward pass: `input` [batch, features] as prepared (uint8 is scaled by 1/255) → logits
 * [batch, classes]. `parameters` and `masks` are looked up by name; without masks dropout does nothing,
 * as in evaluation.
 */
export function emitLogits(
  tape: Tape,
  network: Network,
  input: Tensor<'uint8' | 'float32'>,
  parameters: ReadonlyMap<string, FloatTensor>,
  masks: ReadonlyMap<string, Tensor<'uint8'>> | null,
): FloatTensor {
  const batch = dimOf(input, 0);
  let value = emitScaled(tape, input);
  for (const layer of network.layers) {
    switch (layer.kind) {
      case 'images':
        value = tape.apply(reshape, [value], { shape: [batch, layer.channels, layer.rows, layer.columns] });
        break;
      case 'convolution':
        value = tape.apply(convolution, [value, named(parameters, layer.weight.name), named(parameters, layer.bias.name)], undefined);
        break;
      case 'pool':
        value = tape.apply(maxPool, [value], undefined);
        break;
      case 'flatten':
        value = tape.apply(reshape, [value], { shape: [batch, layer.width] });
        break;
      case 'linear':
        value = tape.apply(linear, [value, named(parameters, layer.weight.name), named(parameters, layer.bias.name)], undefined);
        break;
      case 'activation':
        value = tape.apply(activations[layer.activation], [value], undefined);
        break;
      case 'dropout':
        if (masks !== null) value = tape.apply(dropout, [value, named(masks, layer.mask.name)], { dropProbability: layer.mask.dropProbability });
        break;
    }
  }
  return value;
}

/** Rows of prepared data as floats; bytes become numbers in [0, 1]. */
function emitScaled(tape: Tape, input: Tensor<'uint8' | 'float32'>): FloatTensor {
  if (input.type === 'float32') return { ...input, type: 'float32' };
  return multiply(tape.graph, cast(tape.graph, input, 'float32'), tape.graph.scalar(1 / 255));
}

function named<T>(tensors: ReadonlyMap<string, T>, name: string): T {
  const tensor = tensors.get(name);
  if (tensor === undefined) {
    throw new RepriseError('MODEL_WEIGHTS_MISMATCH', `The model needs a tensor named ${name}, and the weights have none.`, {
      hint: 'Use the weights of a run with this same model.',
    });
  }
  return tensor;
}
