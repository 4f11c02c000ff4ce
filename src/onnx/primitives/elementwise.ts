/** One element of the result from one element of each input. */
import { dataTypeOf } from '../codec';
import type { Attribute, GraphBuilder } from '../graph';
import { broadcastShapes } from '../shapes';
import type { ElementType, FloatTensor, IndexTensor, Tensor } from '../types';
import { countFlops } from './common';

type Binary = 'Add' | 'Sub' | 'Mul' | 'Div' | 'Pow' | 'Max' | 'Min';
type Unary = 'Relu' | 'Tanh' | 'Sigmoid' | 'Softplus' | 'Erf' | 'Exp' | 'Log' | 'Sqrt' | 'Neg' | 'Abs' | 'Sign' | 'Reciprocal' | 'Sin' | 'Cos';
type Comparison = 'Equal' | 'Greater' | 'GreaterOrEqual' | 'Less' | 'LessOrEqual';

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
export const power = binary.bind(null, 'Pow');
export const maximum = binary.bind(null, 'Max');
export const minimum = binary.bind(null, 'Min');

function unary(opType: Unary, graph: GraphBuilder, input: FloatTensor): FloatTensor {
  return unaryWith(opType, graph, input, {});
}

function unaryWith(opType: string, graph: GraphBuilder, input: FloatTensor, attributes: Readonly<Record<string, Attribute>>): FloatTensor {
  countFlops(graph, input.shape, 1);
  return graph.node(opType, [input], [{ type: 'float32', shape: input.shape }], attributes)[0];
}

export const relu = unary.bind(null, 'Relu');
export const tanh = unary.bind(null, 'Tanh');
export const sigmoid = unary.bind(null, 'Sigmoid');
export const softplus = unary.bind(null, 'Softplus');
export const erf = unary.bind(null, 'Erf');
export const exp = unary.bind(null, 'Exp');
export const log = unary.bind(null, 'Log');
export const squareRoot = unary.bind(null, 'Sqrt');
export const negate = unary.bind(null, 'Neg');
export const absolute = unary.bind(null, 'Abs');
/** −1, 0 or 1. */
export const sign = unary.bind(null, 'Sign');
export const reciprocal = unary.bind(null, 'Reciprocal');
export const sine = unary.bind(null, 'Sin');
export const cosine = unary.bind(null, 'Cos');

/** x where it is positive, alpha·x elsewhere. */
export function leakyRelu(graph: GraphBuilder, input: FloatTensor, alpha: number): FloatTensor {
  return unaryWith('LeakyRelu', graph, input, { alpha: { float: alpha } });
}

/** x where it is positive, alpha·(e^x − 1) elsewhere. */
export function elu(graph: GraphBuilder, input: FloatTensor, alpha: number): FloatTensor {
  return unaryWith('Elu', graph, input, { alpha: { float: alpha } });
}

/** alpha·x + beta, kept within 0 … 1. */
export function hardSigmoid(graph: GraphBuilder, input: FloatTensor, alpha: number, beta: number): FloatTensor {
  return unaryWith('HardSigmoid', graph, input, { alpha: { float: alpha }, beta: { float: beta } });
}

/** Keeps every element within the bounds that are given. */
export function clip(graph: GraphBuilder, input: FloatTensor, low: number | null, high: number | null): FloatTensor {
  countFlops(graph, input.shape, 1);
  const bound = (value: number | null): FloatTensor | null => (value === null ? null : graph.scalar(value));
  return graph.node('Clip', [input, bound(low), bound(high)], [{ type: 'float32', shape: input.shape }])[0];
}

/** The remainder in 0 … divisor − 1, of negative numbers too. */
export function modulo(graph: GraphBuilder, input: IndexTensor, divisor: number): IndexTensor {
  const right = input.type === 'int32' ? graph.constant('int32', [], Int32Array.of(divisor)) : graph.constant('int64', [], BigInt64Array.of(BigInt(divisor)));
  return graph.node('Mod', [input, right], [{ type: input.type, shape: input.shape }])[0];
}

export function cast<T extends ElementType>(graph: GraphBuilder, input: Tensor, type: T): Tensor<T> {
  return graph.node('Cast', [input], [{ type, shape: input.shape }], { to: { int: dataTypeOf(type) } })[0];
}

type Compare = <T extends ElementType>(graph: GraphBuilder, left: Tensor<T>, right: Tensor<T>) => Tensor<'bool'>;

function comparison(opType: Comparison): Compare {
  return (graph, left, right) => graph.node(opType, [left, right], [{ type: 'bool', shape: broadcastShapes(left.shape, right.shape) }])[0];
}

export const equal = comparison('Equal');
export const greater = comparison('Greater');
export const greaterOrEqual = comparison('GreaterOrEqual');
export const less = comparison('Less');
export const lessOrEqual = comparison('LessOrEqual');

export function and(graph: GraphBuilder, left: Tensor<'bool'>, right: Tensor<'bool'>): Tensor<'bool'> {
  return graph.node('And', [left, right], [{ type: 'bool', shape: broadcastShapes(left.shape, right.shape) }])[0];
}

export function or(graph: GraphBuilder, left: Tensor<'bool'>, right: Tensor<'bool'>): Tensor<'bool'> {
  return graph.node('Or', [left, right], [{ type: 'bool', shape: broadcastShapes(left.shape, right.shape) }])[0];
}

/** `yes` where the condition holds, `no` elsewhere, with broadcasting of all three. */
export function where<T extends ElementType>(graph: GraphBuilder, condition: Tensor<'bool'>, yes: Tensor<T>, no: Tensor<T>): Tensor<T> {
  const shape = broadcastShapes(condition.shape, broadcastShapes(yes.shape, no.shape));
  return graph.node('Where', [condition, yes, no], [{ type: yes.type, shape }])[0];
}
