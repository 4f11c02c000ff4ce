/**
 * Our training graphs against PyTorch: same initial weights, same batches, same masks, real digits.
 * REPRISE_PYTHON names a Python, REPRISE_JUDGES the judges it has (`torch`).
 *
 * Two float32 programs for the same mathematics differ by rounding, and a max-pool or ReLU decided the
 * other way by one rounding sends them apart for good: PyTorch's own variants (single-tensor, foreach and
 * fused optimizers, 1 and 2 threads, channels_last, oneDNN or native convolution) do so from each other.
 * Over 100 steps we may therefore be no further from the nearest variant than the variants are from
 * each other. Where such forks are likely (the CNN takes millions of maxima), several initial seeds are
 * pooled, since in a single one it is chance which variant forks.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dataSchema } from '../../src/config/data';
import { modelSchema } from '../../src/config/models';
import type { Config, ModelConfig, TrainingConfig } from '../../src/config/schema';
import { trainingSchema } from '../../src/config/training';
import { findMnistPackage, mnist } from '../../src/datasets/mnist';
import { initialWeights, initialState } from '../../src/models/initialize';
import { buildTrainingGraph } from '../../src/models/training-graph';
import { inputSize, type DataShape, type MaskSpec } from '../../src/models/types';
import { fillMask } from '../../src/random/streams';
import { planBatches, runTraining, type Examples } from '../unit/models/run-training';

const python = process.env['REPRISE_PYTHON'] ?? '';
const hasTorch = python !== '' && (process.env['REPRISE_JUDGES'] ?? '').split(',').includes('torch');
if (!hasTorch) console.warn('SKIPPED: no torch (REPRISE_PYTHON, REPRISE_JUDGES): training is not compared with PyTorch.');

/** 990 digits in batches of 64: the last batch of an epoch has 30 real rows, as with PyTorch's drop_last=False. */
const TRAIN_SIZE = 990;
const BATCH = 64;
const STEPS = 100;
const SHORT = 20;
/** Relative difference of the losses allowed over the first SHORT steps, to every variant. */
const AGREEMENT = 1e-4;
/**
 * 16 roundings of float32 (2⁻²⁴ each). A loss is the mean of log-sum-exp minus logit, numbers of
 * size up to 10 that are each rounded, and comes to 0.2 … 2.4 here, so some ten roundings can show in it
 * even where all weights agree. Below this, variants whose bits happen to be equal say nothing.
 */
const ROUNDING_FLOOR = 16 * 2 ** -24;

interface Case {
  readonly name: string;
  readonly model: ModelConfig;
  readonly training: TrainingConfig;
  /** Seeds of the initial weights, batches and masks. */
  readonly seeds: readonly number[];
}

function makeCase(name: string, seeds: readonly number[], model: object, training: object): Case {
  return { name, seeds, model: modelSchema.parse(model), training: trainingSchema.parse({ learningRate: 1e-3, batchSize: BATCH, ...training }) };
}

const cases: readonly Case[] = [
  makeCase('MLP, Adam', [3], { kind: 'mlp', hidden: [32] }, {}),
  makeCase('MLP, SGD with momentum and L2', [3], { kind: 'mlp', hidden: [64, 32], activation: 'tanh' }, { learningRate: 0.05, optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 1e-3 } }),
  makeCase('MLP with dropout, AdamW, cosine', [3], { kind: 'mlp', hidden: [64, 32], activation: 'gelu', dropout: 0.2 }, { learningRate: 2e-3, optimizer: { kind: 'adamw', weightDecay: 0.05 }, schedule: { kind: 'cosine', finalFraction: 0.1 } }),
  makeCase('CNN, Adam', [3, 4, 5, 6], { kind: 'cnn', channels: [6, 12], hidden: [] }, { learningRate: 2e-3 }),
];

interface TorchAnswer {
  readonly torch: string;
  readonly losses: Readonly<Record<string, readonly number[]>>;
}

type Bytes = Uint8Array | Float32Array | Int32Array | BigInt64Array;

function typeOf(data: Bytes): string {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Uint8Array) return 'uint8';
  return data instanceof Int32Array ? 'int32' : 'int64';
}

let folder: string;
let data: DataShape;
let examples: Examples;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reprise-torch-'));
  if (!hasTorch) return;
  const config = dataSchema.parse({ kind: 'mnist', samples: TRAIN_SIZE }) as Extract<Config['data'], { kind: 'mnist' }>;
  const prepared = await mnist(config, await findMnistPackage());
  examples = prepared;
  data = { input: prepared.input, target: prepared.target, trainSize: prepared.parts.train };
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Setting {
  readonly item: Case;
  readonly seed: number;
}

/** Runs the same steps with our graph; `training` may differ from what PyTorch was given, to plant an error. */
async function trainOurs({ item: { model }, seed }: Setting, training: TrainingConfig): Promise<readonly number[]> {
  const graph = buildTrainingGraph(model, training, data);
  const start = [...initialWeights(graph.parameters, seed), ...initialState(graph.optimizerState)];
  const run = await runTraining(graph, training, data, examples, planBatches(TRAIN_SIZE, BATCH, STEPS, seed), start, { masks: masksOf(graph.masks, seed) });
  return [...run.losses];
}

function masksOf(masks: readonly MaskSpec[], seed: number): Record<string, Uint8Array> {
  return Object.fromEntries(
    masks.map(({ name, width, dropProbability }) => {
      const values = new Uint8Array(STEPS * BATCH * width);
      for (let step = 0; step < STEPS; step += 1) fillMask(values.subarray(step * BATCH * width, (step + 1) * BATCH * width), seed, name, step, dropProbability);
      return [name, values];
    }),
  );
}

/** The losses of each of PyTorch's variants. */
async function trainTorch({ item: { model, training }, seed }: Setting): Promise<readonly (readonly number[])[]> {
  const { parameters: specs, masks } = buildTrainingGraph(model, training, data);
  const parameters = initialWeights(specs, seed);
  const plan = planBatches(TRAIN_SIZE, BATCH, STEPS, seed);
  const arrays: Record<string, { readonly shape: readonly number[]; readonly data: Bytes }> = {
    features: { shape: [data.trainSize, inputSize(data.input)], data: examples.features },
    labels: { shape: [data.trainSize], data: examples.labels },
    batches: { shape: [STEPS, BATCH], data: plan.batches },
    exampleWeights: { shape: [STEPS, BATCH], data: plan.exampleWeights },
  };
  for (const tensor of parameters) arrays[tensor.name] = tensor;
  const maskValues = masksOf(masks, seed);
  for (const { name, width } of masks) arrays[name] = { shape: [STEPS, BATCH, width], data: maskValues[name]! };

  const tensors: Record<string, { file: string; type: string; shape: readonly number[] }> = {};
  for (const [name, { shape, data: values }] of Object.entries(arrays)) {
    await writeFile(join(folder, `${name}.bin`), new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    tensors[name] = { file: `${name}.bin`, type: typeOf(values), shape };
  }
  const job = { model, training, image: data.input.kind === 'image' ? data.input : null, steps: STEPS, parameters: parameters.map(({ name }) => name), masks: masks.map(({ name }) => name), tensors };
  await writeFile(join(folder, 'job.json'), JSON.stringify(job));
  const judge = fileURLToPath(new URL('../fixtures/python/torch_training.py', import.meta.url));
  const { stdout } = await promisify(execFile)(python, [judge, join(folder, 'job.json')], {
    timeout: 240_000,
    maxBuffer: 2 ** 26,
    // Threads that spin while they wait are many times slower where the cores are shared.
    env: { ...process.env, OMP_WAIT_POLICY: 'PASSIVE' },
  });
  return Object.values((JSON.parse(stdout) as TorchAnswer).losses);
}

/** The largest relative difference of two curves over their first `steps`. */
function distance(left: readonly number[], right: readonly number[], steps: number): number {
  expect(Math.min(left.length, right.length)).toBe(STEPS);
  const differences = left.slice(0, steps).map((value, step) => Math.abs(value - right[step]!) / Math.abs(right[step]!));
  return differences.some(Number.isNaN) ? Infinity : Math.max(...differences);
}

interface Findings {
  /** Largest difference to any variant over the first SHORT steps. */
  readonly short: number;
  /** Difference to the nearest variant over all steps. */
  readonly nearest: number;
  /** Largest difference between two variants over all steps. */
  readonly spread: number;
}

function find(ours: readonly number[], variants: readonly (readonly number[])[]): Findings {
  return {
    short: Math.max(...variants.map((variant) => distance(ours, variant, SHORT))),
    nearest: Math.min(...variants.map((variant) => distance(ours, variant, STEPS))),
    spread: Math.max(...variants.flatMap((one) => variants.map((other) => distance(one, other, STEPS)))),
  };
}

/** The worst of each over several seeds. */
function pool(findings: readonly Findings[]): Findings {
  const worst = (pick: (one: Findings) => number): number => Math.max(...findings.map(pick));
  return { short: worst((one) => one.short), nearest: worst((one) => one.nearest), spread: worst((one) => one.spread) };
}

const within = ({ nearest, spread }: Findings): boolean => nearest <= Math.max(spread, ROUNDING_FLOOR);

describe('training beside PyTorch', () => {
  test.skipIf(!hasTorch).each(cases)('$name', { timeout: 600_000 }, async (item) => {
    const answers = new Map<number, readonly (readonly number[])[]>();
    const findings: Findings[] = [];
    for (const seed of item.seeds) {
      const variants = await trainTorch({ item, seed });
      expect(variants.length).toBeGreaterThanOrEqual(6);
      answers.set(seed, variants);
      const ours = await trainOurs({ item, seed }, item.training);
      expect(ours.at(-1)!, 'the loss falls').toBeLessThan(0.5 * ours[0]!);
      findings.push(find(ours, variants));
    }
    const found = pool(findings);
    console.log(`${item.name}: ${SHORT} steps within ${found.short.toExponential(1)} of every variant; ${STEPS} steps within ${found.nearest.toExponential(1)} of the nearest, variants apart by ${found.spread.toExponential(1)}`);
    expect(found.short).toBeLessThanOrEqual(AGREEMENT);
    expect(within(found), `nearest ${found.nearest}, spread ${found.spread}`).toBe(true);

    // A learning rate one percent off is seen by both checks.
    const seed = item.seeds[0]!;
    const planted = find(await trainOurs({ item, seed }, { ...item.training, learningRate: 1.01 * item.training.learningRate }), answers.get(seed)!);
    expect(planted.short).toBeGreaterThan(AGREEMENT);
    expect(within({ ...planted, spread: found.spread })).toBe(false);
  });
});
