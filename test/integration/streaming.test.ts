/** Data that stay on the disk: the numbers of a run are those of data in memory, bit for bit. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/schema';
import { readEvents } from '../../src/events/reader';
import { noteWorker } from '../../src/execution/host-log';
import { npyBytes } from '../unit/datasets/files';
import { eventsFile, startWorker, stateOf, TestWorkspace, until, workerEntry, type TestRun } from '../helpers/worker-runs';

const workspace = new TestWorkspace();
const newRun = workspace.newRun.bind(workspace);

/** Trains with data that stay on the disk however small they are. */
function startFromDisk(run: TestRun): { readonly child: ReturnType<typeof fork>; readonly ended: Promise<unknown[]> } {
  const child = fork(workerEntry, [run.folder, run.dataFile], { stdio: 'ignore', execArgv: [], env: { ...process.env, REPRISE_READ_BY_ROWS_FROM: '0' } });
  noteWorker(run.folder, child.pid ?? 0);
  return { child, ended: once(child, 'exit') };
}

function numbersOf(run: TestRun): unknown {
  const { status, losses, metrics, weightsHashes, finished, artifacts } = stateOf(run);
  const norms = readEvents(eventsFile(run), 0).records.flatMap((record) => (record.type === 'steps' ? (record.gradientNorms ?? []) : []));
  return {
    status,
    losses,
    norms,
    metrics: metrics.map(({ split, step, values }) => ({ split, step, values })),
    weightsHashes: weightsHashes.map(({ step, hash, norm }) => ({ step, hash, norm })),
    weightsHash: finished?.weightsHash,
    artifacts: [...artifacts.values()].map(({ name, sha256 }) => [name, sha256]),
  };
}

const training = { learningRate: 0.01, batchSize: 33, epochs: 3, checkpointEvery: 7, hashEvery: 5, clipNorm: 1 };
const cases: readonly (readonly [string, ConfigInput])[] = [
  ['points, with labels', { model: { kind: 'mlp', hidden: [16], dropout: 0.2 }, training, data: { kind: 'two-moons', samples: 600 }, seed: 3 }],
  ['images', { model: { kind: 'cnn', channels: [4] }, training, data: { kind: 'mnist', samples: 400 }, seed: 3, selection: { checkpoint: 'best', metric: 'loss' } }],
  ['tokens, whose examples share their ends', { model: { kind: 'transformer', width: 8, layers: 1, heads: 2 }, training: { ...training, epochs: undefined, steps: 25, evaluateEvery: 12 }, data: { kind: 'text', path: 'text.txt', length: 12, tokenizer: { kind: 'bytes' } }, seed: 3 } as ConfigInput],
  ['values to be told', { model: { kind: 'mlp', hidden: [8] }, training, data: { kind: 'npy', path: 'x.npy', labels: 'y.npy', task: 'regression' }, selection: { metric: 'loss' }, seed: 3 } as ConfigInput],
  ['images that are changed each time', { model: { kind: 'mlp', hidden: [8] }, training, data: { kind: 'npy', path: 'images.npy', labels: 'classes.npy', augment: { flip: true, shift: 1 } }, seed: 3 } as ConfigInput],
];

const floats = (count: number): Uint8Array => new Uint8Array(Float32Array.from({ length: count }, (_, index) => ((index * 7919) % 1000) / 500 - 1).buffer);

describe('data on the disk', () => {
  beforeAll(() => {
    workspace.write('text.txt', Array.from({ length: 400 }, (_, line) => `${line} times ${line % 7} is ${line * (line % 7)}\n`).join(''));
    workspace.write('x.npy', npyBytes('<f4', [300, 5], floats(1500)));
    workspace.write('y.npy', npyBytes('<f4', [300, 2], floats(600)));
    workspace.write('images.npy', npyBytes('|u1', [300, 6, 6], Uint8Array.from({ length: 300 * 36 }, (_, index) => (index * 31) % 256)));
    workspace.write('classes.npy', npyBytes('<i8', [300], new Uint8Array(BigInt64Array.from({ length: 300 }, (_, index) => BigInt(index % 3)).buffer)));
  });

  it.each(cases)('give the bits of data in memory: %s', async (_, config) => {
    const [inMemory, onDisk] = [await newRun(config), await newRun(config)];
    expect(await startWorker(workerEntry, inMemory).ended).toEqual({ code: 0, signal: null, stderr: '' });
    expect(await startFromDisk(onDisk).ended).toEqual([0, null]);
    expect(stateOf(onDisk)).toMatchObject({ status: 'finished' });
    expect(numbersOf(onDisk)).toEqual(numbersOf(inMemory));
  });

  it('serve a run that goes on after it was killed', async () => {
    const config: ConfigInput = { ...cases[1]![1], training: { ...training, epochs: 12 } };
    const [whole, killed] = [await newRun(config), await newRun(config)];
    await startFromDisk(whole).ended;
    const { child, ended } = startFromDisk(killed);
    await until(killed, ({ checkpoints }) => checkpoints.length >= 4);
    child.kill('SIGKILL');
    await ended;
    await startFromDisk(killed).ended;
    const [a, b] = [stateOf(whole), stateOf(killed)];
    expect(b.attempts).toBe(2);
    expect([b.losses, b.finished?.weightsHash]).toEqual([a.losses, a.finished?.weightsHash]);
  });

  it('are missed where they go while a run trains: it fails, and goes on once they are back', async () => {
    const made = await newRun({ ...cases[1]![1], training: { ...training, epochs: 60 } });
    const run = { ...made, dataFile: path.join(workspace.folder, 'going') };
    copyFileSync(made.dataFile, run.dataFile);
    const { ended } = startFromDisk(run);
    await until(run, ({ checkpoints }) => checkpoints.length >= 4);
    truncateSync(run.dataFile, 10_000);
    expect(await ended).toEqual([1, null]);
    const { status, failed, checkpoints } = stateOf(run);
    expect(status).toBe('failed');
    expect(failed).toMatchObject({ code: 'DATA_INVALID', message: expect.stringMatching(/going cannot be used: it ends before byte \d+\. Prepare it again/u) as string });
    copyFileSync(made.dataFile, run.dataFile);
    expect(await startFromDisk(run).ended).toEqual([0, null]);
    const attempts = readEvents(eventsFile(run), 0).records.flatMap((record) => (record.type === 'attempt' ? [record.fromStep] : []));
    expect(attempts).toEqual([0, checkpoints.at(-1)!.step]);
  });
});
