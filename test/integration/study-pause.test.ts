/** Pausing and resuming a study with real workers: the bits of an uninterrupted one, over a restart of the host. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { EventOf, Input, Method, Output } from '../../src/api/contract';
import { RUN_FILES } from '../../src/events/manifest';
import { readEvents } from '../../src/events/reader';
import { createEngine, type Engine } from '../../src/engine/engine';
import { localWorkers } from '../../src/engine/local-workers';
import { rebuildWorkspace } from '../../src/store/rebuild';
import { temporaryFolder } from '../helpers/cli';

/** Two variants, one seed each, about two seconds a run on one core. */
const STUDY = (experiment: string, seeds = '[1]'): string => `experiment: ${experiment}
seeds: ${seeds}
factors:
  - path: training.learningRate
    levels: [0.01]
baseline:
  model: { kind: mlp, hidden: [32], dropout: 0.1 }
  training: { learningRate: 0.02, batchSize: 32, epochs: 150, checkpointEvery: 40, hashEvery: 10 }
  data: { kind: spirals, samples: 2000, noise: 0.1 }
  selection: { metric: accuracy, checkpoint: best }
`;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

async function open(workspace: string): Promise<Engine> {
  const engine = await createEngine({ workspace, mode: 'host', spawn: localWorkers(), cores: 1 });
  onTestFinished(() => engine.close());
  return engine;
}

async function ask<M extends Method>(engine: Engine, method: M, input: Input<M>): Promise<Output<M>> {
  const result = await engine.call(method, input);
  if (!result.ok) throw new Error(`${method}: ${result.error.code} ${result.error.message}`);
  return result.value;
}

async function until(condition: () => boolean | Promise<boolean>, limitMs = 30_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('It did not happen in time.');
    await sleep(10);
  }
}

const start = (engine: Engine, text: string) => ask(engine, 'studies.start', { study: { text, folder: null } });
const statusesOf = async (engine: Engine): Promise<string[]> => (await ask(engine, 'runs.list', {})).map((run) => run.status).toSorted();
const hasOne = (engine: Engine, status: string) => async (): Promise<boolean> => (await statusesOf(engine)).includes(status);
const weightsOf = async (engine: Engine, experiment: string): Promise<(string | null | undefined)[]> =>
  (await ask(engine, 'studies.get', { studyId: experiment })).matrix.flatMap(({ cells }) => cells.map((cell) => cell.run?.weightsHash));

describe('a paused study', () => {
  it('stops at a checkpoint, stays so over a restart and a rebuilt database, and goes on to the same bits', async () => {
    const calm = await open(join(folder.path, 'calm'));
    const undisturbed = await start(calm, STUDY('pause'));
    await ask(calm, 'runs.wait', { runs: undisturbed.runs.map(({ run }) => run) });

    const workspace = join(folder.path, 'storm');
    let engine = await open(workspace);
    const told: string[] = [];
    engine.on('changed', ({ what }) => told.push(what));
    const { studyId, runs } = await start(engine, STUDY('pause'));
    await until(async () => (await ask(engine, 'runs.list', {})).some((run) => run.stepsDone > 300));
    const first = (await ask(engine, 'runs.list', {})).find((run) => run.status === 'running')?.runId ?? '';
    expect(await ask(engine, 'studies.pause', { studyId: 'pause' })).toMatchObject({ studyId, paused: true });
    await until(hasOne(engine, 'interrupted'));
    expect(await statusesOf(engine)).toEqual(['interrupted', 'queued']);
    expect(told).toEqual(['studies', 'studies']);
    // Nothing that was done since the checkpoint is lost but what was done until the host saw it.
    const records = readEvents(join(workspace, 'runs', first, RUN_FILES.events), 0).records;
    const checkpoint = records.findLast((record) => record.type === 'checkpoint')?.step ?? 0;
    const { run: stopped } = await ask(engine, 'runs.get', { run: first });
    expect(stopped.stepsDone).toBeGreaterThanOrEqual(checkpoint);
    expect(records.slice(records.findLastIndex((record) => record.type === 'checkpoint') + 1).some((record) => record.type === 'checkpoint')).toBe(false);
    expect(await engine.call('runs.wait', { runs: [first] })).toMatchObject({ ok: false, error: { code: 'RUN_HELD' } });
    expect(await ask(engine, 'queue.status', {})).toMatchObject({ running: 0, queued: 0, share: null, secondsLeft: null });
    await engine.close();

    await rebuildWorkspace(workspace);
    engine = await open(workspace);
    expect(engine.resumed).toEqual([]);
    await sleep(300);
    expect(await statusesOf(engine)).toEqual(['interrupted', 'queued']);
    expect(await ask(engine, 'studies.list', {})).toMatchObject([{ studyId, paused: true, variants: 2, seeds: 1, missing: 0, byStatus: { interrupted: 1, queued: 1 } }]);

    const ended: EventOf<'studyEnded'>[] = [];
    const queue: EventOf<'queue'>[] = [];
    engine.on('studyEnded', (event) => ended.push(event));
    engine.on('queue', (event) => queue.push(event));
    const begun = Date.now();
    expect(await ask(engine, 'studies.resume', { studyId })).toMatchObject({ paused: false });
    await ask(engine, 'runs.wait', { runs: runs.map(({ run }) => run) });
    const seconds = (Date.now() - begun) / 1000;
    await until(() => queue.at(-1)?.running === 0 && queue.at(-1)?.queued === 0);
    expect(await weightsOf(engine, 'pause')).toEqual(await weightsOf(calm, 'pause'));
    expect((await ask(engine, 'runs.get', { run: first })).run.attempts).toBe(2);
    expect(ended).toMatchObject([{ studyId, experiment: 'pause', byStatus: { finished: 2 } }]);
    expect(ended[0]?.seconds).toBeGreaterThan(seconds);
    expect(queue.length).toBeLessThanOrEqual(seconds * 5 + 3);
    const shares = queue.flatMap(({ share }) => (share === null ? [] : [share]));
    // It went back to its checkpoint once; the rest only grows.
    expect(shares.filter((share, index) => share < (shares[index - 1] ?? 0)).length).toBeLessThanOrEqual(1);
    expect(queue.some((view) => view.secondsLeft !== null)).toBe(true);
    expect(queue.at(-1)).toMatchObject({ share: null, secondsLeft: null });
    expect(readdirSync(join(workspace, 'studies'))).toEqual([`${studyId}.json`]);
    expect(await engine.call('studies.pause', { studyId })).toMatchObject({ ok: false, error: { code: 'STUDY_ENDED' } });
  }, 120_000);

  it('holds no run that another study waits for or that a person asks for', async () => {
    const workspace = join(folder.path, 'shared');
    const engine = await open(workspace);
    const slow = (experiment: string, seeds: string): string => STUDY(experiment, seeds).replace('epochs: 150', 'epochs: 3000');
    const one = await start(engine, slow('one', '[1, 2]'));
    await until(hasOne(engine, 'running'));
    await ask(engine, 'studies.pause', { studyId: one.studyId });
    await until(hasOne(engine, 'interrupted'));
    // The runs of seed 1 are the first study's: they run for the second one.
    const two = await start(engine, slow('two', '[1]'));
    expect(two.runs.map(({ run }) => run)).toEqual(one.runs.slice(0, 2).map(({ run }) => run));
    await until(hasOne(engine, 'running'));
    await ask(engine, 'studies.pause', { studyId: 'two' });
    await until(hasOne(engine, 'interrupted'));
    expect(existsSync(join(workspace, 'studies', `${two.studyId}.paused`))).toBe(true);
    const asked = one.runs[2]?.run ?? '';
    await ask(engine, 'runs.retry', { run: asked });
    await until(async () => (await ask(engine, 'runs.get', { run: asked })).run.status === 'running');
    expect((await ask(engine, 'queue.status', {}))).toMatchObject({ running: 1, queued: 0 });
    await ask(engine, 'runs.cancel', { run: asked });
    expect(await ask(engine, 'studies.get', { studyId: 'one' })).toMatchObject({ paused: true, missing: 0, byStatus: { cancelled: 1, interrupted: 1, queued: 2 }, seedValues: [1, 2], metric: 'test accuracy', secondsLeft: null });
    // Resumed while its worker is still on the way to its checkpoint, a run simply goes on.
    await ask(engine, 'studies.resume', { studyId: 'two' });
    await until(hasOne(engine, 'running'));
    await ask(engine, 'studies.pause', { studyId: 'two' });
    await ask(engine, 'studies.resume', { studyId: 'two' });
    await sleep(500);
    expect(await statusesOf(engine)).toEqual(['cancelled', 'queued', 'queued', 'running']);
  }, 60_000);

  it('is paused no more once every run is at an end: one that is retried later is not held', async () => {
    const engine = await open(join(folder.path, 'ended'));
    const { studyId, runs } = await start(engine, STUDY('ended'));
    const file = join(folder.path, 'ended', 'studies', `${studyId}.paused`);
    await ask(engine, 'studies.pause', { studyId });
    expect(existsSync(file)).toBe(true);
    for (const { run } of runs) await ask(engine, 'runs.cancel', { run });
    await until(() => !existsSync(file));
    await ask(engine, 'runs.retry', { run: runs[0]?.run ?? '' });
    expect(await ask(engine, 'studies.get', { studyId })).toMatchObject({ paused: false });
  }, 30_000);
});
