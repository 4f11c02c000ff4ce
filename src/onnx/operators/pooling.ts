import type { GraphBuilder } from '../graph';
import { cast, equal, expand, gather, maximumOver, multiply, pad, reshape, staticShape } from '../primitives';
import { averagePooled, convolveTransposed, globallyAveraged, maxPooled, maxPooledAt, maxUnpooled, paddedSize, slidOver, unitKernels, type Sliding } from '../primitives/windows';
import { dimOf } from '../shapes';
import type { FloatTensor, Tensor } from '../types';
import { slidingOf, type SlidingAttributes } from './convolution';
import { single, type Operator } from './operator';

type One = readonly [FloatTensor];

export interface MaxPoolAttributes extends SlidingAttributes {
  /** The window's sides; windows follow each other without gap or overlap where `strides` is left out, as in PyTorch. */
  readonly kernel: readonly number[];
  /**
   * Where the gradient goes: to the position that MaxPool told, or to the one found by comparing each window with its
   * maximum, which any provider can do. Overlapping windows and those of portable graphs are always compared.
   */
  readonly backward?: 'positions' | 'comparison';
}

/**
 * The largest element of each window: [batch, C, …] → [batch, C, …]. On ties the first element takes the gradient, as
 * in PyTorch; what is left over at an axis' end belongs to no window.
 */
export const maxPool: Operator<One, MaxPoolAttributes, readonly Tensor<'int64'>[]> = single({
  name: 'maxPool',
  shape: ([x], attributes) => [dimOf(x, 0), dimOf(x, 1), ...slidOver(x.shape.slice(2), attributes.kernel, poolingOf(x, attributes))],
  forward: (graph, [x], attributes) => {
    const sliding = poolingOf(x, attributes);
    if (attributes.backward === 'comparison' || graph.portable || overlaps(attributes.kernel, sliding)) return { output: maxPooled(graph, x, attributes.kernel, sliding), saved: [] };
    const [output, positions] = maxPooledAt(graph, x, attributes.kernel, sliding);
    return { output, saved: [positions] };
  },
  vjp: (graph, { inputs: [x], attributes, output, saved: [positions], gradient }) => {
    const sliding = poolingOf(x, attributes);
    if (positions !== undefined) return [maxUnpooled(graph, gradient, positions, attributes.kernel, sliding, staticShape(x))];
    return [gradientByComparison(graph, x, output, gradient, attributes.kernel, sliding)];
  },
});

export interface AveragePoolAttributes extends Omit<SlidingAttributes, 'dilations'> {
  /** The window's sides; windows follow each other without gap or overlap where `strides` is left out, as in PyTorch. */
  readonly kernel: readonly number[];
  /** Whether padding counts as zeros, as in PyTorch unless told otherwise, or not at all, as in ONNX. */
  readonly countPadding: boolean;
}

/** The mean of each window: [batch, C, …] → [batch, C, …]. */
export const averagePool: Operator<One, AveragePoolAttributes> = single({
  name: 'averagePool',
  shape: ([x], attributes) => [dimOf(x, 0), dimOf(x, 1), ...slidOver(x.shape.slice(2), attributes.kernel, poolingOf(x, attributes))],
  forward: (graph, [x], attributes) => ({ output: averagePooled(graph, x, attributes.kernel, poolingOf(x, attributes), attributes.countPadding), saved: [] }),
  vjp: (graph, { inputs: [x], attributes: { kernel, countPadding, ...attributes }, gradient }) => {
    const sliding = poolingOf(x, { kernel, ...attributes });
    const [batch = 1, channels = 1, ...spatial] = staticShape(x);
    const [, , ...positions] = staticShape(gradient);
    const taps = kernel.reduce((count, side) => count * side, 1);
    if (tiles(spatial, kernel, sliding)) {
      const scaled = multiply(graph, gradient, graph.scalar(1 / taps));
      const apart = reshape(graph, scaled, [batch, channels, ...positions.flatMap((size) => [size, 1])]);
      const spread = expand(graph, apart, [batch, channels, ...positions.flatMap((size, axis) => [size, kernel[axis] ?? 1])]);
      return [reshape(graph, spread, [batch, channels, ...spatial])];
    }
    const factors = countPadding ? graph.scalar(1 / taps) : graph.constant('float32', positions, Float32Array.from(realTaps(spatial, positions, kernel, sliding), (count) => 1 / count));
    const planes = reshape(graph, multiply(graph, gradient, factors), [batch * channels, 1, ...positions]);
    const window = graph.constant('float32', [1, 1, ...kernel], new Float32Array(taps).fill(1));
    return [reshape(graph, convolveTransposed(graph, planes, window, null, sliding, 1, spatial), [batch, channels, ...spatial])];
  },
});

/** The mean over all spatial axes, which stay with size 1: [batch, C, …] → [batch, C, 1, …]. */
export const globalAveragePool: Operator<One, undefined> = single({
  name: 'globalAveragePool',
  shape: ([x]) => x.shape.map((dim, axis) => (axis < 2 ? dim : 1)),
  forward: (graph, [x]) => ({ output: globallyAveraged(graph, x), saved: [] }),
  vjp: (graph, { inputs: [x], gradient }) => {
    const shape = staticShape(x);
    const count = shape.slice(2).reduce((all, size) => all * size, 1);
    return [expand(graph, multiply(graph, gradient, graph.scalar(1 / count)), shape)];
  },
});

/** Like `slidingOf`, with windows side by side as default. */
function poolingOf(x: FloatTensor, { kernel, strides, ...attributes }: SlidingAttributes & { readonly kernel: readonly number[] }): Sliding {
  return slidingOf(x, { ...attributes, strides: strides ?? kernel });
}

function overlaps(kernel: readonly number[], { strides, dilations }: Sliding): boolean {
  return kernel.some((side, axis) => side > 1 && ((strides[axis] ?? 1) < side || (dilations[axis] ?? 1) > 1));
}

/** Whether every element lies in exactly one window. */
function tiles(spatial: readonly number[], kernel: readonly number[], { strides, pads }: Sliding): boolean {
  return pads.every((padding) => padding === 0) && kernel.every((side, axis) => strides[axis] === side && (spatial[axis] ?? 0) % side === 0);
}

/** For each position of the window, how many of its places lie on no padding. */
function realTaps(spatial: readonly number[], positions: readonly number[], kernel: readonly number[], { strides, pads }: Sliding): readonly number[] {
  let counts = [1];
  spatial.forEach((size, axis) => {
    const along = Array.from({ length: positions[axis] ?? 1 }, (_, position) => {
      const start = position * (strides[axis] ?? 1) - (pads[axis] ?? 0);
      return Math.min(start + (kernel[axis] ?? 1), size) - Math.max(start, 0);
    });
    counts = counts.flatMap((count) => along.map((here) => count * here));
  });
  return counts;
}

/**
 * The gradient of max-pooling from comparisons alone. Each window is laid out as a row of its places; the first place
 * that equals the maximum gets the window's gradient, and a transposed convolution that has a channel for each
 * place, with a single 1 there, adds the places up where windows overlap.
 */
function gradientByComparison(graph: GraphBuilder, x: FloatTensor, output: FloatTensor, gradient: FloatTensor, kernel: readonly number[], sliding: Sliding): FloatTensor {
  const [batch = 1, channels = 1, ...spatial] = staticShape(x);
  const [, , ...positions] = staticShape(output);
  const planes = batch * channels;
  const count = positions.reduce((all, size) => all * size, 1);
  const taps = kernel.reduce((all, side) => all * side, 1);
  const axes = spatial.length;
  const whole = spatial.map((size, axis) => paddedSize(size, sliding, axis));
  const index = windowIndex(whole, positions, kernel, sliding);
  const byPlace = Int32Array.from({ length: taps * count }, (_, at) => index[at % count]?.[Math.floor(at / count)] ?? 0);

  // The smallest float32: padding is never the maximum of a window.
  const pixels = pad(graph, x, [0, 0, ...sliding.pads.slice(0, axes)], [0, 0, ...sliding.pads.slice(axes)], 'constant', -3.4028234663852886e38);
  const flat = reshape(graph, pixels, [planes, whole.reduce((all, size) => all * size, 1)]);
  const places = gather(graph, flat, graph.constant('int32', [taps, count], byPlace), 1);
  const hits = cast(graph, equal(graph, places, reshape(graph, output, [planes, 1, count])), 'float32');
  // taps, taps − 1, … 1: the largest hit is the first one.
  const ranks = multiply(graph, hits, graph.constant('float32', [taps, 1], Float32Array.from({ length: taps }, (_, place) => taps - place)));
  const first = cast(graph, equal(graph, ranks, maximumOver(graph, ranks, [1])), 'float32');
  const routed = reshape(graph, multiply(graph, first, reshape(graph, gradient, [planes, 1, count])), [planes, taps, ...positions]);
  return reshape(graph, convolveTransposed(graph, routed, unitKernels(graph, kernel), null, sliding, 1, spatial), [batch, channels, ...spatial]);
}

/** For each position of the window, in order, the indices in the flattened padded space of what its places cover. */
function windowIndex(whole: readonly number[], positions: readonly number[], sides: readonly number[], { strides, dilations }: Sliding): readonly (readonly number[])[] {
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
