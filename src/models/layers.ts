/** The parts that models share; parameters are named and start as PyTorch's. */
import type { ModelConfig } from '../config/schema';
import { elu, gelu, geluTanh, leakyRelu, relu, sigmoid, silu, tanh } from '../onnx/operators/activations';
import { convolution } from '../onnx/operators/convolution';
import { dropout } from '../onnx/operators/dropout';
import { linear } from '../onnx/operators/linear';
import type { Operator } from '../onnx/operators/operator';
import { cast, multiply, reshape as emitReshape } from '../onnx/primitives';
import { sizeOf } from '../onnx/shapes';
import type { FloatTensor, Tensor } from '../onnx/types';
import type { Emission } from './emission';
import type { Init } from './types';

export type Activation = Extract<ModelConfig, { activation: unknown }>['activation'];

type Plain = Exclude<Activation, 'leaky-relu' | 'elu'>;
const activations: Readonly<Record<Plain, Operator<readonly [FloatTensor], undefined, readonly Tensor[]>>> = { relu, tanh, sigmoid, gelu, 'gelu-tanh': geluTanh, silu };

/** The starting values a config can name. */
export type InitScheme = Extract<ModelConfig, { init: unknown }>['init'];

/** An activation, with PyTorch's slopes where it has one. */
export function activate({ tape }: Emission, activation: Activation, value: FloatTensor): FloatTensor {
  switch (activation) {
    case 'leaky-relu':
      return tape.apply(leakyRelu, [value], { alpha: 0.01 });
    case 'elu':
      return tape.apply(elu, [value], { alpha: 1 });
    default:
      return tape.apply(activations[activation], [value], undefined);
  }
}

/** How a layer's weight and bias start; it has no bias where that is null. */
export interface LayerInits {
  readonly weight: Init;
  readonly bias: Init | null;
}

/** SD of GPT-2's weights (Radford et al., 2019). */
export const GPT2_DEVIATION = 0.02;

/**
 * How a layer starts that makes each output of `fanIn` values, and from each input `fanOut`. `pytorch`: the default of
 * Linear and Conv2d, uniform in ±1/√fanIn, weight and bias. The others have biases of 0: `kaiming` normal with variance
 * 2/fanIn (He et al., 2015), `xavier` uniform with variance 2/(fanIn + fanOut) (Glorot & Bengio, 2010), `gpt2` normal.
 */
export function layerInits(scheme: InitScheme, fanIn: number, fanOut: number, bias: boolean): LayerInits {
  const zero: Init | null = bias ? { kind: 'constant', value: 0 } : null;
  switch (scheme) {
    case 'pytorch': {
      const uniform: Init = { kind: 'uniform', bound: 1 / Math.sqrt(fanIn) };
      return { weight: uniform, bias: bias ? uniform : null };
    }
    case 'kaiming':
      return { weight: { kind: 'normal', deviation: Math.sqrt(2 / fanIn) }, bias: zero };
    case 'xavier':
      return { weight: { kind: 'uniform', bound: Math.sqrt(6 / (fanIn + fanOut)) }, bias: zero };
    case 'gpt2':
      return { weight: { kind: 'normal', deviation: GPT2_DEVIATION }, bias: zero };
  }
}

/** x·Wᵀ + b of [rows, in]: `name.weight` [out, in], `name.bias` [out]. */
export function dense(emission: Emission, name: string, value: FloatTensor, outputs: number, inits: LayerInits): FloatTensor {
  const weight = emission.parameter(`${name}.weight`, [outputs, sizeOf(value, 1)], inits.weight);
  if (inits.bias === null) return emission.tape.apply(linear, [value, weight], undefined);
  return emission.tape.apply(linear, [value, weight, emission.parameter(`${name}.bias`, [outputs], inits.bias)], undefined);
}

/** What of a model decides how its layers start. */
type Starting = { readonly init: InitScheme; readonly bias: boolean };

/** Convolution that keeps the image's size at a stride of 1: `name.weight` [out, in, side, side], `name.bias` [out]. */
export function convolve(emission: Emission, name: string, value: FloatTensor, outputs: number, side: number, { init, bias }: Starting, stride = 1): FloatTensor {
  const inputs = sizeOf(value, 1);
  const inits = layerInits(init, inputs * side * side, outputs * side * side, bias);
  const weight = emission.parameter(`${name}.weight`, [outputs, inputs, side, side], inits.weight);
  const attributes = { pads: Array<number>(4).fill((side - 1) / 2), strides: [stride, stride] };
  if (inits.bias === null) return emission.tape.apply(convolution, [value, weight], attributes);
  return emission.tape.apply(convolution, [value, weight, emission.parameter(`${name}.bias`, [outputs], inits.bias)], attributes);
}

/** Dropout by the mask `name`, over all values of an example; nothing outside training. */
export function drop(emission: Emission, name: string, value: FloatTensor, probability: number): FloatTensor {
  if (probability === 0 || !emission.training) return value;
  const batch = emission.batch as number;
  const width = value.shape.reduce<number>((count, _, axis) => count * sizeOf(value, axis), 1) / batch;
  const mask = emitReshape(emission.graph, emission.mask(name, width, probability), value.shape);
  return emission.tape.apply(dropout, [value, mask], { dropProbability: probability });
}

/** Prepared data as floats; bytes become numbers in [0, 1]. */
export function asFloats({ graph }: Emission, input: Tensor): FloatTensor {
  if (input.type === 'float32') return { ...input, type: 'float32' };
  return multiply(graph, cast(graph, input, 'float32'), graph.scalar(1 / 255));
}
