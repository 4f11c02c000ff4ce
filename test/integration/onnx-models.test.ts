/**
 * Users' own models: ONNX files that PyTorch exports here, by both of its exporters and for operator sets 17 and 21, train
 * as the modules themselves do there. REPRISE_PYTHON names a Python, REPRISE_JUDGES the judges it has (`torch`, `onnxscript`).
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { onnxSchema } from '../../src/config/models';
import { trainingSchema } from '../../src/config/training';
import { sha256Bytes } from '../../src/files/hash';
import { buildInferenceGraph } from '../../src/models/inference-graph';
import { initialState, initialWeights } from '../../src/models/initialize';
import { resolvedModel } from '../../src/models/onnx-file';
import { buildTrainingGraph } from '../../src/models/training-graph';
import { inputSize, inputType, type DataShape } from '../../src/models/types';
import { readTrainable } from '../../src/onnx/import/emit';
import { normals, uniforms } from '../../src/random/streams';
import { distance } from '../helpers/torch';
import { planBatches, runTraining, SESSION_OPTIONS, type Examples } from '../unit/models/run-training';

const python = process.env['REPRISE_PYTHON'] ?? '';
const judges = (process.env['REPRISE_JUDGES'] ?? '').split(',');
const canExport = python !== '' && ['torch', 'onnxscript'].every((name) => judges.includes(name));
if (!canExport) console.warn('SKIPPED: no torch with onnxscript (REPRISE_PYTHON, REPRISE_JUDGES): no ONNX files of PyTorch are trained.');

const STEPS = 20;
const BATCH = 8;
const TRAIN_SIZE = 48;
const EVALUATED = 8;
const RATE = 3e-3;
const SEED = 11;
/** Relative difference of the losses allowed at each step, and of the outputs after training, of the largest of them. */
const AGREEMENT = 1e-4;

const tokens = { kind: 'tokens', length: 13, vocabulary: 20 } as const;
const classes: DataShape = { input: tokens, target: { kind: 'class', classes: 4 }, trainSize: TRAIN_SIZE };
const nextToken: DataShape = { input: tokens, target: { kind: 'next-token' }, trainSize: TRAIN_SIZE };
const images: DataShape = { input: { kind: 'image', channels: 2, rows: 8, columns: 8, type: 'float32' }, target: { kind: 'class', classes: 4 }, trainSize: TRAIN_SIZE };
const DATA: Readonly<Record<string, DataShape>> = {
  residual: images,
  grouped: images,
  lstm: classes,
  'bidirectional-lstm': classes,
  encoder: classes,
  'language-model': nextToken,
  'tied-language-model': nextToken,
};

interface Case {
  readonly name: string;
  readonly model: string;
  readonly exporter: 'script' | 'dynamo' | 'dynamo-plain';
  readonly opset: 17 | 21;
  readonly rows: 'any' | 'one';
  readonly freeze: readonly string[];
}

const exported = (model: string, exporter: Case['exporter'], opset: Case['opset'], rows: Case['rows'], freeze: readonly string[] = []): Case => ({
  name: `${model}-${exporter}-${opset}-${rows}${freeze.length === 0 ? '' : '-frozen'}`,
  model,
  exporter,
  opset,
  rows,
  freeze,
});

const cases: readonly Case[] = [
  ...['residual', 'grouped', 'bidirectional-lstm', 'encoder', 'language-model'].flatMap((model) => [
    exported(model, 'script', 17, 'any'),
    exported(model, 'script', 21, 'one'),
    exported(model, 'dynamo-plain', 17, 'one'),
    exported(model, 'dynamo-plain', 21, 'any'),
  ]),
  // As it comes, the newer exporter takes batch norms into convolutions: there is no residual net to train then.
  ...['grouped', 'bidirectional-lstm', 'encoder', 'language-model'].map((model) => exported(model, 'dynamo', 21, 'any')),
  exported('lstm', 'script', 17, 'any'),
  exported('lstm', 'dynamo-plain', 21, 'one'),
  exported('tied-language-model', 'dynamo-plain', 17, 'any'),
  exported('tied-language-model', 'script', 21, 'any'),
  exported('residual', 'script', 17, 'any', ['stem*', 'one.*']),
  exported('residual', 'dynamo-plain', 21, 'any', ['stem*', 'one.*']),
  exported('language-model', 'script', 17, 'one', ['embedding.*', 'positions.*', 'blocks.0.*']),
];

/** Images with another bright quarter for each class, or tokens that repeat with a period, both under noise. */
function examplesOf({ input, target }: DataShape): Examples<Int32Array | Float32Array, BigInt64Array> {
  if (input.kind !== 'tokens') {
    const size = inputSize(input);
    const values = normals(SEED, 'data', 'images', TRAIN_SIZE * size);
    const quarter = (index: number): number => 2 * Number(index % 64 >= 32) + Number(index % 8 >= 4);
    const features = Float32Array.from(values, (value, index) => value + (quarter(index) === Math.floor(index / size) % 4 ? 1.5 : 0));
    return { features, labels: BigInt64Array.from({ length: TRAIN_SIZE }, (_, row) => BigInt(row % 4)) };
  }
  const noise = uniforms(SEED, 'data', 'tokens', TRAIN_SIZE * 13 + 1);
  const stream = Int32Array.from(noise, (value, index) => (value < 0.7 ? (index * 5) % 20 : Math.floor(((value - 0.7) / 0.3) * 20)));
  if (target.kind === 'next-token') return { features: stream, labels: new BigInt64Array() };
  const features = stream.subarray(0, TRAIN_SIZE * 13);
  return { features, labels: BigInt64Array.from({ length: TRAIN_SIZE }, (_, row) => BigInt(features[row * 13]! % 4)) };
}

const plan = planBatches(TRAIN_SIZE, BATCH, STEPS, SEED);
const training = trainingSchema.parse({ learningRate: RATE, batchSize: BATCH, steps: STEPS });

interface Answer {
  readonly losses: readonly number[];
  readonly outputs: readonly number[];
}

let folder = '';
let torch: Readonly<Record<string, Answer>> = {};

beforeAll(async () => {
  if (!canExport) return;
  folder = await mkdtemp(join(tmpdir(), 'reprise-onnx-'));
  const write = async (name: string, { buffer, byteOffset, byteLength }: ArrayBufferView): Promise<string> => {
    await writeFile(join(folder, name), new Uint8Array(buffer, byteOffset, byteLength));
    return join(folder, name);
  };
  const data: Record<string, object> = {};
  for (const [model, shape] of Object.entries(DATA)) {
    const { features, labels } = examplesOf(shape);
    const own = shape.target.kind === 'next-token' ? null : await write(`${model}.labels`, labels);
    data[model] = { kind: shape.input.kind, features: await write(`${model}.features`, features), labels: own, batches: await write(`${model}.batches`, plan.batches) };
  }
  const job = join(folder, 'job.json');
  await writeFile(job, JSON.stringify({ folder, steps: STEPS, batch: BATCH, rate: RATE, evaluated: EVALUATED, cases, data }));
  const script = fileURLToPath(new URL('../fixtures/python/torch_onnx.py', import.meta.url));
  const { stdout } = await promisify(execFile)(python, [script, job], { timeout: 580_000, maxBuffer: 2 ** 27, env: { ...process.env, OMP_WAIT_POLICY: 'PASSIVE' } });
  torch = JSON.parse(stdout.slice(stdout.indexOf('ANSWER') + 6)) as typeof torch;
}, 600_000);

afterAll(async () => {
  if (folder !== '') await rm(folder, { recursive: true, force: true });
});

async function trained({ name, model, freeze }: Case, learningRate: number) {
  const bytes = await readFile(join(folder, `${name}.onnx`));
  const data = DATA[model]!;
  const resolved = resolvedModel(onnxSchema.parse({ kind: 'onnx', path: `${name}.onnx`, freeze: [...freeze] }), { sha256: sha256Bytes(bytes), file: readTrainable(bytes) });
  const settings = { ...training, learningRate };
  const graph = buildTrainingGraph(resolved, settings, data);
  const start = initialWeights([...graph.parameters, ...graph.buffers], SEED);
  const { losses, tensors } = await runTraining(graph, settings, data, examplesOf(data), plan, [...start, ...initialState(graph.optimizerState)]);
  return { resolved, data, graph, start, losses: [...losses], tensors };
}

describe('ONNX files of PyTorch', () => {
  test.skipIf(!canExport).each(cases)('$name trains as in PyTorch', { timeout: 60_000 }, async (one) => {
    const { resolved, data, graph, start, losses, tensors } = await trained(one, RATE);
    const theirs = torch[one.name]!;
    const off = distance(losses, theirs.losses);

    const session = await ort.InferenceSession.create(buildInferenceGraph(resolved, data, tensors), SESSION_OPTIONS);
    const size = inputSize(data.input);
    const { logits } = await session.run({ input: new ort.Tensor(inputType(data.input), examplesOf(data).features.slice(0, EVALUATED * size), [EVALUATED, size]) });
    await session.release();
    const outputs = [...(logits!.data as Float32Array)];
    const largest = Math.max(...theirs.outputs.map(Math.abs));
    const outputsOff = Math.max(...outputs.map((value, index) => Math.abs(value - theirs.outputs[index]!))) / largest;
    console.log(`${one.name}: ${STEPS} steps within ${off.toExponential(1)}, outputs then within ${outputsOff.toExponential(1)}; loss ${losses[0]!.toFixed(3)} → ${Math.min(...losses).toFixed(3)}`);
    expect(Math.min(...losses), 'the loss falls').toBeLessThan(losses[0]!);
    expect(off).toBeLessThanOrEqual(AGREEMENT);
    expect(outputs.length).toBe(theirs.outputs.length);
    expect(outputsOff).toBeLessThanOrEqual(AGREEMENT);

    const after = new Map(tensors.map((tensor) => [tensor.name, tensor.data]));
    const isFrozen = (name: string): boolean => one.freeze.some((pattern) => name.startsWith(pattern.replace('*', '')));
    for (const { name, data: before } of start) if (isFrozen(name)) expect(after.get(name), `${name} stays as it was`).toEqual(before);
    expect(graph.buffers.some(({ name }) => isFrozen(name))).toBe(one.freeze.length > 0);
    expect(graph.parameters.some(({ name }) => isFrozen(name))).toBe(false);
    // A learning rate one percent off is seen.
    expect(distance((await trained(one, 1.01 * RATE)).losses, theirs.losses)).toBeGreaterThan(AGREEMENT);
  });
});
