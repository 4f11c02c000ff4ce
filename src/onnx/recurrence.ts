/** Layers that go from step to step, from registered operators. */
import type { Tape } from './autodiff';
import { add } from './operators/arithmetic';
import { jointLstm, lstm } from './operators/lstm';
import { matmul } from './operators/matmul';
import { reshape } from './operators/reshape';
import { concat } from './operators/shaping';
import { cast, equal, int32Vector, reshape as emitReshape } from './primitives';
import { sizeOf } from './shapes';
import type { FloatTensor, Tensor } from './types';

/** The weights of a layer, with the gates in PyTorch's order i, f, g, o. */
export interface LstmWeights {
  /** [4H, I] */
  readonly input: FloatTensor;
  /** [4H, H] */
  readonly hidden: FloatTensor;
  /** [4H] */
  readonly bias: FloatTensor;
}

/** h of every step [T, B, H], and h and c after the last [B, H]. */
export type LstmResults = readonly [shown: FloatTensor, hidden: FloatTensor, cell: FloatTensor];

/** An LSTM layer over x [T, B, I]. @param start the states before the first step [B, H], zeros if left out */
export function lstmLayer(tape: Tape, x: FloatTensor, { input, hidden, bias }: LstmWeights, start: readonly [] | readonly [hidden: FloatTensor, cell: FloatTensor] = []): LstmResults {
  return tape.applyAll(lstm, [projected(tape, x, input, bias), hidden, ...start], undefined) as unknown as LstmResults;
}

/** W·xᵀ + b for x [..., rows, I]: [..., 4H, rows]. */
function projected(tape: Tape, x: FloatTensor, input: FloatTensor, bias: FloatTensor): FloatTensor {
  const column = tape.apply(reshape, [bias], { shape: [sizeOf(bias, 0), 1] });
  return tape.apply(add, [tape.apply(matmul, [input, x], { transB: true }), column], undefined);
}

/**
 * The same over the rows of a table [V, I] that tokens int32 [T, B] name. What the table comes to is computed once for
 * each of its rows, of which a step takes its own by the product that h is in, from the tokens as ones and zeros: with
 * fewer rows than tokens that is much less work than a product, and two in the backward pass, over all tokens.
 */
export function lstmOfTokens(tape: Tape, table: FloatTensor, tokens: Tensor<'int32'>, { input, hidden, bias }: LstmWeights): LstmResults {
  const { graph } = tape;
  const [vocabulary, length, batch] = [sizeOf(table, 0), sizeOf(tokens, 0), sizeOf(tokens, 1)];
  const numbers = emitReshape(graph, int32Vector(graph, [...Array(vocabulary).keys()]), [vocabulary, 1]);
  const chosen = cast(graph, equal(graph, emitReshape(graph, tokens, [length, 1, batch]), numbers), 'float32');
  const weights = tape.apply(concat, [hidden, projected(tape, table, input, bias)], { axis: 1 });
  return tape.applyAll(jointLstm, [chosen, weights], undefined) as unknown as LstmResults;
}
