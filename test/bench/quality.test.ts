/**
 * How well models get, rather than how fast: `npm run bench -- quality`. A language model beside the same one in PyTorch,
 * from the same initial weights, with the same batches; and digits told right by a small CNN, on one core in minutes.
 */
import { readFile } from 'node:fs/promises';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseTrainingConfig } from '../../src/config/parse';
import { parseYaml } from '../../src/config/yaml';
import { hasTorch, trainRunInTorch } from '../helpers/torch';
import { makeRun, trainHere } from '../helpers/worker-runs';
import { row } from './rows';

const LIMIT = 1_200_000;
const STEPS = 600;
/** The least share of digits told right. */
const ACCURACY = 0.985;

let workspace: string;
beforeAll(() => {
  workspace = mkdtempSync(join(tmpdir(), 'reprise-quality-'));
});
afterAll(() => rmSync(workspace, { recursive: true, force: true }));

it.skipIf(!hasTorch)('a transformer tells the next character of Moby-Dick', { timeout: LIMIT }, async () => {
  const run = await makeRun(workspace, 'moby-dick', {
    model: { kind: 'transformer', width: 96, layers: 2, heads: 4 },
    training: { learningRate: 0.002, batchSize: 16, steps: STEPS, evaluateEvery: STEPS, optimizer: { kind: 'adamw', weightDecay: 0.01 }, schedule: { kind: 'cosine' } },
    data: { kind: 'moby-dick', length: 128 },
    seed: 1,
    selection: { metric: 'loss' },
  });
  const { metrics } = await trainHere(run);
  const ours = Number(metrics.find(({ split }) => split === 'validation')!.values.loss);
  const { validation } = await trainRunInTorch(run);
  row({ name: 'moby-dick-lm', ours, peer: validation, unit: 'nats', note: `validation loss after ${STEPS} steps: ${ours.toFixed(5)}, PyTorch's ${validation.toFixed(5)}` });
  expect(Math.abs(ours - validation)).toBeLessThanOrEqual(0.01 * validation);
});

it('a CNN tells digits', { timeout: LIMIT }, async () => {
  const file = 'resources/samples/mnist-cnn.yaml';
  const run = await makeRun(workspace, 'mnist', parseTrainingConfig(parseYaml(await readFile(file, 'utf8'), file), file));
  const begin = process.cpuUsage();
  const { metrics } = await trainHere(run);
  const { user, system } = process.cpuUsage(begin);
  const accuracy = Number(metrics.find(({ split }) => split === 'test')!.values.accuracy);
  row({ name: 'mnist-cnn', ours: accuracy, peer: null, unit: 'accuracy', larger: true, note: `${accuracy} of 2,000 digits held back, at least ${ACCURACY} wanted; ${Math.round((user + system) / 1e6)} s of one core` });
  expect(accuracy).toBeGreaterThanOrEqual(ACCURACY);
});
