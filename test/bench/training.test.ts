/**
 * Training beside PyTorch's eager mode on the processor: the same weights, batches and number of threads, in turn, each
 * run in a process of its own. Ours are runs as the queue starts them: the worker's process on a run folder, timed by
 * what its log says of its steps. `npm run bench -- training`, with `--json` the rows alone. A ratio above 1 is ours to
 * be glad of; PyTorch's number is that of its fastest variant. Rows that end in `-floor` set PyTorch's whole step beside
 * what ONNX Runtime takes for the step's largest kernels alone: where that is more than a bar allows, no graph reaches it.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/schema';
import { resolveSeeds } from '../../src/config/facts';
import { createEngine } from '../../src/engine/engine';
import type { Result } from '../../src/errors/errors';
import { RUN_FILES } from '../../src/events/manifest';
import type { EventRecord } from '../../src/events/records';
import { readEvents } from '../../src/events/reader';
import { localSpawn } from '../../src/execution/local/local-spawn';
import { initialWeights } from '../../src/models/initialize';
import { elementsOf, type DataShape, type TrainingGraph } from '../../src/models/types';
import { GraphBuilder } from '../../src/onnx/graph';
import { gemm } from '../../src/onnx/primitives';
import { BatchOrder } from '../../src/worker/batches';
import { openData } from '../../src/worker/inputs';
import { createSession } from '../../src/worker/runtime';
import { trainingGraphFor } from '../../src/worker/training-graph';
import { eventsFile, makeRun, startWorker, workerEntry, type TestRun } from '../helpers/worker-runs';
import { floorOf, floors } from './floor';
import { median, quartile, row } from './rows';
import { startTorch, torchPeak, torchPython, writeJob, type TorchSteps } from './torch-peer';

const LIMIT = 600_000;
/** Ours, then each of PyTorch's variants, so many times. */
const ROUNDS = Number(process.env['REPRISE_BENCH_ROUNDS'] ?? 3);
const THREADS = availableParallelism();
/** Relative difference of the losses of the first steps: both do the same work. */
const AGREEMENT = 1e-3;
const COMPARED_STEPS = 10;

interface Case {
  readonly name: string;
  /** The least ratio that will do. */
  readonly bar: number;
  readonly model: ConfigInput['model'];
  readonly data: ConfigInput['data'];
  readonly batchSize: number;
  readonly steps: number;
  /** Steps of PyTorch that are timed together: as long as a run's chunks. */
  readonly block: number;
  readonly variants: readonly string[];
}

const usual = ['foreach', 'fused'];
/** Hardly any of a text is held back: it is the steps that are timed. */
const text = { kind: 'moby-dick', split: { validation: 0.01, test: 0.01 } } as const;
const mlp: Case = { name: 'mlp', bar: 1.2, model: { kind: 'mlp', hidden: [256] }, data: { kind: 'mnist' }, batchSize: 64, steps: 2000, block: 25, variants: usual };
const cases: readonly Case[] = [
  mlp,
  { name: 'cnn', bar: 1.05, model: { kind: 'cnn', channels: [16, 32] }, data: { kind: 'mnist' }, batchSize: 64, steps: 300, block: 4, variants: [...usual, 'channels_last foreach', 'channels_last fused'] },
  { name: 'decoder-lm', bar: 1, model: { kind: 'transformer', width: 128, layers: 4, heads: 4 }, data: { ...text, length: 128 }, batchSize: 16, steps: 40, block: 1, variants: usual },
  { name: 'lstm-lm', bar: 1, model: { kind: 'lstm', embedding: 256, hidden: 256 }, data: { ...text, length: 64 }, batchSize: 32, steps: 60, block: 1, variants: usual },
];

/** PyTorch is not asked to keep checkpoints, so neither are we before the end. */
const configOf = ({ model, data, batchSize, steps }: Case, seed: number, threads: number): ConfigInput => ({
  model,
  data,
  training: { learningRate: 1e-3, batchSize, steps, evaluateEvery: steps, checkpointEvery: steps, optimizer: { kind: 'adam' } },
  seed,
  executor: { threads },
  selection: { metric: 'loss' },
});

let workspace: string;
/** GFLOP/s of this machine in a large product, ONNX Runtime's or PyTorch's, whichever is more. */
let peak = 0;

beforeAll(async () => {
  workspace = mkdtempSync(join(tmpdir(), 'reprise-bench-'));
  const [ours, theirs] = [await ourPeak(), await torchPeak(THREADS)];
  peak = Math.max(ours, theirs);
  row({ name: 'product-2048', ours, peer: theirs === 0 ? null : theirs, unit: 'GFLOP/s', larger: true, note: 'the peak that rates are fractions of is the larger of the two' });
}, LIMIT);
afterAll(() => {
  rmSync(workspace, { recursive: true, force: true });
});

/** GFLOP/s of ONNX Runtime in a product of float32 matrices of 2048 × 2048. */
async function ourPeak(): Promise<number> {
  const size = 2048;
  const graph = new GraphBuilder('product');
  graph.output(gemm(graph, graph.input('a', 'float32', [size, size]), graph.input('b', 'float32', [size, size])), 'c');
  const session = await createSession(graph.encode({ description: 'A large product.' }), { provider: 'cpu', threads: THREADS }, 'product');
  const matrix = new Tensor('float32', Float32Array.from({ length: size * size }, (_, index) => (index % 7) / 7), [size, size]);
  const times: number[] = [];
  for (let time = 0; time < 9; time += 1) {
    const start = performance.now();
    await session.run({ a: matrix, b: matrix });
    times.push(performance.now() - start);
  }
  await session.release();
  return (2 * size ** 3) / Math.min(...times) / 1e6;
}

interface Steps {
  /** Milliseconds of a step, one number for each chunk of the run. */
  readonly times: readonly number[];
  readonly losses: readonly number[];
  /** MiB; null where the system does not tell. */
  readonly memory: number | null;
}

const recordsOf = (run: TestRun): readonly EventRecord[] => readEvents(eventsFile(run), 0).records;

async function trainOurs(run: TestRun): Promise<Steps> {
  const { child, ended } = startWorker(workerEntry, run);
  let memory: number | null = null;
  const look = setInterval(() => (memory = peakMemory(child.pid) ?? memory), 100);
  const { code, stderr } = await ended;
  clearInterval(look);
  if (code !== 0) throw new Error(`the worker ended with ${code}: ${stderr}`);
  const steps = recordsOf(run).filter((record) => record.type === 'steps');
  return { times: steps.map(({ seconds, losses }) => (seconds * 1000) / losses.length), losses: steps.flatMap(({ losses }) => losses.map(Number)), memory };
}

/** MiB of a living process, at most until now; null where the system does not tell. */
function peakMemory(pid: number | undefined): number | null {
  try {
    const kilobytes = /VmHWM:\s+(\d+)/u.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? null : Number(kilobytes) / 1024;
  } catch {
    return null;
  }
}

/** The same job for PyTorch: what a run of each seed begins with and reads. */
async function torchJob(item: Case, runs: readonly TestRun[]): Promise<string> {
  const [first] = runs;
  const { config } = first!.manifest;
  const data = await openData(first!.dataFile, first!.manifest, resolveSeeds(config).split);
  const { parameters } = trainingGraphFor(config, data.shape);
  const batches = runs.flatMap(({ manifest }) => [...new BatchOrder(data.shape.trainSize, item.batchSize, resolveSeeds(manifest.config).order).chunk(0, item.steps).batches]);
  const { features, labels, rows } = data.train.whole!;
  const { input } = data.shape;
  return writeJob(join(workspace, `torch-${item.name}-${runs.length}`), {
    shape: { ...item.model, ...(input.kind === 'tokens' ? { vocabulary: input.vocabulary, length: input.length } : {}) },
    learningRate: config.training.learningRate,
    block: item.block,
    features: { shape: labels === null ? [features.length] : [rows, features.length / rows], data: features },
    labels: labels === null ? null : { shape: [labels.length], data: labels },
    batches: { shape: [runs.length, item.steps, item.batchSize], data: Int32Array.from(batches) },
    weights: runs.map(({ manifest }) => initialWeights(parameters, resolveSeeds(manifest.config).init)),
  });
}

/** The first blocks warm up. */
const settled = (times: readonly number[]): readonly number[] => times.slice(Math.ceil(times.length / 10));
const inMs = (value: number): string => value.toPrecision(3);
const largest = (values: readonly (number | null)[]): number => Math.max(...values.map((value) => value ?? Number.NaN));

function expectSameWork(ours: readonly number[], theirs: readonly number[]): void {
  expect(ours.length).toBe(theirs.length);
  for (let step = 0; step < COMPARED_STEPS; step += 1) expect(Math.abs(ours[step]! / theirs[step]! - 1), `loss of step ${step}: ${ours[step]}, PyTorch ${theirs[step]}`).toBeLessThan(AGREEMENT);
}

describe('steps beside PyTorch', () => {
  it.each(cases)('$name: at least $bar times as fast', async (item) => {
    const { name, bar, variants } = item;
    const run = (round: number): Promise<TestRun> => makeRun(workspace, `${name}-${round}`, configOf(item, 0, THREADS));
    const job = torchPython === null ? null : await torchJob(item, [await run(0)]);
    const ours: Steps[] = [];
    const least: number[] = [];
    const theirs = new Map<string, TorchSteps[]>(variants.map((variant) => [variant, []]));
    for (let round = 1; round <= ROUNDS; round += 1) {
      ours.push(await trainOurs(await run(round)));
      least.push(await leastOf(await run(round), name, THREADS));
      if (job === null) continue;
      for (const [variant, results] of theirs) results.push(await (await startTorch(job, variant, [0], THREADS)).go());
    }
    const mine = ours.flatMap(({ times }) => settled(times));
    const timesOf = (variant: string): readonly number[] => theirs.get(variant)!.flatMap(({ times }) => settled(times[0]!));
    const best = job === null ? null : variants.toSorted((left, right) => median(timesOf(left)) - median(timesOf(right)))[0]!;
    const { flopsPerStep } = await graphOf(await run(0));
    const parts = [
      `lower quartile ${inMs(quartile(mine))} ms`,
      `${((flopsPerStep / median(mine) / 1e6 / peak) * 100).toFixed(0)} % of the machine's peak`,
      ...(job === null ? [] : variants.map((variant) => `PyTorch ${variant} ${inMs(median(timesOf(variant)))} ms, lower quartile ${inMs(quartile(timesOf(variant)))}`)),
    ];
    row({ name, ours: median(mine), peer: best === null ? null : median(timesOf(best)), unit: 'ms', note: parts.join('; ') });
    if (best === null) return;
    const allowed = median(timesOf(best)) / bar;
    row({ name: `${name}-floor`, ours: Math.min(...least), peer: median(timesOf(best)), unit: 'ms', note: `${FLOOR}: ${shareOf(Math.min(...least), allowed)} of the ${inMs(allowed)} ms in which a ratio of ${bar} wants a whole step` });
    const memory = { ours: largest(ours.map(({ memory: own }) => own)), peer: largest(theirs.get(best)!.map(({ memory: own }) => own)) };
    if (!Number.isNaN(memory.ours)) row({ name: `${name}-memory`, ...memory, unit: 'MiB', note: 'the most memory that the whole process ever held' });
    for (const { losses } of theirs.get(best)!) expectSameWork(ours[0]!.losses, losses[0]!);
    expect.soft(median(timesOf(best)) / median(mine)).toBeGreaterThanOrEqual(bar);
    if (!Number.isNaN(memory.ours)) expect(memory.ours).toBeLessThan(1.5 * memory.peer);
  }, LIMIT);
});

const FLOOR = 'ONNX Runtime in the products, convolutions and pooling of a step and one pass over the parameters, alone';
const shareOf = (part: number, whole: number): string => `${((part / whole) * 100).toFixed(0)} %`;

/** Milliseconds of a step of the case `name` with nothing but what no form of its graph can do without. */
async function leastOf(run: TestRun, name: string, threads: number): Promise<number> {
  const { input } = await shapeOf(run);
  const { parameters } = await graphOf(run);
  return floorOf(floors[name]!(input.kind === 'tokens' ? input.vocabulary : 0), elementsOf(parameters), threads, 2);
}

async function shapeOf({ dataFile, manifest }: TestRun): Promise<DataShape> {
  return (await openData(dataFile, manifest, resolveSeeds(manifest.config).split)).shape;
}

const graphOf = async (run: TestRun): Promise<TrainingGraph> => trainingGraphFor(run.manifest.config, await shapeOf(run));

it('decoder-lm-start: graph and session of the decoder are there in half a second', async () => {
  const run = await makeRun(workspace, 'start', configOf(cases.find(({ name }) => name === 'decoder-lm')!, 0, THREADS));
  const shape = await shapeOf(run);
  const times: number[] = [];
  for (let time = 0; time < 5; time += 1) {
    const start = performance.now();
    const session = await createSession(trainingGraphFor(run.manifest.config, shape).bytes, { provider: 'cpu', threads: THREADS }, 'training');
    times.push(performance.now() - start);
    await session.release();
  }
  row({ name: 'decoder-lm-start', ours: median(times), peer: null, unit: 'ms', note: `graph build and session load; the first, before anything is compiled, ${inMs(times[0]!)} ms` });
  expect(median(times)).toBeLessThan(500);
}, LIMIT);

const SEEDS = Number(process.env['REPRISE_BENCH_SEEDS'] ?? 16);
const SEED_STEPS = 2000;
/** The least ratio that will do. */
const SEEDS_BAR = 2;

it(`mlp-16-seeds: ${SEEDS} seeds in one queue at least twice as fast`, async () => {
  const item: Case = { ...mlp, steps: SEED_STEPS };
  const engine = await createEngine({ workspace: join(workspace, 'seeds'), mode: 'host', spawn: localSpawn(workerEntry), cores: THREADS });
  let ours: { readonly seconds: number; readonly whole: number };
  try {
    const config = join(workspace, 'seeds.yaml');
    writeFileSync(config, JSON.stringify(configOf(item, 0, 1)));
    const start = performance.now();
    const runs: string[] = [];
    for (let seed = 0; seed < SEEDS; seed += 1) runs.push((await answered(engine.call('runs.start', { config, seed }))).run.runId);
    await answered(engine.call('runs.wait', { runs }));
    const whole = (performance.now() - start) / 1000;
    const spans = runs.map((run) => spanOf(readEvents(join(workspace, 'seeds', 'runs', run, RUN_FILES.events), 0).records));
    ours = { seconds: spans.reduce((sum, span) => sum + span, 0) / Math.min(THREADS, SEEDS), whole };
  } finally {
    await engine.close();
  }
  const theirs = torchPython === null ? null : await torchSeeds(item);
  const best = theirs === null ? null : Math.min(...theirs.slice(0, 2).map(({ seconds }) => seconds));
  row({
    name: 'mlp-16-seeds',
    ours: ours.seconds,
    peer: best,
    unit: 's',
    note: [`with start-up, evaluation and everything else ${ours.whole.toFixed(1)} s`, ...(theirs ?? []).map(({ way, seconds }) => `PyTorch ${way} ${seconds.toFixed(1)} s`)].join('; '),
  });
  if (best === null) return;
  // Each run has a thread of its own, so many at a time.
  const least = ((await leastOf(await makeRun(workspace, 'seeds-floor', configOf(item, 0, 1)), 'mlp', 1)) * SEEDS * SEED_STEPS) / Math.min(THREADS, SEEDS) / 1000;
  row({ name: 'mlp-16-seeds-floor', ours: least, peer: best, unit: 's', note: `${FLOOR}: ${shareOf(least, best / SEEDS_BAR)} of the ${inMs(best / SEEDS_BAR)} s that a ratio of ${SEEDS_BAR} wants` });
  expect(best / ours.seconds).toBeGreaterThanOrEqual(SEEDS_BAR);
}, LIMIT);

async function answered<T>(result: Promise<Result<T>>): Promise<T> {
  const answer = await result;
  if (!answer.ok) throw new Error(answer.error.message);
  return answer.value;
}

/** Seconds from a run's first step to the end of its last: its chunks and what lies between them. */
function spanOf(records: readonly EventRecord[]): number {
  const steps = records.filter((record) => record.type === 'steps');
  const [first] = steps;
  const last = steps.at(-1);
  if (first === undefined || last === undefined || last.firstStep + last.losses.length !== SEED_STEPS) throw new Error('a run has not taken all its steps');
  return (last.time - first.time) / 1000 + first.seconds;
}

/** All seeds one after another, two at a time, and in one by torch.func.vmap. */
async function torchSeeds(item: Case): Promise<readonly { readonly way: string; readonly seconds: number }[]> {
  const runs = await Promise.all(Array.from({ length: SEEDS }, (_, seed) => makeRun(workspace, `seeds-${seed}`, configOf(item, seed, THREADS))));
  const job = await torchJob(item, runs);
  const all = [...Array(SEEDS).keys()];
  const halves = [all.slice(0, SEEDS / 2), all.slice(SEEDS / 2)];
  const alone = await (await startTorch(job, 'fused', all, THREADS)).go();
  const pair = await Promise.all(halves.map((seeds) => startTorch(job, 'fused', seeds, Math.max(1, Math.floor(THREADS / 2)))));
  const together = await Promise.all(pair.map((waiting) => waiting.go()));
  const stacked = await (await startTorch(job, 'vmap fused', all, THREADS)).go();
  return [
    { way: 'one after another', seconds: alone.seconds },
    { way: 'two at a time', seconds: Math.max(...together.map(({ seconds }) => seconds)) },
    { way: 'torch.func.vmap', seconds: stacked.seconds },
  ];
}
