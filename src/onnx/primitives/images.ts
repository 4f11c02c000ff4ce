/** Convolution, pooling and padding of images. */
import type { GraphBuilder } from '../graph';
import { dimOf, elementCount, formatShape, GraphError } from '../shapes';
import type { Dim, FloatTensor, Tensor } from '../types';
import { countFlops, int64Vector, staticShape } from './common';

function padded(size: Dim, kernel: Dim, padding: number): Dim {
  if (typeof size !== 'number' || typeof kernel !== 'number' || size + 2 * padding < kernel) throw new GraphError(`a kernel of ${kernel} does not fit ${size} with padding ${padding}`);
  return size + 2 * padding - kernel + 1;
}

/** Convolution with stride 1: input [N, C, H, W], kernel [O, C, kh, kw], bias [O]; `padding` zeros on every side. */
export function conv2d(graph: GraphBuilder, input: FloatTensor, kernel: FloatTensor, bias: FloatTensor | null, padding: number): FloatTensor {
  const [channels, high, wide] = [dimOf(kernel, 1), dimOf(kernel, 2), dimOf(kernel, 3)];
  if (dimOf(input, 1) !== channels) throw new GraphError(`Conv cannot take ${formatShape(input.shape)} with kernel ${formatShape(kernel.shape)}`);
  const shape = [dimOf(input, 0), dimOf(kernel, 0), padded(dimOf(input, 2), high, padding), padded(dimOf(input, 3), wide, padding)];
  countFlops(graph, shape, 2 * (elementCount([channels, high, wide]) ?? 0));
  return graph.node('Conv', bias === null ? [input, kernel] : [input, kernel, bias], [{ type: 'float32', shape }], {
    kernel_shape: { ints: staticShape(kernel).slice(2) },
    pads: { ints: [padding, padding, padding, padding] },
  })[0];
}

/** The adjoint of `conv2d` in its input, without bias, for padding (k−1)/2: [N, O, H, W] → [N, C, H, W]. */
export function convTranspose2d(graph: GraphBuilder, input: FloatTensor, kernel: FloatTensor, padding: number): FloatTensor {
  const shape = [dimOf(input, 0), dimOf(kernel, 1), dimOf(input, 2), dimOf(input, 3)];
  if (dimOf(input, 1) !== dimOf(kernel, 0)) throw new GraphError(`ConvTranspose cannot take ${formatShape(input.shape)} with kernel ${formatShape(kernel.shape)}`);
  countFlops(graph, shape, 2 * (elementCount([dimOf(kernel, 0), dimOf(kernel, 2), dimOf(kernel, 3)]) ?? 0));
  return graph.node('ConvTranspose', [input, kernel], [{ type: 'float32', shape }], {
    kernel_shape: { ints: staticShape(kernel).slice(2) },
    pads: { ints: [padding, padding, padding, padding] },
  })[0];
}

function pooledShape(input: FloatTensor): readonly Dim[] {
  const half = (axis: number): number => {
    const size = dimOf(input, axis);
    if (typeof size !== 'number' || size < 2) throw new GraphError(`MaxPool 2×2 does not fit ${formatShape(input.shape)}`);
    return Math.floor(size / 2);
  };
  return [dimOf(input, 0), dimOf(input, 1), half(2), half(3)];
}

const POOL = { kernel_shape: { ints: [2, 2] }, strides: { ints: [2, 2] } };

/** 2×2 max-pooling with stride 2; an odd last row or column is left out, as in PyTorch. Also gives each maximum's position in the flattened input. */
export function maxPool2x2(graph: GraphBuilder, input: FloatTensor): readonly [FloatTensor, Tensor<'int64'>] {
  const shape = pooledShape(input);
  countFlops(graph, shape, 3);
  return graph.node('MaxPool', [input], [{ type: 'float32', shape }, { type: 'int64', shape }], POOL);
}

/** Puts each element where its maximum was found, zeros elsewhere: the adjoint of `maxPool2x2`. */
export function maxUnpool2x2(graph: GraphBuilder, input: FloatTensor, indices: Tensor<'int64'>, shape: readonly number[]): FloatTensor {
  return graph.node('MaxUnpool', [input, indices, int64Vector(graph, shape)], [{ type: 'float32', shape }], POOL)[0];
}

/** Zeros around the two middle axes of [N, H, W, C]. */
export function padImages(graph: GraphBuilder, input: FloatTensor, padding: number): FloatTensor {
  if (padding === 0) return input;
  const shape = [dimOf(input, 0), padded(dimOf(input, 1), 1, padding), padded(dimOf(input, 2), 1, padding), dimOf(input, 3)];
  return graph.node('Pad', [input, int64Vector(graph, [0, padding, padding, 0, 0, padding, padding, 0])], [{ type: 'float32', shape }])[0];
}
