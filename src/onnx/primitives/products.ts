/** Products of stacks of matrices. */
import type { GraphBuilder } from '../graph';
import { broadcastShapes, dimOf, formatShape, GraphError } from '../shapes';
import type { FloatTensor } from '../types';
import { countFlops } from './common';
import { transpose } from './shaping';

/** a [..., rows, inner] · b [..., inner, columns]; the leading axes broadcast. */
export function matmul(graph: GraphBuilder, a: FloatTensor, b: FloatTensor): FloatTensor {
  if (a.shape.length < 2 || b.shape.length < 2 || a.shape.at(-1) !== b.shape.at(-2)) {
    throw new GraphError(`MatMul cannot multiply ${formatShape(a.shape)} and ${formatShape(b.shape)}`);
  }
  const inner = dimOf(a, a.shape.length - 1);
  const shape = [...broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2)), dimOf(a, a.shape.length - 2), dimOf(b, b.shape.length - 1)];
  if (typeof inner === 'number') countFlops(graph, shape, 2 * inner);
  return graph.node('MatMul', [a, b], [{ type: 'float32', shape }])[0];
}

/** Every matrix of a stack, transposed. */
export function transposedMatrices(graph: GraphBuilder, input: FloatTensor): FloatTensor {
  const rank = input.shape.length;
  if (rank < 2) throw new GraphError(`${input.name} ${formatShape(input.shape)} is no stack of matrices`);
  return transpose(graph, input, [...input.shape.keys()].slice(0, -2).concat(rank - 1, rank - 2));
}
