/** Runs for tests of the worker: a folder with run.json and prepared data, and real processes on it. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';
import { configSchema, type Config, type ConfigInput } from '../../src/config/schema';
import { computeHash, configHash } from '../../src/config/hash';
import { prepareData } from '../../src/datasets/prepare';
import { foldEvents, type RunState } from '../../src/events/fold';
import { RUN_FILES, type TrainingManifest } from '../../src/events/manifest';
import { readEvents } from '../../src/events/reader';
import { EventLogWriter } from '../../src/events/writer';
import { forgetWorker, noteWorker } from '../../src/execution/host-log';
import { findGpus } from '../../src/provenance/machine';
import { runtimeIdentity } from '../../src/provenance/runtime';
import { trainRun } from '../../src/worker/train';
import { trainingGraphFor } from '../../src/worker/training-graph';
import { builtProgram } from './cli';

const { version: onnxruntime } = JSON.parse(readFileSync('node_modules/onnxruntime-node/package.json', 'utf8')) as { version: string };

export interface TestRun {
  readonly folder: string;
  readonly dataFile: string;
  readonly manifest: TrainingManifest;
}

/** The training worker as it was built. */
export const workerEntry = builtProgram('worker.js');

/** Prepares data and writes run.json, as a host does. */
export async function makeRun(workspace: string, name: string, input: ConfigInput, more: Partial<TrainingManifest> = {}): Promise<TestRun> {
  const config: Config = configSchema.parse(input);
  const { ref, shape } = await prepareData(config.data, { configFolder: workspace, workspace, splitSeed: config.seeds.split });
  const { provider = 'cpu' } = config.executor;
  if (provider === 'auto') throw new Error('a host chooses the provider of a run');
  const graph = trainingGraphFor(config, shape, null, provider);
  const folder = path.join(workspace, 'runs', name);
  mkdirSync(folder, { recursive: true });
  const runtime = runtimeIdentity(config.executor.threads, provider, provider === 'cpu' ? [] : await findGpus());
  const manifest: TrainingManifest = {
    format: 1,
    runId: name,
    reproductionId: name,
    experiment: config.experiment,
    variant: null,
    config,
    configHash: configHash(config),
    computeHash: computeHash(config, { dataFingerprint: ref.fingerprint, trainingGraphHash: graph.sha256, runtime }),
    runtime,
    data: ref,
    trainingGraphHash: graph.sha256,
    createdAt: 0,
    provenance: {
      capturedAt: 0,
      versions: { reprise: '0', node: process.version, electron: null, v8: process.versions.v8, onnxruntime },
      os: { platform: process.platform, release: '', arch: process.arch, name: '' },
      cpu: { model: '', cores: 1, flags: [] },
      memoryBytes: 0,
      gpus: [],
      lockfileHash: null,
      git: null,
      environmentCheck: [],
      problems: [],
    },
    ...more,
  };
  writeFileSync(path.join(folder, RUN_FILES.manifest), JSON.stringify(manifest));
  return { folder, dataFile: path.join(workspace, ref.file), manifest };
}

/** A workspace for the tests of one file, which is gone after them. */
export class TestWorkspace {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'reprise-worker-'));
  #runs = 0;

  constructor() {
    afterAll(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  write(name: string, content: string | Uint8Array): void {
    writeFileSync(path.join(this.folder, name), content);
  }

  newRun(config: ConfigInput, more: Partial<TrainingManifest> = {}): Promise<TestRun> {
    return makeRun(this.folder, `run-${this.#runs++}`, config, more);
  }
}

/** Trains a run in this process, from where its log ends. */
export async function trainHere(run: TestRun): Promise<RunState> {
  const log = EventLogWriter.open(eventsFile(run));
  try {
    await trainRun({ runFolder: run.folder, dataFile: run.dataFile, manifest: run.manifest, log, breathe: async () => undefined });
  } finally {
    log.close();
  }
  return stateOf(run);
}

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stderr: string;
}

/** @param more arguments after folder and data */
export function startWorker(entry: string, run: TestRun, ...more: readonly string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const child = fork(entry, [run.folder, run.dataFile, ...more], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] });
  noteWorker(run.folder, child.pid ?? 0);
  child.once('exit', () => forgetWorker(run.folder));
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = once(child, 'close').then(([code, signal]) => ({ code: code as number | null, signal: signal as string | null, stderr }));
  return { child, ended };
}

export function eventsFile(run: TestRun): string {
  return path.join(run.folder, RUN_FILES.events);
}

export function stateOf(run: TestRun): RunState {
  return foldEvents(existsSync(eventsFile(run)) ? readEvents(eventsFile(run), 0).records : []);
}

/** Everything about a run that must not depend on how it was interrupted. */
export function essence(run: TestRun): unknown {
  const { status, losses, learningRates, metrics, weightsHashes, finished, artifacts } = stateOf(run);
  return {
    status,
    losses,
    learningRates,
    metrics: metrics.map(({ split, step, epoch, values }) => ({ split, step, epoch, values })),
    weightsHashes: weightsHashes.map(({ step, hash, chain }) => ({ step, hash, chain })),
    finished: finished === null ? null : { ...finished, seq: 0, time: 0 },
    artifacts: [...artifacts.values()].map(({ name, sha256 }) => [name, sha256]).sort(),
  };
}

/** Waits until what the log says fulfils a condition. */
export async function until(run: TestRun, condition: (state: RunState) => boolean, timeoutMs = 20_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!condition(stateOf(run))) {
    if (Date.now() > end) throw new Error(`Nothing came within ${timeoutMs} ms; the log says: ${JSON.stringify(stateOf(run)).slice(0, 500)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
