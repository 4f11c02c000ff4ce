/** Products of matrices. */
import type { GraphBuilder } from '../graph';
import { broadcastShapes, dimOf, formatShape, GraphError, sameShape } from '../shapes';
import type { FloatTensor } from '../types';
import { countFlops, int64Vector } from './common';

export interface GemmOptions {
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** Added to the product, broadcast to its shape. */
  readonly addend?: FloatTensor;
  /** Factor of the product, 1 where left out. */
  readonly alpha?: number;
  /** Factor of the addend, 1 where left out. */
  readonly beta?: number;
}

/** alpha · op(a) · op(b) + beta · addend for matrices. */
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
    ...(options.alpha === undefined || options.alpha === 1 ? {} : { alpha: { float: options.alpha } }),
    ...(options.beta === undefined || options.beta === 1 ? {} : { beta: { float: options.beta } }),
  })[0];
}

/** A matrix of ones: Gemm with it sums rows faster than ReduceSum, and in an order that does not depend on the threads. */
export function ones(graph: GraphBuilder, rows: number, columns: number): FloatTensor {
  // Stored as a scalar, which ONNX Runtime expands once when it loads the graph.
  return graph.node('Expand', [graph.scalar(1), int64Vector(graph, [rows, columns])], [{ type: 'float32', shape: [rows, columns] }])[0];
}
