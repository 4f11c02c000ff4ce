/**
 * Each kind of model, its worker killed with -9 at 20 random steps, ends with the bits of a run that never was. All on two
 * threads: their number is pinned, and what may differ between two numbers is known by both.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/schema';
import { environmentOfRun, sectionOf } from '../../src/engine/side-by-side';
import { permutation } from '../../src/random/streams';
import { bundleFixture } from '../helpers/bundle-fixture';
import { essence, makeRun, startWorker, stateOf, trainHere } from '../helpers/worker-runs';

const KILLS = 20;
const STEPS = 60;
const SEED = 20_261_123;
const THREADS = 2;

const digits = { kind: 'mnist', samples: 200, augment: { shift: 1 } } as const;
const text = { kind: 'text', path: 'text.txt', tokenizer: { kind: 'character' }, length: 16, split: { validation: 0.05, test: 0.05 } } as const;
const CASES: readonly { readonly model: ConfigInput['model']; readonly data: ConfigInput['data']; readonly training?: Partial<ConfigInput['training']> }[] = [
  { model: { kind: 'linear' }, data: digits, training: { optimizer: { kind: 'sgd', momentum: 0.9 } } },
  { model: { kind: 'mlp', hidden: [24, 16], dropout: 0.2, norm: 'batch' }, data: digits, training: { ema: 0.9, clipNorm: 1 } },
  { model: { kind: 'cnn', channels: [4, 6], hidden: [16], dropout: 0.1, norm: 'batch' }, data: digits, training: { accumulate: 2, schedule: { kind: 'cosine', warmupSteps: 5 } } },
  { model: { kind: 'text-cnn', width: 16, layers: 2, dropout: 0.1 }, data: text, training: { optimizer: { kind: 'rmsprop', momentum: 0.5 } } },
  { model: { kind: 'lstm', embedding: 16, hidden: 24, layers: 2, dropout: 0.1 }, data: text },
  { model: { kind: 'transformer', width: 24, layers: 2, heads: 3, dropout: 0.1, attentionDropout: 0.1 }, data: text, training: { optimizer: { kind: 'adamw' } } },
];

/** Every step is a chunk of its own, and has a hash of its weights; most kills lose some steps. */
const configOf = ({ model, data, training }: (typeof CASES)[number]): ConfigInput => ({
  model,
  data,
  training: { learningRate: 0.01, batchSize: 16, steps: STEPS, hashEvery: 1, checkpointEvery: 7, evaluateEvery: 25, ...training },
  seed: 3,
  executor: { threads: THREADS },
  selection: { metric: 'loss', checkpoint: 'best' },
});

let workspace: string;
let worker: Awaited<ReturnType<typeof bundleFixture>>;
beforeAll(async () => {
  workspace = await mkdtemp(path.join(tmpdir(), 'reprise-resume-'));
  await writeFile(path.join(workspace, 'text.txt'), 'the sea and the whale and the ship, again: '.repeat(60));
  worker = await bundleFixture('test/fixtures/mortal-worker.ts');
});
afterAll(async () => {
  worker.remove();
  await rm(workspace, { recursive: true, force: true });
});

describe(`a run killed at ${KILLS} random steps`, () => {
  it.each(CASES.map((item, index) => ({ ...item, index, kind: item.model.kind })))('of a $kind has the bits of one that never was', { timeout: 120_000 }, async ({ index, kind, ...item }) => {
    const calm = await makeRun(workspace, `${kind}-calm`, configOf(item));
    const expected = await trainHere(calm);
    expect(expected).toMatchObject({ status: 'finished', totalSteps: STEPS });

    const run = await makeRun(workspace, kind, configOf(item));
    const kills = [...permutation(SEED, 'data', kind, index, STEPS - 1).subarray(0, KILLS)].map((step) => step + 1).sort((left, right) => left - right);
    for (const step of kills) {
      expect(await startWorker(worker.entry, run, String(step)).ended, `at step ${step}`).toMatchObject({ signal: 'SIGKILL', stderr: '' });
      expect(stateOf(run).losses).toHaveLength(step);
    }
    expect(await startWorker(worker.entry, run, 'never').ended).toEqual({ code: 0, signal: null, stderr: '' });
    expect(stateOf(run).attempts).toBe(KILLS + 1);
    expect(essence(run)).toEqual(essence(calm));
  });
});

it('is told from one on another number of threads', async () => {
  const config = configOf(CASES[4]!);
  const [one, two] = [await makeRun(workspace, 'one-thread', { ...config, executor: { threads: 1 } }), await makeRun(workspace, 'two-threads', config)];
  expect([one.manifest.runtime.threads, two.manifest.runtime.threads]).toEqual([1, 2]);
  // Runs with equal compute hashes stand in for one another; these do not.
  expect(one.manifest.computeHash).not.toBe(two.manifest.computeHash);
  const { rows } = sectionOf('Environment', [environmentOfRun(one.manifest), environmentOfRun(two.manifest)]);
  expect(rows.filter(({ same }) => !same).map(({ path: name, values }) => [name, ...values.map(({ value }) => value)])).toEqual([['runtime.threads', 1, 2]]);
});
