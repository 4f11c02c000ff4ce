import { fork, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/schema';
import { RUN_FILES } from '../../src/events/manifest';
import { logOwner } from '../../src/events/owner';
import { readEvents } from '../../src/events/reader';
import { sha256Bytes } from '../../src/files/hash';
import { decodeSafetensors, tensorsHash } from '../../src/tensors/safetensors';
import { essence, eventsFile, startWorker, stateOf, TestWorkspace, until, workerEntry, type Ended, type TestRun } from '../helpers/worker-runs';

const workspace = new TestWorkspace();
const newRun = workspace.newRun.bind(workspace);
const train = (run: TestRun): Promise<Ended> => startWorker(workerEntry, run).ended;

/** 15 steps an epoch with a smaller last batch, dropout, and checkpoints inside the epochs. */
const small: ConfigInput = {
  model: { kind: 'mlp', hidden: [16], dropout: 0.2 },
  training: { learningRate: 0.01, batchSize: 33, epochs: 8, checkpointEvery: 4, hashEvery: 7 },
  data: { kind: 'two-moons', samples: 600 },
  seed: 3,
};
const large: ConfigInput = { ...small, model: { kind: 'mlp', hidden: [64, 64], dropout: 0.3 }, training: { ...small.training, epochs: 60 }, selection: { checkpoint: 'best', metric: 'loss' } };

describe('a run', () => {
  it('gives the same weights twice, and artifacts that are what they say', async () => {
    const [first, second] = [await newRun(small), await newRun(small)];
    expect(await train(first)).toEqual({ code: 0, signal: null, stderr: '' });
    expect(await train(second)).toEqual({ code: 0, signal: null, stderr: '' });
    const state = stateOf(first);
    expect(state).toMatchObject({ status: 'finished', attempts: 1, totalSteps: 120, stepsPerEpoch: 15 });
    expect(essence(second)).toEqual(essence(first));

    expect(state.losses).toHaveLength(120);
    expect(state.learningRates.every((rate) => rate === Math.fround(0.01))).toBe(true);
    expect(state.metrics.filter(({ split }) => split === 'validation').map(({ step }) => step)).toEqual([15, 30, 45, 60, 75, 90, 105, 120]);
    const test = state.metrics.find(({ split }) => split === 'test');
    expect(test).toMatchObject({ step: 120, epoch: 8 });
    expect(test!.values.accuracy).toBeGreaterThan(0.8);
    expect(state.finished).toMatchObject({ selectedStep: 120, finalLoss: state.losses[119], bestLoss: Math.min(...state.losses) });

    expect([...state.artifacts.keys()].sort()).toEqual(['confusion-matrix', 'inference-graph', 'initial-weights', 'optimizer-state', 'scalars', 'training-graph', 'weights']);
    for (const artifact of state.artifacts.values()) {
      const bytes = readFileSync(path.join(first.folder, artifact.file));
      expect([sha256Bytes(bytes), bytes.length]).toEqual([artifact.sha256, artifact.bytes]);
    }
    expect(state.artifacts.get('training-graph')!.sha256).toBe(first.manifest.trainingGraphHash);
    expect(readdirSync(first.folder).sort()).toEqual(['confusion.json', 'events.log', 'inference.onnx', 'initial.safetensors', 'optimizer.safetensors', 'replay.py', 'run.json', 'scalars.safetensors', 'training.onnx', 'weights.safetensors']);

    const weights = decodeSafetensors(readFileSync(path.join(first.folder, 'weights.safetensors')));
    expect(tensorsHash(weights.tensors)).toBe(state.finished!.weightsHash);
    expect(state.weightsHashes.at(-1)).toMatchObject({ step: 120, hash: state.finished!.weightsHash });
    expect(state.weightsHashes.map(({ step }) => step)).toEqual([0, ...Array.from({ length: 17 }, (_, index) => 7 * (index + 1)), 120]);
    let chain = '';
    for (const link of state.weightsHashes) {
      chain = createHash('sha256').update(`${chain}\n${link.step}\n${link.hash}`).digest('hex');
      expect(link.chain).toBe(chain);
    }

    const initial = decodeSafetensors(readFileSync(path.join(first.folder, 'initial.safetensors')));
    expect(state.weightsHashes[0]).toMatchObject({ step: 0, hash: tensorsHash(initial.tensors) });
    const scalars = decodeSafetensors(readFileSync(path.join(first.folder, 'scalars.safetensors')));
    const named = new Map(scalars.tensors.map((tensor) => [tensor.name, tensor]));
    const columns = JSON.parse(scalars.metadata['scalarNames']!) as string[];
    expect(named.get('scalars')!.shape).toEqual([120, columns.length]);
    expect(named.get('trainRows')!.shape).toEqual([480]);
  });

  it('that is started again after it finished does nothing', async () => {
    const run = await newRun(small);
    await train(run);
    const { size } = statSync(eventsFile(run));
    expect((await train(run)).code).toBe(0);
    expect(statSync(eventsFile(run)).size).toBe(size);
  });

  it('selects the checkpoint with the best validation value, and hands out its weights', async () => {
    const config: ConfigInput = { ...small, training: { ...small.training, learningRate: 0.3 }, selection: { checkpoint: 'best', metric: 'accuracy' } };
    const run = await newRun(config);
    await train(run);
    const state = stateOf(run);
    const validation = state.metrics.filter(({ split }) => split === 'validation');
    const best = validation.reduce((so, far) => (Number(far.values.accuracy) > Number(so.values.accuracy) ? far : so));
    expect(best.step).toBeLessThan(120);
    expect(state.finished!.selectedStep).toBe(best.step);
    expect(state.metrics.find(({ split }) => split === 'test')!.step).toBe(best.step);
    const last = await newRun({ ...config, selection: { checkpoint: 'last', metric: 'accuracy' }, training: { ...config.training, epochs: best.step / 15 } });
    await train(last);
    expect(stateOf(last).finished!.weightsHash).toBe(state.finished!.weightsHash);
    const optimizer = readFileSync(path.join(run.folder, 'optimizer.safetensors'));
    expect(optimizer).toEqual(readFileSync(path.join(last.folder, 'optimizer.safetensors')));
  });

  it('parts from another seed at once, and from a flipped bit by little', async () => {
    const [run, other, perturbed] = [await newRun(small), await newRun({ ...small, seed: 4 }), await newRun(small, { perturbInit: true })];
    for (const each of [run, other, perturbed]) expect((await train(each)).code).toBe(0);
    const [a, b, c] = [stateOf(run), stateOf(other), stateOf(perturbed)];
    expect(b.losses[0]).not.toBe(a.losses[0]);
    expect(c.weightsHashes[0]!.hash).not.toBe(a.weightsHashes[0]!.hash);
    expect(c.finished!.weightsHash).not.toBe(a.finished!.weightsHash);
    expect(Math.abs(c.losses[5]! - a.losses[5]!)).toBeLessThan(1e-5);
  });

  it.each<[string, ConfigInput]>([
    ['a CNN with SGD and a cosine schedule', {
      model: { kind: 'cnn', channels: [4, 8], hidden: [16], dropout: 0.1 },
      training: { learningRate: 0.1, batchSize: 16, epochs: 6, optimizer: { kind: 'sgd', momentum: 0.9 }, schedule: { kind: 'cosine', warmupSteps: 3 } },
      data: { kind: 'mnist', samples: 300 },
      seed: 1,
    }],
    ['plain SGD, which keeps no state, on two threads', {
      model: { kind: 'mlp', hidden: [16] },
      training: { learningRate: 0.5, batchSize: 64, epochs: 20, optimizer: { kind: 'sgd' } },
      data: { kind: 'spirals', samples: 300, classes: 4 },
      seed: 1,
      executor: { threads: 2 },
    }],
  ])('trains %s', async (_, config) => {
    const run = await newRun(config);
    expect(await train(run)).toEqual({ code: 0, signal: null, stderr: '' });
    const { losses } = stateOf(run);
    expect(losses.every(Number.isFinite)).toBe(true);
    const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
    expect(sum(losses.slice(-5))).toBeLessThan(0.8 * sum(losses.slice(0, 5)));
  });
});

describe('an interrupted run', () => {
  it('killed with -9 again and again ends like one that never was', async () => {
    const reference = await newRun(large);
    const begin = performance.now();
    await train(reference);
    const duration = performance.now() - begin;
    const run = await newRun(large);
    const moments: number[] = [];
    let ended: Ended;
    do {
      const { child, ended: end } = startWorker(workerEntry, run);
      // Random moments from before the first line of JavaScript to the end; more than 10 kills end the game.
      const moment = moments.length < 10 ? Math.random() * 1.1 * duration : Infinity;
      if (Number.isFinite(moment)) {
        moments.push(Math.round(moment));
        setTimeout(() => child.kill('SIGKILL'), moment);
      }
      ended = await end;
    } while (ended.signal === 'SIGKILL');
    expect(ended, `killed after ${moments.join(', ')} ms`).toEqual({ code: 0, signal: null, stderr: '' });
    expect(essence(run), `killed after ${moments.join(', ')} ms`).toEqual(essence(reference));
    expect(readdirSync(run.folder).sort()).toEqual(readdirSync(reference.folder).sort());
  }, 90_000);

  it('killed right after each kind of record ends like one that never was', async () => {
    const reference = await newRun(large);
    await train(reference);
    const run = await newRun(large);
    let kills = 0;
    for (const step of [1, 60, 121, 300, 500, 899]) {
      const { child, ended } = startWorker(workerEntry, run);
      await until(run, (state) => state.losses.length >= step || state.status === 'finished');
      child.kill('SIGKILL');
      if ((await ended).signal === 'SIGKILL') kills++;
    }
    expect(kills).toBeGreaterThan(0);
    expect((await train(run)).code).toBe(0);
    expect(stateOf(run).attempts).toBeGreaterThan(1);
    expect(essence(run)).toEqual(essence(reference));
  }, 60_000);

  it('goes on from an older checkpoint, or from step 0, where the newest is damaged', async () => {
    const reference = await newRun(large);
    await train(reference);
    for (const which of ['newest', 'all']) {
      const run = await newRun(large);
      const { child, ended } = startWorker(workerEntry, run);
      await until(run, (state) => state.checkpoints.length > 60 && state.checkpoints.at(-1)!.step % 15 !== 0);
      child.kill('SIGKILL');
      await ended;
      const files = readdirSync(run.folder).filter((name) => name.startsWith('checkpoint-'));
      const announced = stateOf(run).checkpoints.at(-1)!;
      for (const name of which === 'newest' ? [announced.file] : files) writeFileSync(path.join(run.folder, name), 'damaged');
      expect((await train(run)).code).toBe(0);
      const records = readEvents(eventsFile(run), 0).records;
      const attempts = records.filter((record) => record.type === 'attempt');
      expect(attempts).toHaveLength(2);
      expect(attempts[1]!.fromStep).toBeLessThan(announced.step);
      if (which === 'all') expect(attempts[1]!.fromStep).toBe(0);
      expect(records.some((record) => record.type === 'message' && record.text.includes('missing or damaged'))).toBe(true);
      expect(essence(run)).toEqual(essence(reference));
    }
  }, 60_000);

  it('is cancelled by a file, and resumes when the file is gone', async () => {
    const reference = await newRun(large);
    await train(reference);
    const run = await newRun(large);
    const cancel = path.join(run.folder, RUN_FILES.cancel);
    const { ended } = startWorker(workerEntry, run);
    await until(run, (state) => state.losses.length > 50);
    writeFileSync(cancel, '');
    expect((await ended).code).toBe(130);
    const state = stateOf(run);
    expect(state.status).toBe('cancelled');
    expect(state.losses.length).toBeLessThan(900);
    expect(readEvents(eventsFile(run), 0).records.at(-1)).toMatchObject({ type: 'cancelled', step: state.losses.length });
    rmSync(cancel);
    expect((await train(run)).code).toBe(0);
    expect(essence(run)).toEqual(essence(reference));
  });

  it.each([
    ['forked with a channel', `require('node:child_process').fork(process.argv[1], process.argv.slice(2), { stdio: 'ignore' })`],
    ['spawned without one', `require('node:child_process').spawn(process.execPath, process.argv.slice(1), { stdio: 'ignore' })`],
  ])('ends itself when its host is gone: %s', async (_, script) => {
    const run = await newRun({ ...large, training: { ...large.training, epochs: 20_000 } });
    const host = spawn(process.execPath, ['-e', `${script}; setInterval(() => {}, 1000)`, workerEntry, run.folder, run.dataFile], { stdio: 'ignore' });
    await until(run, (state) => state.losses.length > 0);
    expect(logOwner(eventsFile(run))).not.toBeNull();
    host.kill('SIGKILL');
    await once(host, 'exit');
    await until(run, (state) => state.status !== 'running', 5000);
    const state = stateOf(run);
    expect(state.status).toBe('interrupted');
    expect(readEvents(eventsFile(run), 0).records.at(-1)).toMatchObject({ type: 'orphaned', step: state.losses.length });
    for (let tries = 0; logOwner(eventsFile(run)) !== null && tries < 200; tries++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(logOwner(eventsFile(run))).toBeNull();
  });

  it('does not stop at Ctrl-C, which is for its host', async () => {
    const run = await newRun(large);
    const { child, ended } = startWorker(workerEntry, run);
    await until(run, (state) => state.losses.length > 0);
    child.kill('SIGINT');
    expect((await ended).code).toBe(0);
  });
});

describe('a run that cannot be', () => {
  const outcome = async (run: TestRun): Promise<unknown> => {
    const { code, stderr } = await train(run);
    const { status, failed, losses } = stateOf(run);
    return { code, named: stderr.split(':')[0], status, failed: failed?.code, steps: losses.length };
  };
  const failedWith = (code: string): unknown => ({ code: 1, named: code, status: 'failed', failed: code, steps: 0 });

  it('has other data', async () => {
    const run = await newRun(small);
    const other = await newRun({ ...small, data: { kind: 'two-moons', samples: 601 } });
    expect(await outcome({ ...run, dataFile: other.dataFile })).toEqual(failedWith('DATA_FINGERPRINT_MISMATCH'));
    expect(await outcome({ ...(await newRun(small)), dataFile: path.join(workspace.folder, 'none') })).toEqual(failedWith('DATA_MISSING'));
  });

  it('was begun with another graph or runtime', async () => {
    expect(await outcome(await newRun(small, { trainingGraphHash: '0'.repeat(64) }))).toEqual(failedWith('TRAINING_GRAPH_CHANGED'));
    const { manifest } = await newRun(small);
    expect(await outcome(await newRun(small, { runtime: { ...manifest.runtime, onnxruntime: '1.0.0' } }))).toEqual(failedWith('RUN_RUNTIME_CHANGED'));
  });

  it('has a run.json that is none', async () => {
    const run = await newRun(small);
    writeFileSync(path.join(run.folder, RUN_FILES.manifest), '{"format":1,"config":{}}');
    expect(await outcome(run)).toEqual(failedWith('RUN_MANIFEST_INVALID'));
    const other = await newRun(small);
    writeFileSync(path.join(other.folder, RUN_FILES.manifest), '{');
    expect(await outcome(other)).toEqual(failedWith('RUN_MANIFEST_INVALID'));
  });

  it('is being trained by another worker', async () => {
    const run = await newRun(large);
    const { ended } = startWorker(workerEntry, run);
    await until(run, (state) => state.losses.length > 0);
    const second = await train(run);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain('EVENT_LOG_OWNED');
    expect((await ended).code).toBe(0);
    expect(stateOf(run)).toMatchObject({ status: 'finished', attempts: 1 });
  });

  it('names no folder', async () => {
    const child = fork(workerEntry, [], { stdio: 'ignore' });
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(2);
  });
});
