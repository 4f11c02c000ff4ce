import { appendFileSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readEvents } from '../../../src/events/reader';
import { toLogged, type EventBody } from '../../../src/events/records';
import { EventLogWriter } from '../../../src/events/writer';
import { checkWorkspace } from '../../../src/store/check';
import { openStore } from '../../../src/store/open';
import { rebuildWorkspace } from '../../../src/store/rebuild';
import type { Store } from '../../../src/store/types';
import { dumpWorkspace } from '../../helpers/dump';
import { numbers } from './numbers';
import { append, attempt, sampleManifest, temporaryFolder } from './sample';
import { commandManifest, loggedManifest, points } from './tracked';

async function hostStore(folder = temporaryFolder()): Promise<Store> {
  const store = await openStore(folder, { mode: 'host' });
  onTestFinished(() => store.close());
  return store;
}

/** A copy of a workspace as a kill of its host at this moment leaves it. */
function asKilled(workspace: string): string {
  const left = join(temporaryFolder(), 'left');
  cpSync(workspace, left, { recursive: true });
  const claims = readdirSync(left, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('host.lock') || name.endsWith('.owner'));
  for (const name of claims) {
    const file = join(left, name);
    writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), pid: 2 ** 31 - 1 }));
  }
  return left;
}

function logOf(store: Store, runId: string): string {
  return join(store.runFolder(runId), 'events.log');
}

describe('a logged run', () => {
  it('that says what no database takes keeps no other run out of it', async () => {
    const folder = temporaryFolder();
    const store = await openStore(folder, { mode: 'host' });
    for (const runId of ['run-a', 'run-b']) await store.createRun(loggedManifest(runId));
    const log = logOf(store, 'run-a');
    await expect(store.append('run-a', [{ type: 'state', endedAt: 1e300 }])).rejects.toMatchObject({ code: 'RECORD_INVALID' });
    await store.append('run-a', [points('loss', [1])]);
    await store.append('run-b', [points('loss', [2]), { type: 'state', status: 'finished', startedAt: 1.5, endedAt: 2.5 }]);
    store.close();
    // As a version wrote it that did not look.
    const writer = EventLogWriter.open(log);
    writer.append({ type: 'state', status: 'finished', endedAt: 1e300 });
    writer.close();
    writeFileSync(join(folder, 'behind'), '');
    const again = await hostStore(folder);
    expect((await again.ingest('run-a')).errorMessage).toContain('no date has');
    expect(again.points('run-a', 'loss').values).toEqual(Float64Array.of(1));
    expect(again.getRun('run-b')).toMatchObject({ status: 'finished', startedAt: 1, endedAt: 2 });
    again.close();
    expect((await rebuildWorkspace(folder)).problems).toHaveLength(1);
  });

  it('is what its client said, at once', async () => {
    const store = await hostStore();
    const made = await store.createRun(loggedManifest('run-a'));
    expect(made).toMatchObject({ kind: 'logged', status: 'queued', reproductionId: 'run-a', experiment: 'logged', seed: null, configHash: null, computeHash: null, startedAt: 1_700_000_000_000, name: null });
    await store.append('run-a', [
      { type: 'state', status: 'running', startedAt: 5, name: 'first try' },
      { type: 'params', params: { lr: '0.1', seed: '42', note: '' } },
      { type: 'tags', tags: { paper: 'v2', old: 'x' } },
      points('loss', [3, 1, 2]),
      points('odd', ['NaN', 'Infinity', '-Infinity', '-0']),
      { type: 'dataset', name: 'iris', digest: 'd1', sourceType: 'local', source: '{}', schema: null, profile: '{"rows":150}', tags: { context: 'train' } },
      { type: 'file', path: 'model/weights.pt', sha256: 'a'.repeat(64), bytes: 9 },
      { type: 'file', path: 'old.txt', sha256: 'b'.repeat(64), bytes: 9 },
    ]);
    await store.append('run-a', [{ type: 'tags', tags: { old: null, näme: '数字' } }, { type: 'file', path: 'old.txt', sha256: null, bytes: 0 }]);
    expect(store.runData(['none', 'run-a'])).toEqual([
      {
        run: expect.objectContaining({ runId: 'run-a', status: 'running', name: 'first try', startedAt: 5, endedAt: null, seed: 42, stepsDone: 3 }) as unknown,
        deletedAt: null,
        user: 'ada',
        params: { lr: '0.1', note: '', seed: '42' },
        tags: { näme: '数字', paper: 'v2' },
        metrics: [
          { key: 'loss', value: 2, step: 2, time: 1_700_000_000_002, points: 3, min: 1, max: 3 },
          { key: 'odd', value: 0, step: 3, time: 1_700_000_000_003, points: 4, min: -Infinity, max: Infinity },
        ],
      },
    ]);
    expect(store.seriesKeys('run-a')).toEqual(['loss', 'odd']);
    expect([...store.points('run-a', 'odd').values]).toEqual([Number.NaN, Infinity, -Infinity, -0]);
    expect([...store.points('run-a', 'loss', 1, 1).values]).toEqual([1]);
    expect(store.points('run-a', 'none').values).toHaveLength(0);
    expect(store.seriesWindow('run-a', 'none', 0, 9, 10)).toMatchObject({ points: 0, total: 0 });
    expect(store.seriesWindow('run-a', 'loss', 1, 2, 10)).toMatchObject({ points: 2, total: 3 });
    expect(store.files('run-a')).toEqual([{ path: 'model/weights.pt', sha256: 'a'.repeat(64), bytes: 9 }]);
    expect(store.datasets('run-a')).toEqual([{ name: 'iris', digest: 'd1', sourceType: 'local', source: '{}', schema: null, profile: '{"rows":150}', tags: { context: 'train' } }]);
    await store.append('run-a', [{ type: 'state', status: 'finished', endedAt: 99 }]);
    expect(store.getRun('run-a')).toMatchObject({ status: 'finished', endedAt: 99 });
    await store.append('run-a', [{ type: 'state', status: 'running', endedAt: null }]);
    expect(store.listRuns({ kind: ['logged'] })).toMatchObject([{ status: 'running', endedAt: null }]);
    expect(store.listRuns({ kind: ['training', 'command'] })).toEqual([]);
    for (const [status, shown] of [['scheduled', 'queued'], ['failed', 'failed'], ['killed', 'cancelled']] as const) {
      await store.append('run-a', [{ type: 'state', status }]);
      expect(store.getRun('run-a').status).toBe(shown);
    }
  });

  it('keeps what is logged twice once, also when it was logged long ago, and both values of one step', async () => {
    const store = await hostStore();
    await store.createRun(loggedManifest('run-a'));
    const batches = Array.from({ length: 12 }, (_, index) => points('loss', Array.from({ length: 1000 }, (_value, at) => at), index * 1000));
    for (const batch of batches) await store.append('run-a', [batch, batch]);
    await store.index('run-a');
    await store.append('run-a', [batches[2]!, batches[11]!]);
    await store.append('run-a', [{ type: 'points', key: 'loss', steps: [5, 5], times: [1, 2], values: [7, 8] }]);
    expect(store.latestMetrics('run-a')).toMatchObject([{ points: 12_002, step: 11_999, value: 999 }]);
    expect([...store.points('run-a', 'loss', 4, 4).values]).toEqual([4, 7, 8, 5]);
  });

  it('takes the greatest of values at the last step and time for the latest', async () => {
    const store = await hostStore();
    await store.createRun(loggedManifest('run-a'));
    const at = (value: number | 'NaN', step = 4, time = 9): EventBody => ({ type: 'points', key: 'm', steps: [step], times: [time], values: [value] });
    const latest = async (...records: EventBody[]): Promise<number | undefined> => {
      await store.append('run-a', records);
      return store.latestMetrics('run-a')[0]?.value;
    };
    expect(await latest(at('NaN'))).toBeNaN();
    expect(await latest(at(-3))).toBe(-3);
    expect(await latest(at('NaN'), at(-5))).toBe(-3);
    expect(await latest(at(8, 3, 99))).toBe(-3);
    expect(await latest(at(1, 4, 10))).toBe(1);
    expect(store.latestMetrics('run-a')).toMatchObject([{ points: 5, min: -5, max: 8 }]);
  });

  it('is refused what no reader could take, and then has none of it', async () => {
    const store = await hostStore();
    await store.createRun(loggedManifest('run-a'));
    const good = points('loss', [1]);
    const bad: readonly EventBody[] = [
      { ...good, steps: [1, 2] },
      { ...good, steps: [1.5] },
      { ...good, steps: [2 ** 53] },
      { ...good, times: [Number.NaN] },
      { ...good, key: '' },
      { type: 'file', path: '../run.json', sha256: null, bytes: 0 },
      { type: 'file', path: '/etc/passwd', sha256: null, bytes: 0 },
      { type: 'file', path: 'a//b', sha256: null, bytes: 0 },
      { type: 'file', path: 'a', sha256: 'abc', bytes: 0 },
      { type: 'params', params: { '': '1' } },
    ];
    for (const record of bad) await expect(store.append('run-a', [good, record])).rejects.toMatchObject({ code: 'RECORD_INVALID' });
    expect(store.latestMetrics('run-a')).toEqual([]);
    await expect(store.append('none', [good])).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
    await store.append('run-a', [{ ...good, steps: [-7], values: [Number.NaN] }]);
    expect([...store.points('run-a', 'loss').steps]).toEqual([-7]);
    store.releaseLog('run-a');
    expect(readEvents(logOf(store, 'run-a'), 0).records).toMatchObject([{ values: ['NaN'] }]);
  });

  it('of random records is what they say, and a rebuilt database is equal', async () => {
    const folder = temporaryFolder();
    const store = await hostStore(folder);
    const random = numbers(5);
    const runIds = ['run-a', 'run-b', 'run-c'];
    const said = new Map(runIds.map((runId) => [runId, { params: {} as Record<string, string>, tags: {} as Record<string, string>, series: new Map<string, Set<string>>() }]));
    for (const runId of runIds) await store.createRun(loggedManifest(runId, { experiment: runId === 'run-c' ? 'other' : 'logged' }));
    for (let round = 0; round < 120; round += 1) {
      const runId = runIds[random.below(3)]!;
      const oracle = said.get(runId)!;
      const records: EventBody[] = [];
      for (let count = random.below(4); count >= 0; count -= 1) {
        const name = `name ${random.below(5)}`;
        const kind = random.below(4);
        if (kind === 0) {
          oracle.params[name] ??= String(random.below(9));
          records.push({ type: 'params', params: { [name]: oracle.params[name] } });
        } else if (kind === 1) {
          const value = random.below(3) === 0 ? null : String(random.below(9));
          if (value === null) delete oracle.tags[name];
          else oracle.tags[name] = value;
          records.push({ type: 'tags', tags: { [name]: value } });
        } else {
          const length = 1 + random.below(30);
          const steps = Array.from({ length }, () => random.below(40));
          const times = steps.map(() => random.below(2));
          const values = steps.map(() => (random.below(3) === 0 ? random.odd() : random.below(3)));
          const series = oracle.series.get(name) ?? new Set();
          for (const [index, step] of steps.entries()) series.add(`${step} ${times[index]} ${Object.is(values[index], -0) ? '-0' : values[index]}`);
          oracle.series.set(name, series);
          records.push({ type: 'points', key: name, steps, times, values: values.map(toLogged) });
        }
      }
      await store.append(runId, records);
      if (random.below(6) === 0) await store.index();
      if (random.below(20) === 0) store.releaseLog(runId);
    }
    for (const runId of runIds) {
      const oracle = said.get(runId)!;
      const [data] = store.runData([runId]);
      expect(data).toMatchObject({ params: oracle.params, tags: oracle.tags });
      expect(Object.keys({ ...data?.params, ...data?.tags })).toHaveLength(Object.keys({ ...oracle.params, ...oracle.tags }).length);
      expect(store.seriesKeys(runId)).toEqual([...oracle.series.keys()].sort());
      for (const [key, expected] of oracle.series) {
        const { steps, times, values } = store.points(runId, key);
        const found = [...steps].map((step, index) => `${step} ${times[index]} ${Object.is(values[index], -0) ? '-0' : values[index]}`);
        expect(found.toSorted()).toEqual([...expected].sort());
      }
    }
    store.close();
    const before = await dumpWorkspace(folder);
    expect(await checkWorkspace(folder)).toEqual([]);
    expect((await rebuildWorkspace(folder)).problems).toEqual([]);
    expect(await dumpWorkspace(folder)).toEqual(before);
    expect(await checkWorkspace(folder)).toEqual([]);
  });
});

describe('a host that dies', () => {
  it('loses nothing that was acknowledged, whatever of it the database had', async () => {
    const store = await hostStore();
    for (const runId of ['run-a', 'run-b']) await store.createRun(loggedManifest(runId));
    await store.append('run-a', [points('loss', [1, 2])]);
    await store.index();
    await store.append('run-a', [points('loss', [3, 4], 2)]);
    await store.append('run-b', [{ type: 'params', params: { lr: '1' } }, points('loss', [5])]);
    const again = await hostStore(asKilled(store.workspace));
    expect([...again.points('run-a', 'loss').values]).toEqual([1, 2, 3, 4]);
    expect(again.runData(['run-b'])).toMatchObject([{ params: { lr: '1' }, metrics: [{ value: 5 }] }]);
    await again.append('run-a', [points('loss', [4, 5], 3)]);
    expect([...again.points('run-a', 'loss').values]).toEqual([1, 2, 3, 4, 5]);
  });

  it('is taken in a little at a time, while others log on, and a kill in between loses nothing', async () => {
    const folder = temporaryFolder();
    const store = await hostStore(folder);
    const batch = (turn: number): EventBody[] => Array.from({ length: 1000 }, (_, key) => points(`layer${key}`, [turn + key], turn));
    for (const runId of ['run-a', 'run-b']) {
      await store.createRun(loggedManifest(runId));
      await store.append(runId, batch(0));
    }
    const indexing = store.index();
    await store.append('run-a', batch(1));
    const left = asKilled(folder);
    const database = new Sqlite(join(left, 'reprise.db'));
    const taken = Number(database.prepare('SELECT count(*) FROM latest').pluck().get());
    database.close();
    // Both runs have 1000 series.
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThan(2000);
    await indexing;
    const next = await hostStore(left);
    await Promise.all(['run-a', 'run-b'].map((runId) => next.ingest(runId)));
    for (const of of [store, next]) {
      expect(of.latestMetrics('run-a').map((metric) => metric.points)).toEqual(Array(1000).fill(2));
      expect(of.points('run-a', 'layer7').values).toEqual(Float64Array.of(7, 8));
      expect(of.latestMetrics('run-b').map((metric) => metric.points)).toEqual(Array(1000).fill(1));
    }
    // More than may wait at all.
    for (let turn = 2; turn < 8; turn += 1) await store.append('run-a', batch(turn));
    expect(store.latestMetrics('run-a').map((metric) => metric.points)).toEqual(Array(1000).fill(8));
    store.close();
    expect(await checkWorkspace(folder)).toEqual([]);
  });

  it('leaves a torn line that the next one cuts off', async () => {
    const store = await hostStore();
    await store.createRun(loggedManifest('run-a'));
    await store.append('run-a', [points('loss', [1])]);
    store.releaseLog('run-a');
    const log = logOf(store, 'run-a');
    const { size } = statSync(log);
    appendFileSync(log, '0badc0de {"type":"poi');
    await store.append('run-a', [points('loss', [2], 1)]);
    expect([...store.points('run-a', 'loss').values]).toEqual([1, 2]);
    expect(readEvents(log, size).records).toHaveLength(1);
  });
});

describe('a log that the host holds open', () => {
  it('takes what comes while another program has the database locked', async () => {
    const store = await hostStore();
    await store.createRun(loggedManifest('run-a'));
    await store.append('run-a', [points('loss', [1])]);
    const other = new Sqlite(join(store.workspace, 'reprise.db'));
    onTestFinished(() => void other.close());
    other.exec('BEGIN IMMEDIATE');
    const began = performance.now();
    // More than waits for its time: it would go into the database at once.
    for (let first = 1; first < 25_000; first += 1000) await store.append('run-a', [points('loss', Array.from({ length: 1000 }, (_, index) => index), first)]);
    expect(performance.now() - began).toBeLessThan(4000);
    other.exec('ROLLBACK');
    expect(store.latestMetrics('run-a')).toMatchObject([{ points: 25_001 }]);
  });

  it('is taken in by the next host where the database could not take it before', async () => {
    const store = await hostStore();
    await store.createRun(loggedManifest('run-a'));
    await store.append('run-a', [points('loss', [1])]);
    const other = new Sqlite(join(store.workspace, 'reprise.db'));
    other.exec('BEGIN IMMEDIATE');
    await store.append('run-a', [points('loss', [2], 1)]);
    store.close();
    expect(readdirSync(store.workspace)).toContain('reprise.behind');
    other.close();
    const again = await hostStore(store.workspace);
    expect([...again.points('run-a', 'loss').values]).toEqual([1, 2]);
    expect(readdirSync(store.workspace)).not.toContain('reprise.behind');
  });

  it('is let go of for others, and taken up where they left it', async () => {
    const store = await hostStore();
    await store.createRun(commandManifest('run-a'));
    await store.append('run-a', [attempt(1, 0, 0), points('val_loss', [3, 2])]);
    expect(() => EventLogWriter.open(logOf(store, 'run-a'))).toThrow(expect.objectContaining({ code: 'EVENT_LOG_OWNED' }));
    store.releaseLog('run-a');
    append(store.runFolder('run-a'), points('val_loss', [1], 2));
    await store.append('run-a', [points('val_loss', [4], 3)]);
    expect([...store.points('run-a', 'val_loss').values]).toEqual([3, 2, 1, 4]);
  });

  it('of a training is closed after each append', async () => {
    const store = await hostStore();
    await store.createRun(sampleManifest('run-a'));
    await store.append('run-a', [{ type: 'tags', tags: { paper: 'v2' } }]);
    append(store.runFolder('run-a'), attempt(1));
    expect(await store.ingest('run-a')).toMatchObject({ attempts: 1 });
    expect(store.runData(['run-a'])[0]).toMatchObject({ tags: { paper: 'v2' }, params: { 'model.kind': 'mlp', 'training.learningRate': '0.1', seed: '1' } });
  });

  it('is one of few, of very many runs', async () => {
    const store = await hostStore();
    const runIds = Array.from({ length: 80 }, (_, index) => `run-${index}`);
    for (const runId of runIds) {
      await store.createRun(loggedManifest(runId));
      await store.append(runId, [points('loss', [1])]);
    }
    for (const runId of runIds) await store.append(runId, [points('loss', [2], 1)]);
    expect(runIds.filter((runId) => existsSync(`${logOf(store, runId)}.owner`)).length).toBeLessThanOrEqual(64);
    for (const runId of runIds) expect([...store.points(runId, 'loss').values]).toEqual([1, 2]);
  });

  it.runIf(process.platform === 'linux')('says that the disk is full, and goes on when it is not', async () => {
    const store = await hostStore();
    await store.createRun(loggedManifest('run-a'));
    symlinkSync('/dev/full', logOf(store, 'run-a'));
    await expect(store.append('run-a', [points('loss', [1])])).rejects.toMatchObject({ code: 'EVENT_LOG_NOT_WRITTEN', message: expect.stringContaining('no space left') as string, hint: expect.stringContaining('Make room') as string });
    expect(store.latestMetrics('run-a')).toEqual([]);
    // This device alone cannot be synced either.
    expect(() => store.releaseLog('run-a')).toThrow('EINVAL');
    rmSync(logOf(store, 'run-a'));
    await store.append('run-a', [points('loss', [2])]);
    expect([...store.points('run-a', 'loss').values]).toEqual([2]);
  });

  it('that is deleted says so, and keeps what it had', async () => {
    const store = await hostStore();
    await store.createRun(loggedManifest('run-a'));
    await store.append('run-a', [points('loss', [1])]);
    rmSync(store.runFolder('run-a'), { recursive: true });
    await expect(store.append('run-a', [points('loss', [2], 1)])).rejects.toMatchObject({ code: 'EVENT_LOG_NOT_WRITTEN' });
    expect([...store.points('run-a', 'loss').values]).toEqual([1]);
    expect(readdirSync(join(store.workspace, 'runs'))).toEqual([]);
  });
});

describe('a command run', () => {
  it('has its parameters, its declared metric, and of its attempts the newest', async () => {
    const store = await hostStore();
    await store.createRun(commandManifest('run-a', { params: { lr: 0.1, net: { kind: 'lstm' }, layers: [1, 2] } }));
    expect(store.runData(['run-a'])[0]?.params).toEqual({ lr: '0.1', 'net.kind': 'lstm', layers: '[1,2]', seed: '1' });
    store.setStatus('run-a', 'running');
    await store.append('run-a', [attempt(1, 0, 0), points('val_loss', [3, 1]), { type: 'params', params: { extra: 'x' } }, { type: 'file', path: 'out', sha256: 'c'.repeat(64), bytes: 1 }, { type: 'tags', tags: { by: 'me' } }]);
    expect(store.getRun('run-a')).toMatchObject({ status: 'running', attempts: 1, totalSteps: null, stepsDone: 1 });
    await store.append('run-a', [{ type: 'failed', code: 'F', message: 'm' }, { type: 'exit', attempt: 1, exitCode: 1, signal: null }, { type: 'requeued' }, attempt(2, 0, 0)]);
    expect(store.runData(['run-a'])[0]).toMatchObject({ params: { lr: '0.1' }, tags: { by: 'me' }, metrics: [] });
    expect(store.runData(['run-a'])[0]?.params['extra']).toBeUndefined();
    expect(store.files('run-a')).toEqual([]);
    await store.append('run-a', [points('val_loss', [5, 2, 4]), { type: 'exit', attempt: 2, exitCode: 0, signal: null }, { type: 'state', status: 'finished' }]);
    expect(store.getRun('run-a')).toMatchObject({ status: 'finished', attempts: 2, exitCode: 0, errorCode: null });
    expect(store.listGroups({})).toMatchObject([{ experiment: 'command', values: [2] }]);
    expect(store.manifest('run-a')).toMatchObject({ kind: 'command' });
    expect(() => store.trainingManifest('run-a')).toThrow(expect.objectContaining({ code: 'RUN_NOT_TRAINING' }));
  });
});

it('finds an imported run by where it came from', async () => {
  const store = await hostStore();
  await store.createRun(loggedManifest('run-a', { source: { system: 'wandb', id: 'abc', from: '/x' } }));
  expect(store.runFrom('wandb', 'abc')?.runId).toBe('run-a');
  expect(store.runFrom('mlflow', 'abc')).toBeNull();
});
