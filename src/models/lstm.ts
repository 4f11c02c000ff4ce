import type { ModelConfig } from '../config/schema';
import { RepriseError } from '../errors/errors';
import { add } from '../onnx/operators/arithmetic';
import { gather } from '../onnx/operators/gather';
import { linear } from '../onnx/operators/linear';
import { lstm } from '../onnx/operators/lstm';
import { reshape } from '../onnx/operators/reshape';
import { transpose } from '../onnx/operators/shaping';
import { sizeOf, timesDim } from '../onnx/shapes';
import type { FloatTensor, Tensor } from '../onnx/types';
import type { Emission } from './emission';
import { asFloats, dense, drop, layerInits } from './layers';
import { outputWidth, type DataShape, type InputShape } from './types';

type Lstm = Extract<ModelConfig, { kind: 'lstm' }>;

/**
 * Layers of LSTM over the tokens of a text, as embeddings, or over the rows of an image from top to bottom, and a linear
 * head. For next tokens every step has its row of logits, [batch · length, vocabulary] in the order of the text; else the
 * head reads h after the last step, [batch, outputs]. Dropout on what goes into and comes out of the layers, never from
 * step to step (Zaremba et al., 2014). Names are those of PyTorch: `lstm.weight_ih_l0`, …, with its two biases a layer.
 * @param input [batch, size of an example]
 * @throws RepriseError MODEL_NEEDS_SEQUENCE; MODEL_TIED_HEAD where a head is to be tied that does not tell next tokens
 */
export function emitLstm(emission: Emission, model: Lstm, data: DataShape, input: Tensor): FloatTensor {
  const { tape, batch } = emission;
  const everyStep = data.target.kind === 'next-token';
  if (model.tiedHead && !everyStep) {
    throw new RepriseError('MODEL_TIED_HEAD', 'model.tiedHead is true, but the model is not to tell next tokens: only a head over the vocabulary can share the weights of the token embedding.', {
      hint: 'Set model.tiedHead to false.',
      problems: [{ path: 'model.tiedHead', message: 'must be false unless the next token is to be told.' }],
    });
  }
  const { sequence, table } = sequenceOf(emission, model, data.input, input);
  let value = drop(emission, 'drop', sequence, model.dropout);
  let last: FloatTensor | null = null;
  for (let layer = 0; layer < model.layers; layer += 1) {
    const [shown, hidden] = emitLayer(emission, model, layer, value);
    value = everyStep || layer + 1 < model.layers ? drop(emission, `lstm.drop_l${layer}`, shown, model.dropout) : shown;
    last = hidden;
  }
  if (last === null) throw new Error('an LSTM has a layer');
  const rows = everyStep
    ? tape.apply(reshape, [tape.apply(transpose, [value], { permutation: [1, 0, 2] })], { shape: [timesDim(batch, sizeOf(value, 0)), model.hidden] })
    : drop(emission, `lstm.drop_l${model.layers - 1}`, last, model.dropout);
  if (model.tiedHead && table !== null) return tape.apply(linear, [rows, table], undefined);
  const outputs = outputWidth(data);
  return dense(emission, 'head', rows, outputs, layerInits(model.init, model.hidden, outputs, true));
}

/** What each step reads, [steps, batch, width], and the embedding of tokens. */
function sequenceOf(emission: Emission, model: Lstm, shape: InputShape, input: Tensor): { readonly sequence: FloatTensor; readonly table: FloatTensor | null } {
  const { tape, graph, batch } = emission;
  switch (shape.kind) {
    case 'tokens': {
      const { length, vocabulary } = shape;
      const table = emission.parameter('embedding.weight', [vocabulary, model.embedding], embeddingInit(model, vocabulary));
      const [tokens] = graph.node('Transpose', [input], [{ type: 'int32', shape: [length, batch] }], { perm: { ints: [1, 0] } });
      return { sequence: tape.apply(gather, [table, tokens], { axis: 0 }), table };
    }
    case 'image': {
      const { channels, rows, columns } = shape;
      const image = tape.apply(reshape, [asFloats(emission, input)], { shape: [batch, channels, rows, columns] });
      return { sequence: tape.apply(reshape, [tape.apply(transpose, [image], { permutation: [2, 0, 1, 3] })], { shape: [rows, batch, channels * columns] }), table: null };
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

/** h of every step [steps, batch, hidden] and after the last [batch, hidden]. */
function emitLayer(emission: Emission, { hidden, init, forgetBias }: Lstm, layer: number, value: FloatTensor): readonly [FloatTensor, FloatTensor] {
  const { tape, graph } = emission;
  const inputs = sizeOf(value, 2);
  // PyTorch draws all of a layer from ±1/√hidden, the weights of its input too.
  const ofInput = layerInits(init, init === 'pytorch' ? hidden : inputs, hidden, true);
  const ofHidden = layerInits(init, hidden, hidden, true);
  const weightInput = emission.parameter(`lstm.weight_ih_l${layer}`, [4 * hidden, inputs], ofInput.weight);
  const weightHidden = emission.parameter(`lstm.weight_hh_l${layer}`, [4 * hidden, hidden], ofHidden.weight);
  const biases = [ofInput, ofHidden].map(({ bias }, index) => emission.parameter(`lstm.bias_${index === 0 ? 'ih' : 'hh'}_l${layer}`, [4 * hidden], bias ?? { kind: 'constant', value: 0 }));
  let bias = tape.apply(add, [biases[0]!, biases[1]!], undefined);
  if (forgetBias !== 0) {
    const forget = new Float32Array(4 * hidden).fill(forgetBias, hidden, 2 * hidden);
    bias = tape.apply(add, [bias, graph.constant('float32', [4 * hidden], forget)], undefined);
  }
  const [shown, last] = tape.applyAll(lstm, [value, weightInput, weightHidden, bias], undefined);
  return [shown!, last!];
}
