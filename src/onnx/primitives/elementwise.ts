/** One element of the result from one element of each input. */
import { dataTypeOf } from '../codec';
import type { GraphBuilder } from '../graph';
import { broadcastShapes } from '../shapes';
import type { ElementType, FloatTensor, Tensor } from '../types';
import { countFlops } from './common';

type Binary = 'Add' | 'Sub' | 'Mul' | 'Div';
type Unary = 'Relu' | 'Tanh' | 'Sigmoid' | 'Erf' | 'Exp' | 'Sqrt' | 'Neg';

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

export function equal<T extends ElementType>(graph: GraphBuilder, left: Tensor<T>, right: Tensor<T>): Tensor<'bool'> {
  return graph.node('Equal', [left, right], [{ type: 'bool', shape: broadcastShapes(left.shape, right.shape) }])[0];
}
