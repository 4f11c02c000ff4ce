/** The parts that models share; parameters are named and start as PyTorch's. */
import type { ModelConfig } from '../config/schema';
import { gelu, relu, sigmoid, tanh } from '../onnx/operators/activations';
import { convolution } from '../onnx/operators/convolution';
import { dropout } from '../onnx/operators/dropout';
import { linear } from '../onnx/operators/linear';
import type { Operator } from '../onnx/operators/operator';
import { cast, multiply, reshape as emitReshape } from '../onnx/primitives';
import { sizeOf } from '../onnx/shapes';
import type { FloatTensor, Tensor } from '../onnx/types';
import type { Emission } from './emission';
import type { Init } from './types';

export type Activation = Extract<ModelConfig, { kind: 'mlp' }>['activation'];

const activations: Readonly<Record<Activation, Operator<readonly [FloatTensor], undefined, readonly Tensor[]>>> = { relu, tanh, sigmoid, gelu };

export function activate({ tape }: Emission, activation: Activation, value: FloatTensor): FloatTensor {
  return tape.apply(activations[activation], [value], undefined);
}

/** PyTorch's default of Linear and Conv2d: uniform in ±1/√fanIn, weight and bias. */
export function torchDefault(fanIn: number): Init {
  return { kind: 'uniform', bound: 1 / Math.sqrt(fanIn) };
}

/** x·Wᵀ + b of [rows, in]: `name.weight` [out, in], `name.bias` [out]. */
export function dense(emission: Emission, name: string, value: FloatTensor, outputs: number): FloatTensor {
  const inputs = sizeOf(value, 1);
  const weight = emission.parameter(`${name}.weight`, [outputs, inputs], torchDefault(inputs));
  const bias = emission.parameter(`${name}.bias`, [outputs], torchDefault(inputs));
  return emission.tape.apply(linear, [value, weight, bias], undefined);
}

/** Convolution that keeps the image's size: `name.weight` [out, in, side, side], `name.bias` [out]. */
export function convolve(emission: Emission, name: string, value: FloatTensor, outputs: number, side: number): FloatTensor {
  const inputs = sizeOf(value, 1);
  const init = torchDefault(inputs * side * side);
  const weight = emission.parameter(`${name}.weight`, [outputs, inputs, side, side], init);
  const bias = emission.parameter(`${name}.bias`, [outputs], init);
  return emission.tape.apply(convolution, [value, weight, bias], { pads: Array<number>(4).fill((side - 1) / 2) });
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
