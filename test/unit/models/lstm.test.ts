import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { lstmSchema } from '../../../src/config/models';
import type { ModelConfig } from '../../../src/config/schema';
import { trainingSchema } from '../../../src/config/training';
import { buildEvaluationGraph } from '../../../src/models/evaluation-graph';
import { initialState, initialWeights } from '../../../src/models/initialize';
import { layOut } from '../../../src/models/model';
import { buildTrainingGraph } from '../../../src/models/training-graph';
import type { DataShape } from '../../../src/models/types';
import type { NamedTensor } from '../../../src/tensors/safetensors';
import { logitsOf, makeExamples, planBatches, runTraining, SESSION_OPTIONS, type Features } from './run-training';

const LENGTH = 6;
const VOCABULARY = 11;
const CLASSES = 3;
const input = { kind: 'tokens', length: LENGTH, vocabulary: VOCABULARY } as const;
const nextToken: DataShape = { input, target: { kind: 'next-token' }, trainSize: 12 };
const classes: DataShape = { input, target: { kind: 'class', classes: CLASSES }, trainSize: 12 };
const images: DataShape = { input: { kind: 'image', channels: 2, rows: 3, columns: 4, type: 'float32' }, target: { kind: 'class', classes: CLASSES }, trainSize: 12 };

type Lstm = Extract<ModelConfig, { kind: 'lstm' }>;
const small = (switches: object = {}): Lstm => lstmSchema.parse({ kind: 'lstm', embedding: 5, hidden: 8, layers: 2, ...switches });
const training = trainingSchema.parse({ learningRate: 0.03, batchSize: 4 });
const start = (model: Lstm, data: DataShape): NamedTensor[] => initialWeights(layOut(model, data).parameters, 3);
const logitsAtFirst = (model: Lstm, data: DataShape, examples: Features): Promise<number[][]> => logitsOf(model, data, start(model, data), examples);

const text = [3, 1, 4, 1, 5, 9];
const tokens = (...examples: number[][]): Int32Array => Int32Array.from(examples.flat());
const stream = Int32Array.from({ length: nextToken.trainSize * LENGTH + 1 }, (_, index) => (index * index + 3) % VOCABULARY);

describe('an LSTM', () => {
  test('has a row of logits for each token in the order of the text, which later tokens do not change', async () => {
    const changed = text.with(3, 2);
    const both = await logitsAtFirst(small(), nextToken, tokens(text, changed));
    expect(both.length).toBe(2 * LENGTH);
    expect(both[0]!.length).toBe(VOCABULARY);
    expect(both.slice(LENGTH, LENGTH + 3)).toEqual(both.slice(0, 3));
    for (const row of [3, 4, 5]) expect(both[LENGTH + row]).not.toEqual(both[row]);
    // The file takes batches of any size.
    const alone = await logitsAtFirst(small(), nextToken, tokens(changed));
    alone.forEach((row, index) => row.forEach((value, column) => expect(value).toBeCloseTo(both[LENGTH + index]![column]!, 5)));
  });

  test('reads the rows of an image, all channels of a row at once, and tells a class from the last', async () => {
    expect(layOut(small(), images).parameters.map(({ name, shape }) => [name, shape])).toContainEqual(['lstm.weight_ih_l0', [32, 8]]);
    const values = Float32Array.from({ length: 24 }, (_, index) => index / 24);
    const [logits] = await logitsAtFirst(small(), images, values);
    for (const place of [0, 23]) {
      const [other] = await logitsAtFirst(small(), images, values.with(place, 2));
      expect(other).not.toEqual(logits);
    }
    const graph = buildTrainingGraph(small(), training, images);
    const run = await runTraining(graph, training, images, makeExamples(images, 3), planBatches(12, 4, 60, 3), [...start(small(), images), ...initialState(graph.optimizerState)]);
    expect(run.losses.at(-1)!).toBeLessThan(0.5 * run.losses[0]!);
  });

  test('gives the same bits in one call and in parts, and its loss falls in training and evaluation alike', async () => {
    const model = small({ forgetBias: 1 });
    const graph = buildTrainingGraph(model, training, nextToken);
    expect(buildTrainingGraph(model, training, nextToken).bytes).toEqual(graph.bytes);
    const examples = { features: stream, labels: new BigInt64Array(0) };
    const plan = planBatches(nextToken.trainSize, 4, 60, 3);
    const first = [...start(model, nextToken), ...initialState(graph.optimizerState)];
    const whole = await runTraining(graph, training, nextToken, examples, plan, first);
    const part = await runTraining(graph, training, nextToken, examples, plan, first, { count: 23 });
    const rest = await runTraining(graph, training, nextToken, examples, plan, part.tensors, { firstStep: 23 });
    expect([...part.losses, ...rest.losses]).toEqual([...whole.losses]);
    expect(rest.tensors).toEqual(whole.tensors);
    expect(whole.losses.at(-1)!).toBeLessThan(0.5 * whole.losses[0]!);

    const evaluation = buildEvaluationGraph(model, nextToken);
    const session = await ort.InferenceSession.create(evaluation.bytes, SESSION_OPTIONS);
    // Each row of the call is an example and the token after it; all rows past the examples repeat the first.
    const rows = Array.from({ length: evaluation.batch }, (_, row) => (row < nextToken.trainSize ? row : 0) * LENGTH);
    const features = new ort.Tensor('int32', Int32Array.from(rows.flatMap((from) => [...stream.slice(from, from + LENGTH + 1)])), [evaluation.batch, LENGTH + 1]);
    const meanLoss = async (weights: readonly NamedTensor[]): Promise<number> => {
      const feeds = Object.fromEntries(evaluation.weights.map(({ name, shape }) => [name, new ort.Tensor('float32', weights.find((tensor) => tensor.name === name)!.data as Float32Array, shape)]));
      const losses = (await session.run({ ...feeds, features }))['losses']!.data as Float32Array;
      return losses.slice(0, nextToken.trainSize * LENGTH).reduce((sum, loss) => sum + loss, 0) / (nextToken.trainSize * LENGTH);
    };
    const firstEpoch = await runTraining(graph, { ...training, learningRate: 0 }, nextToken, examples, plan, first, { count: 3 });
    expect(await meanLoss(first)).toBeCloseTo(firstEpoch.losses.reduce((sum, loss) => sum + loss, 0) / 3, 5);
    expect(await meanLoss(whole.tensors)).toBeLessThan(0.6 * (await meanLoss(first)));
    await session.release();
  });

  test('has the parts its switches name', () => {
    const names = (switches: object): string[] => layOut(small(switches), nextToken).parameters.map(({ name }) => name);
    expect(names({ layers: 1 })).toEqual(['embedding.weight', 'lstm.weight_ih_l0', 'lstm.weight_hh_l0', 'lstm.bias_ih_l0', 'lstm.bias_hh_l0', 'head.weight', 'head.bias']);
    expect(names({ layers: 1, embedding: 8, tiedHead: true })).not.toContain('head.weight');
    expect(layOut(small({ dropout: 0.5 }), nextToken).masks.map(({ name, width }) => [name, width])).toEqual([['drop', 30], ['lstm.drop_l0', 48], ['lstm.drop_l1', 48]]);
    expect(layOut(small({ dropout: 0.5 }), classes).masks.map(({ width }) => width)).toEqual([30, 48, 8]);
  });

  test('refuses what makes no sense', () => {
    expect(lstmSchema.safeParse({ kind: 'lstm', embedding: 5, hidden: 8, tiedHead: true }).error?.issues[0]?.path).toEqual(['tiedHead']);
    expect(() => layOut(small({ embedding: 8, tiedHead: true }), classes)).toThrow(expect.objectContaining({ code: 'MODEL_TIED_HEAD' }));
    const features: DataShape = { ...classes, input: { kind: 'features', size: 4, type: 'float32' } };
    expect(() => layOut(small(), features)).toThrow(expect.objectContaining({ code: 'MODEL_NEEDS_SEQUENCE' }));
  });
});
