/** What layers are made of besides products and windows: sums of channels, and rows chosen by number. */
import type { GraphBuilder } from '../graph';
import { dimOf } from '../shapes';
import type { ElementType, FloatTensor, IndexTensor, Tensor } from '../types';
import { int64Vector, staticShape } from './common';
import { sumOver } from './reductions';
import { reshape } from './shaping';

/** Σ over everything but the channels of [N, C, …] → [C]: within each channel of each example, then over the examples. */
export function sumOfChannels(graph: GraphBuilder, input: FloatTensor): FloatTensor {
  const spatial = [...input.shape.keys()].slice(2);
  return reshape(graph, sumOver(graph, sumOver(graph, input, spatial), [0]), [dimOf(input, 1)]);
}

/** The same integers with `count` times `value` behind them. */
export function extended(graph: GraphBuilder, input: Tensor<'int64'>, count: number, value: number): Tensor<'int64'> {
  if (count === 0) return input;
  const [length = 0] = staticShape(input);
  const filler = graph.constant('int64', [], BigInt64Array.of(BigInt(value)));
  return graph.node('Pad', [input, int64Vector(graph, [0, count]), filler], [{ type: 'int64', shape: [length + count] }])[0];
}

/** The numbers of a vector in ascending order, equal ones as they stood, and where each of them stood. */
export function sorted(graph: GraphBuilder, input: Tensor<'int64'>): readonly [Tensor<'int64'>, Tensor<'int64'>] {
  const result = { type: 'int64', shape: input.shape } as const;
  return graph.node('TopK', [input, int64Vector(graph, staticShape(input))], [result, result], { largest: { int: 0 } });
}

/** The rows of `input` for which `condition` holds; `count` names their number, known only when the graph runs. */
export function chosenRows<T extends ElementType>(graph: GraphBuilder, input: Tensor<T>, condition: Tensor<'bool'>, count: string): Tensor<T> {
  return graph.node('Compress', [input, condition], [{ type: input.type, shape: [count, ...input.shape.slice(1)] }], { axis: { int: 0 } })[0];
}

/** `rows` written over those of `input` that `indices` [count, 1] names. No index may come twice. */
export function withRows(graph: GraphBuilder, input: FloatTensor, indices: IndexTensor, rows: FloatTensor): FloatTensor {
  return graph.node('ScatterND', [input, indices, rows], [{ type: 'float32', shape: input.shape }])[0];
}

/** In each row of a matrix one element replaced: the one in the column that `columns` [rows, 1] names, by that of `values` [rows, 1]. */
export function withColumns(graph: GraphBuilder, input: FloatTensor, columns: IndexTensor, values: FloatTensor): FloatTensor {
  return graph.node('ScatterElements', [input, columns, values], [{ type: 'float32', shape: input.shape }], { axis: { int: 1 } })[0];
}
