/** A small bundle made of real files: graphs, tensors and event logs as the rest of Reprise writes them. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { calibrate } from '../../../src/bundle/tolerance';
import type { BundleInput, TrainingRunInput } from '../../../src/bundle/model';
import { parseTrainingConfig } from '../../../src/config/parse';
import { computeHash, configHash } from '../../../src/config/hash';
import { encodeRecord } from '../../../src/events/codec';
import { nextChain } from '../../../src/events/hash-chain';
import type { ArtifactName, EventBody } from '../../../src/events/records';
import type { TrainingManifest } from '../../../src/events/manifest';
import { GraphBuilder } from '../../../src/onnx/graph';
import { relu } from '../../../src/onnx/primitives';
import { uniformFloat32 } from '../../../src/random/streams';
import { encodeSafetensors, tensorsHash } from '../../../src/tensors/safetensors';

export const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

export async function freshFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'reprise-bundle-'));
}

interface SampleWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

function smallGraph(name: string, weights: readonly SampleWeight[] = []): Uint8Array {
  const graph = new GraphBuilder(name);
  for (const { name: weight, shape, data } of weights) graph.initializer(weight, 'float32', shape, data);
  const input = graph.input('input', 'float32', ['batch', 2]);
  graph.output(relu(graph, input), 'output');
  return graph.encode({ description: name });
}

export const TIME = Date.UTC(2026, 10, 23, 1, 2, 3);
const STEPS = 40;

function losses(seed: number, shift = 0): number[] {
  return [...uniformFloat32(seed, 'noise', 'losses', STEPS, 0.1)].map((noise, step) => Math.fround(2 / (1 + step) + noise + 0.2 + shift));
}

export interface SampleOptions {
  readonly seeds?: readonly number[];
  /** Text of a message record, to see what becomes of it. */
  readonly message?: string;
  readonly remote?: string;
  readonly author?: string;
}

/** Writes the files of a workspace below `folder` and answers with what an export of them gets. */
/** A bundle of trainings. */
export type SampleInput = BundleInput & { readonly runs: readonly TrainingRunInput[] };

export async function sampleInput(folder: string, options: SampleOptions = {}): Promise<SampleInput> {
  const dataBytes = encodeSafetensors([
    { name: 'features', type: 'float32', shape: [20, 2], data: uniformFloat32(1, 'data', 'features', 40, 1) },
    { name: 'labels', type: 'int64', shape: [20], data: BigInt64Array.from({ length: 20 }, (_, row) => BigInt(row % 2)) },
  ]);
  const fingerprint = sha256(dataBytes);
  await mkdir(join(folder, 'data'), { recursive: true });
  const dataFile = join(folder, 'data', `${fingerprint}.safetensors`);
  await writeFile(dataFile, dataBytes);
  const runs: TrainingRunInput[] = [];
  for (const seed of options.seeds ?? [0, 1, 2]) runs.push(await sampleRun(folder, seed, { fingerprint, bytes: dataBytes.length }, options));
  const first = runs[0];
  return {
    name: 'two-moons',
    description: 'A sample of three runs',
    license: 'CC-BY-4.0',
    createdAt: TIME,
    author: options.author ?? 'Ada Lovelace',
    reprise: '0.1.0',
    runs,
    data: first === undefined ? [] : [{ ref: first.manifest.data, file: dataFile }],
    study: 'baseline:\n  seed: 0\n',
    report: { markdown: `# Report\n\nFrom ${folder}/runs\n`, html: '<!doctype html><title>Report</title><p>Report</p>\n' },
    privatePaths: [folder],
  };
}

async function sampleRun(folder: string, seed: number, data: { readonly fingerprint: string; readonly bytes: number }, options: SampleOptions): Promise<TrainingRunInput> {
  const runId = `run${seed}abc`;
  const home = join(folder, 'runs', runId);
  await mkdir(home, { recursive: true });
  const weights = [{ name: 'layer0/weight', type: 'float32', shape: [2, 2], data: uniformFloat32(seed, 'init', 'layer0/weight', 4, 0.7) }] as const;
  const initial = [{ ...weights[0], data: uniformFloat32(seed, 'init', 'before', 4, 0.7) }] as const;
  const artifacts: Partial<Record<ArtifactName, Uint8Array>> & { readonly 'training-graph': Uint8Array } = {
    'initial-weights': encodeSafetensors(initial),
    weights: encodeSafetensors(weights),
    'inference-graph': smallGraph(`inference-${seed}`, weights),
    'training-graph': smallGraph('training'),
    'optimizer-state': encodeSafetensors([{ name: 'm', type: 'float32', shape: [1], data: Float32Array.of(seed) }]),
    scalars: encodeSafetensors([{ name: 'scalars', type: 'float32', shape: [STEPS, 1], data: new Float32Array(STEPS).fill(0.01) }]),
    'confusion-matrix': Buffer.from(JSON.stringify({ format: 'reprise-confusion-1', split: 'test', step: STEPS, classes: ['0', '1'], counts: [[50, 10 - seed], [0, 40 + seed]] })),
  };
  const files: Partial<Record<ArtifactName, string>> = {};
  for (const [name, bytes] of Object.entries(artifacts) as [ArtifactName, Uint8Array][]) {
    const file = join(home, name);
    await writeFile(file, bytes);
    files[name] = file;
  }
  const trace = losses(seed);
  const finalLoss = trace.at(-1) ?? Number.NaN;
  const bestLoss = Math.min(...trace);
  const weightsHash = tensorsHash(weights);
  const start = tensorsHash(initial);
  const firstChain = nextChain('', 0, start);
  const bodies: EventBody[] = [
    { type: 'attempt', attempt: 1, fromStep: 0, totalSteps: STEPS, stepsPerEpoch: STEPS, pid: 4711 },
    ...(options.message === undefined ? [] : [{ type: 'message', level: 'info', text: options.message } as const]),
    { type: 'weights-hash', step: 0, hash: start, chain: firstChain },
    { type: 'steps', firstStep: 0, losses: trace, learningRates: trace.map(() => 0.01), seconds: 0.5 },
    { type: 'weights-hash', step: STEPS, hash: weightsHash, chain: nextChain(firstChain, STEPS, weightsHash) },
    { type: 'metrics', split: 'validation', step: STEPS, epoch: 1, values: { loss: 0.3, accuracy: 0.9 } },
    { type: 'metrics', split: 'test', step: STEPS, epoch: 1, values: { loss: 0.31, accuracy: 0.9 + seed / 100 } },
    ...(Object.entries(artifacts) as [ArtifactName, Uint8Array][]).map(([name, bytes]) => ({ type: 'artifact', name, file: name, sha256: sha256(bytes), bytes: bytes.length }) as const),
    { type: 'finished', weightsHash, selectedStep: STEPS, finalLoss, bestLoss },
    { type: 'exit', attempt: 1, exitCode: 0, signal: null },
  ];
  const eventLog = join(home, 'events.log');
  await writeFile(eventLog, Buffer.concat(bodies.map((body, seq) => encodeRecord({ ...body, seq, time: TIME + seq }))));
  const manifest = sampleManifest(runId, seed, { ...data, trainingGraphHash: sha256(artifacts['training-graph']) }, options);
  return {
    manifest,
    status: 'finished',
    startedAt: TIME,
    endedAt: TIME + 1000,
    totalSteps: STEPS,
    finalLoss,
    bestLoss,
    weightsHash,
    selectedStep: STEPS,
    metrics: { accuracy: 0.9 + seed / 100, loss: 0.31 },
    files,
    eventLog,
    tolerance: calibrate(trace, losses(seed, 1e-6), 0.9, 0.9, 'accuracy'),
  };
}

export function sampleManifest(runId: string, seed: number, facts: { readonly fingerprint: string; readonly bytes: number; readonly trainingGraphHash: string }, options: SampleOptions = {}): TrainingManifest {
  const config = parseTrainingConfig({ experiment: 'two-moons', model: { kind: 'mlp', hidden: [2] }, training: { learningRate: 0.01, batchSize: 4 }, data: { kind: 'two-moons' }, seed });
  const runtime = { trainer: 1, onnxruntime: '1.30.0', executionProvider: 'cpu', optimizationLevel: 'all', threads: 1, platform: 'linux', arch: 'x64', cpuFlags: ['avx2', 'fma'] } as const;
  return {
    format: 1,
    runId,
    reproductionId: `two-moons-${seed}-DEADBEEF`,
    experiment: 'two-moons',
    variant: { studyId: 'study1', variant: 'baseline' },
    config,
    configHash: configHash(config),
    computeHash: computeHash(config, { dataFingerprint: facts.fingerprint, trainingGraphHash: facts.trainingGraphHash, runtime }),
    runtime,
    data: { fingerprint: facts.fingerprint, file: `objects/${facts.fingerprint}`, bytes: facts.bytes, source: 'two moons, 2000 samples, noise 0.2', license: 'CC0-1.0' },
    trainingGraphHash: facts.trainingGraphHash,
    createdAt: TIME,
    provenance: {
      capturedAt: TIME,
      versions: { reprise: '0.1.0', node: '24.1.0', electron: null, v8: '13.6', onnxruntime: '1.30.0' },
      os: { platform: 'linux', release: '6.1', arch: 'x64', name: 'Debian 12' },
      cpu: { model: 'A processor', cores: 2, flags: ['avx2', 'fma'] },
      memoryBytes: 2 ** 34,
      gpus: [],
      lockfileHash: null,
      git: { commit: 'a'.repeat(40), branch: 'main', remote: options.remote ?? null, dirty: true, patch: '--- a/home\n+++ /home/ada/secret\n', untracked: [] },
      environmentCheck: [],
      problems: ['No GPU was found.'],
    },
  };
}
