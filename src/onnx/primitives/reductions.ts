/** Sums, maxima and the like along axes. */
import type { GraphBuilder } from '../graph';
import type { FloatTensor, Tensor } from '../types';
import { countFlops } from './common';

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
