/**
 * `replay.py` of a bundle of really trained runs: a second implementation of seeds, batches, masks and
 * hashes, on Python's ONNX Runtime. REPRISE_PYTHON names a Python, REPRISE_JUDGES says that it has `onnxruntime`.
 */
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alterLoss } from '../helpers/bundle-surgery';
import { readBundleLog } from '../../src/bundle/event-log';
import type { TrainingRunInput } from '../../src/bundle/model';
import { extractBundle } from '../../src/bundle/open';
import { defaultTolerance } from '../../src/bundle/tolerance';
import { verifyBundle } from '../../src/bundle/verify';
import { writeBundle } from '../../src/bundle/write';
import { computeHash, configHash } from '../../src/config/hash';
import { parseTrainingConfig } from '../../src/config/parse';
import { prepareData } from '../../src/datasets/prepare';
import type { TrainingManifest } from '../../src/events/manifest';
import type { ArtifactName } from '../../src/events/records';
import { EventLogWriter } from '../../src/events/writer';
import { runtimeIdentity } from '../../src/provenance/runtime';
import { trainRun } from '../../src/worker/train';
import { trainingGraphFor } from '../../src/worker/training-graph';
import { freshFolder, sampleManifest } from '../unit/bundle/sample';

const python = process.env['REPRISE_PYTHON'] ?? '';
const judges = (process.env['REPRISE_JUDGES'] ?? '').split(',').map((name) => name.trim());
const available = python !== '' && judges.includes('onnxruntime');
if (!available) console.warn('SKIPPED: no onnxruntime for Python (REPRISE_PYTHON, REPRISE_JUDGES): replay.py is not tried.');

const CONFIGS = {
  mlp: {
    model: { kind: 'mlp', hidden: [16, 8], dropout: 0.25 },
    training: { learningRate: 0.01, batchSize: 32, epochs: 2, hashEvery: 7, optimizer: { kind: 'adamw' }, schedule: { kind: 'cosine', warmupSteps: 5 } },
    data: { kind: 'two-moons', samples: 500 },
    seed: 3,
    seeds: { order: 17 },
  },
  cnn: {
    model: { kind: 'cnn', channels: [4], hidden: [12], dropout: 0.1 },
    training: { learningRate: 0.05, batchSize: 24, epochs: 1, optimizer: { kind: 'sgd', momentum: 0.9 } },
    data: { kind: 'mnist', samples: 400 },
    seed: 8,
  },
} as const;

async function train(workspace: string, runId: string, input: unknown): Promise<{ readonly run: TrainingRunInput; readonly dataFile: string }> {
  const config = parseTrainingConfig(input);
  const { ref, shape } = await prepareData(config.data, { configFolder: workspace, workspace, splitSeed: config.seeds.split });
  const graph = trainingGraphFor(config, shape);
  const runFolder = join(workspace, 'runs', runId);
  await mkdir(runFolder, { recursive: true });
  const runtime = runtimeIdentity(1);
  const manifest: TrainingManifest = {
    ...sampleManifest(runId, config.seed, { fingerprint: ref.fingerprint, bytes: ref.bytes, trainingGraphHash: graph.sha256 }),
    config,
    configHash: configHash(config),
    computeHash: computeHash(config, { dataFingerprint: ref.fingerprint, trainingGraphHash: graph.sha256, runtime }),
    runtime,
    data: ref,
  };
  await writeFile(join(runFolder, 'run.json'), JSON.stringify(manifest));
  const eventLog = join(runFolder, 'events.log');
  const log = EventLogWriter.open(eventLog);
  const dataFile = join(workspace, ref.file);
  await trainRun({ runFolder, dataFile, manifest, log, breathe: async () => undefined });
  log.close();
  const state = readBundleLog(await readFile(eventLog), eventLog);
  const test = state.metrics.findLast((record) => record.split === 'test');
  const files = Object.fromEntries([...state.artifacts].map(([name, record]) => [name, join(runFolder, record.file)])) as Partial<Record<ArtifactName, string>>;
  return {
    dataFile,
    run: {
      manifest,
      status: state.status,
      startedAt: state.startedAt,
      endedAt: state.endedAt,
      totalSteps: state.totalSteps ?? 0,
      finalLoss: Number(state.finished?.finalLoss),
      bestLoss: Number(state.finished?.bestLoss),
      weightsHash: state.finished?.weightsHash ?? null,
      selectedStep: state.finished?.selectedStep ?? null,
      metrics: { accuracy: Number(test?.values.accuracy), loss: Number(test?.values.loss) },
      files,
      eventLog,
      tolerance: defaultTolerance('Not calibrated: a test.'),
    },
  };
}

interface Replay {
  readonly verdict: string;
  readonly steps: number;
  readonly differentLosses: number;
  readonly firstDivergentStep: number | null;
  readonly initialWeightsEqual: boolean;
  readonly weightsHashesCompared: number;
  readonly notes: readonly string[];
  readonly onnxruntime: { readonly recorded: string; readonly here: string };
}

function replay(bag: string, args: readonly string[]): Promise<{ readonly code: number; readonly result: Replay | null; readonly errors: string }> {
  return new Promise((resolve) => {
    execFile(python, [join(bag, 'data', 'replay.py'), '--json', ...args], { timeout: 60_000 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, result: stdout.trim() === '' ? null : (JSON.parse(stdout) as Replay), errors: stderr });
    });
  });
}

describe.skipIf(!available)('replay.py', () => {
  let folder: string;
  let bag: string;
  let runs: TrainingRunInput[];

  beforeAll(async () => {
    folder = await freshFolder();
    const workspace = join(folder, 'workspace');
    const trained = [await train(workspace, 'mlprun', CONFIGS.mlp), await train(workspace, 'cnnrun', CONFIGS.cnn)];
    runs = trained.map(({ run }) => run);
    const file = join(folder, 'real.crate.zip');
    await writeBundle(
      {
        name: 'real', description: '', license: 'CC0-1.0', createdAt: Date.UTC(2026, 0, 1), author: '', reprise: '0.1.0', runs, study: null,
        data: trained.map(({ run, dataFile }) => ({ ref: run.manifest.data, file: dataFile })),
        report: { markdown: '# Real\n', html: '<!doctype html><title>Real</title>\n' },
      },
      file,
    );
    expect((await verifyBundle(file)).problems).toEqual([]);
    bag = join(folder, 'bag');
    await extractBundle(file, bag);
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it.each(['mlprun', 'cnnrun'])('repeats %s: initial weights, batches, masks, losses', async (runId) => {
    const { code, result, errors } = await replay(bag, [runId]);
    const run = runs.find(({ manifest }) => manifest.runId === runId);
    expect(code, `${errors}${JSON.stringify(result)}`).toBe(0);
    expect(result).toMatchObject({ steps: run?.totalSteps, initialWeightsEqual: true, notes: [], firstDivergentStep: null });
    console.info(`replay.py ${runId}: ${result?.verdict}, ${result?.differentLosses} of ${result?.steps} losses differ, ONNX Runtime ${result?.onnxruntime.here} against ${result?.onnxruntime.recorded}`);
    if (result?.onnxruntime.here === result?.onnxruntime.recorded) expect(result?.verdict).toBe('identical');
    expect(['identical', 'within-tolerance']).toContain(result?.verdict);
    expect(result?.weightsHashesCompared).toBeGreaterThan(1);
  });

  it('names the step whose recorded loss was altered', async () => {
    const log = join(bag, 'data', 'runs', 'mlprun', 'events.log');
    const before = await readFile(log);
    await writeFile(log, alterLoss(before, 9, (loss) => loss + 0.25));
    try {
      expect(await replay(bag, ['mlprun'])).toMatchObject({ code: 1, result: { verdict: 'diverged', firstDivergentStep: 9 } });
    } finally {
      await writeFile(log, before);
    }
  });

  it.each([
    ['init', { initialWeightsEqual: false, verdict: 'diverged' }],
    ['order', { initialWeightsEqual: true, verdict: 'diverged' }],
    ['noise', { initialWeightsEqual: true, verdict: 'diverged' }],
  ] as const)('does not repeat a run whose %s seed was changed', async (purpose, expected) => {
    const file = join(bag, 'data', 'runs', 'mlprun', 'run.json');
    const before = await readFile(file, 'utf8');
    const manifest = JSON.parse(before) as { config: { seeds: Record<string, number> } };
    manifest.config.seeds[purpose] = 99;
    await writeFile(file, JSON.stringify(manifest));
    try {
      expect(await replay(bag, ['mlprun'])).toMatchObject({ code: 1, result: expected });
    } finally {
      await writeFile(file, before);
    }
  });

  it('does what REPRODUCE.md says, command by command', async () => {
    const text = await readFile(join(bag, 'data', 'REPRODUCE.md'), 'utf8');
    const commands = [...text.matchAll(/```sh\n([\s\S]*?)```/gu)].flatMap((match) => (match[1] ?? '').trim().split('\n'));
    const own = commands.filter((command) => command.startsWith('npm run -s reprise -- '));
    expect(own).toEqual(['npm run -s reprise -- verify real.crate.zip', 'npm run -s reprise -- reproduce real.crate.zip --trust DIGEST']);
    const others = commands.filter((command) => !own.includes(command));
    expect(others).toHaveLength(4);
    const path = `${dirname(python)}${delimiter}${process.env['PATH'] ?? ''}`;
    for (const command of others) {
      if (command.startsWith('bagit.py') && !judges.includes('bagit')) continue;
      const output = await new Promise<string>((resolve, reject) => {
        execFile('bash', ['-c', command], { cwd: folder, env: { ...process.env, PATH: path }, timeout: 60_000 }, (error, stdout, stderr) => (error === null ? resolve(stdout) : reject(new Error(`${command}: ${stderr}`))));
      });
      if (command.startsWith('sha256sum')) expect(output.slice(0, 64)).toBe((await verifyBundle(join(folder, 'real.crate.zip'))).digest);
      if (command.includes('replay.py')) expect(output).toMatch(/identical|within-tolerance/u);
    }
  });

  it('says what it cannot replay', async () => {
    expect(await replay(bag, ['nothing'])).toMatchObject({ code: 2, result: null, errors: expect.stringContaining('mlprun, cnnrun') });
  });
});
