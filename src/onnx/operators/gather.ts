import type { GraphBuilder } from '../graph';
import { cast, equal, gather as emitGather, gemm, int32Vector, int64Vector, modulo, reshape, staticShape } from '../primitives';
import { matmul } from '../primitives/products';
import { dimOf, elementCount, sizeOf } from '../shapes';
import type { FloatTensor, IndexTensor } from '../types';
import { sumsByNumber } from './embedding';
import { single, type Operator } from './operator';

/**
 * Slices of x along an axis, which is replaced by the shape of the indices; a negative index counts from the end.
 * Along axis 0 of a table it is an embedding. The gradient is a product with a matrix of one element for each index and
 * each place on the axis, or from a large table sums of sorted rows.
 */
export const gather: Operator<readonly [FloatTensor, IndexTensor], { readonly axis: number }> = single({
  name: 'gather',
  shape: ([x, indices], { axis }) => {
    dimOf(x, axis);
    return [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  },
  forward: (graph, [x, indices], { axis }) => ({ output: emitGather(graph, x, indices, axis), saved: [] }),
  vjp: (graph, { inputs: [x, indices], attributes: { axis }, gradient }) => [
    gatherGradient(graph, gradient, modulo(graph, indices, sizeOf(x, axis)), staticShape(x), axis),
    null,
  ],
});

/** Places on the leading axis beyond which sorting the indices is quicker than a matrix of size · count ones and zeros. */
const LARGE = 256;

/**
 * For slices that were gathered along an axis of a tensor of `shape`, the sums of their gradients at the places they came
 * from. The indices are not negative. Products, because ScatterND's sums depend on the order of the threads.
 */
export function gatherGradient(graph: GraphBuilder, gradient: FloatTensor, indices: IndexTensor, shape: readonly number[], axis: number): FloatTensor {
  const size = shape[axis] ?? 1;
  const count = staticShape(indices).reduce((product, dim) => product * dim, 1);
  const [outer, inner] = [shape.slice(0, axis), shape.slice(axis + 1)].map((dims) => elementCount(dims) ?? 1) as [number, number];
  if (outer === 1 && size > LARGE) return reshape(graph, sumsByNumber(graph, reshape(graph, gradient, [count, inner]), reshape(graph, indices, [count]), size), shape);
  const places = (indices.type === 'int32' ? int32Vector : int64Vector)(graph, [...Array(size).keys()]);
  if (inner === 1) {
    const chosen = equal<'int32' | 'int64'>(graph, reshape(graph, indices, [count, 1]), places);
    return reshape(graph, gemm(graph, reshape(graph, gradient, [outer, count]), cast(graph, chosen, 'float32')), shape);
  }
  const chosen = cast(graph, equal<'int32' | 'int64'>(graph, reshape(graph, places, [size, 1]), reshape(graph, indices, [1, count])), 'float32');
  const sums = outer === 1 ? gemm(graph, chosen, reshape(graph, gradient, [count, inner])) : matmul(graph, chosen, reshape(graph, gradient, [outer, count, inner]));
  return reshape(graph, sums, shape);
}
