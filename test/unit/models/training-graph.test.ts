/** What the step does besides the model: parts of batches, the update, averages, losses. */
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { cnnSchema, mlpSchema } from '../../../src/config/models';
import type { TrainingConfig } from '../../../src/config/schema';
import { trainingSchema } from '../../../src/config/training';
import { buildEvaluationGraph } from '../../../src/models/evaluation-graph';
import { initialState, initialWeights } from '../../../src/models/initialize';
import { lossFor } from '../../../src/models/loss';
import { buildTrainingGraph } from '../../../src/models/training-graph';
import type { DataShape, TrainingGraph } from '../../../src/models/types';
import { averageOf, evaluatedWeights } from '../../../src/models/update';
import type { NamedTensor } from '../../../src/tensors/safetensors';
import { drawMasks, makeExamples, planBatches, runTraining, SESSION_OPTIONS, type Examples } from './run-training';

const BATCH = 16;
const train = (input: object = {}): TrainingConfig => trainingSchema.parse({ learningRate: 0.01, batchSize: BATCH, ...input });
const images: DataShape = { input: { kind: 'image', rows: 8, columns: 8, channels: 1, type: 'uint8' }, target: { kind: 'class', classes: 4 }, trainSize: 70 };
const table: DataShape = { input: { kind: 'features', size: 6, type: 'float32' }, target: { kind: 'class', classes: 3 }, trainSize: 70 };
const cnn = cnnSchema.parse({ kind: 'cnn', channels: [3], kernel: 3, hidden: [7], dropout: 0.2 });
const mlp = mlpSchema.parse({ kind: 'mlp', hidden: [12], activation: 'tanh' });

const start = ({ parameters, buffers, optimizerState }: TrainingGraph, seed = 1): NamedTensor[] => [...initialWeights([...parameters, ...buffers], seed), ...initialState(optimizerState)];
const valuesOf = (tensors: readonly NamedTensor[], name: string): Float32Array => tensors.find((tensor) => tensor.name === name)!.data as Float32Array;
const masksOf = ({ masks }: TrainingGraph, steps: number, seed: number): Record<string, Uint8Array> => drawMasks(masks, steps, BATCH, seed);

describe('accumulation', () => {
  test('comes to the same step as the whole batch, its masks and the padding of its last part included', async () => {
    const examples = makeExamples(images, 2);
    const plan = planBatches(images.trainSize, BATCH, 10, 1);
    const runs = await Promise.all(
      [1, 2, 16].map((accumulate) => {
        const training = train({ accumulate, optimizer: { kind: 'sgd', momentum: 0.9 } });
        const graph = buildTrainingGraph(cnn, training, images);
        return runTraining(graph, training, images, examples, plan, start(graph), { masks: masksOf(graph, 10, 3) });
      }),
    );
    const [whole, ...parts] = runs;
    for (const part of parts) {
      part.losses.forEach((loss, step) => expect(Math.abs(loss - whole!.losses[step]!)).toBeLessThan(1e-5));
      for (const { name, data } of part.tensors) (data as Float32Array).forEach((value, index) => expect(Math.abs(value - valuesOf(whole!.tensors, name)[index]!)).toBeLessThan(1e-4));
    }
    const flops = [1, 16].map((accumulate) => buildTrainingGraph(cnn, train({ accumulate }), images).flopsPerStep);
    expect(flops[1]! / flops[0]!).toBeGreaterThan(0.9);
  });
});

describe('the norm of the gradients', () => {
  test('is told where it is asked for, and changes no bit', async () => {
    const [steps, learningRate] = [6, 0.5];
    const plan = planBatches(table.trainSize, BATCH, steps, 1);
    const run = (logGradientNorm: boolean, count: number): ReturnType<typeof runTraining> => {
      const training = train({ learningRate, optimizer: { kind: 'sgd' }, logGradientNorm });
      const graph = buildTrainingGraph(mlp, training, table);
      return runTraining(graph, training, table, makeExamples(table, 2), plan, start(graph), { count });
    };
    const [without, told] = [await run(false, steps), await run(true, steps)];
    expect(without.gradientNorms).toBeNull();
    expect([told.losses, told.tensors]).toEqual([without.losses, without.tensors]);
    // What SGD subtracts is the gradient times the learning rate.
    let before: readonly NamedTensor[] = start(buildTrainingGraph(mlp, train({ optimizer: { kind: 'sgd' } }), table));
    for (let step = 0; step < steps; step += 1) {
      const { tensors } = await run(false, step + 1);
      const squares = tensors.flatMap(({ name, data }) => [...(data as Float32Array)].map((value, index) => (value - valuesOf(before, name)[index]!) ** 2));
      expect(told.gradientNorms![step]! / (Math.sqrt(squares.reduce((sum, square) => sum + square, 0)) / learningRate)).toBeCloseTo(1, 4);
      before = tensors;
    }
  });
});

describe('parameters', () => {
  test("are updated each by its own gradient: after Adam's first step the state tells it", async () => {
    const adam = train();
    const graph = buildTrainingGraph(mlp, adam, table);
    const weights = start(graph);
    const { tensors } = await runTraining(graph, adam, table, makeExamples(table, 2), planBatches(table.trainSize, BATCH, 1, 1), weights);
    for (const { name } of graph.parameters) {
      const [before, after, first, second] = [valuesOf(weights, name), valuesOf(tensors, name), valuesOf(tensors, `adam.first/${name}`), valuesOf(tensors, `adam.second/${name}`)];
      let wrong = 0;
      first.forEach((gradient, index) => {
        const step = (0.01 * gradient) / (Math.abs(gradient) + 1e-8);
        if (second[index] !== Math.fround(gradient * gradient) || Math.abs(before[index]! - step - after[index]!) > 1e-6) wrong += 1;
      });
      expect(wrong, name).toBe(0);
      expect(new Set(first).size).toBeGreaterThan(first.length / 3);
    }
  });
});

describe('moving averages', () => {
  test('begin with the weights of the first step and follow them', async () => {
    const training = train({ ema: 0.75, learningRate: 0.1 });
    const graph = buildTrainingGraph(mlp, training, table);
    const [examples, plan] = [makeExamples(table, 2), planBatches(table.trainSize, BATCH, 2, 1)];
    const one = await runTraining(graph, training, table, examples, plan, start(graph), { count: 1 });
    const two = await runTraining(graph, training, table, examples, plan, one.tensors, { firstStep: 1, count: 1 });
    for (const { name } of graph.parameters) {
      expect(valuesOf(one.tensors, averageOf(name))).toEqual(valuesOf(one.tensors, name));
      const [before, weights, average] = [valuesOf(one.tensors, name), valuesOf(two.tensors, name), valuesOf(two.tensors, averageOf(name))];
      average.forEach((value, index) => expect(value).toBeCloseTo(0.75 * before[index]! + 0.25 * weights[index]!, 5));
    }
    const evaluated = evaluatedWeights(graph.parameters, two.tensors);
    expect(evaluated.map(({ name }) => name)).toEqual(graph.parameters.map(({ name }) => name));
    for (const { name, data } of evaluated) expect(data).toBe(valuesOf(two.tensors, averageOf(name)));
    // The average watches: it changes nothing of the training.
    const plain = train({ learningRate: 0.1 });
    const without = buildTrainingGraph(mlp, plain, table);
    const alone = await runTraining(without, plain, table, examples, plan, start(without));
    for (const { name, data } of alone.tensors) expect(valuesOf(two.tensors, name)).toEqual(data);
    expect(evaluatedWeights(without.parameters, alone.tensors)).toEqual(alone.tensors.slice(0, without.parameters.length));
  });
});

describe('losses', () => {
  const numbers: DataShape = { input: { kind: 'features', size: 6, type: 'float32' }, target: { kind: 'values', size: 2 }, trainSize: 70 };
  const features = makeExamples(table, 2).features;
  const shares = Float32Array.from({ length: numbers.trainSize * 2 }, (_, index) => ((index * 7) % 11) / 10);
  const distances = shares.map((value) => 6 * value - 3);

  /** The loss of the first step, and what the evaluation graph tells of the rows of its batch. */
  async function both(data: DataShape, loss: object, labels: Examples['labels']) {
    const training = train({ loss });
    const graph = buildTrainingGraph(mlp, training, data);
    const plan = planBatches(data.trainSize, BATCH, 1, 1);
    const { losses } = await runTraining(graph, training, data, { features, labels }, plan, start(graph));
    const evaluation = buildEvaluationGraph(mlp, data, training);
    const session = await ort.InferenceSession.create(evaluation.bytes, SESSION_OPTIONS);
    const width = data.target.kind === 'values' ? data.target.size : 1;
    const whole = labels instanceof Float32Array ? new Float32Array(evaluation.batch * width) : new BigInt64Array(evaluation.batch);
    const inputs = new Float32Array(evaluation.batch * 6);
    plan.batches.forEach((row, index) => {
      inputs.set(features.subarray(row * 6, (row + 1) * 6), index * 6);
      for (let column = 0; column < width; column += 1) whole[index * width + column] = labels[row * width + column]!;
    });
    const results = await session.run({
      features: new ort.Tensor('float32', inputs, [evaluation.batch, 6]),
      labels: whole instanceof Float32Array ? new ort.Tensor('float32', whole, [evaluation.batch, width]) : new ort.Tensor('int64', whole, [evaluation.batch]),
      ...Object.fromEntries(initialWeights(graph.parameters, 1).map(({ name, data: values, shape }) => [name, new ort.Tensor('float32', values as Float32Array, [...shape])])),
    });
    await session.release();
    const rows = [...(results['losses']!.data as Float32Array)].slice(0, BATCH);
    return { loss: losses[0]!, rows, predictions: [...(results['predictions']!.data as Float32Array)].slice(0, BATCH * width), targets: [...(whole as Float32Array)].slice(0, BATCH * width) };
  }

  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const rowMeans = (values: readonly number[]): number[] => Array.from({ length: BATCH }, (_, row) => (values[2 * row]! + values[2 * row + 1]!) / 2);

  test.each([
    { loss: { kind: 'mse' }, labels: distances, of: (x: number, t: number) => (x - t) ** 2 },
    { loss: { kind: 'huber', delta: 0.8 }, labels: distances, of: (x: number, t: number) => (Math.abs(x - t) <= 0.8 ? (x - t) ** 2 / 2 : 0.8 * (Math.abs(x - t) - 0.4)) },
    // The prediction is the probability p, so that the loss is −t·log p − (1−t)·log(1−p).
    { loss: { kind: 'binary-cross-entropy' }, labels: shares, of: (p: number, t: number) => -t * Math.log(p) - (1 - t) * Math.log(1 - p) },
  ])('$loss.kind is the mean over the values, in training and of each row', async ({ loss, labels, of }) => {
    const found = await both(numbers, loss, labels);
    const expected = rowMeans(found.predictions.map((value, index) => of(value, found.targets[index]!)));
    expected.forEach((value, row) => expect(found.rows[row]).toBeCloseTo(value, 5));
    expect(found.loss).toBeCloseTo(mean(expected), 5);
  });

  const labels = makeExamples(table, 2).labels;

  test('an ignored class leaves the mean of the others', async () => {
    const plain = await both(table, { kind: 'cross-entropy' }, labels);
    expect(plain.loss).toBeCloseTo(mean(plain.rows), 5);
    const left = plain.rows.filter((_, row) => BigInt(plain.targets[row]!) !== 1n);
    expect(left.length).toBeLessThan(BATCH);
    expect((await both(table, { kind: 'cross-entropy', ignoreIndex: 1 }, labels)).loss).toBeCloseTo(mean(left), 5);
    // A batch in which every row is ignored teaches nothing.
    const training = train({ loss: { kind: 'cross-entropy', ignoreIndex: -100 }, optimizer: { kind: 'sgd' } });
    const graph = buildTrainingGraph(mlp, training, table);
    const run = await runTraining(graph, training, table, { features, labels: new BigInt64Array(table.trainSize).fill(-100n) }, planBatches(table.trainSize, BATCH, 1, 1), start(graph));
    expect(run.losses[0]).toBeCloseTo(0, 30);
    expect(run.tensors).toEqual(start(graph));
  });

  test('smoothing is for training only', async () => {
    const [plain, smooth, all] = await Promise.all([0, 0.3, 0.999].map((labelSmoothing) => both(table, { kind: 'cross-entropy', labelSmoothing }, labels)));
    expect(smooth!.rows).toEqual(plain!.rows);
    const ofAll = (all!.loss - 0.001 * plain!.loss) / 0.999;
    expect(smooth!.loss).toBeCloseTo(0.7 * plain!.loss + 0.3 * ofAll, 5);
    expect(smooth!.loss).not.toBeCloseTo(plain!.loss, 3);
  });

  test('fit the targets, or are refused by name', () => {
    expect(lossFor({}, table.target)).toEqual({ kind: 'cross-entropy', labelSmoothing: 0 });
    expect(lossFor({}, numbers.target)).toEqual({ kind: 'mse' });
    expect(() => buildTrainingGraph(mlp, train({ loss: { kind: 'mse' } }), table)).toThrow(expect.objectContaining({ code: 'LOSS_DOES_NOT_FIT', problems: [expect.objectContaining({ path: 'training.loss.kind' })] }));
    expect(() => buildEvaluationGraph(mlp, numbers, train({ loss: { kind: 'cross-entropy' } }))).toThrow(/but the targets are numbers/);
  });
});
