/**
 * Models against PyTorch: same weights, tokens, batches and dropout masks, 20 steps of Adam, and what they tell in
 * evaluation after them; each switch of a model at least once.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import { modelSchema } from '../../src/config/models';
import type { ModelConfig, TrainingConfig } from '../../src/config/schema';
import { trainingSchema } from '../../src/config/training';
import { initialState, initialWeights } from '../../src/models/initialize';
import { buildTrainingGraph } from '../../src/models/training-graph';
import { inputSize, type DataShape } from '../../src/models/types';
import { normals, uniforms } from '../../src/random/streams';
import { distance, hasTorch, ONE_VARIANT, trainTorch, type TorchAnswer } from '../helpers/torch';
import { drawMasks, logitsOf, planBatches, runTraining, type Examples, type TrainingRun } from '../unit/models/run-training';

const STEPS = 20;
const BATCH = 8;
/** The last batch of an epoch is filled up: it has 3 examples, and where batches have two parts none in the second. */
const TRAIN_SIZE = 43;
/** Examples whose logits are compared after training. */
const EVALUATED = 12;
const SEED = 5;
const VOCABULARY = 29;
const CLASSES = 4;
const LENGTH = 13;
/** Relative difference of the losses allowed at each step. */
const AGREEMENT = 1e-4;
/** Difference of the logits allowed after training, in parts of the largest. */
const LOGIT_AGREEMENT = 1e-4;

const input = { kind: 'tokens', length: LENGTH, vocabulary: VOCABULARY } as const;
const nextToken: DataShape = { input, target: { kind: 'next-token' }, trainSize: TRAIN_SIZE };
const image = { kind: 'image', channels: 2, rows: 8, columns: 9, type: 'float32' } as const;
const images: DataShape = { input: image, target: { kind: 'class', classes: CLASSES }, trainSize: TRAIN_SIZE };
const classes: DataShape = { input, target: { kind: 'class', classes: CLASSES }, trainSize: TRAIN_SIZE };
const training = trainingSchema.parse({ learningRate: 3e-3, batchSize: BATCH });

interface Case {
  readonly name: string;
  readonly model: ModelConfig;
  readonly data: DataShape;
  readonly training: TrainingConfig;
}

const of = (name: string, data: DataShape, model: object, settings: object = {}): Case => ({ name, data, model: modelSchema.parse(model), training: trainingSchema.parse({ ...training, ...settings }) });
const small = { kind: 'transformer', width: 24, layers: 2, heads: 3 };
const lm = (name: string, switches: object): Case => of(`language model, ${name}`, nextToken, { ...small, ...switches });
const classifier = (name: string, switches: object): Case => of(`classifier, ${name}`, classes, { ...small, ...switches });

const convolutions = { kind: 'text-cnn', width: 16, layers: 3 };
const recurrent = { kind: 'lstm', embedding: 12, hidden: 16, layers: 2 };

const cases: readonly Case[] = [
  of('text CNN as language model, as it comes', nextToken, convolutions),
  of('text CNN as language model, RMS norm, tied head, no bias, dropout', nextToken, { ...convolutions, norm: 'rms', tiedHead: true, bias: false, dropout: 0.2, activation: 'gelu', init: 'xavier' }),
  of('text CNN as language model, even kernel without dilation, norm or residual connections', nextToken, { ...convolutions, kernel: 4, dilation: 'none', norm: 'none', residual: false, init: 'kaiming', activation: 'tanh' }),
  of('text CNN as classifier, even kernel', classes, { ...convolutions, kernel: 2, activation: 'silu' }),
  of('text CNN as classifier, largest of the tokens', classes, { ...convolutions, readout: 'max' }),
  of('linear', images, { kind: 'linear' }),
  of('MLP, residual connections, layer norm', images, { kind: 'mlp', hidden: [20, 20, 12], residual: true, norm: 'layer', init: 'xavier', activation: 'tanh' }),
  of('MLP, no bias', images, { kind: 'mlp', hidden: [20, 20], bias: false, norm: 'layer', init: 'kaiming', activation: 'silu' }),
  of('CNN, two convolutions a block, residual connections', images, { kind: 'cnn', channels: [4, 6], blockDepth: 2, residual: true, hidden: [10, 10], init: 'kaiming', activation: 'gelu' }),
  of('CNN, no bias', images, { kind: 'cnn', channels: [4], residual: true, bias: false, init: 'xavier', activation: 'gelu-tanh' }),
  of('MLP, batch norm, leaky ReLU', images, { kind: 'mlp', hidden: [20, 20], norm: 'batch', residual: true, activation: 'leaky-relu' }),
  of('MLP, batch norm in parts of batches, no bias', images, { kind: 'mlp', hidden: [20], norm: 'batch', bias: false }, { accumulate: 2 }),
  of('MLP, RMS norm, ELU, dropout', images, { kind: 'mlp', hidden: [20, 12], norm: 'rms', activation: 'elu', dropout: 0.2 }),
  of('CNN, dropout', images, { kind: 'cnn', channels: [4], hidden: [10], dropout: 0.2 }),
  of('CNN, batch norm, residual connections', images, { kind: 'cnn', channels: [4, 6], blockDepth: 2, residual: true, norm: 'batch', hidden: [10] }),
  of('CNN, batch norm in parts of batches, steps of 2, mean of channels', images, { kind: 'cnn', channels: [4, 6], norm: 'batch', residual: true, pooling: 'stride', readout: 'mean' }, { accumulate: 2 }),
  of('CNN, group norm, average pooling', images, { kind: 'cnn', channels: [4, 6], norm: 'group', groups: 2, pooling: 'average' }),
  of('CNN, layer norm without bias, no pooling, largest of channels', images, { kind: 'cnn', channels: [4], norm: 'layer', bias: false, pooling: 'none', readout: 'max', kernel: 5 }),
  of('LSTM as classifier', classes, recurrent),
  of('LSTM as classifier, both directions, dropout', classes, { ...recurrent, bidirectional: true, dropout: 0.2 }),
  of('LSTM as classifier, both directions, layer norm, residual connections, mean', classes, { ...recurrent, bidirectional: true, norm: 'layer', residual: true, readout: 'mean' }),
  of('LSTM over the rows of images, both directions', images, { ...recurrent, bidirectional: true, init: 'xavier' }),
  of('LSTM as classifier, largest, no bias', classes, { ...recurrent, bias: false, readout: 'max', init: 'kaiming' }),
  of('LSTM as language model, tied head', nextToken, { ...recurrent, embedding: 16, tiedHead: true }),
  of('LSTM as language model, RMS norm, residual connections, dropout', nextToken, { ...recurrent, norm: 'rms', residual: true, dropout: 0.1 }),
  lm('as it comes', {}),
  lm('gated MLPs, Glorot & Bengio’s initial weights', { gated: true, activation: 'silu', init: 'xavier' }),
  lm('PyTorch’s initial weights', { init: 'pytorch' }),
  lm('sinusoidal positions, no bias', { positions: 'sinusoidal', bias: false }),
  lm('rotary positions, RMS norm, SiLU, tied head', { positions: 'rotary', norm: 'rms', activation: 'silu', tiedHead: true }),
  lm('norm after the sublayers, ReLU, wide MLP', { normPosition: 'post', activation: 'relu', mlpRatio: 5.5 }),
  lm('RMS norm after the sublayers, GELU by tanh', { norm: 'rms', normPosition: 'post', activation: 'gelu-tanh', init: 'pytorch' }),
  lm('neither norm nor residual connections nor positions', { norm: 'none', residual: false, positions: 'none', init: 'pytorch' }),
  lm('dropout everywhere', { dropout: 0.2, attentionDropout: 0.3, init: 'pytorch' }),
  classifier('as it comes', {}),
  classifier('rotary positions, RMS norm, no bias', { positions: 'rotary', norm: 'rms', bias: false, init: 'pytorch' }),
  classifier('sinusoidal positions, norm after the sublayers, dropout', { positions: 'sinusoidal', normPosition: 'post', dropout: 0.1, attentionDropout: 0.1, heads: 4 }),
  classifier('first token', { readout: 'first' }),
  classifier('last token, He’s initial weights', { readout: 'last', init: 'kaiming' }),
  classifier('largest of the tokens, gated MLPs', { readout: 'max', gated: true }),
];

/**
 * Tokens that repeat with a period, under noise, so that there is something to learn; classes by the first token. Texts
 * with a class have 3 tokens to all, and padding, the token 0, behind them.
 */
function examplesOf({ target, input: { kind } }: DataShape): Examples<Int32Array | Float32Array> {
  if (kind === 'image') {
    const labels = BigInt64Array.from({ length: TRAIN_SIZE }, (_, row) => BigInt(row % CLASSES));
    const size = inputSize(image);
    const values = normals(SEED, 'data', 'images', TRAIN_SIZE * size);
    return { features: Float32Array.from(values, (value, index) => value + ((index % size) % CLASSES === Math.floor(index / size) % CLASSES ? 1 : 0)), labels };
  }
  const noise = uniforms(SEED, 'data', 'tokens', TRAIN_SIZE * LENGTH + 1);
  const all = Int32Array.from(noise, (value, index) => (value < 0.7 ? (index * 5) % VOCABULARY : Math.floor(((value - 0.7) / 0.3) * VOCABULARY)));
  if (target.kind === 'next-token') return { features: all, labels: new BigInt64Array(0) };
  const features = all.subarray(0, TRAIN_SIZE * LENGTH).map((token, index) => (index % LENGTH < 3 + (Math.floor(index / LENGTH) % (LENGTH - 2)) ? 1 + (token % (VOCABULARY - 1)) : 0));
  return { features, labels: BigInt64Array.from({ length: TRAIN_SIZE }, (_, row) => BigInt(features[row * LENGTH]! % CLASSES)) };
}

const plan = planBatches(TRAIN_SIZE, BATCH, STEPS, SEED);

async function trainOurs({ model, data, training: settings }: Case): Promise<TrainingRun> {
  const graph = buildTrainingGraph(model, settings, data);
  const start = [...initialWeights([...graph.parameters, ...graph.buffers], SEED), ...initialState(graph.optimizerState)];
  return runTraining(graph, settings, data, examplesOf(data), plan, start, { masks: drawMasks(graph.masks, STEPS, BATCH, SEED) });
}

let torch: TorchAnswer = { losses: [], outputs: [], validation: [] };
beforeAll(async () => {
  if (hasTorch) torch = await trainTorch(cases.map((item) => ({ ...item, seed: SEED, examples: examplesOf(item.data), plan })), () => ONE_VARIANT, EVALUATED);
}, 300_000);

describe('models beside PyTorch', () => {
  test.skipIf(!hasTorch).each(cases.map((item, number) => ({ ...item, number })))('$name', { timeout: 60_000 }, async ({ number, ...item }) => {
    const { losses, tensors } = await trainOurs(item);
    const ours = [...losses];
    const off = distance(ours, torch.losses[number]![0]!);
    const first = examplesOf(item.data).features.slice(0, EVALUATED * inputSize(item.data.input));
    const [logits, theirs] = [(await logitsOf(item.model, item.data, tensors, first)).flat(), torch.outputs[number]!];
    expect(logits.length).toBe(theirs.length);
    const logitsOff = Math.max(...theirs.map((value, index) => Math.abs(value - logits[index]!))) / Math.max(...theirs.map(Math.abs));
    console.log(`${item.name}: ${STEPS} steps within ${off.toExponential(1)}, logits then within ${logitsOff.toExponential(1)}; loss ${ours[0]!.toFixed(3)} → ${ours.at(-1)!.toFixed(3)}`);
    expect(ours.at(-1)!, 'the loss falls').toBeLessThan(ours[0]!);
    expect(off).toBeLessThanOrEqual(AGREEMENT);
    expect(logitsOff).toBeLessThanOrEqual(LOGIT_AGREEMENT);
    // A learning rate one percent off is seen.
    const faster = await trainOurs({ ...item, training: { ...item.training, learningRate: 1.01 * training.learningRate } });
    expect(distance([...faster.losses], torch.losses[number]![0]!)).toBeGreaterThan(AGREEMENT);
  });
});
