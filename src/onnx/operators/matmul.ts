import type { GraphBuilder } from '../graph';
import { gemm, reshape, staticShape, sumTo, transpose } from '../primitives';
import { matmul as emitMatmul, transposedMatrices } from '../primitives/products';
import { broadcastShapes, dimOf, sameShape } from '../shapes';
import type { FloatTensor } from '../types';
import { single, type Operator } from './operator';

export interface MatmulAttributes {
  /** The matrices of the first input are taken transposed: [..., inner, rows]. */
  readonly transA?: boolean;
  /** The matrices of the second input are taken transposed: [..., columns, inner]. */
  readonly transB?: boolean;
}

interface Factor {
  readonly stack: FloatTensor;
  readonly transposed: boolean;
}

/**
 * op(a)·op(b) for stacks of matrices [..., rows, inner] and [..., inner, columns], of two axes or more, whose leading
 * axes broadcast as in NumPy. An input that is to be transposed says so by an attribute: then its gradient needs no Transpose.
 */
export const matmul: Operator<readonly [FloatTensor, FloatTensor], MatmulAttributes> = single({
  name: 'matmul',
  shape: ([a, b], { transA, transB }) => {
    const leading = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
    return [...leading, dimOf(a, a.shape.length - (transA === true ? 1 : 2)), dimOf(b, b.shape.length - (transB === true ? 2 : 1))];
  },
  forward: (graph, [a, b], { transA = false, transB = false }) => ({ output: product(graph, { stack: a, transposed: transA }, { stack: b, transposed: transB }), saved: [] }),
  vjp: (graph, { inputs: [a, b], attributes: { transA = false, transB = false }, gradient, needs }) => {
    const whole = { stack: gradient, transposed: false };
    const turned = { stack: gradient, transposed: true };
    const gradientOfA = (): FloatTensor =>
      transA ? product(graph, { stack: b, transposed: transB }, turned, a) : product(graph, whole, { stack: b, transposed: !transB }, a);
    const gradientOfB = (): FloatTensor =>
      transB ? product(graph, turned, { stack: a, transposed: transA }, b) : product(graph, { stack: a, transposed: !transA }, whole, b);
    return [needs[0] === true ? gradientOfA() : null, needs[1] === true ? gradientOfB() : null];
  },
});

/** The product of two stacks; of the shape of `like`, if it is given, by summing over the axes that it broadcast along. */
function product(graph: GraphBuilder, left: Factor, right: Factor, like?: FloatTensor): FloatTensor {
  const [leadingLeft, leadingRight] = [left.stack.shape.slice(0, -2), right.stack.shape.slice(0, -2)];
  if (leadingLeft.length === 0 && leadingRight.length === 0) return gemm(graph, left.stack, right.stack, { transA: left.transposed, transB: right.transposed });
  // One matrix for the whole stack: its gradient is one long product instead of a sum of many.
  if (like?.shape.length === 2 && sameShape(leadingLeft, leadingRight) && left.transposed && !right.transposed) {
    return gemm(graph, asRows(graph, left.stack), asRows(graph, right.stack), { transA: true });
  }
  if (like?.shape.length === 2 && sameShape(leadingLeft, leadingRight) && !left.transposed) {
    const rank = left.stack.shape.length;
    const rowsFirst = transpose(graph, left.stack, [rank - 2, ...Array(rank - 2).keys(), rank - 1]);
    const [rows = 1, ...rest] = staticShape(rowsFirst);
    return gemm(graph, reshape(graph, rowsFirst, [rows, rest.reduce((count, size) => count * size, 1)]), asRows(graph, operand(graph, right)));
  }
  const found = emitMatmul(graph, operand(graph, left), operand(graph, right));
  return like === undefined ? found : sumTo(graph, found, like.shape);
}

function operand(graph: GraphBuilder, { stack, transposed }: Factor): FloatTensor {
  return transposed ? transposedMatrices(graph, stack) : stack;
}

function asRows(graph: GraphBuilder, stack: FloatTensor): FloatTensor {
  const shape = staticShape(stack);
  return reshape(graph, stack, [shape.slice(0, -1).reduce((count, size) => count * size, 1), shape.at(-1) ?? 1]);
}
