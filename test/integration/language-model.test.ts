/** A character language model of Moby-Dick, trained as a run, ends where the same model ends in PyTorch. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { distance, hasTorch, trainRunInTorch } from '../helpers/torch';
import { makeRun, trainHere } from '../helpers/worker-runs';

const STEPS = 300;
/** Relative difference of the validation losses allowed. */
const AGREEMENT = 0.01;

test.skipIf(!hasTorch)(`a transformer tells the next character of Moby-Dick as well as PyTorch's after ${STEPS} steps`, { timeout: 300_000 }, async () => {
  const workspace = await mkdtemp(path.join(tmpdir(), 'reprise-moby-'));
  try {
    const run = await makeRun(workspace, 'moby', {
      model: { kind: 'transformer', width: 64, layers: 2, heads: 4, dropout: 0.1 },
      training: { learningRate: 0.003, batchSize: 16, steps: STEPS, evaluateEvery: STEPS, optimizer: { kind: 'adamw' }, schedule: { kind: 'cosine' } },
      // 2 % of the text are enough to tell the two apart.
      data: { kind: 'moby-dick', length: 64, split: { validation: 0.02, test: 0.02 } },
      seed: 1,
      selection: { metric: 'loss' },
    });
    const { losses, metrics } = await trainHere(run);
    const ours = Number(metrics.find(({ split }) => split === 'validation')!.values.loss);
    const torch = await trainRunInTorch(run);
    console.log(`Moby-Dick after ${STEPS} steps: validation loss ${ours.toFixed(5)}, PyTorch's ${torch.validation.toFixed(5)}; training losses within ${distance(losses, torch.losses).toExponential(1)}`);
    expect(ours).toBeLessThan(2.5);
    expect(Math.abs(ours - torch.validation)).toBeLessThanOrEqual(AGREEMENT * torch.validation);
  } finally {
    await rm(workspace, { recursive: true, force: true });
  }
});
