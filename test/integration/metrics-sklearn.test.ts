/**
 * Every metric, from the evaluation graph on, against scikit-learn: classes, many and few, of which some never come up or
 * are ignored; next tokens; several values at once. scikit-learn comes with MLflow's client: REPRISE_PYTHON_MLFLOW3 names
 * a Python that has it, REPRISE_MLFLOW3 says so.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as ort from 'onnxruntime-node';
import { beforeAll, describe, expect, test } from 'vitest';
import { METRIC_NAMES, metricsIn } from '../../src/config/metrics';
import { modelSchema } from '../../src/config/models';
import { trainingSchema } from '../../src/config/training';
import { confusionSchema } from '../../src/events/confusion';
import { buildEvaluationGraph } from '../../src/models/evaluation-graph';
import { buildInferenceGraph } from '../../src/models/inference-graph';
import { initialWeights } from '../../src/models/initialize';
import { layOut } from '../../src/models/model';
import { inputSize, outputWidth, type DataShape } from '../../src/models/types';
import { normals } from '../../src/random/streams';
import type { NamedTensor } from '../../src/tensors/safetensors';
import { Evaluator, type Measured } from '../../src/worker/evaluator';
import { inMemory, type SplitData } from '../../src/worker/examples';
import { metricsOf } from '../../src/worker/meters';
import { SESSION_OPTIONS } from '../unit/models/run-training';

const python = process.env['REPRISE_PYTHON_MLFLOW3'] ?? '';
const hasJudge = python !== '' && (process.env['REPRISE_MLFLOW3'] ?? '').split(',').includes('mlflow');
if (!hasJudge) console.warn('SKIPPED: no scikit-learn (REPRISE_PYTHON_MLFLOW3, REPRISE_MLFLOW3): metrics are not compared with it.');

/** What float32 makes of the logits' exponentials, and our sums in order of NumPy's in pairs. */
const AGREEMENT = 1e-6;

interface Case {
  readonly name: string;
  readonly data: DataShape;
  readonly model: object;
  readonly loss?: object;
  readonly split: SplitData;
  /** Stands in for the initial weights: the logits are the features then. */
  readonly identity?: boolean;
  readonly ignored?: number;
}

const draws = (purpose: string, count: number): Float32Array => Float32Array.from(normals(5, 'data', purpose, count));

/** Logits in halves, so that many are equal; `classes` − 1 is told and never there. */
function classes(name: string, count: number, rows: number, more: Partial<Case> = {}): Case {
  const features = draws(name, rows * count).map((value) => Math.round(value * 2) / 2);
  const labels = BigInt64Array.from(draws(`${name} labels`, rows), (value) => BigInt(Math.floor(Math.abs(value) * 1e4) % (count - 1)));
  // Half of the rows are told right, so that no metric is near chance.
  labels.forEach((label, row) => {
    if (row % 2 === 0) features[row * count + Number(label)]! += 3;
  });
  return {
    name,
    data: { input: { kind: 'features', size: count, type: 'float32' }, target: { kind: 'class', classes: count }, trainSize: rows },
    model: { kind: 'linear' },
    split: { rows, features, labels },
    identity: true,
    ...more,
  };
}

function values(name: string, size: number, rows: number, loss?: object): Case {
  const targets = loss === undefined ? draws(`${name} targets`, rows * size).map((value, index) => value * (1 + (index % size)) + 50) : draws(`${name} targets`, rows * size).map((value) => (value > 0 ? 1 : 0));
  return {
    name,
    data: { input: { kind: 'features', size, type: 'float32' }, target: { kind: 'values', size }, trainSize: rows },
    model: { kind: 'linear' },
    ...(loss === undefined ? {} : { loss }),
    split: { rows, features: targets.map((value, index) => value + 0.3 * draws(name, rows * size)[index]!), labels: targets },
    identity: true,
  };
}

const LENGTH = 16;
const text: DataShape = { input: { kind: 'tokens', length: LENGTH, vocabulary: 300 }, target: { kind: 'next-token' }, trainSize: 50 };

const cases: readonly Case[] = [
  classes('ten classes, in two calls and a bit', 10, 1100),
  classes('three classes', 3, 200),
  classes('a class that is ignored', 7, 300, { loss: { kind: 'cross-entropy', ignoreIndex: 2 }, ignored: 2 }),
  classes('label smoothing, which no metric knows', 8, 150, { loss: { kind: 'cross-entropy', labelSmoothing: 0.2 } }),
  classes('more classes than a matrix has', 150, 400),
  {
    name: 'next tokens',
    data: text,
    model: { kind: 'transformer', width: 16, layers: 1, heads: 2 },
    split: { rows: 50, features: Int32Array.from(draws('tokens', 50 * LENGTH + 1), (value) => Math.floor(Math.abs(value) * 100) % 300), labels: null },
  },
  values('one value', 1, 700),
  values('three values', 3, 90),
  values('probabilities', 2, 120, { kind: 'binary-cross-entropy' }),
];

function weightsOf({ data, model, identity }: Case): readonly NamedTensor[] {
  const { parameters, buffers } = layOut(modelSchema.parse(model), data);
  const weights = initialWeights([...parameters, ...buffers], 3);
  if (identity !== true) return weights.map((tensor) => ({ ...tensor, data: (tensor.data as Float32Array).map((value) => 8 * value) }));
  return weights.map((tensor) => ({ ...tensor, data: Float32Array.from(tensor.data as Float32Array, (_, at) => (tensor.shape.length === 2 && Math.floor(at / tensor.shape[1]!) === at % tensor.shape[1]! ? 1 : 0)) }));
}

async function measure(one: Case): Promise<Measured> {
  const training = trainingSchema.parse({ learningRate: 0.1, batchSize: 4, ...(one.loss === undefined ? {} : { loss: one.loss }) });
  const evaluator = await Evaluator.create(buildEvaluationGraph(modelSchema.parse(one.model), one.data, training), one.data, { provider: 'cpu', threads: 1 });
  return evaluator.evaluate(weightsOf(one), inMemory(one.split, inputSize(one.data.input)), () => Promise.resolve());
}

/** The model's outputs from another graph, and the targets, for the judge. */
async function outputsOf(one: Case): Promise<object> {
  const { data, split, loss } = one;
  const size = inputSize(data.input);
  const session = await ort.InferenceSession.create(buildInferenceGraph(modelSchema.parse(one.model), data, weightsOf(one)), SESSION_OPTIONS);
  const isText = data.target.kind === 'next-token';
  const input = isText ? new ort.Tensor('int32', (split.features as Int32Array).slice(0, split.rows * size), [split.rows, size]) : new ort.Tensor('float32', split.features as Float32Array, [split.rows, size]);
  const outputs = await session.run({ input });
  await session.release();
  const width = outputWidth(data);
  const flat = (outputs['logits'] ?? outputs['values'])!.data as Float32Array;
  const rowsOf = (all: ArrayLike<number>): number[][] => Array.from({ length: all.length / width }, (_, row) => Array.from({ length: width }, (_2, at) => all[row * width + at]!));
  if (data.target.kind === 'values') {
    const told = (loss as { kind?: string } | undefined)?.kind === 'binary-cross-entropy' ? flat.map((value) => 1 / (1 + Math.exp(-value))) : flat;
    return { values: rowsOf(told), targets: rowsOf(split.labels as Float32Array) };
  }
  const targets = isText ? [...(split.features as Int32Array)].slice(1) : [...(split.labels as BigInt64Array)].map(Number);
  return { logits: rowsOf(flat), targets, ignored: one.ignored ?? null };
}

type Judged = Readonly<Record<string, unknown>>;

async function judge(): Promise<readonly Judged[]> {
  const folder = await mkdtemp(join(tmpdir(), 'reprise-metrics-'));
  try {
    const jobs = [];
    for (const one of cases) jobs.push(await outputsOf(one));
    await writeFile(join(folder, 'job.json'), JSON.stringify(jobs));
    const script = fileURLToPath(new URL('../fixtures/python/sklearn_metrics.py', import.meta.url));
    const { stdout } = await promisify(execFile)(python, [script, join(folder, 'job.json')], { timeout: 120_000, maxBuffer: 2 ** 26 });
    return JSON.parse(stdout) as readonly Judged[];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe.skipIf(!hasJudge)('metrics as scikit-learn has them', { timeout: 180_000 }, () => {
  const judged = new Map<string, Judged>();
  beforeAll(async () => {
    for (const [index, verdict] of (await judge()).entries()) judged.set(cases[index]!.name, verdict);
  }, 180_000);

  test.each(cases)('$name', async (one) => {
    const theirs = judged.get(one.name)!;
    const { metrics, confusion } = await measure(one);
    expect(metricsIn(metrics)).toEqual(metricsOf(one.data));
    for (const name of metricsIn(metrics)) {
      // What training makes small of values is judged with the losses.
      if (name === 'loss' && one.data.target.kind === 'values') continue;
      const expected = theirs[name] as number;
      const value = metrics[name]!;
      expect(Math.abs(value - expected), `${name}: ${value}, scikit-learn ${expected}`).toBeLessThanOrEqual(AGREEMENT * Math.max(1, Math.abs(expected)));
    }
    if (one.data.target.kind !== 'class' || one.data.target.classes > 100) {
      expect(confusion).toBeNull();
      return;
    }
    const names = Array.from({ length: one.data.target.classes }, (_, number) => String(number));
    const matrix = confusionSchema.parse(JSON.parse(new TextDecoder().decode(confusion!.encode(names, 7))));
    expect(matrix).toEqual({ format: 'reprise-confusion-1', split: 'test', step: 7, classes: names, counts: theirs['confusion'] });
  });

  test('every metric is judged', () => {
    const seen = new Set(cases.flatMap(({ data }) => metricsOf(data)));
    expect([...seen].toSorted()).toEqual([...METRIC_NAMES].toSorted());
  });
});
