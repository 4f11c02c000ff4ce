/** Operators whose kernel slides over the spatial axes: [N, C, …spatial], with any number of these. */
import type { Attribute, GraphBuilder } from '../graph';
import { dimOf, elementCount, formatShape, GraphError } from '../shapes';
import type { Dim, FloatTensor, Tensor } from '../types';
import { countFlops, int64Vector, staticShape } from './common';
import { expand } from './rearranging';
import { reshape } from './shaping';

/** How a kernel slides: one number for each spatial axis. */
export interface Sliding {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Padding before each axis, then after each: ONNX's order. */
  readonly pads: readonly number[];
}

/** The size of a spatial axis with its padding. */
export function paddedSize(size: number, { pads }: Sliding, axis: number): number {
  return size + (pads[axis] ?? 0) + (pads[axis + pads.length / 2] ?? 0);
}

/** The number of elements that a kernel of `side` spans. */
export function extent(side: number, { dilations }: Sliding, axis: number): number {
  return (side - 1) * (dilations[axis] ?? 1) + 1;
}

/**
 * The spatial sizes of a result: ⌊(size + padding − extent)/stride⌋ + 1 on each axis.
 * @throws GraphError where the kernel does not fit.
 */
export function slidOver(spatial: readonly Dim[], kernel: readonly number[], sliding: Sliding): readonly number[] {
  return spatial.map((size, axis) => {
    const side = kernel[axis];
    const stride = sliding.strides[axis];
    if (typeof size !== 'number' || side === undefined || stride === undefined || paddedSize(size, sliding, axis) < extent(side, sliding, axis)) {
      throw new GraphError(`a kernel ${formatShape(kernel)} with padding ${formatShape(sliding.pads)} does not fit ${formatShape(spatial)}`);
    }
    return Math.floor((paddedSize(size, sliding, axis) - extent(side, sliding, axis)) / stride) + 1;
  });
}

function slidingAttributes(kernel: readonly number[], { strides, dilations, pads }: Sliding): Record<string, Attribute> {
  return {
    kernel_shape: { ints: kernel },
    ...(strides.some((stride) => stride !== 1) ? { strides: { ints: strides } } : {}),
    ...(dilations.some((dilation) => dilation !== 1) ? { dilations: { ints: dilations } } : {}),
    ...(pads.some((padding) => padding !== 0) ? { pads: { ints: pads } } : {}),
  };
}

/** Cross-correlation: input [N, C, …], kernel [O, C/groups, …], bias [O] → [N, O, …]. */
export function convolve(graph: GraphBuilder, input: FloatTensor, kernel: FloatTensor, bias: FloatTensor | null, sliding: Sliding, groups: number): FloatTensor {
  const sides = staticShape(kernel).slice(2);
  const [outputs, perGroup] = [dimOf(kernel, 0), dimOf(kernel, 1)];
  const fits = typeof outputs === 'number' && outputs % groups === 0 && typeof perGroup === 'number' && dimOf(input, 1) === perGroup * groups && input.shape.length === kernel.shape.length;
  if (!fits || (bias !== null && (bias.shape.length !== 1 || bias.shape[0] !== outputs))) {
    throw new GraphError(`Conv cannot take ${formatShape(input.shape)} with kernel ${formatShape(kernel.shape)}, bias ${bias === null ? 'none' : formatShape(bias.shape)} and ${groups} groups`);
  }
  const shape = [dimOf(input, 0), outputs, ...slidOver(input.shape.slice(2), sides, sliding)];
  countFlops(graph, shape, 2 * (elementCount([perGroup, ...sides]) ?? 0));
  return graph.node('Conv', bias === null ? [input, kernel] : [input, kernel, bias], [{ type: 'float32', shape }], {
    ...slidingAttributes(sides, sliding),
    ...(groups === 1 ? {} : { group: { int: groups } }),
  })[0];
}

/** [places, 1, …sides]: for each place of a window the kernel that has a 1 there, and zeros elsewhere. */
export function unitKernels(graph: GraphBuilder, sides: readonly number[]): FloatTensor {
  const places = elementCount(sides) ?? 0;
  return graph.constant('float32', [places, 1, ...sides], Float32Array.from({ length: places * places }, (_, at) => (at % (places + 1) === 0 ? 1 : 0)));
}

/**
 * What each place of a window sees (im2col): [N, C, …] → [N, C · places, … positions], padding as zeros. Done by a
 * convolution of each channel with kernels that have a 1 at one place: as quick as Gather for many channels, two to
 * three times quicker for few.
 */
export function windows(graph: GraphBuilder, input: FloatTensor, sides: readonly number[], sliding: Sliding): FloatTensor {
  const places = elementCount(sides) ?? 0;
  const channels = dimOf(input, 1);
  if (typeof channels !== 'number') throw new GraphError(`${input.name} ${formatShape(input.shape)} has no known channels`);
  if (places === 1 && [...sliding.strides, ...sliding.pads.map((padding) => padding + 1)].every((value) => value === 1)) return input;
  // Stored once, and repeated for each channel when the graph is loaded.
  const kernels = reshape(graph, expand(graph, reshape(graph, unitKernels(graph, sides), [1, places, ...sides]), [channels, places, ...sides]), [channels * places, 1, ...sides]);
  const shape = [dimOf(input, 0), channels * places, ...slidOver(input.shape.slice(2), sides, sliding)];
  return graph.node('Conv', [input, kernels], [{ type: 'float32', shape }], { ...slidingAttributes(sides, sliding), ...(channels === 1 ? {} : { group: { int: channels } }) })[0];
}

/**
 * The adjoint of `convolve` in its input, with a bias of its own: input [N, O, …], kernel [O, C/groups, …],
 * bias [C] → [N, C, …spatial]. `spatial` must be sizes from which `convolve` comes to those of `input`.
 */
export function convolveTransposed(
  graph: GraphBuilder,
  input: FloatTensor,
  kernel: FloatTensor,
  bias: FloatTensor | null,
  sliding: Sliding,
  groups: number,
  spatial: readonly number[],
): FloatTensor {
  const sides = staticShape(kernel).slice(2);
  const channels = dimOf(kernel, 1);
  const reached = slidOver(spatial, sides, sliding);
  if (typeof channels !== 'number' || dimOf(input, 1) !== dimOf(kernel, 0) || reached.some((size, axis) => size !== input.shape[axis + 2])) {
    throw new GraphError(`ConvTranspose cannot take ${formatShape(input.shape)} with kernel ${formatShape(kernel.shape)} to ${formatShape(spatial)}`);
  }
  // What the stride left over at the end of each axis.
  const rest = spatial.map((size, axis) => (paddedSize(size, sliding, axis) - extent(sides[axis] ?? 1, sliding, axis)) % (sliding.strides[axis] ?? 1));
  const shape = [dimOf(input, 0), channels * groups, ...spatial];
  countFlops(graph, [...input.shape, ...sides], 2 * channels);
  return graph.node('ConvTranspose', bias === null ? [input, kernel] : [input, kernel, bias], [{ type: 'float32', shape }], {
    ...slidingAttributes(sides, sliding),
    ...(groups === 1 ? {} : { group: { int: groups } }),
    ...(rest.some((size) => size !== 0) ? { output_padding: { ints: rest } } : {}),
  })[0];
}

/** The largest element of each window; padding never is one. */
export function maxPooled(graph: GraphBuilder, input: FloatTensor, kernel: readonly number[], sliding: Sliding): FloatTensor {
  const shape = pooledShape(graph, input, kernel, sliding);
  return graph.node('MaxPool', [input], [{ type: 'float32', shape }], slidingAttributes(kernel, sliding))[0];
}

/** The same, and the position of each maximum in the flattened input, the first on ties. The WebGPU provider has no positions. */
export function maxPooledAt(graph: GraphBuilder, input: FloatTensor, kernel: readonly number[], sliding: Sliding): readonly [FloatTensor, Tensor<'int64'>] {
  const shape = pooledShape(graph, input, kernel, sliding);
  return graph.node('MaxPool', [input], [{ type: 'float32', shape }, { type: 'int64', shape }], slidingAttributes(kernel, sliding));
}

/** Puts each element where its maximum was found, zeros elsewhere: the adjoint of `maxPooledAt` where windows do not overlap. */
export function maxUnpooled(graph: GraphBuilder, input: FloatTensor, positions: Tensor<'int64'>, kernel: readonly number[], { strides }: Sliding, shape: readonly number[]): FloatTensor {
  return graph.node('MaxUnpool', [input, positions, int64Vector(graph, shape)], [{ type: 'float32', shape }], {
    kernel_shape: { ints: kernel },
    strides: { ints: strides },
  })[0];
}

/** The mean of each window; `countPadding` says whether padding counts as zeros or not at all. */
export function averagePooled(graph: GraphBuilder, input: FloatTensor, kernel: readonly number[], { strides, pads, dilations }: Sliding, countPadding: boolean): FloatTensor {
  // Operator set 17 has no dilations here.
  if (dilations.some((dilation) => dilation !== 1)) throw new GraphError('AveragePool has no dilations');
  const shape = pooledShape(graph, input, kernel, { strides, pads, dilations });
  return graph.node('AveragePool', [input], [{ type: 'float32', shape }], {
    ...slidingAttributes(kernel, { strides, pads, dilations }),
    ...(countPadding ? { count_include_pad: { int: 1 } } : {}),
  })[0];
}

/** [N, C, …] → [N, C, 1, …]: the mean over all spatial axes. */
export function globallyAveraged(graph: GraphBuilder, input: FloatTensor): FloatTensor {
  countFlops(graph, input.shape, 1);
  const shape = input.shape.map((dim, axis) => (axis < 2 ? dim : 1));
  return graph.node('GlobalAveragePool', [input], [{ type: 'float32', shape }])[0];
}

function pooledShape(graph: GraphBuilder, input: FloatTensor, kernel: readonly number[], sliding: Sliding): readonly Dim[] {
  if (kernel.length !== input.shape.length - 2) throw new GraphError(`a kernel ${formatShape(kernel)} does not fit ${formatShape(input.shape)}`);
  const shape = [dimOf(input, 0), dimOf(input, 1), ...slidOver(input.shape.slice(2), kernel, sliding)];
  countFlops(graph, shape, elementCount(kernel) ?? 0);
  return shape;
}
