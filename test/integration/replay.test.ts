/**
 * `replay.py` of a run's folder, in Python: a second implementation of the random streams, the order of the examples and
 * the hash of the weights, on Python's ONNX Runtime. Of the version that trained it must find the same bits.
 */
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/schema';
import { createEngine } from '../../src/engine/engine';
import { ARTIFACT_FILES, RUN_FILES } from '../../src/events/manifest';
import { localSpawn } from '../../src/execution/local/local-spawn';
import { normals } from '../../src/random/streams';
import { alterLoss } from '../helpers/bundle-surgery';
import { canReplay, replay } from '../helpers/replay';
import { eventsFile, makeRun, trainHere, workerEntry, type TestRun } from '../helpers/worker-runs';
import { floats, madeFile } from '../unit/onnx/made-file';

const moons = { kind: 'two-moons', samples: 300 } as const;
/** The beginning of a text whose next characters are to be told: 40 kB are enough. */
const text = { kind: 'text', path: 'text.txt', tokenizer: { kind: 'character' }, length: 16, split: { validation: 0.1, test: 0.1 } } as const;

const CONFIGS: Readonly<Record<string, ConfigInput>> = {
  'an MLP with dropout, a moving average and the best checkpoint': {
    model: { kind: 'mlp', hidden: [16, 8], dropout: 0.25 },
    training: { learningRate: 0.01, batchSize: 32, epochs: 3, hashEvery: 7, ema: 0.9, optimizer: { kind: 'adamw' }, schedule: { kind: 'cosine', warmupSteps: 5 } },
    data: moons,
    selection: { metric: 'loss', checkpoint: 'best' },
    seed: 3,
    seeds: { order: 17 },
  },
  'an MLP with batch norm that stops early': {
    model: { kind: 'mlp', hidden: [8], norm: 'batch', init: 'kaiming' },
    training: { learningRate: 0.5, batchSize: 24, steps: 400, evaluateEvery: 5, earlyStopping: { patience: 2 }, optimizer: { kind: 'sgd', momentum: 0.9 } },
    data: moons,
    selection: { metric: 'loss', checkpoint: 'best' },
    seed: 4,
  },
  'a CNN whose images are cropped, mirrored and shifted': {
    model: { kind: 'cnn', channels: [4], hidden: [12], dropout: 0.1 },
    training: { learningRate: 0.05, batchSize: 24, epochs: 2, accumulate: 3, optimizer: { kind: 'sgd', momentum: 0.9 } },
    data: { kind: 'mnist', samples: 200, augment: { crop: 2, flip: true, shift: 3 } },
    seed: 8,
  },
  'an LSTM': {
    model: { kind: 'lstm', embedding: 12, hidden: 16, layers: 2, dropout: 0.2 },
    training: { learningRate: 0.01, batchSize: 16, steps: 30, optimizer: { kind: 'rmsprop' } },
    data: text,
    seed: 5,
    selection: { metric: 'loss' },
  },
  'a transformer with dropout in its attention': {
    model: { kind: 'transformer', width: 24, layers: 2, heads: 3, dropout: 0.1, attentionDropout: 0.2 },
    training: { learningRate: 0.003, batchSize: 16, steps: 30, clipNorm: 0.5, ema: 0.99, optimizer: { kind: 'adam' } },
    data: text,
    seed: 6,
    selection: { metric: 'loss' },
    executor: { threads: 2 },
  },
};

/** Two features → eight hidden units, of which some are dropped in training → two classes. */
const ownModel = madeFile({
  nodes: [
    { op: 'Gemm', inputs: ['x', 'first'], outputs: ['a'] },
    { op: 'Relu', inputs: ['a'], outputs: ['b'] },
    { op: 'Dropout', inputs: ['b', 'ratio'], outputs: ['c'] },
    { op: 'Gemm', inputs: ['c', 'second', 'bias'] },
  ],
  initializers: { first: floats([2, 8], [...normals(1, 'data', 'first', 16)]), ratio: floats([], [0.2]), second: floats([8, 2], [...normals(1, 'data', 'second', 16)]), bias: floats([2], [0, 0]) },
  input: ['rows', 2],
});

describe.skipIf(!canReplay)('replay.py in the folder of a run', () => {
  let workspace: string;
  const script = (run: TestRun): string => path.join(run.folder, RUN_FILES.replay);
  const mlp = (name: string, seed: number): Promise<TestRun> => makeRun(workspace, name, { ...Object.values(CONFIGS)[0]!, seed });

  beforeAll(async () => {
    workspace = await mkdtemp(path.join(tmpdir(), 'reprise-replay-'));
    await writeFile(path.join(workspace, 'text.txt'), 'the sea and the whale and the ship, again: '.repeat(100));
  });
  afterAll(() => rm(workspace, { recursive: true, force: true }));

  it.each(Object.entries(CONFIGS))('finds the same bits for %s', async (name, config) => {
    const run = await makeRun(workspace, name.replaceAll(' ', '-'), config);
    const state = await trainHere(run);
    expect(state.finished?.stoppedAfter).toEqual(config.training.earlyStopping === undefined ? undefined : expect.any(Number));
    const { code, output, errors } = await replay(script(run));
    expect(errors).toBe('');
    expect(output).toContain(`step ${state.finished?.selectedStep}: `);
    expect(output).toMatch(new RegExp(`^identical: ${state.losses.length} losses and ${new Set([...state.weightsHashes.map(({ step }) => step), state.finished?.selectedStep]).size} hashes of the weights$`, 'mu'));
    expect(code).toBe(0);
  });

  it('finds the same bits for an ONNX file of a user, its first layer frozen, in a workspace whose files went into the object store', { timeout: 120_000 }, async () => {
    await writeFile(path.join(workspace, 'own.onnx'), ownModel);
    const config = path.join(workspace, 'own.yaml');
    await writeFile(config, JSON.stringify({ model: { kind: 'onnx', path: 'own.onnx', freeze: ['first'] }, training: { learningRate: 0.01, batchSize: 32, steps: 25, hashEvery: 10 }, data: moons, seed: 5 }));
    const engine = await createEngine({ workspace: path.join(workspace, 'own'), mode: 'host', spawn: localSpawn(workerEntry), cores: 1 });
    try {
      const started = await engine.call('runs.start', { config });
      if (!started.ok) throw new Error(started.error.message);
      const { runId } = started.value.run;
      const waited = await engine.call('runs.wait', { runs: [runId] });
      expect(waited).toMatchObject({ ok: true, value: [{ status: 'finished', error: null }] });
      const folder = path.join(workspace, 'own', 'runs', runId);
      expect((await readdir(folder)).filter((name) => name.endsWith('.onnx'))).toEqual([]);
      const { code, output, errors } = await replay(path.join(folder, RUN_FILES.replay));
      expect(errors).toBe('');
      expect(output).toContain('identical: 25 losses and 4 hashes');
      expect(code).toBe(0);
    } finally {
      await engine.close();
    }
  });

  it('names the first step whose loss is another', async () => {
    const run = await mlp('altered', 22);
    await trainHere(run);
    const log = await readFile(eventsFile(run));
    await writeFile(eventsFile(run), alterLoss(log, 9, (loss) => loss + 2 ** -24));
    const { code, output } = await replay(script(run));
    expect(output).toContain('diverged: step 10 is the first that differs');
    expect(code).toBe(1);
  });

  it('says what it cannot replay', async () => {
    const run = await mlp('incomplete', 23);
    await trainHere(run);
    expect(await replay(script(run), ['nowhere'])).toMatchObject({ code: 2, errors: expect.stringContaining('nowhere is no run') });
    expect(await replay(script(run), ['--data', eventsFile(run)])).toMatchObject({ code: 2, errors: expect.stringContaining('is not the data of incomplete') });
    const gpu = { ...run.manifest, runtime: { ...run.manifest.runtime, executionProvider: 'webgpu' } };
    await writeFile(path.join(run.folder, RUN_FILES.manifest), JSON.stringify(gpu));
    expect(await replay(script(run))).toMatchObject({ code: 2, errors: expect.stringContaining('only what a CPU computed is replayed') });
    await writeFile(path.join(run.folder, RUN_FILES.manifest), JSON.stringify(run.manifest));
    await copyFile(run.dataFile, path.join(run.folder, ARTIFACT_FILES['initial-weights']));
    expect(await replay(script(run))).toMatchObject({ code: 2, errors: expect.stringContaining('initial.safetensors with the SHA-256') });
  });
});
