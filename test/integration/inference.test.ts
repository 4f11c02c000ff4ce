/**
 * The inference file of a trained model in Node's ONNX Runtime and in Python's: same predictions.
 * REPRISE_PYTHON names a Python, REPRISE_JUDGES the judges it has (`onnxruntime`).
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dataSchema } from '../../src/config/data';
import { modelSchema } from '../../src/config/models';
import type { Config, ModelConfig } from '../../src/config/schema';
import { trainingSchema } from '../../src/config/training';
import { findMnistPackage, mnist } from '../../src/datasets/mnist';
import { buildInferenceGraph } from '../../src/models/inference-graph';
import { initialWeights, initialState } from '../../src/models/initialize';
import { buildTrainingGraph } from '../../src/models/training-graph';
import { inputSize, inputType, outputWidth, type DataShape } from '../../src/models/types';
import { makeExamples, planBatches, runTraining, SESSION_OPTIONS, type Examples } from '../unit/models/run-training';

const python = process.env['REPRISE_PYTHON'] ?? '';
const hasJudge = python !== '' && (process.env['REPRISE_JUDGES'] ?? '').split(',').includes('onnxruntime');
if (!hasJudge) console.warn('SKIPPED: no onnxruntime (REPRISE_PYTHON, REPRISE_JUDGES): inference files are not read in Python.');

const ROWS = 400;
const STEPS = 60;
const LOGIT_TOLERANCE = 1e-5;

interface Trained {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly data: DataShape;
  readonly examples: Examples;
}

interface Answer {
  readonly logits: readonly number[];
  readonly probabilities: readonly number[];
  readonly predictions: readonly number[];
  readonly metadata: Readonly<Record<string, string>>;
}

let folder: string;
let trained: readonly Trained[];

/** Trains some steps, so that the weights are not those of the first moment, and packs the file. */
async function train(name: string, model: ModelConfig, data: DataShape, examples: Examples): Promise<Trained> {
  const training = trainingSchema.parse({ learningRate: 3e-3, batchSize: 50 });
  const graph = buildTrainingGraph(model, training, data);
  const start = [...initialWeights(graph.parameters, 5), ...initialState(graph.optimizerState)];
  const run = await runTraining(graph, training, data, examples, planBatches(data.trainSize, training.batchSize, STEPS, 5), start);
  return { name, bytes: buildInferenceGraph(model, data, run.tensors), data, examples };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reprise-inference-'));
  const config = dataSchema.parse({ kind: 'mnist', samples: ROWS }) as Extract<Config['data'], { kind: 'mnist' }>;
  const digits = await mnist(config, await findMnistPackage());
  const images: DataShape = { input: digits.input, target: digits.target, trainSize: ROWS };
  const table: DataShape = { input: { kind: 'features', size: 24, type: 'float32' }, target: { kind: 'class', classes: 4 }, trainSize: ROWS };
  trained = [
    await train('MLP on digits', modelSchema.parse({ kind: 'mlp', hidden: [48], dropout: 0.1 }), images, digits),
    await train('CNN on digits', modelSchema.parse({ kind: 'cnn', channels: [6, 12], hidden: [20] }), images, digits),
    await train('GELU MLP on a table of floats', modelSchema.parse({ kind: 'mlp', hidden: [16, 8], activation: 'gelu' }), table, makeExamples(table, 5)),
  ];
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function inNode({ bytes, data, examples }: Trained): Promise<{ logits: Float32Array; probabilities: Float32Array }> {
  const session = await ort.InferenceSession.create(bytes, SESSION_OPTIONS);
  const results = await session.run({ input: new ort.Tensor(inputType(data.input), examples.features, [ROWS, inputSize(data.input)]) });
  expect(results['logits']!.dims).toEqual([ROWS, outputWidth(data)]);
  return { logits: results['logits']!.data as Float32Array, probabilities: results['probabilities']!.data as Float32Array };
}

function argMaxRows(values: Float32Array, classes: number): number[] {
  return Array.from({ length: values.length / classes }, (_, row) => {
    const scores = [...values.subarray(row * classes, (row + 1) * classes)];
    return scores.indexOf(Math.max(...scores));
  });
}

function largestDifference(left: ArrayLike<number>, right: readonly number[]): number {
  expect(left.length).toBe(right.length);
  return right.reduce((worst, value, index) => Math.max(worst, Math.abs(left[index]! - value)), 0);
}

describe('inference files', () => {
  test('predict well in Node what they were trained on', async () => {
    for (const item of trained) {
      const { logits, probabilities } = await inNode(item);
      const predictions = argMaxRows(logits, outputWidth(item.data));
      const right = predictions.filter((label, row) => BigInt(label) === item.examples.labels[row]).length;
      expect(right / ROWS, item.name).toBeGreaterThan(0.8);
      for (let row = 0; row < ROWS; row += 1) {
        const sum = probabilities.subarray(row * outputWidth(item.data), (row + 1) * outputWidth(item.data)).reduce((total, value) => total + value, 0);
        expect(sum).toBeCloseTo(1, 5);
      }
    }
  });

  test.skipIf(!hasJudge)(`give the same predictions in Python's onnxruntime on ${ROWS} rows`, { timeout: 120_000 }, async () => {
    const cases = [];
    for (const [index, { bytes, data, examples }] of trained.entries()) {
      await writeFile(join(folder, `${index}.onnx`), bytes);
      await writeFile(join(folder, `${index}.bin`), new Uint8Array(examples.features.buffer, examples.features.byteOffset, examples.features.byteLength));
      cases.push({ model: `${index}.onnx`, input: `${index}.bin`, type: inputType(data.input), shape: [ROWS, inputSize(data.input)] });
    }
    await writeFile(join(folder, 'job.json'), JSON.stringify({ cases }));
    const judge = fileURLToPath(new URL('../fixtures/python/onnxruntime_inference.py', import.meta.url));
    const { stdout } = await promisify(execFile)(python, [judge, join(folder, 'job.json')], { timeout: 100_000, maxBuffer: 2 ** 26 });
    const { answers } = JSON.parse(stdout) as { answers: readonly Answer[] };
    expect(answers.length).toBe(trained.length);

    for (const [index, item] of trained.entries()) {
      const answer = answers[index]!;
      const { logits, probabilities } = await inNode(item);
      expect(answer.predictions, item.name).toEqual(argMaxRows(logits, outputWidth(item.data)));
      expect(largestDifference(logits, answer.logits), item.name).toBeLessThan(LOGIT_TOLERANCE);
      expect(largestDifference(probabilities, answer.probabilities), item.name).toBeLessThan(LOGIT_TOLERANCE);
      expect(answer.metadata['reprise.outputs']).toBe(String(outputWidth(item.data)));
    }
    // Answers of one model must not pass for another's.
    const { logits } = await inNode(trained[0]!);
    expect(largestDifference(logits, answers[1]!.logits)).toBeGreaterThan(0.1);
  });
});
