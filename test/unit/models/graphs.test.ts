import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { cnnSchema, mlpSchema } from '../../../src/config/models';
import type { TrainingConfig } from '../../../src/config/schema';
import { trainingSchema } from '../../../src/config/training';
import { buildEvaluationGraph } from '../../../src/models/evaluation-graph';
import { buildInferenceGraph } from '../../../src/models/inference-graph';
import { initialWeights, initialState } from '../../../src/models/initialize';
import { buildTrainingGraph } from '../../../src/models/training-graph';
import { inputSize, inputType, outputWidth, type DataShape } from '../../../src/models/types';
import { refuseExternalData } from '../../../src/onnx/external-data';
import { fillMask } from '../../../src/random/streams';
import type { NamedTensor } from '../../../src/tensors/safetensors';
import { makeExamples, planBatches, runTraining, SESSION_OPTIONS } from './run-training';

const images: DataShape = { input: { kind: 'image', rows: 9, columns: 10, channels: 1, type: 'uint8' }, target: { kind: 'class', classes: 5 }, trainSize: 70 };
const table: DataShape = { input: { kind: 'features', size: 7, type: 'float32' }, target: { kind: 'class', classes: 3 }, trainSize: 70 };

const mlp = mlpSchema.parse({ kind: 'mlp', hidden: [12, 8], activation: 'tanh', dropout: 0.25 });
const cnn = cnnSchema.parse({ kind: 'cnn', channels: [3, 4], kernel: 5, hidden: [6], activation: 'relu', dropout: 0.1 });
const cases = [
  { name: 'MLP', model: mlp, data: table, learningRate: 0.01, optimizer: { kind: 'adam' } },
  { name: 'CNN', model: cnn, data: images, learningRate: 0.05, optimizer: { kind: 'sgd', momentum: 0.9 } },
] as const;

const train = (input: object = {}): TrainingConfig => trainingSchema.parse({ learningRate: 0.01, batchSize: 16, ...input });
const start = (graph: ReturnType<typeof buildTrainingGraph>, seed = 1): NamedTensor[] => [...initialWeights(graph.parameters, seed), ...initialState(graph.optimizerState)];

function masksFor(graph: ReturnType<typeof buildTrainingGraph>, batch: number, firstStep: number, count: number): Record<string, Uint8Array> {
  return Object.fromEntries(
    graph.masks.map(({ name, width, dropProbability }) => {
      const size = batch * width;
      const values = new Uint8Array(count * size);
      for (let row = 0; row < count; row += 1) fillMask(values.subarray(row * size, (row + 1) * size), 9, name, firstStep + row, dropProbability);
      return [name, values];
    }),
  );
}

async function evaluate(model: typeof mlp | typeof cnn, data: DataShape, weights: readonly NamedTensor[], features: Uint8Array | Float32Array, labels: BigInt64Array) {
  const { bytes, batch } = buildEvaluationGraph(model, data);
  const session = await ort.InferenceSession.create(bytes, SESSION_OPTIONS);
  // The graph takes whole batches: zeros after the examples.
  const whole = features instanceof Uint8Array ? new Uint8Array(batch * inputSize(data.input)) : new Float32Array(batch * inputSize(data.input));
  whole.set(features);
  const wholeLabels = new BigInt64Array(batch);
  wholeLabels.set(labels);
  const feeds: Record<string, ort.Tensor> = { features: new ort.Tensor(inputType(data.input), whole, [batch, inputSize(data.input)]), labels: new ort.Tensor('int64', wholeLabels, [batch]) };
  for (const { name, data: values, shape } of weights) feeds[name] = new ort.Tensor('float32', values as Float32Array, [...shape]);
  const results = await session.run(feeds);
  await session.release();
  expect(results['losses']!.dims).toEqual([batch]);
  expect(results['predictions']!.dims).toEqual([batch]);
  return { losses: [...(results['losses']!.data as Float32Array)].slice(0, labels.length), predictions: [...(results['predictions']!.data as BigInt64Array)].slice(0, labels.length) };
}

describe.each(cases)('$name', ({ model, data, learningRate, optimizer }) => {
  const training = train({ learningRate, optimizer });
  const graph = buildTrainingGraph(model, training, data);
  const examples = makeExamples(data, 2);

  test('has equal bytes for equal arguments, and its data inside', () => {
    expect(buildTrainingGraph(model, training, data).bytes).toEqual(graph.bytes);
    expect(buildTrainingGraph(model, { ...training, batchSize: training.batchSize + 1 }, data).bytes).not.toEqual(graph.bytes);
    expect(() => refuseExternalData(graph.bytes)).not.toThrow();
    expect(graph.scalarNames).toContain('learningRate');
    expect(graph.flopsPerStep).toBeGreaterThan(0);
  });

  test('learns', async () => {
    const steps = 200;
    const run = await runTraining(graph, training, data, examples, planBatches(data.trainSize, 16, steps, 1), start(graph), { masks: masksFor(graph, 16, 0, steps) });
    expect(run.losses.length).toBe(steps);
    const mean = (from: number, to: number): number => run.losses.slice(from, to).reduce((sum, loss) => sum + loss, 0) / (to - from);
    expect(mean(180, 200)).toBeLessThan(0.7 * mean(0, 5));
    const { predictions } = await evaluate(model, data, run.tensors.slice(0, graph.parameters.length), examples.features, examples.labels);
    expect(predictions.filter((label, row) => label === examples.labels[row]).length / data.trainSize).toBeGreaterThan(0.7);
  });

  test('gives the same bits in one call and in parts, whatever the chunks', async () => {
    const steps = 12;
    const plan = planBatches(data.trainSize, 16, steps, 1);
    const whole = await runTraining(graph, training, data, examples, plan, start(graph), { masks: masksFor(graph, 16, 0, steps) });
    let tensors: readonly NamedTensor[] = start(graph);
    const losses: number[] = [];
    for (const [firstStep, count] of [[0, 1], [1, 4], [5, 7]] as const) {
      const part = await runTraining(graph, training, data, examples, plan, tensors, { firstStep, count, totalSteps: steps, masks: masksFor(graph, 16, firstStep, count) });
      tensors = part.tensors;
      losses.push(...part.losses);
    }
    expect(losses).toEqual([...whole.losses]);
    expect(tensors).toEqual(whole.tensors);
    expect(tensors.map(({ name }) => name)).toEqual([...graph.parameters, ...graph.optimizerState].map(({ name }) => name));
  });

  test("a padded batch has the mean loss of its real rows, as the evaluation graph gives it, and the padding's content has no part", async () => {
    const real = 6;
    const weights = start(graph);
    // Twice the same step: rows 0 … 5, padded with row 0 and with row 40.
    const exampleWeights = Float32Array.from({ length: 16 }, (_, index) => (index < real ? 1 / real : 0));
    const runs = await Promise.all(
      [0, 40].map((padding) => runTraining(graph, training, data, examples, { batches: Int32Array.from({ length: 16 }, (_, index) => (index < real ? index : padding)), exampleWeights }, weights)),
    );
    expect(runs[1]!.losses).toEqual(runs[0]!.losses);
    expect(runs[1]!.tensors).toEqual(runs[0]!.tensors);
    expect(runs[0]!.tensors).not.toEqual(weights);

    // All masks keep everything, so the hidden values are 1/(1−p) of the evaluation graph's: compare without dropout.
    const still = { ...model, dropout: 0 };
    const plain = buildTrainingGraph(still, training, data);
    expect(plain.masks).toEqual([]);
    const run = await runTraining(plain, training, data, examples, { batches: Int32Array.from({ length: 16 }, (_, index) => (index < real ? index : 0)), exampleWeights }, start(plain));
    const { losses } = await evaluate(model, data, initialWeights(plain.parameters, 1), examples.features.subarray(0, real * inputSize(data.input)), examples.labels.subarray(0, real));
    expect(run.losses[0]).toBeCloseTo(losses.reduce((sum, loss) => sum + loss, 0) / real, 5);
  });

  test('dropout masks reach the loss, and a mask of the whole layer leaves the last bias alone', async () => {
    const plan = planBatches(data.trainSize, 16, 1, 1);
    const zeros = Object.fromEntries(graph.masks.map(({ name, width }) => [name, new Uint8Array(16 * width)]));
    const weights = start(graph);
    const dropped = await runTraining(graph, training, data, examples, plan, weights, { masks: zeros });
    const kept = await runTraining(graph, training, data, examples, plan, weights);
    expect(dropped.losses[0]).not.toBe(kept.losses[0]);
    const bias = [...(weights[graph.parameters.length - 1]!.data as Float32Array)];
    const total = bias.reduce((sum, value) => sum + Math.exp(value), 0);
    const expected = [...plan.batches].reduce((sum, row) => sum + Math.log(total) - bias[Number(examples.labels[row])]!, 0) / 16;
    expect(dropped.losses[0]).toBeCloseTo(expected, 5);
    // The hidden layers got no gradient, so only the last layer's bias has moved under SGD and Adam alike.
    const moved = graph.parameters.filter((_, index) => String(dropped.tensors[index]!.data) !== String(weights[index]!.data)).map(({ name }) => name);
    expect(moved).toEqual([graph.parameters.at(-1)!.name]);
  });

  test('the inference file holds the weights and agrees with the evaluation graph', async () => {
    const weights = initialWeights(graph.parameters, 4);
    const bytes = buildInferenceGraph(model, data, [...weights, ...initialState(graph.optimizerState)]);
    expect(buildInferenceGraph(model, data, weights.toReversed())).toEqual(bytes);
    expect(() => refuseExternalData(bytes)).not.toThrow();
    const session = await ort.InferenceSession.create(bytes, SESSION_OPTIONS);
    expect(session.inputNames).toEqual(['input']);
    expect(session.outputNames).toEqual(['logits', 'probabilities']);
    const { losses, predictions } = await evaluate(model, data, weights, examples.features, examples.labels);
    for (const rows of [1, data.trainSize]) {
      const results = await session.run({ input: new ort.Tensor(inputType(data.input), examples.features.subarray(0, rows * inputSize(data.input)), [rows, inputSize(data.input)]) });
      const probabilities = results['probabilities']!.data as Float32Array;
      const logits = results['logits']!.data as Float32Array;
      for (let row = 0; row < rows; row += 1) {
        const own = [...logits.subarray(row * outputWidth(data), (row + 1) * outputWidth(data))];
        expect(BigInt(own.indexOf(Math.max(...own)))).toBe(predictions[row]);
        expect(-Math.log(probabilities[row * outputWidth(data) + Number(examples.labels[row])]!)).toBeCloseTo(losses[row]!, 5);
      }
    }
    await session.release();
  });
});

describe('models and data that do not fit', () => {
  const sgd = train({ optimizer: { kind: 'sgd' }, batchSize: 8 });

  test('a CNN needs images', () => {
    expect(() => buildTrainingGraph(cnn, sgd, table)).toThrow(expect.objectContaining({ code: 'MODEL_NEEDS_IMAGES', kind: 'input' }));
    expect(() => buildEvaluationGraph(cnn, table)).toThrow(expect.objectContaining({ code: 'MODEL_NEEDS_IMAGES' }));
    expect(() => buildInferenceGraph(cnn, table, [])).toThrow(expect.objectContaining({ code: 'MODEL_NEEDS_IMAGES' }));
  });

  test('images must be large enough for every pooling', () => {
    const deep = { ...cnn, channels: [2, 2, 2, 2] };
    expect(() => buildTrainingGraph(deep, sgd, images)).toThrow(/can be halved 3 times only/);
    expect(() => buildTrainingGraph({ ...cnn, channels: [2, 2, 2] }, sgd, images)).not.toThrow();
  });

  test('weights must be those of the model', () => {
    const { parameters } = buildTrainingGraph(mlp, sgd, table);
    const weights = initialWeights(parameters, 0);
    expect(() => buildInferenceGraph(mlp, table, weights.slice(1))).toThrow(expect.objectContaining({ code: 'MODEL_WEIGHTS_MISMATCH' }));
    expect(() => buildInferenceGraph(mlp, { ...table, input: { kind: 'features', size: 8, type: 'float32' } }, weights)).toThrow(/dense\.0\.weight \[12, 8\], but found float32 \[12, 7\]/);
  });
});

describe('initial values', () => {
  const { parameters, optimizerState } = buildTrainingGraph(mlp, train({ batchSize: 8 }), table);

  test('lie within ±1/√fanIn, differ between seeds and tensors, and repeat', () => {
    const first = initialWeights(parameters, 7);
    expect(initialWeights(parameters, 7)).toEqual(first);
    expect(initialWeights(parameters, 8)).not.toEqual(first);
    const weight = first[0]!.data as Float32Array;
    expect(weight.length).toBe(84);
    const bound = 1 / Math.sqrt(7);
    expect(Math.max(...weight.map(Math.abs))).toBeLessThanOrEqual(bound);
    expect(Math.max(...weight.map(Math.abs))).toBeGreaterThan(0.9 * bound);
    expect(weight.subarray(0, 12)).not.toEqual(first[1]!.data);
  });

  test('do not depend on the other layers', () => {
    const wider = buildTrainingGraph({ ...mlp, hidden: [12, 30] }, train({ batchSize: 8 }), table);
    expect(initialWeights(wider.parameters, 7)[0]).toEqual(initialWeights(parameters, 7)[0]);
  });

  test('of the optimizer are zeros, two tensors a parameter for Adam', () => {
    const state = initialState(optimizerState);
    expect(state.length).toBe(2 * parameters.length);
    expect(state.every(({ data }) => data instanceof Float32Array && data.every((value) => value === 0))).toBe(true);
  });
});
