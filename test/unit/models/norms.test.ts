/** Norms of channels: running statistics, batches that are filled up, parts of batches. */
import { describe, expect, test } from 'vitest';
import { cnnSchema, mlpSchema } from '../../../src/config/models';
import type { TrainingConfig } from '../../../src/config/schema';
import { trainingSchema } from '../../../src/config/training';
import { buildInferenceGraph } from '../../../src/models/inference-graph';
import { initialState, initialWeights } from '../../../src/models/initialize';
import { buildTrainingGraph } from '../../../src/models/training-graph';
import { inputSize, type DataShape, type TrainingGraph } from '../../../src/models/types';
import { evaluatedWeights } from '../../../src/models/update';
import type { NamedTensor } from '../../../src/tensors/safetensors';
import { logitsOf, makeExamples, planBatches, runTraining } from './run-training';

const images: DataShape = { input: { kind: 'image', rows: 6, columns: 5, channels: 2, type: 'float32' }, target: { kind: 'class', classes: 3 }, trainSize: 43 };
const table: DataShape = { input: { kind: 'features', size: 6, type: 'float32' }, target: { kind: 'class', classes: 3 }, trainSize: 43 };
const train = (input: object = {}): TrainingConfig => trainingSchema.parse({ learningRate: 0.01, batchSize: 8, ...input });
const start = ({ parameters, buffers, optimizerState }: TrainingGraph, seed = 1): NamedTensor[] => [...initialWeights([...parameters, ...buffers], seed), ...initialState(optimizerState)];
const valuesOf = (tensors: readonly NamedTensor[], name: string): number[] => [...(tensors.find((tensor) => tensor.name === name)!.data as Float32Array)];

const cases = [
  { name: 'an MLP', model: mlpSchema.parse({ kind: 'mlp', hidden: [7], norm: 'batch' }), data: table },
  { name: 'a CNN', model: cnnSchema.parse({ kind: 'cnn', channels: [4], norm: 'batch', residual: true, readout: 'mean' }), data: images },
];

describe.each(cases)('batch norm in $name', ({ model, data }) => {
  const graph = buildTrainingGraph(model, train(), data);
  const { features, labels } = makeExamples(data, 2);
  const examples = { features: features as Float32Array, labels };
  const size = inputSize(data.input);
  const buffers = graph.buffers.map(({ name }) => name);

  test('has no bias before it, and statistics that start as PyTorch’s', () => {
    expect(graph.parameters.map(({ name }) => name)).not.toContain(model.kind === 'mlp' ? 'dense.0.bias' : 'conv.0.bias');
    expect(buffers).toEqual(['norm.0', ...(model.kind === 'cnn' ? ['shortcut.0.norm'] : [])].flatMap((name) => [`${name}.running_mean`, `${name}.running_var`]));
    const weights = start(graph);
    for (const name of buffers) expect(new Set(valuesOf(weights, name)), name).toEqual(new Set([name.endsWith('mean') ? 0 : 1]));
  });

  test('in evaluation goes by running statistics, in which only examples count', async () => {
    const weights = start(graph);
    const still = { ...train(), learningRate: 0 };
    // One step: rows 0 … 2, filled up with row 0 and with row 40.
    const exampleWeights = Float32Array.from({ length: 8 }, (_, index) => (index < 3 ? 1 / 3 : 0));
    const [one, other] = await Promise.all([0, 40].map((row) => runTraining(graph, still, data, examples, { batches: Int32Array.from({ length: 8 }, (_, index) => (index < 3 ? index : row)), exampleWeights }, weights)));
    expect(other!.tensors).toEqual(one!.tensors);
    expect(other!.losses).toEqual(one!.losses);
    for (const name of buffers) expect(valuesOf(one!.tensors, name), name).not.toEqual(valuesOf(weights, name));

    // The same three examples again and again: the statistics come to theirs, with the unbiased variance.
    const plan = { batches: Int32Array.from({ length: 8 * 120 }, (_, index) => (index % 8 < 3 ? index % 8 : 0)), exampleWeights: Float32Array.from({ length: 8 * 120 }, (_, index) => (index % 8 < 3 ? 1 / 3 : 0)) };
    const settled = await runTraining(graph, still, data, examples, plan, weights);
    const batchLoss = settled.losses[0]!;
    const positions = model.kind === 'cnn' ? 30 : 1;
    const count = 3 * positions;
    const biased = settled.tensors.map((tensor) => (tensor.name.endsWith('running_var') ? { ...tensor, data: (tensor.data as Float32Array).map((value) => (value * (count - 1)) / count) } : tensor));
    const logits = (await logitsOf(model, data, biased, examples.features.subarray(0, 3 * size))).flat();
    const losses = [0, 1, 2].map((row) => Math.log(logits.slice(row * 3, row * 3 + 3).reduce((sum, value) => sum + Math.exp(value), 0)) - logits[row * 3 + Number(labels[row])]!);
    expect((losses[0]! + losses[1]! + losses[2]!) / 3).toBeCloseTo(batchLoss, 4);
    // An example is told alike whatever is beside it.
    const alone = (await logitsOf(model, data, settled.tensors, examples.features.subarray(0, size))).flat();
    const beside = (await logitsOf(model, data, settled.tensors, examples.features.subarray(0, 5 * size))).flat();
    alone.forEach((value, index) => expect(value).toBeCloseTo(beside[index]!, 5));
  });

  test('in parts of a batch moves its statistics with each part that has an example', async () => {
    const settings = train({ accumulate: 2 });
    const parts = buildTrainingGraph(model, settings, data);
    const weights = start(parts);
    const still = { ...settings, learningRate: 0 };
    const batches = Int32Array.from({ length: 8 }, (_, index) => index);
    const both = await runTraining(parts, still, data, examples, { batches, exampleWeights: new Float32Array(8).fill(1 / 8) }, weights);
    const first = await runTraining(parts, still, data, examples, { batches, exampleWeights: Float32Array.from({ length: 8 }, (_, index) => (index < 4 ? 1 / 4 : 0)) }, weights);
    const second = await runTraining(parts, still, data, examples, { batches: batches.map((row) => (row + 4) % 8), exampleWeights: Float32Array.from({ length: 8 }, (_, index) => (index < 4 ? 1 / 4 : 0)) }, first.tensors);
    for (const name of buffers) {
      expect(valuesOf(first.tensors, name)).not.toEqual(valuesOf(weights, name));
      expect(valuesOf(second.tensors, name), name).toEqual(valuesOf(both.tensors, name));
    }
  });

  test('gives the same bits in one call and in parts, and hands its statistics on', async () => {
    const settings = train({ ema: 0.9 });
    const averaged = buildTrainingGraph(model, settings, data);
    const plan = planBatches(data.trainSize, 8, 12, 1);
    const whole = await runTraining(averaged, settings, data, examples, plan, start(averaged));
    const part = await runTraining(averaged, settings, data, examples, plan, start(averaged), { count: 5 });
    expect((await runTraining(averaged, settings, data, examples, plan, part.tensors, { firstStep: 5 })).tensors).toEqual(whole.tensors);

    const evaluated = evaluatedWeights([...averaged.parameters, ...averaged.buffers], whole.tensors);
    for (const name of buffers) expect(valuesOf(evaluated, name)).toEqual(valuesOf(whole.tensors, name));
    expect(() => buildInferenceGraph(model, data, evaluated)).not.toThrow();
    expect(() => buildInferenceGraph(model, data, evaluated.filter(({ name }) => name !== buffers[0]))).toThrow(expect.objectContaining({ code: 'MODEL_WEIGHTS_MISMATCH' }));
  });
});

test('a batch of one example has nothing to be normed by', () => {
  const mlp = mlpSchema.parse({ kind: 'mlp', norm: 'batch' });
  const alone = expect.objectContaining({ code: 'MODEL_NORM_NEEDS_EXAMPLES', kind: 'input', problems: [expect.objectContaining({ path: 'training.batchSize' })] });
  for (const settings of [{ batchSize: 6 }, { batchSize: 1 }, { batchSize: 8, accumulate: 4 }, { batchSize: 8, accumulate: 8 }]) expect(() => buildTrainingGraph(mlp, train(settings), table), JSON.stringify(settings)).toThrow(alone);
  for (const settings of [{ batchSize: 8 }, { batchSize: 8, accumulate: 2 }, { batchSize: 43 }]) expect(() => buildTrainingGraph(mlp, train(settings), table)).not.toThrow();
  expect(() => buildTrainingGraph(mlpSchema.parse({ kind: 'mlp', norm: 'layer' }), train({ batchSize: 6 }), table)).not.toThrow();
});

test('groups divide the channels of each block', () => {
  const parse = (switches: object): string[] => (cnnSchema.safeParse({ kind: 'cnn', channels: [6, 8], ...switches }).error?.issues ?? []).map(({ path, message }) => `${path.join('.')} ${message}`);
  expect(parse({ norm: 'group', groups: 4 })).toEqual(['groups must divide each number of model.channels']);
  expect([parse({ norm: 'group', groups: 2 }), parse({ norm: 'batch', groups: 4 }), parse({})]).toEqual([[], [], []]);
});

test('steps of 2 take images of any size, pooling none that are too small', () => {
  const build = (pooling: string): TrainingGraph => buildTrainingGraph(cnnSchema.parse({ kind: 'cnn', channels: [2, 2, 2, 2], pooling }), train(), images);
  for (const pooling of ['max', 'average']) expect(() => build(pooling)).toThrow(expect.objectContaining({ code: 'MODEL_IMAGE_TOO_SMALL' }));
  expect(build('stride').parameters.at(-2)!.shape).toEqual([3, 2]);
  expect(build('none').parameters.at(-2)!.shape).toEqual([3, 60]);
});
