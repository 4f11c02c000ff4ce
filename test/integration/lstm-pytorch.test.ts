/**
 * An LSTM language model beside torch.nn.LSTM: the same initial weights, batches and dropout masks.
 * REPRISE_PYTHON names a Python, REPRISE_JUDGES the judges it has (`torch`).
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lstmSchema } from '../../src/config/models';
import type { ModelConfig } from '../../src/config/schema';
import { trainingSchema } from '../../src/config/training';
import { initialState, initialWeights } from '../../src/models/initialize';
import { buildTrainingGraph } from '../../src/models/training-graph';
import type { DataShape } from '../../src/models/types';
import { fillMask } from '../../src/random/streams';
import { planBatches, runTraining } from '../unit/models/run-training';

const python = process.env['REPRISE_PYTHON'] ?? '';
const hasTorch = python !== '' && (process.env['REPRISE_JUDGES'] ?? '').split(',').includes('torch');
if (!hasTorch) console.warn('SKIPPED: no torch (REPRISE_PYTHON, REPRISE_JUDGES): LSTMs are not compared with PyTorch.');

const STEPS = 20;
const BATCH = 16;
/** Relative difference of the losses allowed to every variant of PyTorch. */
const AGREEMENT = 1e-4;
const SEED = 5;
const LENGTH = 24;
const VOCABULARY = 40;
const data = { input: { kind: 'tokens', length: LENGTH, vocabulary: VOCABULARY }, target: { kind: 'next-token' }, trainSize: 100 } as const satisfies DataShape;
const training = trainingSchema.parse({ learningRate: 0.01, batchSize: BATCH });
/** Learnable: each token follows from the two before it. */
const stream = new Int32Array(data.trainSize * LENGTH + 1);
stream.forEach((_, index) => (stream[index] = index < 2 ? index : (3 * stream[index - 1]! + stream[index - 2]! + (index % 7 === 0 ? 1 : 0)) % VOCABULARY));

type Lstm = Extract<ModelConfig, { kind: 'lstm' }>;
const cases: readonly (readonly [string, Lstm])[] = [
  ['one layer', lstmSchema.parse({ kind: 'lstm', embedding: 24, hidden: 64 })],
  ['two layers with dropout and a tied head', lstmSchema.parse({ kind: 'lstm', embedding: 48, hidden: 48, layers: 2, dropout: 0.2, tiedHead: true })],
];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reprise-lstm-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe.skipIf(!hasTorch)('an LSTM beside PyTorch', () => {
  test.each(cases)('%s', { timeout: 120_000 }, async (_, model) => {
    const graph = buildTrainingGraph(model, training, data);
    const weights = initialWeights(graph.parameters, SEED);
    const plan = planBatches(data.trainSize, BATCH, STEPS, SEED);
    const masks = Object.fromEntries(
      graph.masks.map(({ name, width, dropProbability }) => {
        const values = new Uint8Array(STEPS * BATCH * width);
        for (let step = 0; step < STEPS; step += 1) fillMask(values.subarray(step * BATCH * width, (step + 1) * BATCH * width), SEED, name, step, dropProbability);
        return [name, values];
      }),
    );
    const ours = async (learningRate: number): Promise<number[]> => {
      const run = await runTraining(graph, { ...training, learningRate }, data, { features: stream, labels: new BigInt64Array(0) }, plan, [...weights, ...initialState(graph.optimizerState)], { masks });
      return [...run.losses];
    };

    const arrays: Record<string, { readonly type: string; readonly shape: readonly number[]; readonly values: Uint8Array | Int32Array | Float32Array }> = {
      features: { type: 'int32', shape: [stream.length], values: stream },
      batches: { type: 'int32', shape: [STEPS, BATCH], values: plan.batches },
      exampleWeights: { type: 'float32', shape: [STEPS, BATCH], values: plan.exampleWeights },
    };
    for (const { name, shape, data: values } of weights) arrays[name] = { type: 'float32', shape, values: values as Float32Array };
    for (const { name, width } of graph.masks) arrays[name] = { type: 'uint8', shape: [STEPS, BATCH, width], values: masks[name]! };
    const tensors: Record<string, object> = {};
    for (const [name, { type, shape, values }] of Object.entries(arrays)) {
      await writeFile(join(folder, `${name}.bin`), new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      tensors[name] = { file: `${name}.bin`, type, shape };
    }
    const job = { model, learningRate: training.learningRate, steps: STEPS, length: LENGTH, vocabulary: VOCABULARY, parameters: weights.map(({ name }) => name), masks: Object.keys(masks), tensors };
    await writeFile(join(folder, 'job.json'), JSON.stringify(job));
    const judge = fileURLToPath(new URL('../fixtures/python/torch_lstm.py', import.meta.url));
    // Threads that spin while they wait are many times slower where the cores are shared.
    const { stdout } = await promisify(execFile)(python, [judge, join(folder, 'job.json')], { timeout: 110_000, env: { ...process.env, OMP_WAIT_POLICY: 'PASSIVE' } });
    const variants = Object.values((JSON.parse(stdout) as { readonly losses: Readonly<Record<string, readonly number[]>> }).losses);
    expect(variants.map(({ length }) => length)).toEqual([STEPS, STEPS, STEPS, STEPS]);

    const apart = (losses: readonly number[]): number => Math.max(...variants.flatMap((variant) => variant.map((loss, step) => Math.abs(losses[step]! - loss) / loss)));
    const losses = await ours(training.learningRate);
    expect(losses.at(-1)!, 'the loss falls').toBeLessThan(0.9 * losses[0]!);
    const difference = apart(losses);
    console.log(`${STEPS} steps within ${difference.toExponential(1)} of every variant`);
    expect(difference).toBeLessThanOrEqual(AGREEMENT);
    // A learning rate one percent off is seen.
    expect(apart(await ours(1.01 * training.learningRate))).toBeGreaterThan(AGREEMENT);
  });
});
