import type { GraphBuilder } from '../graph';
import { gather, reshape, staticShape, sumOver, transpose } from '../primitives';
import { sumOfChannels } from '../primitives/layers';
import { matmul, transposedMatrices } from '../primitives/products';
import { convolve, convolveTransposed, extent, paddedSize, slidOver, windows, type Sliding } from '../primitives/windows';
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

/**
 * The adjoint of `convolve` in its kernel, of shape `shape`, for the input `x` and the gradient in the result:
 * dW[o, c, k] = Σ g[n, o, p]·x[n, c, stride·p + dilation·k], a product for each example, summed over them.
 */
function kernelGradient(graph: GraphBuilder, x: FloatTensor, gradient: FloatTensor, shape: readonly number[], sliding: Sliding, groups: number): FloatTensor {
  const [outputs = 1, perGroup = 1, ...sides] = shape;
  const [batch = 1, , ...positions] = staticShape(gradient);
  const count = positions.reduce((product, size) => product * size, 1);
  const taps = sides.reduce((product, side) => product * side, 1);
  const seen = reshape(graph, windows(graph, x, sides, sliding), [batch, groups, perGroup * taps, count]);
  const products = matmul(graph, reshape(graph, gradient, [batch, groups, outputs / groups, count]), transposedMatrices(graph, seen));
  return reshape(graph, sumOver(graph, reshape(graph, products, [batch, outputs * perGroup * taps]), [0]), shape);
}
