import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { methods, type Input, type Method, type Output } from '../../../src/api/contract';
import { configHash, hashJson } from '../../../src/config/hash';
import { configSchema } from '../../../src/config/schema';
import { createEngine, type Engine } from '../../../src/engine/engine';
import { secondsLeft } from '../../../src/engine/run-list';
import type { LoggedManifest } from '../../../src/events/manifest';
import type { EventBody } from '../../../src/events/records';
import { openStore } from '../../../src/store/open';
import type { ListedRun, Store } from '../../../src/store/types';
import { append, attempt, exitedWell, putSampleData, sampleManifest, sampleStudy, steps } from '../../fixtures/sample';

const RESULT: readonly EventBody[] = [{ type: 'metrics', split: 'test', step: 10, epoch: 2, values: { loss: 0.25, accuracy: 0.75 } }, { type: 'finished', weightsHash: 'e'.repeat(64), selectedStep: 10, finalLoss: 9, bestLoss: 0 }, exitedWell];

/** An engine over runs that `make` writes; nothing in it trains. */
async function engineOver(make: (store: Store) => Promise<void>): Promise<{ engine: Engine; workspace: string }> {
  const workspace = mkdtempSync(join(tmpdir(), 'reprise-views-'));
  onTestFinished(() => rmSync(workspace, { recursive: true, force: true, maxRetries: 5 }));
  const store = await openStore(workspace, { mode: 'host' });
  await putSampleData(workspace);
  await make(store);
  store.close();
  const engine = await createEngine({ workspace, mode: 'host', resume: false, spawn: () => Promise.reject(new Error('nothing is to be trained')) });
  onTestFinished(() => engine.close());
  return { engine, workspace };
}

/** The answer, checked against the contract. */
async function ask<M extends Method>(engine: Engine, method: M, input: Input<M>): Promise<Output<M>> {
  const result = await engine.call(method, input);
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  methods[method].output.parse(result.value);
  return result.value;
}

async function makeRun(store: Store, id: string, learningRate: number, seed: number, log: readonly EventBody[] = [], hidden = [8]): Promise<void> {
  const manifest = sampleManifest(id, { seed, createdAt: 1_700_000_000_000 + Number.parseInt(id.replaceAll(/\D/gu, ''), 10) });
  const config = configSchema.parse({ ...manifest.config, model: { kind: 'mlp', hidden }, training: { ...manifest.config.training, learningRate } });
  await store.createRun({ ...manifest, config, configHash: configHash(config), computeHash: hashJson(['compute', configHash(config)]) });
  if (log.length === 0) return;
  append(store.runFolder(id), ...log);
  await store.ingest(id);
}

describe('the list of runs', () => {
  it('answers with leaves, declared metric and what varies; sorts by a leaf', async () => {
    const { engine } = await engineOver(async (store) => {
      await makeRun(store, 'run-1', 0.1, 1, [attempt(1), steps(0, 10), ...RESULT]);
      await makeRun(store, 'run-2', 0.01, 1, [attempt(1), { type: 'failed', code: 'X', message: 'no' }], [16]);
      await makeRun(store, 'run-3', 0.1, 2, [attempt(1), steps(0, 10), ...RESULT]);
      await store.saveStudy(sampleStudy('study-1', { variants: [{ name: 'slow', changes: [{ path: 'training.learningRate', from: 0.1, to: 0.01 }], variantHash: 'v', runIds: ['run-2'] }], seeds: [1] }));
    });
    const page = await ask(engine, 'runs.page', { offset: 0, limit: 2, columns: ['training.learningRate', 'model.kernel'], sort: { by: 'config:training.learningRate', descending: false } });
    expect(page.total).toBe(3);
    expect(page.rows.map(({ run, leaves, metric }) => [run.runId, leaves, metric])).toEqual([
      ['run-2', [0.01, undefined], null],
      ['run-3', [0.1, undefined], { name: 'test accuracy', value: 0.75 }],
    ]);
    const columns = await ask(engine, 'runs.columns', { experiment: 'sample' });
    expect(columns.varying).toEqual(['training.learningRate', 'model.hidden']);
    expect(columns.constant).toContainEqual({ path: 'training.batchSize', value: 4 });
    expect(columns.constant.map(({ path }) => path)).not.toContain('seed');
    expect(columns.metric).toBe('test accuracy');
    expect(await ask(engine, 'runs.opening', { experiment: 'sample', leaves: 1, limit: 2 })).toEqual({
      experiments: await ask(engine, 'experiments.list', {}),
      columns,
      page: await ask(engine, 'runs.page', { experiment: 'sample', columns: ['training.learningRate'], offset: 0, limit: 2 }),
    });
    const { groups } = await ask(engine, 'runs.groups', { columns: ['model.hidden'] });
    expect(groups.map(({ runs, n, mean, sd, leaves }) => ({ runs, n, mean, sd, leaves }))).toEqual([
      { runs: 2, n: 2, mean: 0.75, sd: 0, leaves: [[8]] },
      { runs: 1, n: 0, mean: null, sd: null, leaves: [[16]] },
    ]);
    const wrong = await engine.call('runs.page', { offset: 0, limit: 10, sort: { by: 'nothing' as 'created', descending: true } });
    expect(wrong).toMatchObject({ ok: false, error: { code: 'INPUT_INVALID' } });
  });

  it('thins curves: sparklines evenly, series with their extremes', async () => {
    const { engine } = await engineOver((store) => makeRun(store, 'run-1', 0.1, 1, [attempt(1, 0, 500), steps(0, 400), steps(400, 1, 5000), steps(401, 99)]));
    const [line] = await ask(engine, 'runs.sparklines', { runs: ['run-1', 'gone'], points: 5 });
    expect([...(line?.values ?? [])]).toEqual([0, 125, 250, 374, 499]);
    expect(await ask(engine, 'runs.sparklines', { runs: ['gone'], points: 5 })).toEqual([]);
    const thin = await ask(engine, 'runs.series', { run: 'run-1', key: 'train.loss', points: 20 });
    expect(thin.values.length).toBeLessThanOrEqual(21);
    expect([thin.steps[0], thin.steps.at(-1)]).toEqual([0, 499]);
    expect(Math.max(...thin.values)).toBe(5400);
    expect((await ask(engine, 'runs.series', { run: 'run-1', key: 'train.loss' })).values).toHaveLength(500);
  });
});

describe('seconds left', () => {
  const run = (more: Partial<ListedRun['run']>): ListedRun['run'] => ({ status: 'running', totalSteps: 1000, stepsDone: 600, throughput: 500, ...more }) as ListedRun['run'];
  const listed = (more: Partial<ListedRun['run']>, attemptOf: ListedRun['attempt']): ListedRun => ({ run: run(more), variantHash: null, test: null, attempt: attemptOf });

  it('follows from the whole attempt, not from its latest chunk, and goes down between two words', () => {
    const underWay = { startedAt: 0, fromStep: 400, updatedAt: 2000 };
    expect(secondsLeft(listed({}, underWay), 2000)).toBe(4);
    expect(secondsLeft(listed({ throughput: 1 }, underWay), 3000)).toBe(3);
    expect(secondsLeft(listed({}, underWay), 60_000)).toBe(0);
  });

  it('falls back on the latest chunk, and is null where nothing is known', () => {
    expect(secondsLeft(listed({}, null), 0)).toBe(0.8);
    expect(secondsLeft(listed({ throughput: null }, null), 0)).toBeNull();
    expect(secondsLeft(listed({ totalSteps: null }, null), 0)).toBeNull();
    expect(secondsLeft(listed({ status: 'finished' }, null), 0)).toBeNull();
  });
});

describe('a run in detail', () => {
  it('has its provenance in sections, warnings for what was not captured, attempts, checkpoints and lineage', async () => {
    const { engine, workspace } = await engineOver(async (store) => {
      await makeRun(store, 'run-1', 0.1, 1, [
        attempt(1), steps(0, 6), { type: 'exit', attempt: 1, exitCode: null, signal: 'SIGKILL' }, { type: 'requeued' },
        attempt(2, 5), steps(5, 5), { type: 'artifact', name: 'weights', file: 'weights.safetensors', sha256: 'd'.repeat(64), bytes: 12 }, ...RESULT,
      ]);
      await makeRun(store, 'run-2', 0.1, 1);
      await store.saveStudy(sampleStudy('study-1', { variants: [{ name: 'base', changes: [], variantHash: 'v', runIds: ['run-1'] }], seeds: [1] }));
      await store.saveStudy(sampleStudy('study-2', { variants: [{ name: 'base', changes: [], variantHash: 'v', runIds: ['run-10'] }], seeds: [1] }));
      writeFileSync(join(store.runFolder('run-1'), 'checkpoint-000000005.safetensors'), 'abc');
    });
    const details = await ask(engine, 'runs.details', { run: 'run-1' });
    expect(details.folder).toBe(join(workspace, 'runs', 'run-1'));
    expect(details.metric).toEqual({ name: 'test accuracy', value: 0.75 });
    expect(details.config).toMatchObject({ training: { learningRate: 0.1 } });
    expect(details.provenance.map(({ title }) => title)).toEqual(['Code', 'Environment', 'Hardware', 'Data', 'Hashes']);
    expect(details.provenance.flatMap(({ items }) => items).filter(({ kind }) => kind === 'warning').map(({ name }) => name)).toEqual(['Git', 'Lockfile']);
    expect(details.checkpoints).toEqual([{ step: 5, file: 'checkpoint-000000005.safetensors', bytes: 3 }]);
    expect(details.artifacts).toEqual([{ name: 'weights', file: 'weights.safetensors', sha256: 'd'.repeat(64), bytes: 12 }]);
    expect(details.attempts.map(({ attempt: number, fromStep, ending }) => [number, fromStep, ending])).toEqual([[1, 0, 'ended by the signal SIGKILL'], [2, 5, 'finished']]);
    expect(details.lineage).toMatchObject({ study: null, usedBy: [{ studyId: 'study-1', variant: 'base' }], twins: [{ runId: 'run-2', status: 'queued' }] });
  });
});

describe('the log of a run', () => {
  it('comes in plain words, from where the caller stands, and grows', async () => {
    const { engine, workspace } = await engineOver((store) =>
      makeRun(store, 'run-1', 0.1, 1, [
        attempt(1, 0, 2345),
        { type: 'steps', firstStep: 0, losses: [0.5, 0.3125], learningRates: [0.1, 0.1], seconds: 0.5 },
        { type: 'metrics', split: 'validation', step: 2, epoch: 2, values: { loss: 0.17, accuracy: 0.953 } },
        { type: 'checkpoint', step: 500, file: 'checkpoint-000000500.safetensors', sha256: 'a'.repeat(64) },
        { type: 'failed', code: 'DISK_FULL', message: 'no space' },
        { type: 'exit', attempt: 1, exitCode: 1, signal: null },
      ]),
    );
    const first = await ask(engine, 'runs.log', { run: 'run-1', after: -1, limit: 3 });
    expect(first.lines.map(({ text }) => text)).toEqual(['training begins: 2,345 steps, 5 an epoch', 'step 2 of 2,345 · loss 0.3125 · 4 steps/s', 'validation after epoch 2: loss 0.1700, accuracy 0.9530']);
    expect(first.last).toBe(2);
    const rest = await ask(engine, 'runs.log', { run: 'run-1', after: first.last, limit: 100 });
    expect(rest.lines.map(({ level, text }) => [level, text])).toEqual([
      ['info', 'checkpoint at step 500'],
      ['error', 'failed: no space (DISK_FULL)'],
      ['warning', 'worker process ended with exit code 1'],
    ]);
    expect(await ask(engine, 'runs.log', { run: 'run-1', after: rest.last, limit: 100 })).toEqual({ lines: [], last: 5 });
    append(join(workspace, 'runs', 'run-1'), { type: 'requeued' }, attempt(2, 2, 2345));
    const more = await ask(engine, 'runs.log', { run: 'run-1', after: rest.last, limit: 100 });
    expect(more.lines.map(({ seq, text }) => [seq, text])).toEqual([[6, 'waits for a free core'], [7, 'attempt 2 goes on from step 2']]);
    const place = { type: 'place', event: 'started', attempt: 3, executor: 'local', machine: null } as const;
    append(join(workspace, 'runs', 'run-1'), { ...place, facts: { gpus: '1' } }, { ...place, facts: { gpus: '0,GPU-1f' } });
    const given = await ask(engine, 'runs.log', { run: 'run-1', after: more.last, limit: 100 });
    expect(given.lines.map(({ text }) => text)).toEqual(['started on this machine, GPU 1', 'started on this machine, GPUs 0, GPU-1f']);
  });
});

describe('an experiment that another program logged', () => {
  const logged = (runId: string, experiment: string): LoggedManifest => ({ format: 1, kind: 'logged', runId, experiment, createdAt: 1, source: { system: 'mlflow', id: null, from: null }, user: '' });

  it('says that nothing of it can be executed, and that an import of it goes on', async () => {
    const { engine } = await engineOver(async (store) => {
      await makeRun(store, 'run-1', 0.1, 1);
      await store.createRun(logged('run-2', 'theirs'));
      await store.createRun(logged('run-3', 'sample'));
      await store.append('run-2', [{ type: 'requeued' }]);
    });
    const experiments = await ask(engine, 'experiments.list', {});
    expect(Object.fromEntries(experiments.map(({ name, executable }) => [name, executable]))).toEqual({ sample: true, theirs: false });
    expect((await ask(engine, 'runs.log', { run: 'run-2', after: -1, limit: 10 })).lines.map(({ text }) => text)).toEqual(['the import goes on']);
  });
});

describe('deleting runs', () => {
  it('tells of it, and of their return', async () => {
    const { engine } = await engineOver(async (store) => {
      await makeRun(store, 'run-1', 0.1, 1, [attempt(1), steps(0, 10), ...RESULT]);
      await makeRun(store, 'run-2', 0.1, 2);
    });
    const told: string[] = [];
    engine.on('changed', ({ what }) => told.push(what));
    expect(await engine.call('runs.delete', { runs: ['run-1', 'run-2'] })).toMatchObject({ ok: false, error: { code: 'RUN_ACTIVE' } });
    expect(told).toEqual([]);
    expect(await ask(engine, 'runs.delete', { runs: ['run-1', 'run-1'] })).toEqual({ deleted: ['run-1'] });
    expect((await ask(engine, 'runs.page', { offset: 0, limit: 10 })).total).toBe(1);
    expect(await ask(engine, 'runs.restore', { runs: ['run-1'] })).toEqual({ restored: ['run-1'] });
    expect((await ask(engine, 'runs.log', { run: 'run-1', after: -1, limit: 10 })).lines).toHaveLength(5);
    expect(told).toEqual(['runs', 'runs']);
  });
});
