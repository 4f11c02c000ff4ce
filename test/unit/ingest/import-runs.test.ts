/** Imports into a real workspace: what a cancelled, a killed and a repeated import leave behind. */
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Input, Method, Output } from '../../../src/api/contract';
import { createEngine, type Engine } from '../../../src/engine/engine';
import { openStore } from '../../../src/store/open';
import type { Store } from '../../../src/store/types';

let folder: string;
let engine: Engine;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reprise-import-runs-'));
  engine = await open();
});
afterEach(async () => {
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

const open = async (): Promise<Engine> => createEngine({ workspace: join(folder, 'workspace'), mode: 'host', spawn: () => Promise.reject(new Error('Nothing is started here.')), resume: false });

async function call<M extends Method>(method: M, input: Input<M>): Promise<Output<M>> {
  const result = await engine.call(method, input);
  if (!result.ok) throw Object.assign(new Error(result.error.message), result.error);
  return result.value;
}

async function look<T>(work: (store: Store) => T): Promise<T> {
  const store = await openStore(join(folder, 'workspace'), { mode: 'reader' });
  try {
    return work(store);
  } finally {
    store.close();
  }
}

const id = (number: number): string => String(number).padStart(32, '0');

/** A folder `mlruns` with so many runs of one series. */
async function makeMlruns(runs: number, points: number): Promise<string> {
  const mlruns = join(folder, 'mlruns');
  const write = async (path: string, content: string): Promise<void> => {
    await mkdir(dirname(join(mlruns, path)), { recursive: true });
    await writeFile(join(mlruns, path), content);
  };
  await write('7/meta.yaml', "experiment_id: '7'\nlifecycle_stage: active\nname: digits\n");
  await write('7/tags/team', 'vision');
  for (let number = 0; number < runs; number++) {
    const run = `7/${id(number)}`;
    await write(`${run}/meta.yaml`, `run_id: ${id(number)}\nrun_name: run ${number}\nstatus: 3\nstart_time: ${1000 + number}\nend_time: 5000\nuser_id: me\nlifecycle_stage: active\n`);
    await write(`${run}/metrics/loss`, Array.from({ length: points }, (_, step) => `${step} ${1 / (step + 1)} ${step}\n`).join(''));
    await write(`${run}/params/lr`, '0.1');
    await write(`${run}/artifacts/model.bin`, `weights ${number}`);
  }
  return mlruns;
}

describe('an import', () => {
  /** So many that an import takes longer than its progress is told apart. */
  const RUNS = 30;

  test('brings everything in, and the database comes again from the folders', async () => {
    await call('runs.import', { path: await makeMlruns(3, 10) });
    const read = (store: Store) => ({
      runs: store.runData([id(0), id(1), id(2)]),
      points: [id(0), id(1), id(2)].map((run) => [...store.points(run, 'loss').values]),
      files: store.files(id(1)),
      experiment: store.experiment({ name: 'digits' })?.tags,
    });
    const before = await look(read);
    expect(before.points[2]).toEqual(Array.from({ length: 10 }, (_, step) => 1 / (step + 1)));
    expect(before.experiment).toEqual({ team: 'vision' });
    expect(await readFile(await look((store) => store.objectPath(before.files[0]?.sha256 ?? '')), 'utf8')).toBe('weights 1');
    await engine.close();
    for (const suffix of ['', '-wal', '-shm']) await rm(join(folder, 'workspace', `reprise.db${suffix}`), { force: true });
    engine = await open();
    expect(await look(read)).toEqual(before);
    const manifest = JSON.parse(await readFile(join(folder, 'workspace', 'runs', id(0), 'run.json'), 'utf8')) as object;
    expect(manifest).toMatchObject({ kind: 'logged', source: { system: 'mlflow', id: id(0), from: join(folder, 'mlruns', '7', id(0)) }, user: 'me', createdAt: 1000 });
  });

  test('reads nothing outside of what is imported, and passes over what no date has', async () => {
    const path = await makeMlruns(4, 1);
    await mkdir(join(folder, 'home'));
    await writeFile(join(folder, 'home', 'id_rsa'), 'secret of the home folder');
    const run = (number: number, name: string): string => join(path, '7', id(number), name);
    for (const link of [run(0, 'params'), run(1, 'artifacts')]) {
      await rm(link, { recursive: true });
      await symlink(join(folder, 'home'), link);
    }
    for (const [number, time] of [[2, '1.5e300'], [3, '-5']] as const) await writeFile(run(number, 'meta.yaml'), `run_id: ${id(number)}\nstatus: 3\nstart_time: ${time}\nend_time: 7.5\nlifecycle_stage: active\n`);
    const { runs, problems } = await call('runs.import', { path });
    expect(runs.map(({ run: of, outcome }) => [of, outcome])).toEqual([[id(0), 'broken'], [id(1), 'new'], [id(2), 'new'], [id(3), 'new']]);
    expect(problems.map(({ message }) => message).join('\n')).toMatch(/params is a link[\s\S]*It is a link[\s\S]*began at -5/u);
    expect(await look((store) => [store.files(id(1)), store.getRun(id(2)).endedAt, store.getRun(id(3)).status])).toEqual([[], 7, 'finished']);
    for (const name of await readdir(join(folder, 'workspace', 'runs'))) expect(await readFile(join(folder, 'workspace', 'runs', name, 'events.log'), 'utf8')).not.toContain('secret of');
  });

  test('that breaks off in a run leaves it failed with what was wrong, and the next one makes it whole', async () => {
    const path = await makeMlruns(1, 5);
    await rm(join(path, '7', id(0), 'params'), { recursive: true });
    await symlink(folder, join(path, '7', id(0), 'params'));
    expect((await call('runs.import', { path })).runs).toMatchObject([{ outcome: 'broken' }]);
    const told = async (): Promise<unknown> => look((store) => store.getRun(id(0)));
    expect(await told()).toMatchObject({ status: 'failed', errorCode: 'IMPORT_INCOMPLETE', errorMessage: expect.stringMatching(/^It was not imported to its end\. .*params is a link/u) });
    await rm(join(path, '7', id(0), 'params'));
    expect((await call('runs.import', { path })).runs).toMatchObject([{ outcome: 'updated' }]);
    expect(await told()).toMatchObject({ status: 'finished', errorCode: null, errorMessage: null, endedAt: 5000 });
    expect(await look((store) => store.points(id(0), 'loss').steps.length)).toBe(5);
  });

  test('that is cancelled says so of the run it was at; the next one completes it', async () => {
    const path = await makeMlruns(RUNS, 20_000);
    const task = randomUUID();
    engine.on('task', (view) => {
      if (view.done >= 1 && view.status === 'running') void engine.call('tasks.cancel', { task });
    });
    const cancelled = await engine.call('runs.import', { path, task });
    expect(cancelled).toMatchObject({ ok: false, error: { code: 'CANCELLED', kind: 'cancelled' } });
    const left = await call('runs.list', {});
    expect(left.length).toBeGreaterThan(0);
    expect(left.length).toBeLessThan(RUNS);
    expect(left.every(({ status }) => status === 'finished' || status === 'cancelled')).toBe(true);
    const second = await call('runs.import', { path });
    expect(second.runs.filter(({ outcome }) => outcome === 'broken')).toEqual([]);
    const lengths = await look((store) => second.runs.map(({ run }) => store.points(run, 'loss').steps.length));
    expect(lengths).toEqual(Array.from({ length: RUNS }, () => 20_000));
    expect((await call('runs.import', { path })).runs.map(({ outcome }) => outcome)).toEqual(Array.from({ length: RUNS }, () => 'present'));
  });

  test('after a kill in the middle of a run goes on with it, and nothing is there twice', async () => {
    const path = await makeMlruns(2, 1000);
    await call('runs.import', { path });
    await engine.close();
    // The end of the second run's log was never written.
    const log = join(folder, 'workspace', 'runs', id(1), 'events.log');
    const lines = (await readFile(log, 'utf8')).split('\n');
    const cut = lines.findIndex((line) => line.includes('"type":"points"')) + 1;
    await writeFile(log, `${lines.slice(0, cut).join('\n')}\n${lines[cut]?.slice(0, 20) ?? ''}`);
    for (const suffix of ['', '-wal', '-shm']) await rm(join(folder, 'workspace', `reprise.db${suffix}`), { force: true });
    engine = await open();
    expect((await call('runs.import', { path })).runs.map(({ outcome }) => outcome)).toEqual(['present', 'updated']);
    expect(await look((store) => ({ status: store.getRun(id(1)).status, points: store.points(id(1), 'loss').steps.length, files: store.files(id(1)).length, tags: store.runData([id(1)])[0]?.tags }))).toEqual({ status: 'finished', points: 1000, files: 1, tags: {} });
  });

  test('leaves alone what was deleted here, and puts runs where it is told to', async () => {
    const path = await makeMlruns(2, 5);
    await call('runs.import', { path, experiment: 'elsewhere' });
    expect((await call('runs.list', { experiment: 'elsewhere' })).length).toBe(2);
    expect(await look((store) => store.experiment({ name: 'elsewhere' })?.tags)).toEqual({});
    await call('runs.delete', { runs: [id(0)] });
    expect((await call('runs.import', { path })).runs.map(({ outcome, experiment }) => [outcome, experiment])).toEqual([['present', 'elsewhere'], ['present', 'elsewhere']]);
    expect(await call('runs.list', {})).toHaveLength(1);
  });
});

describe('an export', () => {
  test('refuses what is there, and leaves nothing behind where it is cancelled', async () => {
    await call('runs.import', { path: await makeMlruns(3, 100_000) });
    const out = join(folder, 'out');
    await mkdir(out);
    await writeFile(join(out, 'mine'), 'x');
    await expect(call('runs.export', { target: 'digits', format: 'mlruns', out })).rejects.toMatchObject({ code: 'FOLDER_NOT_EMPTY' });
    await writeFile(join(folder, 'runs.csv'), 'mine');
    await expect(call('runs.export', { target: 'digits', format: 'csv', out: join(folder, 'runs.csv') })).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    await expect(call('runs.export', { target: 'nothing', format: 'csv', out: join(folder, 'other.csv') })).rejects.toMatchObject({ code: 'TARGET_NOT_FOUND' });
    for (const format of ['mlruns', 'parquet', 'csv'] as const) {
      const task = randomUUID();
      const fresh = join(folder, `fresh.${format}`);
      const stop = engine.on('task', (view) => {
        if (view.task === task && view.status === 'running') void engine.call('tasks.cancel', { task });
      });
      const result = await engine.call('runs.export', { target: 'digits', format, rows: 'points', out: fresh, task });
      stop();
      expect(result).toMatchObject({ ok: false, error: { code: 'CANCELLED' } });
      await expect(readFile(fresh)).rejects.toMatchObject({ code: 'ENOENT' });
    }
    expect(await readFile(join(folder, 'runs.csv'), 'utf8')).toBe('mine');
    await call('runs.export', { target: 'digits', format: 'csv', out: join(folder, 'runs.csv'), overwrite: true });
    expect((await readFile(join(folder, 'runs.csv'), 'utf8')).split('\n')[0]).toContain('params.lr,metrics.loss');
  });
});

describe('texts that a spreadsheet would take for formulas', () => {
  const params = { attack: '=HYPERLINK("http://x","y")', sign: '-half', at: '@user', plus: '+1+1', tab: '\tx', spaced: ' =1', own: "'=1", owned: "''-5", quoted: "'quoted'", negative: '-0.5', positive: '+3e-4', infinite: '-inf', plain: 'a=b' };

  test('are marked as texts in CSV, numbers are not, and come back as they were', async () => {
    const path = await makeMlruns(1, 2);
    for (const [name, value] of Object.entries(params)) await writeFile(join(path, '7', id(0), 'params', name), value);
    await writeFile(join(path, '7', id(0), 'metrics', 'loss'), '1 -0.25 0\n');
    await call('runs.import', { path });
    const out = join(folder, 'runs.csv');
    await call('runs.export', { target: 'digits', format: 'csv', out });
    const [head = [], cells = []] = parse(await readFile(out)) as string[][];
    const cellOf = (column: string): string | undefined => cells[head.indexOf(column)];
    for (const name of ['attack', 'sign', 'at', 'plus', 'tab', 'spaced', 'own', 'owned'] as const) expect(cellOf(`params.${name}`)).toBe(`'${params[name]}`);
    for (const name of ['quoted', 'negative', 'positive', 'infinite', 'plain'] as const) expect(cellOf(`params.${name}`)).toBe(params[name]);
    expect(cellOf('metrics.loss')).toBe('-0.25');

    await call('runs.import', { path: out, experiment: 'again' });
    const [again] = await look((store) => store.runData(store.listRuns({ experiment: 'again' }).map(({ runId }) => runId)));
    expect(again?.params).toEqual({ ...params, lr: '0.1' });
  });
});
