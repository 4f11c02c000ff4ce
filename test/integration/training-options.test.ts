/** What ends, selects and averages a run, in real workers: early stopping, validations between epochs, moving averages. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/schema';
import { decodeSafetensors } from '../../src/tensors/safetensors';
import { startWorker, stateOf, TestWorkspace, workerEntry, type TestRun } from '../helpers/worker-runs';

const workspace = new TestWorkspace();
async function trained(training: Partial<ConfigInput['training']>, selection: ConfigInput['selection'] = {}, killAfter: readonly number[] = []): Promise<TestRun> {
  const config: ConfigInput = { model: { kind: 'mlp', hidden: [16] }, training: { learningRate: 0.01, batchSize: 30, hashEvery: 1000, checkpointEvery: 7, ...training }, data: { kind: 'two-moons', samples: 600 }, seed: 3, selection };
  const run = await workspace.newRun(config);
  for (const milliseconds of killAfter) {
    const started = startWorker(workerEntry, run);
    await sleep(milliseconds);
    started.child.kill('SIGKILL');
    await started.ended;
  }
  expect(await startWorker(workerEntry, run).ended).toEqual({ code: 0, signal: null, stderr: '' });
  return run;
}
const validations = (run: TestRun): readonly (readonly [number, number])[] => stateOf(run).metrics.filter(({ split }) => split === 'validation').map(({ step, values }) => [step, Number(values.loss)]);
const weightsOf = (run: TestRun, file: string): Map<string, Float32Array> => new Map(decodeSafetensors(readFileSync(path.join(run.folder, file))).tensors.map(({ name, data }) => [name, data as Float32Array]));

describe('early stopping', () => {
  // At this learning rate the loss soon goes up and down.
  const training = { learningRate: 0.3, steps: 4000, evaluateEvery: 5, earlyStopping: { patience: 4, minDelta: 0.001 } };

  it('ends a run as finished, says so, and counts the steps that were', async () => {
    const run = await trained(training, { metric: 'loss', checkpoint: 'best' });
    const state = stateOf(run);
    const values = validations(run);
    const [last] = values.at(-1)!;
    expect(last).toBeLessThan(4000);
    expect(state).toMatchObject({ status: 'finished', totalSteps: last });
    expect(state.losses.length).toBe(last);
    expect(values.map(([step]) => step)).toEqual(Array.from({ length: last / 5 }, (_, index) => 5 * (index + 1)));
    // The last four are no better than the best before them; the four before the last validation were not all so.
    const losses = values.map(([, loss]) => loss);
    expect(Math.min(...losses.slice(-4))).toBeGreaterThanOrEqual(Math.min(...losses.slice(0, -4)) - 0.001);
    expect(state.messages.map(({ text }) => text)).toEqual([`Stopped early after ${last} of 4000 steps: the validation loss has not improved by more than 0.001 in 4 validations.`]);
    const best = Math.min(...losses);
    expect(state.finished).toMatchObject({ stoppedAfter: last, selectedStep: values.find(([, loss]) => loss === best)![0] });
    expect(state.weightsHashes.at(-1)!.step).toBe(last);
  });

  it('ends at the same step with the same bits after kills', async () => {
    const [calm, killed] = [await trained(training), await trained(training, {}, [250, 400, 600])];
    const end = (run: TestRun): unknown => ({ steps: stateOf(run).losses, weights: stateOf(run).finished!.weightsHash, metrics: validations(run), chain: stateOf(run).weightsHashes.map(({ chain }) => chain) });
    expect(end(killed)).toEqual(end(calm));
  });
});

describe('a run of steps', () => {
  it('ends inside an epoch with a validation', async () => {
    const run = await trained({ steps: 33, evaluateEvery: 10 });
    expect(stateOf(run)).toMatchObject({ status: 'finished', totalSteps: 33 });
    expect(validations(run).map(([step]) => step)).toEqual([10, 20, 30, 33]);
    // 16 steps are one pass: whole passes are counted, which is what the store keeps.
    expect(stateOf(run).metrics.map(({ split, epoch }) => [split, epoch])).toEqual([['validation', 0], ['validation', 1], ['validation', 1], ['validation', 2], ['test', 2]]);
  });
});

describe('a moving average of the weights', () => {
  it('is what is hashed, evaluated and handed on; the parameters stay with the state', async () => {
    const [plain, averaged] = [await trained({ steps: 60 }), await trained({ steps: 60, ema: 0.9 })];
    expect(stateOf(averaged).losses).toEqual(stateOf(plain).losses);
    expect(validations(averaged)).not.toEqual(validations(plain));
    const [raw, average, state] = [weightsOf(plain, 'weights.safetensors'), weightsOf(averaged, 'weights.safetensors'), weightsOf(averaged, 'optimizer.safetensors')];
    expect([...average.keys()]).toEqual([...raw.keys()]);
    for (const [name, values] of raw) {
      expect(state.get(name)).toEqual(values);
      expect(average.get(name)).not.toEqual(values);
    }
    expect([...state.keys()].some((name) => name.startsWith('ema/'))).toBe(false);
    expect(stateOf(averaged).finished!.weightsHash).toBe(stateOf(averaged).weightsHashes.at(-1)!.hash);
  });
});
