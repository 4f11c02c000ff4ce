import { existsSync, readFileSync, truncateSync, writeFileSync, appendFileSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { foldEvents } from '../../../src/events/fold';
import { RUN_FILES } from '../../../src/events/manifest';
import { readEvents } from '../../../src/events/reader';
import { toLogged, type ArtifactRecord, type EventBody, type MetricValues } from '../../../src/events/records';
import { sha256Bytes } from '../../../src/files/hash';
import { openStore } from '../../../src/store/open';
import { rebuildWorkspace } from '../../../src/store/rebuild';
import type { Store } from '../../../src/store/types';
import { dumpStore, dumpWorkspace } from '../../helpers/dump';
import { append, attempt, exitedWell, finished, sampleManifest, steps, temporaryFolder } from './sample';

async function runStore(): Promise<{ store: Store; folder: string; log: string }> {
  const store = await openStore(temporaryFolder(), { mode: 'host' });
  onTestFinished(() => store.close());
  await store.createRun(sampleManifest('run-a'));
  const folder = store.runFolder('run-a');
  return { store, folder, log: join(folder, RUN_FILES.events) };
}

/** Points of each row of the series, in order. */
function rowSizes(workspace: string): number[] {
  const database = new Sqlite(join(workspace, 'reprise.db'), { readonly: true });
  try {
    return database.prepare<[], { points: number }>('SELECT points FROM series ORDER BY run, key, place').all().map(({ points }) => points);
  } finally {
    database.close();
  }
}

const hash = (step: number, text = 'h'): EventBody => ({ type: 'weights-hash', step, hash: `${text}${step}`, chain: `c${step}` });
const metric = (step: number, split: 'validation' | 'test', loss = step): EventBody => ({ type: 'metrics', split, step, epoch: 1, values: { loss: toLogged(loss), accuracy: 0.5 } });
const died: EventBody = { type: 'exit', attempt: 1, exitCode: null, signal: 'SIGKILL' };

describe('ingest', () => {
  it('follows a run from its first step to its end', async () => {
    const { store, folder } = await runStore();
    expect((await store.ingest('run-a')).status).toBe('queued');
    store.setStatus('run-a', 'running');
    append(folder, attempt(1), steps(0, 4), hash(2));
    expect(await store.ingest('run-a')).toMatchObject({ status: 'running', attempts: 1, stepsDone: 4, totalSteps: 10, finalLoss: 3, bestLoss: 0, endedAt: null, throughput: 100 });
    append(folder, steps(4, 6), hash(10), metric(10, 'validation'), metric(10, 'test'), finished);
    // The worker has said that it is done, but its process is still there.
    expect((await store.ingest('run-a')).status).toBe('running');
    append(folder, exitedWell);
    const row = await store.ingest('run-a');
    expect(row).toMatchObject({ status: 'finished', exitCode: 0, signal: null, weightsHash: 'w', selectedStep: 10, finalLoss: 9, bestLoss: 0, stepsDone: 10 });
    expect(row.startedAt).toBeLessThanOrEqual(row.endedAt ?? 0);
    expect([...store.series('run-a', 'train.loss').values]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect([...store.series('run-a', 'train.loss').steps]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect([...store.series('run-a', 'train.learningRate').values]).toEqual(Array.from({ length: 10 }, () => 0.5));
    expect(store.weightsHashes('run-a').map((row) => row.step)).toEqual([2, 10]);
    expect(store.metrics('run-a')).toEqual([
      { split: 'validation', step: 10, epoch: 1, loss: 10, accuracy: 0.5 },
      { split: 'test', step: 10, epoch: 1, loss: 10, accuracy: 0.5 },
    ]);
    const before = await dumpStore(store);
    await store.ingest('run-a');
    expect(await dumpStore(store)).toEqual(before);
  });

  it('keeps whatever metrics a record has, and of a later attempt those alone', async () => {
    const { store, folder } = await runStore();
    const validated = (step: number, values: MetricValues): EventBody => ({ type: 'metrics', split: 'validation', step, epoch: 1, values });
    append(folder, attempt(1), steps(0, 8), validated(4, { loss: 1, r2: -0.5, rmse: 2 }), validated(8, { loss: 0.5, r2: 'NaN', rmse: 'Infinity' }), died);
    await store.ingest('run-a');
    expect(store.metrics('run-a')).toEqual([{ split: 'validation', step: 4, epoch: 1, loss: 1, r2: -0.5, rmse: 2 }, { split: 'validation', step: 8, epoch: 1, loss: 0.5, r2: Number.NaN, rmse: Infinity }]);
    append(folder, attempt(2, 4), steps(4, 4), validated(8, { loss: 0.25, mae: 3 }));
    await store.ingest('run-a');
    expect(store.metrics('run-a')).toEqual([{ split: 'validation', step: 4, epoch: 1, loss: 1, r2: -0.5, rmse: 2 }, { split: 'validation', step: 8, epoch: 1, loss: 0.25, mae: 3 }]);
    expect(store.latestMetrics('run-a').filter(({ key }) => key.startsWith('validation.')).map(({ key, value, points }) => [key, value, points])).toEqual([['validation.loss', 0.25, 2], ['validation.mae', 3, 1], ['validation.r2', -0.5, 1], ['validation.rmse', 2, 1]]);
  });

  it('drops what an earlier attempt logged past the step a later one resumes at', async () => {
    const { store, folder } = await runStore();
    append(folder, attempt(1), steps(0, 8, 100), hash(4), hash(8), metric(4, 'validation'), metric(8, 'validation'), metric(4, 'test'), died);
    expect(await store.ingest('run-a')).toMatchObject({ status: 'interrupted', signal: 'SIGKILL', exitCode: null, stepsDone: 8, bestLoss: 100 });
    append(folder, { type: 'requeued' });
    expect(await store.ingest('run-a')).toMatchObject({ status: 'queued', endedAt: null });
    append(folder, attempt(2, 4), steps(4, 1), hash(8, 'new'));
    expect(await store.ingest('run-a')).toMatchObject({ status: 'interrupted', attempts: 2, stepsDone: 5, bestLoss: 4, finalLoss: 4, signal: null });
    expect([...store.series('run-a', 'train.loss').values]).toEqual([100, 101, 102, 103, 4]);
    expect(store.weightsHashes('run-a').map((row) => row.hash)).toEqual(['h4', 'new8']);
    expect(store.metrics('run-a').map((row) => [row.split, row.step])).toEqual([['validation', 4]]);
    append(folder, died, { type: 'requeued' }, attempt(3, 0));
    expect(await store.ingest('run-a')).toMatchObject({ stepsDone: 0, bestLoss: null, finalLoss: null, throughput: null });
    expect(store.series('run-a', 'train.loss').values).toHaveLength(0);
  });

  it('holds norms, pace and memory as series, which a later attempt replaces from its first step on', async () => {
    const { store, folder } = await runStore();
    const told = (firstStep: number, count: number, norm: number, more: object = {}): EventBody => ({ ...steps(firstStep, count), gradientNorms: Array.from({ length: count }, () => norm), examples: 32 * count, memory: 1000 * norm, ...more }) as EventBody;
    const weights = (step: number, norm: number): EventBody => ({ type: 'weights-hash', step, hash: `${norm}`, chain: 'c', norm });
    const points = (key: string): [number, number][] => {
      const { steps: at, values } = store.points('run-a', key);
      return Array.from(at, (step, index) => [step, values[index] ?? NaN]);
    };
    append(folder, attempt(1), weights(0, 1), told(0, 2, 10), told(2, 2, 11, { tokens: 640 }), weights(4, 2), told(4, 2, 12), weights(6, 3), died);
    await store.ingest('run-a');
    expect(points('train.gradientNorm').map(([, norm]) => norm)).toEqual([10, 10, 11, 11, 12, 12]);
    append(folder, attempt(2, 4), told(4, 1, 20), weights(5, 4));
    await store.ingest('run-a');
    expect(store.seriesKeys('run-a')).toEqual(['system/examplesPerSecond', 'system/memory', 'system/tokensPerSecond', 'train.gradientNorm', 'train.learningRate', 'train.loss', 'train.weightNorm']);
    expect(points('train.gradientNorm')).toEqual([[0, 10], [1, 10], [2, 11], [3, 11], [4, 20]]);
    // The steps take a hundredth of a second each.
    expect(points('system/examplesPerSecond')).toEqual([[1, 3200], [3, 3200], [4, 3200]]);
    expect(points('system/tokensPerSecond')).toEqual([[3, 32_000]]);
    expect(points('system/memory')).toEqual([[1, 10_000], [3, 11_000], [4, 20_000]]);
    expect(points('train.weightNorm')).toEqual([[0, 1], [4, 2], [5, 4]]);
    const before = await dumpStore(store);
    store.close();
    await rebuildWorkspace(store.workspace);
    expect(await dumpWorkspace(store.workspace)).toEqual(before);
  });

  it('refuses norms of other steps than the losses are of', async () => {
    const { store, folder } = await runStore();
    append(folder, attempt(1), { ...steps(0, 3), gradientNorms: [1, 2] } as EventBody);
    expect(await store.ingest('run-a')).toMatchObject({ status: 'failed', errorCode: 'LOG_INCONSISTENT', errorMessage: expect.stringContaining('3 losses and 2 gradient norms') as string });
  });

  it('keeps NaN and infinities', async () => {
    const { store, folder } = await runStore();
    append(folder, attempt(1), { type: 'steps', firstStep: 0, losses: ['NaN', 'Infinity', 2, '-Infinity', 'NaN'], learningRates: [1, 1, 1, 1, 1], seconds: 0 }, metric(5, 'validation', NaN));
    expect(await store.ingest('run-a')).toMatchObject({ finalLoss: NaN, bestLoss: -Infinity, throughput: null });
    expect([...store.series('run-a', 'train.loss').values]).toEqual([NaN, Infinity, 2, -Infinity, NaN]);
    expect(store.metrics('run-a')[0]?.loss).toBeNaN();
  });

  it('holds long series in few rows, the same ones however they arrive, and cuts them at any step', async () => {
    const { store, folder } = await runStore();
    append(folder, attempt(1, 0, 20_000));
    for (let first = 0; first < 10_000; first += 1000) {
      append(folder, steps(first, 1000));
      await store.ingest('run-a');
    }
    const dump = await dumpStore(store);
    expect(rowSizes(store.workspace)).toEqual([4096, 4096, 1536, 256, 16, 4096, 4096, 1536, 256, 16]);
    expect(dump.series['run-a']).toEqual(Array.from({ length: 10_000 }, (_, step) => step));
    for (const cut of [8193, 8192, 4096, 4095]) {
      append(folder, attempt(2, cut, 20_000));
      await store.ingest('run-a');
      expect([...store.series('run-a', 'train.loss').values]).toEqual(Array.from({ length: cut }, (_, step) => step));
      append(folder, steps(cut, 3));
      expect((await store.ingest('run-a')).stepsDone).toBe(cut + 3);
    }
    const before = await dumpStore(store);
    store.close();
    await rebuildWorkspace(store.workspace);
    const after = await dumpWorkspace(store.workspace);
    expect(after).toEqual(before);
  });

  it('says of random logs what foldEvents says, in whatever pieces they are read', async () => {
    const { store, folder, log } = await runStore();
    let state = 99;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state % below;
    };
    let number = 0;
    let done = 0;
    for (let round = 0; round < 60; round += 1) {
      const kind = random(8);
      if (number === 0 || kind === 0) {
        done = random(done + 1);
        number += 1;
        append(folder, attempt(number, done, 1000));
      } else if (kind < 5) {
        const count = 1 + random(20);
        append(folder, steps(done, count, random(50)));
        done += count;
      } else if (kind === 5) append(folder, hash(done), metric(done, 'validation'), metric(done, 'test'));
      else append(folder, [died, { type: 'requeued' } as const, { type: 'failed', code: 'F', message: 'm' } as const, { type: 'cancelled', step: done } as const][random(4)] as EventBody);
      if (random(3) > 0) continue;
      const row = await store.ingest('run-a');
      const fold = foldEvents(readEvents(log, 0).records);
      expect([...store.series('run-a', 'train.loss').values]).toEqual(fold.losses);
      expect(store.weightsHashes('run-a').map((link) => link.step)).toEqual(fold.weightsHashes.map((link) => link.step));
      expect(store.metrics('run-a').map((row) => [row.step, row.split])).toEqual(fold.metrics.map((row) => [row.step, row.split]));
      expect(row).toMatchObject({
        status: fold.status === 'running' ? 'interrupted' : fold.status,
        attempts: fold.attempts, stepsDone: fold.losses.length, totalSteps: fold.totalSteps, startedAt: fold.startedAt, endedAt: fold.endedAt,
        throughput: fold.throughput, errorCode: fold.failed?.code ?? null, signal: fold.exit?.signal ?? null,
      });
    }
    expect(number).toBeGreaterThan(3);
  });
});

describe('artifacts', () => {
  const bytes = Buffer.from('weights');
  const record: ArtifactRecord = { type: 'artifact', name: 'weights', file: 'weights.safetensors', sha256: sha256Bytes(bytes), bytes: bytes.length };

  it('move into the object store, also when the host died between the move and the commit', async () => {
    const { store, folder } = await runStore();
    writeFileSync(join(folder, record.file), bytes);
    append(folder, attempt(1), record);
    await store.ingest('run-a');
    const object = store.objectPath(record.sha256);
    expect(readFileSync(object)).toEqual(bytes);
    expect(existsSync(join(folder, record.file))).toBe(false);
    expect(store.artifacts('run-a')).toEqual([{ runId: 'run-a', name: 'weights', sha256: record.sha256, bytes: 7 }]);
    // The same file again (a later attempt), and a row whose move is already done (a crash before the commit).
    copyFileSync(object, join(folder, record.file));
    append(folder, attempt(2), record);
    await store.ingest('run-a');
    expect(existsSync(join(folder, record.file))).toBe(false);
    append(folder, attempt(3), record);
    await store.ingest('run-a');
    expect(store.artifacts('run-a')).toHaveLength(1);
  });

  it('stay where they are when they are not what was announced', async () => {
    const { store, folder } = await runStore();
    writeFileSync(join(folder, record.file), 'else');
    append(folder, attempt(1), record, { ...record, name: 'scalars', file: '../../reprise.db' });
    await store.ingest('run-a');
    expect(existsSync(store.objectPath(record.sha256))).toBe(false);
    expect(readFileSync(join(folder, record.file), 'utf8')).toBe('else');
    expect(existsSync(join(store.workspace, 'reprise.db'))).toBe(true);
  });
});

describe('a log that cannot be trusted', () => {
  it('with a gap fails the run and says why, and stays so', async () => {
    const { store, folder } = await runStore();
    append(folder, attempt(1), steps(0, 2), steps(3, 2));
    expect(await store.ingest('run-a')).toMatchObject({ status: 'failed', errorCode: 'LOG_INCONSISTENT', errorMessage: expect.stringContaining('begins at step 3') as string, stepsDone: 2 });
    append(folder, exitedWell);
    expect(await store.ingest('run-a')).toMatchObject({ status: 'failed', errorCode: 'LOG_INCONSISTENT' });
  });

  it('damaged in the middle fails the run; restored, it goes on', async () => {
    const { store, folder, log } = await runStore();
    append(folder, attempt(1), steps(0, 2));
    await store.ingest('run-a');
    append(folder, steps(2, 2), steps(4, 2));
    const good = readFileSync(log);
    const bad = Buffer.from(good);
    const at = bad.indexOf('"firstStep":2');
    bad[at + 13] = 0x21;
    writeFileSync(log, bad);
    expect(await store.ingest('run-a')).toMatchObject({ status: 'failed', errorCode: 'EVENT_LOG_CORRUPT', stepsDone: 2 });
    writeFileSync(log, good);
    expect(await store.ingest('run-a')).toMatchObject({ status: 'interrupted', stepsDone: 6 });
  });

  it('with a torn tail is read up to it, and on when the rest comes', async () => {
    const { store, folder, log } = await runStore();
    append(folder, attempt(1), steps(0, 2), steps(2, 2));
    const whole = readFileSync(log);
    truncateSync(log, whole.length - 5);
    expect((await store.ingest('run-a')).stepsDone).toBe(2);
    appendFileSync(log, whole.subarray(whole.length - 5));
    expect((await store.ingest('run-a')).stepsDone).toBe(4);
  });

  it('that lost its end with the machine is read anew', async () => {
    const { store, folder, log } = await runStore();
    append(folder, attempt(1), steps(0, 2));
    const short = readFileSync(log);
    append(folder, steps(2, 5), hash(7));
    expect((await store.ingest('run-a')).stepsDone).toBe(7);
    writeFileSync(log, short);
    expect((await store.ingest('run-a')).stepsDone).toBe(2);
    expect(store.weightsHashes('run-a')).toEqual([]);
    append(folder, steps(2, 1, 7));
    await store.ingest('run-a');
    expect([...store.series('run-a', 'train.loss').values]).toEqual([0, 1, 9]);
  });
});
