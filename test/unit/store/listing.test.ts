import { describe, expect, it, onTestFinished } from 'vitest';
import type { TrainingVariant, VariantConfig } from '../../../src/config/hash';
import { configSchema } from '../../../src/config/schema';
import type { TrainingManifest } from '../../../src/events/manifest';
import type { EventBody } from '../../../src/events/records';
import { openStore } from '../../../src/store/open';
import type { RunsFilter, RunsOrder, Store } from '../../../src/store/types';
import { append, attempt, exitedWell, finished, sampleManifest, steps, temporaryFolder } from './sample';

const newest: RunsOrder = { by: 'created', descending: true };

async function openedStore(): Promise<Store> {
  const store = await openStore(temporaryFolder(), { mode: 'host' });
  onTestFinished(() => store.close());
  return store;
}

const rateOf = (config: VariantConfig): number => (config as TrainingVariant).training.learningRate;

interface Wanted {
  readonly id: string;
  readonly seed?: number;
  readonly learningRate?: number;
  readonly more?: Partial<TrainingManifest>;
  readonly log?: readonly EventBody[];
}

/** Makes runs one second apart, in the order given. */
async function make(store: Store, ...wanted: readonly Wanted[]): Promise<void> {
  for (const [index, { id, seed = 1, learningRate = 0.1, more = {}, log = [] }] of wanted.entries()) {
    const manifest = sampleManifest(id, { seed, createdAt: 1000 * (index + 1), ...more });
    const config = configSchema.parse({ ...manifest.config, training: { ...manifest.config.training, learningRate } });
    await store.createRun({ ...manifest, config });
    if (log.length === 0) continue;
    append(store.runFolder(id), ...log);
    await store.ingest(id);
  }
}

function tested(accuracy: number, loss: number | 'NaN' = 0.5): EventBody[] {
  return [attempt(1), steps(0, 10), { type: 'metrics', split: 'test', step: 10, epoch: 2, values: { loss, accuracy } }, finished, exitedWell];
}

const ids = (store: Store, filter: RunsFilter, order: RunsOrder = newest, offset = 0, limit = 100): string[] => store.listPage(filter, order, offset, limit).rows.map(({ run }) => run.runId);

describe('a page of runs', () => {
  it('holds the asked part of the sorted runs and counts all that meet the filter', async () => {
    const store = await openedStore();
    await make(store, { id: 'run-a' }, { id: 'run-b', log: tested(0.5) }, { id: 'run-c', more: { experiment: 'other' } }, { id: 'run-d', log: [attempt(1), { type: 'failed', code: 'X', message: 'no' }] });
    expect(ids(store, {})).toEqual(['run-d', 'run-c', 'run-b', 'run-a']);
    expect(ids(store, {}, newest, 1, 2)).toEqual(['run-c', 'run-b']);
    expect(ids(store, {}, { by: 'created', descending: false }, 0, 1)).toEqual(['run-a']);
    expect(ids(store, { experiment: 'sample' })).toEqual(['run-d', 'run-b', 'run-a']);
    expect(ids(store, { status: ['queued', 'failed'], experiment: 'sample' })).toEqual(['run-d', 'run-a']);
    expect(store.listPage({ experiment: 'sample' }, newest, 2, 1).byStatus).toEqual({ queued: 1, running: 0, finished: 1, failed: 1, cancelled: 0, interrupted: 0 });
    expect(store.listPage({}, newest, 50, 10)).toMatchObject({ rows: [], byStatus: { queued: 2 } });
  });

  it('finds runs whose every word occurs somewhere, wildcards and case aside', async () => {
    const store = await openedStore();
    await make(store, { id: 'run-a', more: { experiment: '50% width' } }, { id: 'run-b', more: { experiment: '50 wide_r', computeHash: 'c0ffee00' } }, { id: 'run-c', seed: 77 });
    expect(ids(store, { text: '%' })).toEqual(['run-a']);
    expect(ids(store, { text: 'e_r' })).toEqual(['run-b']);
    expect(ids(store, { text: '\\' })).toEqual([]);
    expect(ids(store, { text: ' WIDTH  queued ' })).toEqual(['run-a']);
    expect(ids(store, { text: 'width finished' })).toEqual([]);
    expect(ids(store, { text: 'C0FFEE' })).toEqual(['run-b']);
    expect(ids(store, { text: '77' })).toEqual(['run-c']);
    expect(store.listPage({ text: 'run-' }, { by: 'seed', descending: true }, 0, 1)).toMatchObject({ rows: [{ run: { runId: 'run-c' } }], byStatus: { queued: 3, finished: 0 } });
    expect(ids(store, { text: 'run-', experiment: '50% width' })).toEqual(['run-a']);
  });

  it('sorts by what runs have; those that lack it come last both ways, and among equals the newest is first', async () => {
    const store = await openedStore();
    await make(
      store,
      { id: 'run-a', log: tested(0.5) },
      { id: 'run-b' },
      { id: 'run-c', log: tested(0.9) },
      { id: 'run-d', log: tested(0.99, 'NaN') },
      { id: 'run-e', log: tested(0.5) },
    );
    // The accuracy of a diverged training says nothing.
    expect(ids(store, {}, { by: 'metric', descending: true })).toEqual(['run-c', 'run-e', 'run-a', 'run-d', 'run-b']);
    expect(ids(store, {}, { by: 'metric', descending: false })).toEqual(['run-e', 'run-a', 'run-c', 'run-d', 'run-b']);
    expect(ids(store, {}, { by: 'progress', descending: false }, 4)).toEqual(['run-b']);
    expect(ids(store, {}, { by: 'status', descending: false }, 0, 1)).toEqual(['run-b']);
    for (const by of ['experiment', 'variant', 'seed', 'loss', 'duration'] as const) expect(ids(store, {}, { by, descending: false })).toHaveLength(5);
    expect(store.listedRun('run-d').test).toEqual({ loss: Number.NaN, accuracy: 0.99 });
    expect(store.listedRun('run-b').test).toBeNull();
  });

  it('is a part of one order, whichever end it is found from', async () => {
    const store = await openedStore();
    const logs = [tested(0.5), [], tested(0.9), [attempt(1), steps(0, 4)], tested(0.5), tested(0.7, 'NaN'), []];
    await make(store, ...logs.map((log, index) => ({ id: `run-${index}`, seed: index % 3, learningRate: (1 + (index % 2)) / 10, log, more: { experiment: index === 2 ? 'other' : 'sample' } })));
    const places = Object.fromEntries([...store.variantConfigs().keys()].slice(0, 1).map((hash) => [hash, 1]));
    for (const descending of [true, false]) {
      const orders: RunsOrder[] = [...(['created', 'experiment', 'variant', 'seed', 'status', 'progress', 'metric', 'loss', 'duration'] as const).map((by) => ({ by, descending })), { by: 'place', places, descending }];
      for (const order of orders) {
        for (const filter of [{}, { experiment: 'sample' }, { text: 'run-' }, { status: ['finished', 'queued'] }] satisfies RunsFilter[]) {
          const whole = ids(store, filter, order);
          expect([0, 2, 4, 6].flatMap((offset) => ids(store, filter, order, offset, 2)), `${order.by} ${JSON.stringify(filter)}`).toEqual(whole);
        }
      }
    }
  });

  it('sorts by the place of each variant', async () => {
    const store = await openedStore();
    await make(store, { id: 'run-a', learningRate: 0.1 }, { id: 'run-b', learningRate: 0.3 }, { id: 'run-c', learningRate: 0.2 }, { id: 'run-d', learningRate: 0.1 });
    const places = Object.fromEntries([...store.variantConfigs()].filter(([, config]) => rateOf(config) < 0.25).map(([hash, config]) => [hash, rateOf(config)]));
    expect(ids(store, {}, { by: 'place', places, descending: true })).toEqual(['run-c', 'run-d', 'run-a', 'run-b']);
    expect(ids(store, { text: 'run' }, { by: 'place', places, descending: false })).toEqual(['run-d', 'run-a', 'run-c', 'run-b']);
  });

  it('tells of the attempt that is under way', async () => {
    const store = await openedStore();
    await make(store, { id: 'run-a', log: [attempt(1), steps(0, 6), exitedWell, { type: 'requeued' }, attempt(2, 4), steps(4, 1)] });
    expect(store.listedRun('run-a').attempt).toMatchObject({ fromStep: 4 });
    append(store.runFolder('run-a'), { type: 'exit', attempt: 2, exitCode: null, signal: 'SIGKILL' });
    await store.ingest('run-a');
    expect(store.listedRun('run-a').attempt).toBeNull();
  });
});

describe('groups', () => {
  it('are of variant, data and training graph; the newest finished run of a seed stands for it', async () => {
    const store = await openedStore();
    await make(
      store,
      { id: 'run-a', seed: 1, log: tested(0.5) },
      { id: 'run-b', seed: 2, log: tested(0.7) },
      { id: 'run-c', seed: 1, log: tested(0.6) },
      { id: 'run-d', seed: 3 },
      { id: 'run-e', seed: 4, log: tested(0.9, 'NaN') },
      { id: 'run-f', seed: 5, log: tested(0.1), more: { perturbInit: true } },
      { id: 'run-g', seed: 1, log: tested(0.8), more: { trainingGraphHash: 'c'.repeat(64) } },
      { id: 'run-h', seed: 1, learningRate: 0.2, log: tested(1 / 3), more: { variant: { studyId: 's', variant: 'fast' } } },
    );
    const groups = store.listGroups({});
    expect(groups.map(({ values }) => values)).toEqual([[1 / 3], [0.8], [0.6, 0.7]]);
    expect(groups.map(({ variant }) => variant)).toEqual(['fast', null, null]);
    expect(groups[2]?.byStatus).toMatchObject({ finished: 5, queued: 1 });
    expect(new Set(groups.map(({ groupHash }) => groupHash)).size).toBe(3);
    expect(store.listGroups({ text: 'fast' })).toHaveLength(1);
    expect(store.listGroups({ experiment: 'none' })).toEqual([]);
  });
});

describe('variants', () => {
  it('are kept once for all their runs, without seed and labels', async () => {
    const store = await openedStore();
    await make(store, { id: 'run-a', seed: 1 }, { id: 'run-b', seed: 2 }, { id: 'run-c', learningRate: 0.2, more: { experiment: 'other' } });
    expect([...store.variantConfigs().values()].map(rateOf).toSorted()).toEqual([0.1, 0.2]);
    const [[hash, config] = ['', undefined]] = store.variantConfigs('other');
    expect(config).not.toHaveProperty('seed');
    expect(config).not.toHaveProperty('experiment');
    expect(store.variantConfig(hash)).toBe(config);
    expect(store.listedRun('run-c').variantHash).toBe(hash);
  });
});

describe('what is asked of single runs', () => {
  it('is answered for many ids, a compute hash, a training graph', async () => {
    const store = await openedStore();
    await make(store, { id: 'run-a', log: tested(0.5) }, { id: 'run-b' }, { id: 'run-c' });
    expect(store.getRuns(['run-c', 'none', 'run-a']).map(({ runId }) => runId)).toEqual(['run-a', 'run-c']);
    expect(store.sameComputeHash('compute-1', 2).map(({ runId }) => runId)).toEqual(['run-c', 'run-b']);
    expect(store.stepTime('b'.repeat(64), 1)).toMatchObject({ steps: 10 });
    expect(store.stepTime('b'.repeat(64), 2)).toBeNull();
    expect(() => store.listedRun('none')).toThrow(expect.objectContaining({ code: 'RUN_NOT_FOUND' }));
  });
});
