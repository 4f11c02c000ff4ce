import type { ModelConfig } from '../config/schema';
import { RepriseError } from '../errors/errors';
import { add } from '../onnx/operators/arithmetic';
import { gather } from '../onnx/operators/gather';
import { linear } from '../onnx/operators/linear';
import { reshape } from '../onnx/operators/reshape';
import { concat, slice, split, transpose } from '../onnx/operators/shaping';
import { lstmLayer, lstmOfTokens, type LstmWeights } from '../onnx/recurrence';
import { sizeOf, timesDim } from '../onnx/shapes';
import type { FloatTensor, Tensor } from '../onnx/types';
import type { Emission } from './emission';
import { asFloats, dense, drop, layerInits } from './layers';
import { normalizeRows } from './norms';
import { paddingOf, readOut, reversed, type Padding } from './readout';
import { outputWidth, type DataShape } from './types';

type Lstm = Extract<ModelConfig, { kind: 'lstm' }>;

/**
 * Layers of LSTM over the tokens of a text, as embeddings, or over the rows of an image from top to bottom, and a linear
 * head. For next tokens every step has its row of logits, [batch · length, vocabulary] in the order of the text; else the
 * head reads one row for all steps that are no padding, [batch, outputs]. Dropout on what goes into and comes out of the
 * layers, never from step to step (Zaremba et al., 2014). Names are those of PyTorch: `lstm.weight_ih_l0`, …, with its two
 * biases a layer.
 * @param input [batch, size of an example]
 * @throws RepriseError MODEL_NEEDS_SEQUENCE; MODEL_TIED_HEAD where a head is to be tied that does not tell next tokens;
 * MODEL_SEES_AHEAD where next tokens are to be told by layers that read in both directions
 */
export function emitLstm(emission: Emission, model: Lstm, data: DataShape, input: Tensor): FloatTensor {
  const { tape, batch } = emission;
  const everyStep = data.target.kind === 'next-token';
  refuseUnfit(model, everyStep);
  const { source, table, padding } = sourceOf(emission, model, data, input);
  let value = 'tokens' in source ? null : drop(emission, 'drop', source, model.dropout);
  let state: FloatTensor | null = null;
  for (let layer = 0; layer < model.layers; layer += 1) {
    const { shown, hidden } = emitLayer(emission, model, layer, value ?? source, padding);
    const normed = normalizeRows(emission, model.norm, `lstm.norm_l${layer}`, shown, model.bias);
    const sum = model.residual && layer > 0 && value !== null ? tape.apply(add, [value, normed], undefined) : normed;
    value = everyStep || layer + 1 < model.layers ? drop(emission, `lstm.drop_l${layer}`, sum, model.dropout) : sum;
    // The state after the last step is what the last step shows, and its gradient is quicker.
    state = padding === null && model.norm === 'none' && !model.residual ? hidden : null;
  }
  if (value === null) throw new Error('an LSTM has a layer');
  const rows = everyStep
    ? tape.apply(reshape, [tape.apply(transpose, [value], { permutation: [1, 0, 2] })], { shape: [timesDim(batch, sizeOf(value, 0)), model.hidden] })
    : drop(emission, `lstm.drop_l${model.layers - 1}`, rowOf(emission, model, padding, value, state), model.dropout);
  if (model.tiedHead && table !== null) return tape.apply(linear, [rows, table], undefined);
  const outputs = outputWidth(data);
  return dense(emission, 'head', rows, outputs, layerInits(model.init, sizeOf(rows, 1), outputs, model.bias));
}

function refuseUnfit({ tiedHead, bidirectional }: Lstm, everyStep: boolean): void {
  if (tiedHead && !everyStep) {
    throw new RepriseError('MODEL_TIED_HEAD', 'model.tiedHead is true, but the model is not to tell next tokens: only a head over the vocabulary can share the weights of the token embedding.', {
      hint: 'Set model.tiedHead to false.',
      problems: [{ path: 'model.tiedHead', message: 'must be false unless the next token is to be told.' }],
    });
  }
  if (bidirectional && everyStep) {
    throw new RepriseError('MODEL_SEES_AHEAD', 'model.bidirectional is true, but the model is to tell next tokens: read from the end, it would see what it is to tell.', {
      hint: 'Set model.bidirectional to false.',
      problems: [{ path: 'model.bidirectional', message: 'must be false where the next token is to be told.' }],
    });
  }
}

/** What the head reads of all steps [steps, batch, width]; `state` in place of the last, if it is given. */
function rowOf(emission: Emission, { readout, bidirectional, hidden }: Lstm, padding: Padding | null, value: FloatTensor, state: FloatTensor | null): FloatTensor {
  const { tape } = emission;
  if (readout === 'last' && state !== null) return state;
  const sequences = tape.apply(transpose, [value], { permutation: [1, 0, 2] });
  if (readout !== 'last' || !bidirectional) return readOut(emission, readout, padding, sequences);
  // Where a direction ends it has seen all of the sequence.
  const [forth, back] = tape.applyAll(split, [sequences], { axis: 2, sizes: [hidden, hidden] }) as readonly [FloatTensor, FloatTensor];
  return tape.apply(concat, [readOut(emission, 'last', padding, forth), readOut(emission, 'first', padding, back)], { axis: 1 });
}

/** Tokens [steps, batch] as rows of their embedding. */
interface Tokens {
  readonly tokens: Tensor<'int32'>;
  readonly table: FloatTensor;
}

/** What each step reads, [steps, batch, width]; of tokens their embedding, and of whole texts what of them is padding. */
function sourceOf(emission: Emission, model: Lstm, { input: shape, target }: DataShape, input: Tensor): { readonly source: FloatTensor | Tokens; readonly table: FloatTensor | null; readonly padding: Padding | null } {
  const { tape, graph, batch } = emission;
  switch (shape.kind) {
    case 'tokens': {
      const { length, vocabulary } = shape;
      const table = emission.parameter('embedding.weight', [vocabulary, model.embedding], embeddingInit(model, vocabulary));
      const [tokens] = graph.node('Transpose', [input], [{ type: 'int32', shape: [length, batch] }], { perm: { ints: [1, 0] } });
      // A layer in one direction can look up what the embedding comes to; more rows than tokens would be more work.
      const lookedUp = model.dropout === 0 && !model.bidirectional && typeof batch === 'number' && vocabulary <= length * batch;
      return { source: lookedUp ? { tokens, table } : tape.apply(gather, [table, tokens], { axis: 0 }), table, padding: target.kind === 'next-token' ? null : paddingOf(graph, input) };
    }
    case 'image': {
      const { channels, rows, columns } = shape;
      const image = tape.apply(reshape, [asFloats(emission, input)], { shape: [batch, channels, rows, columns] });
      return { source: tape.apply(reshape, [tape.apply(transpose, [image], { permutation: [2, 0, 1, 3] })], { shape: [rows, batch, channels * columns] }), table: null, padding: null };
    }
    case 'features':
      throw new RepriseError('MODEL_NEEDS_SEQUENCE', 'model.kind is lstm, but the data are no sequences.', {
        hint: 'Use text or images, or set model.kind to mlp.',
        problems: [{ path: 'model.kind', message: 'lstm needs text or images.' }],
      });
  }
}

/** PyTorch's Embedding starts with SD 1; else a table starts as the weights of a layer over one-hot tokens. */
function embeddingInit({ init, embedding }: Lstm, vocabulary: number): ReturnType<typeof layerInits>['weight'] {
  return init === 'pytorch' ? { kind: 'normal', deviation: 1 } : layerInits(init, vocabulary, embedding, false).weight;
}

/** What a layer, or one direction of it, makes: h of every step [steps, batch, width] and after the last [batch, width]. */
interface Shown {
  readonly shown: FloatTensor;
  readonly hidden: FloatTensor;
}

/** One layer; of two directions the results lie side by side, in the order of the steps. */
function emitLayer(emission: Emission, model: Lstm, layer: number, value: FloatTensor | Tokens, padding: Padding | null): Shown {
  const forth = emitDirection(emission, model, `l${layer}`, value);
  if (!model.bidirectional || 'tokens' in value) return forth;
  const back = emitDirection(emission, model, `l${layer}_reverse`, turned(emission, padding, value));
  const beside = (left: FloatTensor, right: FloatTensor): FloatTensor => emission.tape.apply(concat, [left, right], { axis: left.shape.length - 1 });
  return { shown: beside(forth.shown, turned(emission, padding, back.shown)), hidden: beside(forth.hidden, back.hidden) };
}

/** Steps [steps, batch, width] from the last to the first; padding stays behind. */
function turned(emission: Emission, padding: Padding | null, value: FloatTensor): FloatTensor {
  const { tape } = emission;
  const steps = sizeOf(value, 0);
  if (padding === null) return tape.apply(slice, [value], { ranges: [{ axis: 0, start: steps - 1, step: -1, count: steps }] });
  const sequences = tape.apply(transpose, [value], { permutation: [1, 0, 2] });
  return tape.apply(transpose, [reversed(emission, padding, sequences)], { permutation: [1, 0, 2] });
}

function emitDirection(emission: Emission, { hidden, init, bias, forgetBias }: Lstm, place: string, value: FloatTensor | Tokens): Shown {
  const { tape, graph } = emission;
  const inputs = 'tokens' in value ? sizeOf(value.table, 1) : sizeOf(value, 2);
  // PyTorch draws all of a layer from ±1/√hidden, the weights of its input too.
  const ofInput = layerInits(init, init === 'pytorch' ? hidden : inputs, hidden, bias);
  const ofHidden = layerInits(init, hidden, hidden, bias);
  const input = emission.parameter(`lstm.weight_ih_${place}`, [4 * hidden, inputs], ofInput.weight);
  const ofState = emission.parameter(`lstm.weight_hh_${place}`, [4 * hidden, hidden], ofHidden.weight);
  const terms = [ofInput, ofHidden].flatMap((inits, index) => (inits.bias === null ? [] : [emission.parameter(`lstm.bias_${index === 0 ? 'ih' : 'hh'}_${place}`, [4 * hidden], inits.bias)]));
  if (forgetBias !== 0 || !bias) terms.push(graph.constant('float32', [4 * hidden], new Float32Array(4 * hidden).fill(forgetBias, hidden, 2 * hidden)));
  const weights: LstmWeights = { input, hidden: ofState, bias: terms.reduce((left, right) => tape.apply(add, [left, right], undefined)) };
  const [shown, last] = 'tokens' in value ? lstmOfTokens(tape, value.table, value.tokens, weights) : lstmLayer(tape, value, weights);
  return { shown, hidden: last };
}
