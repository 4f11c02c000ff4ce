import type { ModelConfig } from '../config/schema';
import { attention, rotate, sinusoids } from '../onnx/attention';
import { add, multiply } from '../onnx/operators/arithmetic';
import { reshape } from '../onnx/operators/reshape';
import { split, transpose } from '../onnx/operators/shaping';
import { reshape as emitReshape } from '../onnx/primitives';
import { sizeOf } from '../onnx/shapes';
import type { FloatTensor, Tensor } from '../onnx/types';
import type { Emission } from './emission';
import { activate, dense, drop, GPT2_DEVIATION, layerInits } from './layers';
import { normalizeRows } from './norms';
import { hidingPadding, paddingOf, readOut } from './readout';
import { asSequences, embedTokens, tellTokens, textOf, type Text } from './tokens';
import { outputWidth, type DataShape, type Init } from './types';

type Transformer = Extract<ModelConfig, { kind: 'transformer' }>;

/** What every part of the model reads. */
interface Context {
  readonly emission: Emission;
  readonly model: Transformer;
  readonly text: Text;
  /** Added to scores of attention, so that padding is seen by none; null where there is none. */
  readonly hiding: FloatTensor | null;
}

/**
 * Token embeddings with positions, blocks of multi-head attention and an MLP of two layers, a final norm (with norms
 * before the sublayers; after them the last block ends in one) and a linear head. For next tokens a decoder: a position
 * sees itself and those before it, and every position has its row of logits, [batch · length, vocabulary] in the order
 * of the text. For classes an encoder: every position sees all that are no padding, and the head reads one row for all of
 * them, [batch, classes].
 * Activations are matrices [batch · length, width]. Names are those of GPT-2: `wte`, `wpe`, `h.0.attn.c_attn`, …
 * @param input int32 [batch, length]
 * @throws RepriseError MODEL_NEEDS_TOKENS; MODEL_TIED_HEAD where a head is to be tied that tells classes
 */
export function emitTransformer(emission: Emission, model: Transformer, data: DataShape, input: Tensor): FloatTensor {
  const text = textOf(model, data);
  const padding = text.causal ? null : paddingOf(emission.graph, input);
  const hiding = padding === null ? null : emitReshape(emission.graph, hidingPadding(emission.graph, padding), [emission.batch, 1, 1, text.length]);
  const context: Context = { emission, model, text, hiding };
  const tokens = embedTokens(emission, 'wte', input, text, model.width, embeddingInit(model));
  let value = drop(emission, 'drop', addPositions(context, tokens.value), model.dropout);
  for (let layer = 0; layer < model.layers; layer += 1) {
    const name = `h.${layer}`;
    value = sublayer(context, `${name}.ln_1`, value, (normed) => attend(context, `${name}.attn`, normed));
    value = sublayer(context, `${name}.ln_2`, value, (normed) => feedForward(context, `${name}.mlp`, normed));
  }
  if (model.normPosition === 'pre') value = normalize(context, 'ln_f', value);
  const outputs = outputWidth(data);
  const rows = text.causal ? value : readOut(emission, model.readout, padding, asSequences(emission, text, value));
  return tellTokens(emission, rows, outputs, model.tiedHead ? tokens.table : null, layerInits(model.init, model.width, outputs, model.bias));
}

/** Adds a position's row to each of its tokens; rotary positions wait for attention. */
function addPositions({ emission, model, text }: Context, value: FloatTensor): FloatTensor {
  const positions = positionRows(emission, model, text.length);
  if (positions === null) return value;
  const { tape } = emission;
  return tape.apply(reshape, [tape.apply(add, [asSequences(emission, text, value), positions], undefined)], { shape: value.shape });
}

/** [length, width], or null where nothing is added to the tokens. */
function positionRows(emission: Emission, model: Transformer, length: number): FloatTensor | null {
  switch (model.positions) {
    case 'learned':
      return emission.parameter('wpe.weight', [length, model.width], embeddingInit(model));
    case 'sinusoidal':
      return emission.graph.constant('float32', [length, model.width], sinusoids(length, model.width));
    case 'rotary':
    case 'none':
      return null;
  }
}

/** x + f(norm(x)), or norm(x + f(x)); without the residual connection f alone stands for the sum. */
function sublayer(context: Context, norm: string, value: FloatTensor, of: (value: FloatTensor) => FloatTensor): FloatTensor {
  const { emission, model } = context;
  const before = model.normPosition === 'pre';
  const change = of(before ? normalize(context, norm, value) : value);
  const sum = model.residual ? emission.tape.apply(add, [value, change], undefined) : change;
  return before ? sum : normalize(context, norm, sum);
}

function normalize({ emission, model }: Context, name: string, value: FloatTensor): FloatTensor {
  return normalizeRows(emission, model.norm, name, value, model.bias);
}

/** Multi-head self-attention of [batch · length, width]. */
function attend(context: Context, name: string, value: FloatTensor): FloatTensor {
  const { emission, model, text: { length, causal }, hiding } = context;
  const { tape, batch } = emission;
  const size = model.width / model.heads;
  const all = project(context, `${name}.c_attn`, value, 3 * model.width);
  const stack = (part: FloatTensor): FloatTensor => tape.apply(transpose, [tape.apply(reshape, [part], { shape: [batch, length, model.heads, size] })], { permutation: [0, 2, 1, 3] });
  const [queries, keys, values] = tape.applyAll(split, [all], { axis: 1, sizes: Array<number>(3).fill(model.width) }).map(stack) as [FloatTensor, FloatTensor, FloatTensor];
  const turned = (of: FloatTensor): FloatTensor => (model.positions === 'rotary' ? rotate(tape, of) : of);
  const mixed = attention(tape, turned(queries), turned(keys), values, { causal, ...(hiding === null ? {} : { hiding }), weights: (weights) => drop(emission, `${name}.drop`, weights, model.attentionDropout) });
  const joined = tape.apply(reshape, [tape.apply(transpose, [mixed], { permutation: [0, 2, 1, 3] })], { shape: value.shape });
  return drop(emission, `${name}.resid_drop`, project(context, `${name}.c_proj`, joined, model.width, true), model.dropout);
}

function feedForward(context: Context, name: string, value: FloatTensor): FloatTensor {
  const { emission, model } = context;
  const units = model.width * model.mlpRatio;
  const wide = project(context, `${name}.c_fc`, value, model.gated ? 2 * units : units);
  const hidden = model.gated ? gate(context, wide) : activate(emission, model.activation, wide);
  return drop(emission, `${name}.drop`, project(context, `${name}.c_proj`, hidden, model.width, true), model.dropout);
}

/** activation(a) · b for the halves a and b of each row: a gated linear unit (Shazeer, 2020). */
function gate({ emission, model }: Context, value: FloatTensor): FloatTensor {
  const half = sizeOf(value, 1) / 2;
  const [opening, through] = emission.tape.applyAll(split, [value], { axis: 1, sizes: [half, half] }) as readonly [FloatTensor, FloatTensor];
  return emission.tape.apply(multiply, [activate(emission, model.activation, opening), through], undefined);
}

/** A linear layer; `closing` where its result is added to a residual connection. */
function project({ emission, model }: Context, name: string, value: FloatTensor, outputs: number, closing = false): FloatTensor {
  const inits = layerInits(model.init, sizeOf(value, 1), outputs, model.bias);
  // GPT-2 lets the sum over all residual connections start with one variance, whatever the number of layers.
  const scaled = closing && model.init === 'gpt2' && inits.weight.kind === 'normal' ? { ...inits, weight: { ...inits.weight, deviation: inits.weight.deviation / Math.sqrt(2 * model.layers) } } : inits;
  return dense(emission, name, value, outputs, scaled);
}

/** PyTorch's Embedding starts with SD 1. */
function embeddingInit({ init }: Transformer): Init {
  return { kind: 'normal', deviation: init === 'gpt2' ? GPT2_DEVIATION : 1 };
}
