/** ONNX's operators as functions over typed handles; each infers its result's shape and refuses shapes that do not fit. */
import { dataTypeOf } from './codec';
import type { GraphBuilder } from './graph';
import { broadcastShapes, dimOf, elementCount, formatShape, GraphError, sameShape } from './shapes';
import type { Dim, ElementType, FloatTensor, IndexTensor, Tensor } from './types';

type Binary = 'Add' | 'Sub' | 'Mul' | 'Div';
type Unary = 'Relu' | 'Tanh' | 'Sigmoid' | 'Erf' | 'Exp' | 'Sqrt' | 'Neg';

function countFlops(graph: GraphBuilder, shape: readonly Dim[], perElement: number): void {
  graph.flops += (elementCount(shape) ?? 0) * perElement;
}

function binary(opType: Binary, graph: GraphBuilder, left: FloatTensor, right: FloatTensor): FloatTensor {
  const shape = broadcastShapes(left.shape, right.shape);
  countFlops(graph, shape, 1);
  return graph.node(opType, [left, right], [{ type: 'float32', shape }])[0];
}

/** Element by element, with broadcasting. */
export const add = binary.bind(null, 'Add');
export const subtract = binary.bind(null, 'Sub');
export const multiply = binary.bind(null, 'Mul');
export const divide = binary.bind(null, 'Div');

function unary(opType: Unary, graph: GraphBuilder, input: FloatTensor): FloatTensor {
  countFlops(graph, input.shape, 1);
  return graph.node(opType, [input], [{ type: 'float32', shape: input.shape }])[0];
}

export const relu = unary.bind(null, 'Relu');
export const tanh = unary.bind(null, 'Tanh');
export const sigmoid = unary.bind(null, 'Sigmoid');
export const erf = unary.bind(null, 'Erf');
export const exp = unary.bind(null, 'Exp');
export const squareRoot = unary.bind(null, 'Sqrt');
export const negate = unary.bind(null, 'Neg');

export function cast<T extends ElementType>(graph: GraphBuilder, input: Tensor, type: T): Tensor<T> {
  return graph.node('Cast', [input], [{ type, shape: input.shape }], { to: { int: dataTypeOf(type) } })[0];
}

export interface GemmOptions {
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** Added to the product, broadcast to its shape. */
  readonly addend?: FloatTensor;
}

/** op(a) · op(b) + addend for matrices. */
export function gemm(graph: GraphBuilder, a: FloatTensor, b: FloatTensor, options: GemmOptions = {}): FloatTensor {
  if (a.shape.length !== 2 || b.shape.length !== 2) throw new GraphError(`Gemm takes matrices, not ${formatShape(a.shape)} and ${formatShape(b.shape)}`);
  const [rows, innerA] = options.transA === true ? [dimOf(a, 1), dimOf(a, 0)] : [dimOf(a, 0), dimOf(a, 1)];
  const [innerB, columns] = options.transB === true ? [dimOf(b, 1), dimOf(b, 0)] : [dimOf(b, 0), dimOf(b, 1)];
  if (innerA !== innerB) throw new GraphError(`Gemm cannot multiply ${formatShape(a.shape)} and ${formatShape(b.shape)}`);
  const shape = [rows, columns];
  if (options.addend !== undefined && !sameShape(broadcastShapes(options.addend.shape, shape), shape)) {
    throw new GraphError(`Gemm cannot add ${formatShape(options.addend.shape)} to ${formatShape(shape)}`);
  }
  if (typeof innerA === 'number') countFlops(graph, shape, 2 * innerA);
  return graph.node('Gemm', options.addend === undefined ? [a, b] : [a, b, options.addend], [{ type: 'float32', shape }], {
    ...(options.transA === true ? { transA: { int: 1 } } : {}),
    ...(options.transB === true ? { transB: { int: 1 } } : {}),
  })[0];
}

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

/** The same elements in another shape; at most one dimension may be known only at run time. */
export function reshape<T extends ElementType>(graph: GraphBuilder, input: Tensor<T>, shape: readonly Dim[]): Tensor<T> {
  if (sameShape(input.shape, shape)) return input;
  const before = elementCount(input.shape.filter((dim) => typeof dim === 'number'));
  const after = elementCount(shape.filter((dim) => typeof dim === 'number'));
  const open = [...input.shape, ...shape].filter((dim) => typeof dim === 'string');
  if (before !== after || !(open.length === 0 || (open.length === 2 && open[0] === open[1]))) {
    throw new GraphError(`cannot reshape ${formatShape(input.shape)} to ${formatShape(shape)}`);
  }
  return graph.node('Reshape', [input, int64Vector(graph, shape.map((dim) => (typeof dim === 'number' ? dim : -1)))], [{ type: input.type, shape }])[0];
}

export function transpose(graph: GraphBuilder, input: FloatTensor, permutation: readonly number[]): FloatTensor {
  const shape = permutation.map((axis) => dimOf(input, axis));
  return graph.node('Transpose', [input], [{ type: 'float32', shape }], { perm: { ints: permutation } })[0];
}

/** Takes slices of `input` along `axis`; the axis is replaced by the shape of `indices`. */
export function gather<T extends ElementType>(graph: GraphBuilder, input: Tensor<T>, indices: IndexTensor, axis = 0): Tensor<T> {
  dimOf(input, axis);
  const shape = [...input.shape.slice(0, axis), ...indices.shape, ...input.shape.slice(axis + 1)];
  return graph.node('Gather', [input, indices], [{ type: input.type, shape }], { axis: { int: axis } })[0];
}

/** For a matrix and one column number per row ([rows, 1]): those elements, [rows, 1]. */
export function pickColumns(graph: GraphBuilder, input: FloatTensor, columns: IndexTensor): FloatTensor {
  return graph.node('GatherElements', [input, columns], [{ type: 'float32', shape: columns.shape }], { axis: { int: 1 } })[0];
}

export function equal<T extends ElementType>(graph: GraphBuilder, left: Tensor<T>, right: Tensor<T>): Tensor<'bool'> {
  return graph.node('Equal', [left, right], [{ type: 'bool', shape: broadcastShapes(left.shape, right.shape) }])[0];
}

/** Zeros around the two middle axes of [N, H, W, C]. */
export function padImages(graph: GraphBuilder, input: FloatTensor, padding: number): FloatTensor {
  if (padding === 0) return input;
  const shape = [dimOf(input, 0), padded(dimOf(input, 1), 1, padding), padded(dimOf(input, 2), 1, padding), dimOf(input, 3)];
  return graph.node('Pad', [input, int64Vector(graph, [0, padding, padding, 0, 0, padding, padding, 0])], [{ type: 'float32', shape }])[0];
}

function rowwise(opType: 'Softmax' | 'LogSoftmax', graph: GraphBuilder, input: FloatTensor): FloatTensor {
  countFlops(graph, input.shape, 4);
  return graph.node(opType, [input], [{ type: 'float32', shape: input.shape }], { axis: { int: -1 } })[0];
}

/** Over the last axis. */
export const softmax = rowwise.bind(null, 'Softmax');
export const logSoftmax = rowwise.bind(null, 'LogSoftmax');

/** The position of each row's largest element, the first on ties: [rows, columns] → [rows]. */
export function argMaxRows(graph: GraphBuilder, input: FloatTensor): Tensor<'int64'> {
  return graph.node('ArgMax', [input], [{ type: 'int64', shape: input.shape.slice(0, -1) }], { axis: { int: -1 }, keepdims: { int: 0 } })[0];
}

export function int64Vector(graph: GraphBuilder, values: readonly number[]): Tensor<'int64'> {
  return graph.constant('int64', [values.length], BigInt64Array.from(values, (value) => BigInt(value)));
}

/** A matrix of ones: Gemm with it sums rows faster than ReduceSum, and in an order that does not depend on the threads. */
export function ones(graph: GraphBuilder, rows: number, columns: number): FloatTensor {
  // Stored as a scalar, which ONNX Runtime expands once when it loads the graph.
  return graph.node('Expand', [graph.scalar(1), int64Vector(graph, [rows, columns])], [{ type: 'float32', shape: [rows, columns] }])[0];
}

/** @throws GraphError where a dimension is known only at run time. */
export function staticShape(tensor: Tensor): readonly number[] {
  return tensor.shape.map((dim) => {
    if (typeof dim !== 'number') throw new GraphError(`${tensor.name} ${formatShape(tensor.shape)} has no static shape`);
    return dim;
  });
}
