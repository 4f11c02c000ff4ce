/** The same elements in other places. */
import type { GraphBuilder } from '../graph';
import { dimOf, factorsOf, formatShape, GraphError, sameShape } from '../shapes';
import type { Dim, ElementType, FloatTensor, IndexTensor, Tensor } from '../types';
import { int64Vector } from './common';

/** The same elements in another shape; at most one dimension may be known only at run time. */
export function reshape<T extends ElementType>(graph: GraphBuilder, input: Tensor<T>, shape: readonly Dim[]): Tensor<T> {
  if (sameShape(input.shape, shape)) return input;
  const [before, after] = [factorsOf(input.shape), factorsOf(shape)];
  if (before.known !== after.known || before.open.length > 1 || after.open.length > 1 || before.open[0] !== after.open[0]) {
    throw new GraphError(`cannot reshape ${formatShape(input.shape)} to ${formatShape(shape)}`);
  }
  return graph.node('Reshape', [input, int64Vector(graph, shape.map((dim) => (typeof dim === 'number' ? dim : -1)))], [{ type: input.type, shape }])[0];
}

/** The axes in another order: axis i of the result is axis permutation[i] of the input. */
export function transpose(graph: GraphBuilder, input: FloatTensor, permutation: readonly number[]): FloatTensor {
  if (permutation.length !== input.shape.length || new Set(permutation).size < permutation.length) {
    throw new GraphError(`Transpose cannot put the axes of ${formatShape(input.shape)} in the order ${formatShape(permutation)}`);
  }
  const shape = permutation.map((axis) => dimOf(input, axis));
  return graph.node('Transpose', [input], [{ type: 'float32', shape }], { perm: { ints: permutation } })[0];
}

/** Takes slices of `input` along `axis`; the axis is replaced by the shape of `indices`. */
export function gather<T extends ElementType>(graph: GraphBuilder, input: Tensor<T>, indices: IndexTensor, axis = 0): Tensor<T> {
  dimOf(input, axis);
  const shape = [...input.shape.slice(0, axis), ...indices.shape, ...input.shape.slice(axis + 1)];
  return graph.node('Gather', [input, indices], [{ type: input.type, shape }], { axis: { int: axis } })[0];
}

/** The elements from … to − 1 along one axis. */
export function slice<T extends ElementType>(graph: GraphBuilder, input: Tensor<T>, axis: number, from: number, to: number): Tensor<T> {
  const shape = input.shape.map((dim, position) => (position === axis ? to - from : dim));
  return graph.node('Slice', [input, int64Vector(graph, [from]), int64Vector(graph, [to]), int64Vector(graph, [axis])], [{ type: input.type, shape }])[0];
}

/** For a matrix and one column number per row ([rows, 1]): those elements, [rows, 1]. */
export function pickColumns(graph: GraphBuilder, input: FloatTensor, columns: IndexTensor): FloatTensor {
  return graph.node('GatherElements', [input, columns], [{ type: 'float32', shape: columns.shape }], { axis: { int: 1 } })[0];
}
