/** What models of text share: tokens in, a row for each token or one for the whole text out. */
import { RepriseError } from '../errors/errors';
import { gather } from '../onnx/operators/gather';
import { linear } from '../onnx/operators/linear';
import { reshape } from '../onnx/operators/reshape';
import { reshape as emitReshape } from '../onnx/primitives';
import { sizeOf, timesDim } from '../onnx/shapes';
import type { FloatTensor, Tensor } from '../onnx/types';
import type { Emission } from './emission';
import { dense, type LayerInits } from './layers';
import type { DataShape, Init } from './types';

export interface Text {
  readonly length: number;
  readonly vocabulary: number;
  /** Whether the next token is to be told after each token, so that none may be seen before its time; else a class of the whole text. */
  readonly causal: boolean;
}

/**
 * The data as a model of text reads them.
 * @throws RepriseError MODEL_NEEDS_TOKENS; MODEL_TIED_HEAD where a head is to be tied that tells classes
 */
export function textOf({ kind, tiedHead }: { readonly kind: string; readonly tiedHead: boolean }, { input, target }: DataShape): Text {
  if (input.kind !== 'tokens' || target.kind === 'values') {
    throw new RepriseError('MODEL_NEEDS_TOKENS', `model.kind is ${kind}, but the data are no tokens with a class or the next token to tell.`, {
      hint: 'Use text data such as moby-dick, or another kind of model.',
      problems: [{ path: 'model.kind', message: `${kind} needs text data (such as moby-dick).` }],
    });
  }
  const causal = target.kind === 'next-token';
  if (tiedHead && !causal) {
    throw new RepriseError('MODEL_TIED_HEAD', 'model.tiedHead is true, but the model is to tell classes: only a head over the vocabulary can share the weights of the token embedding.', {
      hint: 'Set model.tiedHead to false.',
      problems: [{ path: 'model.tiedHead', message: 'must be false where the target is a class.' }],
    });
  }
  return { length: input.length, vocabulary: input.vocabulary, causal };
}

/** The rows of the table `name.weight` [vocabulary, width] for `input` [batch, length]: [batch · length, width]. */
export function embedTokens(emission: Emission, name: string, input: Tensor, { length, vocabulary }: Text, width: number, init: Init): { readonly table: FloatTensor; readonly value: FloatTensor } {
  const table = emission.parameter(`${name}.weight`, [vocabulary, width], init);
  const tokens = emitReshape(emission.graph, { ...input, type: 'int32' } as Tensor<'int32'>, [timesDim(emission.batch, length)]);
  return { table, value: emission.tape.apply(gather, [table, tokens], { axis: 0 }) };
}

/** [batch · length, width] → [batch, length, width]. */
export function asSequences({ tape, batch }: Emission, { length }: Text, value: FloatTensor): FloatTensor {
  return tape.apply(reshape, [value], { shape: [batch, length, sizeOf(value, 1)] });
}

/** The linear head `head`, or the embedding's `table` in its place, for rows of tokens or of whole texts. */
export function tellTokens(emission: Emission, rows: FloatTensor, outputs: number, tied: FloatTensor | null, inits: LayerInits): FloatTensor {
  return tied === null ? dense(emission, 'head', rows, outputs, inits) : emission.tape.apply(linear, [rows, tied], undefined);
}
