import type { ModelConfig } from '../config/schema';
import { RepriseError } from '../errors/errors';
import { add } from '../onnx/operators/arithmetic';
import { linear } from '../onnx/operators/linear';
import { reshape } from '../onnx/operators/reshape';
import { concat, pad, slice, transpose } from '../onnx/operators/shaping';
import { timesDim } from '../onnx/shapes';
import type { FloatTensor, Tensor } from '../onnx/types';
import type { Emission } from './emission';
import { activate, drop, layerInits } from './layers';
import { normalizeRows } from './norms';
import { paddingOf, readOut, withoutPadding } from './readout';
import { asSequences, embedTokens, tellTokens, textOf, type Text } from './tokens';
import { outputWidth, type DataShape } from './types';

type TextCnn = Extract<ModelConfig, { kind: 'text-cnn' }>;

/**
 * Token embeddings, then layers x + dropout(activation(convolution(norm(x)))) along the text, then a linear head
 * (temporal convolutional network: Bai et al., 2018). For next tokens a convolution sees a position and those before
 * it; for classes it lies around its position, sees padding as it sees what lies beyond the text, as zeros, and the head
 * reads the mean of the tokens, or the largest value of each channel (Kim, 2014).
 * @param input int32 [batch, length]
 * @returns [batch · length, vocabulary] or [batch, classes]
 * @throws RepriseError MODEL_NEEDS_TOKENS; MODEL_TIED_HEAD; MODEL_TEXT_TOO_SHORT where a convolution would reach past every example
 */
export function emitTextCnn(emission: Emission, model: TextCnn, data: DataShape, input: Tensor): FloatTensor {
  const text = textOf(model, data);
  const padding = text.causal ? null : paddingOf(emission.graph, input);
  const tokens = embedTokens(emission, 'embedding', input, text, model.width, { kind: 'normal', deviation: 1 });
  let value = drop(emission, 'embedding.drop', tokens.value, model.dropout);
  for (let layer = 0; layer < model.layers; layer += 1) {
    const dilation = model.dilation === 'doubling' ? 2 ** layer : 1;
    refuseShortText(model, text, layer, dilation);
    const normed = asSequences(emission, text, normalizeRows(emission, model.norm, `norm.${layer}`, value, model.bias));
    const convolved = convolveText(emission, model, text, `conv.${layer}`, padding === null ? normed : withoutPadding(emission, padding, normed), dilation);
    const change = drop(emission, `conv.${layer}.drop`, activate(emission, model.activation, convolved), model.dropout);
    value = model.residual ? emission.tape.apply(add, [value, change], undefined) : change;
  }
  const outputs = outputWidth(data);
  const rows = text.causal ? value : readOut(emission, model.readout, padding, asSequences(emission, text, value));
  return tellTokens(emission, rows, outputs, model.tiedHead ? tokens.table : null, layerInits(model.init, model.width, outputs, model.bias));
}

function refuseShortText({ kernel }: TextCnn, { length }: Text, layer: number, dilation: number): void {
  const reach = (kernel - 1) * dilation;
  if (reach < length) return;
  throw new RepriseError('MODEL_TEXT_TOO_SHORT', `The convolution of layer ${layer + 1} reaches over ${reach + 1} tokens, but an example has ${length}.`, {
    hint: `Give model.layers at most ${layer}, model.kernel a smaller value, or data.length at least ${reach + 1}.`,
    problems: [{ path: 'model.layers', message: `has a layer ${layer + 1} whose convolution reaches over ${reach + 1} tokens; an example has ${length}.` }],
  });
}

/**
 * Convolution along sequences [batch, length, width], one row for each token: `name.weight` [out, in, kernel], `name.bias`
 * [out] as in Conv1d. The taps lie side by side and one Gemm takes them all, so that a token's values stay together for
 * norms and the head.
 */
function convolveText(emission: Emission, model: TextCnn, text: Text, name: string, value: FloatTensor, dilation: number): FloatTensor {
  const { tape } = emission;
  const { width, kernel } = model;
  const inits = layerInits(model.init, width * kernel, width * kernel, model.bias);
  const weight = emission.parameter(`${name}.weight`, [width, width, kernel], inits.weight);
  const reach = (kernel - 1) * dilation;
  const front = text.causal ? reach : Math.floor(reach / 2);
  const padded = tape.apply(pad, [value], { before: [0, front, 0], after: [0, reach - front, 0], mode: 'constant' });
  const taps = Array.from({ length: kernel }, (_, tap) => tape.apply(slice, [padded], { ranges: [{ axis: 1, start: tap * dilation, step: 1, count: text.length }] }));
  const rows = tape.apply(reshape, [tape.apply(concat, taps, { axis: 2 })], { shape: [timesDim(emission.batch, text.length), kernel * width] });
  const matrix = tape.apply(reshape, [tape.apply(transpose, [weight], { permutation: [0, 2, 1] })], { shape: [width, kernel * width] });
  return tape.apply(linear, inits.bias === null ? [rows, matrix] : [rows, matrix, emission.parameter(`${name}.bias`, [width], inits.bias)], undefined);
}
