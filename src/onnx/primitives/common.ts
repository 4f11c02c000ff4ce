/** What the other primitives share. */
import type { GraphBuilder } from '../graph';
import { elementCount, formatShape, GraphError } from '../shapes';
import type { Dim, Tensor } from '../types';

/** Adds to the graph's estimate what one operator does for each element of its result; nothing where the shape is known only at run time. */
export function countFlops(graph: GraphBuilder, shape: readonly Dim[], perElement: number): void {
  graph.flops += (elementCount(shape) ?? 0) * perElement;
}

export function int64Vector(graph: GraphBuilder, values: readonly number[]): Tensor<'int64'> {
  return graph.constant('int64', [values.length], BigInt64Array.from(values, (value) => BigInt(value)));
}

export function int32Vector(graph: GraphBuilder, values: readonly number[]): Tensor<'int32'> {
  return graph.constant('int32', [values.length], Int32Array.from(values));
}

/** @throws GraphError where a dimension is known only at run time. */
export function staticShape(tensor: Tensor): readonly number[] {
  return tensor.shape.map((dim) => {
    if (typeof dim !== 'number') throw new GraphError(`${tensor.name} ${formatShape(tensor.shape)} has no static shape`);
    return dim;
  });
}
