import type { GraphBuilder } from '../graph';
import { gather, pad, reshape, sliceRanges, staticShape, sumOver, transpose } from '../primitives';
import { sumOfChannels } from '../primitives/layers';
import { matmul } from '../primitives/products';
import { convolve, convolveTransposed, extent, paddedSize, slidOver, type Sliding } from '../primitives/windows';
import { dimOf, formatShape, GraphError, sizeOf } from '../shapes';
import type { FloatTensor } from '../types';
import { single, type Operator } from './operator';

/** One number for each spatial axis: steps of 1, no gaps and no padding where left out. */
export interface SlidingAttributes {
  readonly strides?: readonly number[];
  readonly dilations?: readonly number[];
  /** Before each axis, then after each: [top, left, bottom, right] for images. */
  readonly pads?: readonly number[];
}

export interface ConvolutionAttributes extends SlidingAttributes {
  /** The channels fall into so many groups, each with outputs of its own; as many as channels make it depthwise. */
  readonly groups?: number;
}

type Inputs = readonly [FloatTensor, FloatTensor] | readonly [FloatTensor, FloatTensor, FloatTensor];

/** The attributes with their defaults, for an input [N, C, …]. */
export function slidingOf(input: FloatTensor, { strides, dilations, pads }: SlidingAttributes): Sliding {
  const axes = input.shape.length - 2;
  const repeat = (value: number, count: number): readonly number[] => Array.from({ length: count }, () => value);
  const sliding = { strides: strides ?? repeat(1, axes), dilations: dilations ?? repeat(1, axes), pads: pads ?? repeat(0, 2 * axes) };
  if (axes < 1 || sliding.strides.length !== axes || sliding.dilations.length !== axes || sliding.pads.length !== 2 * axes) {
    throw new GraphError(`strides ${formatShape(sliding.strides)}, dilations ${formatShape(sliding.dilations)}, pads ${formatShape(sliding.pads)} do not fit ${formatShape(input.shape)}`);
  }
  return sliding;
}

/**
 * Convolution over one or more spatial axes: x [batch, C, …], kernel [O, C/groups, …], bias [O] if there is one
 * → [batch, O, …]. A cross-correlation, as in PyTorch.
 */
export const convolution: Operator<Inputs, ConvolutionAttributes> = single({
  name: 'convolution',
  shape: ([x, kernel], attributes) => [dimOf(x, 0), dimOf(kernel, 0), ...slidOver(x.shape.slice(2), staticShape(kernel).slice(2), slidingOf(x, attributes))],
  forward: (graph, [x, kernel, bias], attributes) => ({ output: convolve(graph, x, kernel, bias ?? null, slidingOf(x, attributes), attributes.groups ?? 1), saved: [] }),
  vjp: (graph, { inputs: [x, kernel], attributes, gradient, needs: [wantsInput, wantsKernel, wantsBias] }) => {
    const sliding = slidingOf(x, attributes);
    const groups = attributes.groups ?? 1;
    return [
      wantsInput === true ? inputGradient(graph, gradient, kernel, sliding, groups, staticShape(x).slice(2)) : null,
      wantsKernel === true ? kernelGradient(graph, x, gradient, staticShape(kernel), sliding, groups) : null,
      wantsBias === true ? sumOfChannels(graph, gradient) : null,
    ];
  },
});

export interface TransposedConvolutionAttributes extends ConvolutionAttributes {
  /** Added at the end of each spatial axis, less than its stride; 0 where left out. */
  readonly outputPadding?: readonly number[];
}

/**
 * The adjoint of `convolution` as a layer: x [batch, C, …], kernel [C, O/groups, …], bias [O] if there is one
 * → [batch, O, …], each axis stride·(size − 1) + extent − padding + outputPadding long. PyTorch's ConvTranspose.
 */
export const transposedConvolution: Operator<Inputs, TransposedConvolutionAttributes> = single({
  name: 'transposedConvolution',
  shape: ([x, kernel], attributes) => [dimOf(x, 0), sizeOf(kernel, 1) * (attributes.groups ?? 1), ...upsampled(x, kernel, attributes)],
  forward: (graph, [x, kernel, bias], attributes) => {
    const spatial = upsampled(x, kernel, attributes);
    return { output: convolveTransposed(graph, x, kernel, bias ?? null, slidingOf(x, attributes), attributes.groups ?? 1, spatial), saved: [] };
  },
  vjp: (graph, { inputs: [x, kernel], attributes, gradient, needs: [wantsInput, wantsKernel, wantsBias] }) => {
    const sliding = slidingOf(x, attributes);
    const groups = attributes.groups ?? 1;
    return [
      wantsInput === true ? convolve(graph, gradient, kernel, null, sliding, groups) : null,
      wantsKernel === true ? kernelGradient(graph, gradient, x, staticShape(kernel), sliding, groups) : null,
      wantsBias === true ? sumOfChannels(graph, gradient) : null,
    ];
  },
});

function upsampled(x: FloatTensor, kernel: FloatTensor, attributes: TransposedConvolutionAttributes): readonly number[] {
  const sliding = slidingOf(x, attributes);
  return staticShape(kernel)
    .slice(2)
    .map((side, axis) => {
      const size = (sliding.strides[axis] ?? 1) * (sizeOf(x, axis + 2) - 1) + extent(side, sliding, axis) + (attributes.outputPadding?.[axis] ?? 0);
      return size - paddedSize(0, sliding, axis);
    });
}

/** The adjoint of `convolve` in its input. */
function inputGradient(graph: GraphBuilder, gradient: FloatTensor, kernel: FloatTensor, sliding: Sliding, groups: number, spatial: readonly number[]): FloatTensor {
  const [outputs = 1, perGroup = 1, ...sides] = staticShape(kernel);
  const axes = sides.length;
  // What is left of the full overlap when the padding is taken off.
  const pads = sliding.pads.map((padding, end) => extent(sides[end % axes] ?? 1, sliding, end % axes) - 1 - padding);
  if (sliding.strides.some((stride) => stride !== 1) || pads.some((padding) => padding < 0)) return convolveTransposed(graph, gradient, kernel, null, sliding, groups, spatial);
  // With steps of 1 it is a convolution with the kernel turned round, which ONNX Runtime does twice as fast as ConvTranspose.
  const taps = sides.reduce((count, side) => count * side, 1);
  const backwards = graph.constant('int32', [taps], Int32Array.from({ length: taps }, (_, index) => taps - 1 - index));
  const turned = gather(graph, transpose(graph, reshape(graph, kernel, [groups, outputs / groups, perGroup, taps]), [0, 2, 1, 3]), backwards, 3);
  return convolve(graph, gradient, reshape(graph, turned, [groups * perGroup, outputs / groups, ...sides]), null, { ...sliding, pads }, groups);
}

/** The adjoint of `convolve` in its kernel, of shape `shape`, for the input `x` and the gradient in the result. */
function kernelGradient(graph: GraphBuilder, x: FloatTensor, gradient: FloatTensor, shape: readonly number[], sliding: Sliding, groups: number): FloatTensor {
  // Columns of one or few channels are slower to gather than the convolution below.
  return groups === 1 && sizeOf(x, 1) > 1 ? kernelGradientByColumns(graph, x, gradient, shape, sliding) : kernelGradientByConvolution(graph, x, gradient, shape, sliding, groups);
}

/**
 * dW[o, c, k] = Σ x[n, c, stride·p + dilation·k]·g[n, o, p] is a convolution too: of the channels, as examples, with the
 * gradient as kernel, where strides and dilations change places and the batch is summed over.
 */
function kernelGradientByConvolution(graph: GraphBuilder, x: FloatTensor, gradient: FloatTensor, shape: readonly number[], sliding: Sliding, groups: number): FloatTensor {
  const [outputs = 1, perGroup = 1, ...sides] = shape;
  const [batch = 1, , ...spatial] = staticShape(x);
  const images = exchanged(graph, reshape(graph, x, [batch, groups, perGroup, ...spatial]), [2, 1, 0], [perGroup, groups * batch, ...spatial]);
  const kernel = exchanged(graph, gradient, [1, 0], [outputs, batch, ...staticShape(gradient).slice(2)]);
  const found = convolve(graph, images, kernel, null, { strides: sliding.dilations, dilations: sliding.strides, pads: sliding.pads }, groups);
  // What the forward stride left over at the end gives taps that the kernel does not have.
  return exchanged(graph, sliceRanges(graph, found, sides.map((count, axis) => ({ axis: axis + 2, start: 0, step: 1, count }))), [1, 0], shape);
}

/** The input with its leading axes in another order, in a new shape; a copy only where the order of the elements changes. */
function exchanged(graph: GraphBuilder, input: FloatTensor, order: readonly number[], shape: readonly number[]): FloatTensor {
  const moved = order.filter((axis) => input.shape[axis] !== 1);
  const inOrder = moved.every((axis, index) => index === 0 || (moved[index - 1] ?? 0) < axis);
  const permutation = input.shape.map((_, axis) => order[axis] ?? axis);
  return reshape(graph, inOrder ? input : transpose(graph, input, permutation), shape);
}

/** What each place of the kernel saw at every position, as a row (im2col), then one product with the gradient for each example. */
function kernelGradientByColumns(graph: GraphBuilder, x: FloatTensor, gradient: FloatTensor, shape: readonly number[], sliding: Sliding): FloatTensor {
  const [outputs = 1, channels = 1, ...sides] = shape;
  const [batch = 1, , ...spatial] = staticShape(x);
  const axes = spatial.map((_, axis) => axis + 2);
  const before = [0, 0, ...sliding.pads.slice(0, axes.length)];
  const after = [0, 0, ...sliding.pads.slice(axes.length)];
  const whole = spatial.map((size, axis) => paddedSize(size, sliding, axis));
  const taps = windowIndex(whole, staticShape(gradient).slice(2), sides, sliding);
  const [positions, places] = [taps.length, taps[0]?.length ?? 1];
  // Channels last, so that each index copies a whole run of channels.
  const pixels = reshape(graph, transpose(graph, pad(graph, x, before, after), [0, ...axes, 1]), [batch, whole.reduce((count, size) => count * size, 1), channels]);
  const columns = gather(graph, pixels, graph.constant('int32', [positions * places], Int32Array.from(taps.flat())), 1);
  const product = matmul(graph, reshape(graph, gradient, [batch, outputs, positions]), reshape(graph, columns, [batch, positions, places * channels]));
  const sum = sumOver(graph, reshape(graph, product, [batch, outputs * places * channels]), [0]);
  return reshape(graph, transpose(graph, reshape(graph, sum, [outputs, places, channels]), [0, 2, 1]), shape);
}

/** For each position of the window, in order, the indices in the flattened padded space of what its places cover. */
export function windowIndex(whole: readonly number[], positions: readonly number[], sides: readonly number[], { strides, dilations }: Sliding): readonly (readonly number[])[] {
  let starts = [0];
  let places = [0];
  whole.forEach((size, axis) => {
    const [stride = 1, dilation = 1] = [strides[axis], dilations[axis]];
    const along = (from: readonly number[], count: number, step: number): number[] => from.flatMap((index) => Array.from({ length: count }, (_, at) => index * size + at * step));
    starts = along(starts, positions[axis] ?? 1, stride);
    places = along(places, sides[axis] ?? 1, dilation);
  });
  return starts.map((start) => places.map((place) => start + place));
}
