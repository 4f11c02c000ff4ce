/** Sums, maxima and the like along axes. */
import type { GraphBuilder } from '../graph';
import { dimOf, elementCount, formatShape, GraphError, sameShape } from '../shapes';
import type { Dim, FloatTensor, Tensor } from '../types';
import { countFlops, int64Vector } from './common';
import { exp, log, subtract } from './elementwise';
import { gemm, ones } from './matrix';
import { reshape } from './shaping';

/** The shape after a reduction over axes that stay with size 1. */
export function reducedShape(shape: readonly Dim[], axes: readonly number[]): readonly Dim[] {
  for (const axis of axes) if (!Number.isInteger(axis) || axis < 0 || axis >= shape.length) throw new GraphError(`${formatShape(shape)} has no axis ${axis}`);
  return shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
}

/** Those whose axes are an attribute in operator set 17. */
function reduced(opType: 'ReduceMean' | 'ReduceMax' | 'ReduceMin' | 'ReduceSumSquare', graph: GraphBuilder, input: FloatTensor, axes: readonly number[]): FloatTensor {
  countFlops(graph, input.shape, opType === 'ReduceSumSquare' ? 2 : 1);
  const shape = reducedShape(input.shape, axes);
  // Without axes ONNX would reduce over all of them.
  if (axes.length === 0) throw new GraphError(`${opType} of ${input.name} needs an axis`);
  return graph.node(opType, [input], [{ type: 'float32', shape }], { axes: { ints: axes }, keepdims: { int: 1 } })[0];
}

/** Over axes, which stay with size 1. */
export const meanOver = reduced.bind(null, 'ReduceMean');
export const maximumOver = reduced.bind(null, 'ReduceMax');
export const minimumOver = reduced.bind(null, 'ReduceMin');
export const squaresOver = reduced.bind(null, 'ReduceSumSquare');

/**
 * The sum over axes, which stay with size 1. Leading axes are summed by a product with ones, 2 to 5 times
 * quicker than ReduceSum there and in an order that does not depend on the threads; the others by ReduceSum,
 * twice as quick as a product there.
 */
export function sumOver(graph: GraphBuilder, input: FloatTensor, axes: readonly number[]): FloatTensor {
  const target = reducedShape(input.shape, axes);
  if (sameShape(target, input.shape)) return input;
  let leading = 0;
  while (leading < input.shape.length && (target[leading] === 1 || input.shape[leading] === 1)) leading += 1;
  const rows = elementCount(input.shape.slice(0, leading));
  const columns = elementCount(input.shape.slice(leading));
  if (rows === null || columns === null || rows === 1 || leading === input.shape.length) return sumByReduction(graph, input, target);
  const sums = gemm(graph, ones(graph, 1, rows), reshape(graph, input, [rows, columns]));
  return sumByReduction(graph, reshape(graph, sums, [...Array.from({ length: leading }, () => 1), ...input.shape.slice(leading)]), target);
}

function sumByReduction(graph: GraphBuilder, input: FloatTensor, target: readonly Dim[]): FloatTensor {
  if (sameShape(target, input.shape)) return input;
  countFlops(graph, input.shape, 1);
  const axes = int64Vector(graph, target.flatMap((dim, axis) => (dim === input.shape[axis] ? [] : [axis])));
  return graph.node('ReduceSum', [input, axes], [{ type: 'float32', shape: target }], { keepdims: { int: 1 } })[0];
}

/** The sum over the axes along which a tensor of `shape` would be broadcast to `input`, in that shape: the adjoint of broadcasting. */
export function sumTo(graph: GraphBuilder, input: FloatTensor, shape: readonly Dim[]): FloatTensor {
  const missing = input.shape.length - shape.length;
  const axes = [...input.shape.keys()].filter((axis) => axis < missing || (shape[axis - missing] === 1 && input.shape[axis] !== 1));
  return reshape(graph, sumOver(graph, input, axes), shape);
}

function normalized(opType: 'Softmax' | 'LogSoftmax', graph: GraphBuilder, input: FloatTensor, axis = input.shape.length - 1): FloatTensor {
  dimOf(input, axis);
  countFlops(graph, input.shape, 4);
  return graph.node(opType, [input], [{ type: 'float32', shape: input.shape }], { axis: { int: axis } })[0];
}

/** Along an axis, the last if none is given. */
export const softmax = normalized.bind(null, 'Softmax');

/** Along an axis, the last if none is given. WebGPU has no LogSoftmax: all logits would go to the host and back. */
export function logSoftmax(graph: GraphBuilder, input: FloatTensor, axis = input.shape.length - 1): FloatTensor {
  if (!graph.portable) return normalized('LogSoftmax', graph, input, axis);
  const shifted = subtract(graph, input, maximumOver(graph, input, [axis]));
  return subtract(graph, shifted, log(graph, sumOver(graph, exp(graph, shifted), [axis])));
}

/** Sums of the elements up to each along an axis: without the element itself if `exclusive`, from the end if `reverse`. */
export function cumulativeSum(graph: GraphBuilder, input: FloatTensor, axis: number, exclusive: boolean, reverse: boolean): FloatTensor {
  dimOf(input, axis);
  countFlops(graph, input.shape, 1);
  return graph.node('CumSum', [input, graph.constant('int64', [], BigInt64Array.of(BigInt(axis)))], [{ type: 'float32', shape: input.shape }], {
    exclusive: { int: exclusive ? 1 : 0 },
    reverse: { int: reverse ? 1 : 0 },
  })[0];
}

/** The position of each row's largest element, the first on ties: [rows, columns] → [rows]. */
export function argMaxRows(graph: GraphBuilder, input: FloatTensor): Tensor<'int64'> {
  return graph.node('ArgMax', [input], [{ type: 'int64', shape: input.shape.slice(0, -1) }], { axis: { int: -1 }, keepdims: { int: 0 } })[0];
}
