/**
 * Our optimizers, schedules, clipping, moving averages, parameter groups and accumulation against torch.optim, in
 * float32 over 50 steps of a small MLP. REPRISE_PYTHON names a Python, REPRISE_JUDGES the judges it has (`torch`).
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { modelSchema } from '../../src/config/models';
import type { TrainingConfig } from '../../src/config/schema';
import { trainingSchema } from '../../src/config/training';
import { initialState, initialWeights } from '../../src/models/initialize';
import { learningRateAt } from '../../src/models/scalars';
import { buildTrainingGraph } from '../../src/models/training-graph';
import type { DataShape } from '../../src/models/types';
import { averageOf } from '../../src/models/update';
import { makeExamples, planBatches, runTraining } from '../unit/models/run-training';

const python = process.env['REPRISE_PYTHON'] ?? '';
const hasTorch = python !== '' && (process.env['REPRISE_JUDGES'] ?? '').split(',').includes('torch');
if (!hasTorch) console.warn('SKIPPED: no torch (REPRISE_PYTHON, REPRISE_JUDGES): optimizers are not compared with PyTorch.');

const STEPS = 50;
const BATCH = 16;
/** Relative difference allowed: of each loss and norm, and of each tensor by its largest element. */
const AGREEMENT = 1e-5;

/** 70 examples: the fifth batch of an epoch has 6 real rows. */
const data: DataShape = { input: { kind: 'features', size: 7, type: 'float32' }, target: { kind: 'class', classes: 3 }, trainSize: 70 };
const model = modelSchema.parse({ kind: 'mlp', hidden: [12, 8], activation: 'tanh' });

/** Each with a learning rate at which it moves the weights by about as much. */
const optimizers = [
  { learningRate: 0.1, optimizer: { kind: 'sgd' } },
  { learningRate: 0.05, optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 0.02 } },
  { learningRate: 0.05, optimizer: { kind: 'sgd', momentum: 0.8, nesterov: true, weightDecay: 0.02 } },
  { learningRate: 0.01, optimizer: { kind: 'adam' } },
  { learningRate: 0.01, optimizer: { kind: 'adam', beta1: 0.8, beta2: 0.95, epsilon: 1e-4, weightDecay: 0.02 } },
  { learningRate: 0.01, optimizer: { kind: 'adamw', weightDecay: 0.3 } },
  { learningRate: 0.003, optimizer: { kind: 'rmsprop' } },
  { learningRate: 0.003, optimizer: { kind: 'rmsprop', alpha: 0.9, centered: true, epsilon: 1e-3, weightDecay: 0.02 } },
  { learningRate: 0.002, optimizer: { kind: 'rmsprop', alpha: 0.95, momentum: 0.7, weightDecay: 0.02 } },
];
const schedules = [0, 5].flatMap((warmupSteps) => [
  { kind: 'constant', warmupSteps },
  { kind: 'step', warmupSteps, every: 7, factor: 0.6 },
  { kind: 'cosine', warmupSteps, finalFraction: 0.1 },
  { kind: 'linear', warmupSteps, finalFraction: 0.2 },
]);

/** Every optimizer with every schedule; groups, clipping, averages and accumulation take turns, so that all 16 combinations come up. */
const cases: readonly TrainingConfig[] = optimizers.flatMap(({ learningRate, optimizer }, row) =>
  schedules.map((schedule, column) => {
    const turn = row * schedules.length + column + row;
    return trainingSchema.parse({
      learningRate,
      batchSize: BATCH,
      schedule,
      optimizer: { ...optimizer, decay: turn % 2 === 0 ? 'matrices' : 'all' },
      ...(turn % 4 < 2 ? { clipNorm: 0.5 } : {}),
      ...(turn % 8 < 4 ? { ema: 0.9 } : {}),
      accumulate: turn % 16 < 8 ? 4 : 1,
    });
  }),
);

interface Trained {
  readonly losses: readonly number[];
  readonly norms: readonly (number | null)[];
  readonly rates: readonly number[];
  readonly weights: Readonly<Record<string, readonly number[]>>;
  readonly averages: Readonly<Record<string, readonly number[]>> | null;
}

const examples = makeExamples(data, 2);
const plan = planBatches(data.trainSize, BATCH, STEPS, 1);

async function trainOurs(training: TrainingConfig): Promise<Trained> {
  const graph = buildTrainingGraph(model, training, data);
  const run = await runTraining(graph, training, data, examples, plan, [...initialWeights(graph.parameters, 3), ...initialState(graph.optimizerState)]);
  const valuesOf = (name: string): readonly number[] => [...(run.tensors.find((tensor) => tensor.name === name)!.data as Float32Array)];
  const named = (nameOf: (parameter: string) => string): Record<string, readonly number[]> => Object.fromEntries(graph.parameters.map(({ name }) => [name, valuesOf(nameOf(name))]));
  return {
    losses: [...run.losses],
    norms: run.gradientNorms === null ? Array.from({ length: STEPS }, () => null) : [...run.gradientNorms],
    rates: Array.from({ length: STEPS }, (_, step) => learningRateAt(training, step, STEPS)),
    weights: named((name) => name),
    averages: training.ema === undefined ? null : named(averageOf),
  };
}

async function trainTorch(): Promise<readonly Trained[]> {
  const { parameters } = buildTrainingGraph(model, cases[0]!, data);
  const job = {
    steps: STEPS,
    batch: BATCH,
    features: [...examples.features],
    labels: [...examples.labels].map(Number),
    batches: [...plan.batches],
    exampleWeights: [...plan.exampleWeights],
    parameters: Object.fromEntries(initialWeights(parameters, 3).map(({ name, shape, data: values }) => [name, [shape, [...(values as Float32Array)]]])),
    cases,
  };
  const folder = await mkdtemp(join(tmpdir(), 'reprise-optimizers-'));
  try {
    await writeFile(join(folder, 'job.json'), JSON.stringify(job));
    const judge = fileURLToPath(new URL('../fixtures/python/torch_optimizers.py', import.meta.url));
    const { stdout } = await promisify(execFile)(python, [judge, join(folder, 'job.json')], { timeout: 240_000, maxBuffer: 2 ** 28 });
    return (JSON.parse(stdout) as { cases: readonly Trained[] }).cases;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const relative = (left: readonly number[], right: readonly number[]): number => {
  expect(left.length).toBe(right.length);
  const scale = Math.max(...right.map(Math.abs));
  const apart = Math.max(...left.map((value, index) => Math.abs(value - right[index]!)));
  return apart === 0 ? 0 : apart / scale;
};

/** The largest relative difference of a value of each step. */
const steps = (left: readonly (number | null)[], right: readonly (number | null)[]): number => Math.max(...left.map((value, step) => (value === null && right[step] === null ? 0 : relative([value ?? NaN], [right[step] ?? NaN]))));
const tensors = (left: Trained['averages'], right: Trained['averages']): number => {
  expect(Object.keys(left ?? {})).toEqual(Object.keys(right ?? {}));
  return Math.max(0, ...Object.entries(left ?? {}).map(([name, values]) => relative(values, right![name]!)));
};

function apart(ours: Trained, theirs: Trained): Record<'losses' | 'norms' | 'rates' | 'weights' | 'averages', number> {
  return { losses: steps(ours.losses, theirs.losses), norms: steps(ours.norms, theirs.norms), rates: steps(ours.rates, theirs.rates), weights: tensors(ours.weights, theirs.weights), averages: tensors(ours.averages, theirs.averages) };
}

const nameOf = ({ optimizer, schedule, clipNorm, ema, accumulate }: TrainingConfig): string => JSON.stringify({ optimizer, schedule, clipNorm, ema, accumulate });

describe('optimizers beside torch.optim', () => {
  test.skipIf(!hasTorch)(`${cases.length} combinations over ${STEPS} steps`, { timeout: 600_000 }, async () => {
    const theirs = await trainTorch();
    const worst = { losses: 0, norms: 0, rates: 0, weights: 0, averages: 0 };
    for (const [index, training] of cases.entries()) {
      const ours = await trainOurs(training);
      const found = apart(ours, theirs[index]!);
      for (const what of ['losses', 'norms', 'rates', 'weights', 'averages'] as const) {
        expect(found[what], `${what} of ${nameOf(training)}`).toBeLessThanOrEqual(AGREEMENT);
        worst[what] = Math.max(worst[what], found[what]);
      }
      if (training.clipNorm !== undefined) expect(ours.norms.some((norm) => norm! > training.clipNorm!), 'something is clipped').toBe(true);
    }
    console.log(`${cases.length} combinations within ${Object.entries(worst).map(([what, value]) => `${what} ${value.toExponential(1)}`).join(', ')} of PyTorch`);

    // Each part of a config is seen: with it changed, the run lies apart from PyTorch's.
    const other = async (index: number, change: Partial<TrainingConfig>): Promise<ReturnType<typeof apart>> => apart(await trainOurs({ ...cases[index]!, ...change }), theirs[index]!);
    const having = (wanted: (training: TrainingConfig) => boolean): number => cases.findIndex(wanted);
    const decaying = having(({ optimizer }) => optimizer.kind === 'adamw' && optimizer.decay === 'matrices');
    expect((await other(decaying, { optimizer: { ...cases[decaying]!.optimizer, decay: 'all' } })).weights).toBeGreaterThan(100 * AGREEMENT);
    const nesterov = having(({ optimizer }) => optimizer.kind === 'sgd' && optimizer.nesterov);
    expect((await other(nesterov, { optimizer: { ...cases[nesterov]!.optimizer, nesterov: false } as TrainingConfig['optimizer'] })).weights).toBeGreaterThan(100 * AGREEMENT);
    expect((await other(having(({ clipNorm }) => clipNorm !== undefined), { clipNorm: 0.52 })).weights).toBeGreaterThan(10 * AGREEMENT);
    expect((await other(having(({ ema }) => ema !== undefined), { ema: 0.91 })).averages).toBeGreaterThan(10 * AGREEMENT);
    expect((await other(having(({ schedule }) => schedule.kind === 'linear'), { schedule: { kind: 'cosine', warmupSteps: 0, finalFraction: 0.2 } })).rates).toBeGreaterThan(100 * AGREEMENT);
  });
});
