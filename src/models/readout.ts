/** Sequences read as a whole: which of their tokens are padding, and one row for all the others. */
import { MASKED } from '../onnx/attention';
import type { GraphBuilder } from '../onnx/graph';
import { add, multiply as product } from '../onnx/operators/arithmetic';
import { matmul } from '../onnx/operators/matmul';
import { reduceMax } from '../onnx/operators/reductions';
import { reshape } from '../onnx/operators/reshape';
import { cast, divide, equal, greater, maximum, maximumOver, multiply, reshape as emitReshape, subtract, sumOver } from '../onnx/primitives';
import { sizeOf } from '../onnx/shapes';
import type { FloatTensor, Tensor } from '../onnx/types';
import type { Emission } from './emission';

/** What a head that tells of a whole sequence reads of it. */
export type Readout = 'mean' | 'max' | 'first' | 'last';

/** Which tokens of a batch of texts are there, and which only fill a text up. */
export interface Padding {
  /** [batch, length]: 1 for a token, 0 for padding. */
  readonly tokens: FloatTensor;
  /** [batch, 1]: the number of the last token, from 1; 0 of a text without any. */
  readonly last: FloatTensor;
}

/** The padding of texts `input` [batch, length]: the token 0. */
export function paddingOf(graph: GraphBuilder, input: Tensor): Padding {
  const zero = graph.constant('int32', [], Int32Array.of(0));
  const tokens = cast(graph, greater(graph, { ...input, type: 'int32' } as Tensor<'int32'>, zero), 'float32');
  return { tokens, last: maximumOver(graph, multiply(graph, tokens, numbers(graph, sizeOf(input, 1))), [1]) };
}

/** What padding is hidden by: [batch, length], added to scores or values, it leaves nothing of padding beside a token. */
export function hidingPadding(graph: GraphBuilder, { tokens }: Padding): FloatTensor {
  return multiply(graph, subtract(graph, graph.scalar(1), tokens), graph.scalar(MASKED));
}

/** [batch, length, width] with 0 in the place of padding. */
export function withoutPadding({ tape, graph, batch }: Emission, { tokens }: Padding, value: FloatTensor): FloatTensor {
  return tape.apply(product, [value, emitReshape(graph, tokens, [batch, sizeOf(value, 1), 1])], undefined);
}

/** One row for each sequence, of what is no padding; null where nothing is: [batch, length, width] → [batch, width]. */
export function readOut({ tape, graph, batch }: Emission, readout: Readout, padding: Padding | null, value: FloatTensor): FloatTensor {
  const [length, width] = [sizeOf(value, 1), sizeOf(value, 2)];
  if (readout === 'max') {
    const hiding = padding === null ? null : emitReshape(graph, hidingPadding(graph, padding), [batch, length, 1]);
    return tape.apply(reduceMax, [hiding === null ? value : tape.apply(add, [value, hiding], undefined)], { axes: [1], keepDims: false });
  }
  // A product with a row of weights: quicker than a reduction over a middle axis.
  const weights = weightsOf(graph, readout, padding, length);
  const row = weights.shape[0] === 1 ? weights : emitReshape(graph, weights, [batch, 1, length]);
  return tape.apply(reshape, [tape.apply(matmul, [row, value], {})], { shape: [batch, width] });
}

/** The weight of each place in the row that is read: [1, length] where it is the same for all texts, else [batch, length]. */
function weightsOf(graph: GraphBuilder, readout: Exclude<Readout, 'max'>, padding: Padding | null, length: number): FloatTensor {
  const constant = (weight: (position: number) => number): FloatTensor => graph.constant('float32', [1, length], Float32Array.from({ length }, (_, position) => weight(position)));
  switch (readout) {
    case 'mean':
      if (padding === null) return constant(() => 1 / length);
      return divide(graph, padding.tokens, maximum(graph, sumOver(graph, padding.tokens, [1]), graph.scalar(1)));
    case 'first':
      return constant((position) => (position === 0 ? 1 : 0));
    case 'last':
      if (padding === null) return constant((position) => (position === length - 1 ? 1 : 0));
      return cast(graph, equal(graph, numbers(graph, length), padding.last), 'float32');
  }
}

/** 1, 2, … as [1, length]. */
function numbers(graph: GraphBuilder, length: number): FloatTensor {
  return graph.constant('float32', [1, length], Float32Array.from({ length }, (_, position) => position + 1));
}

/**
 * Sequences back to front, [batch, length, width]; padding stays behind and becomes 0. The same again turns them back.
 */
export function reversed({ tape, graph, batch }: Emission, padding: Padding, value: FloatTensor): FloatTensor {
  const length = sizeOf(value, 1);
  // Place i of the result is place last − 1 − i: the numbers of the two, counted from 1, make up last + 1.
  const sums = graph.constant('float32', [1, length, length], Float32Array.from({ length: length * length }, (_, index) => Math.floor(index / length) + (index % length) + 1));
  const exchange = cast(graph, equal(graph, sums, emitReshape(graph, padding.last, [batch, 1, 1])), 'float32');
  return tape.apply(matmul, [exchange, value], {});
}
