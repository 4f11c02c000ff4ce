import { describe, expect, it } from 'vitest';
import { comparisonCsv } from '../../../src/report/comparison-export';
import { compareExperiment } from '../../../src/engine/compare';
import { openStore } from '../../../src/store/open';
import type { Store } from '../../../src/store/types';
import { temporaryFolder } from '../store/sample';

interface Logged {
  readonly params: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, number>>;
  readonly status?: 'finished' | 'running';
  /** Place of the run that it is nested in. */
  readonly within?: number;
}

const idOf = (index: number): string => `run${index}run${index}run${index}`;

async function storeOf(runs: readonly Logged[]): Promise<Store> {
  const store = await openStore(temporaryFolder(), { mode: 'host' });
  for (const [index, { params, metrics, status = 'finished', within }] of runs.entries()) {
    const runId = idOf(index);
    await store.createRun({ format: 1, kind: 'logged', runId, experiment: 'e', createdAt: index + 1, source: { system: 'mlflow', id: null, from: null }, user: '' });
    if (within !== undefined) await store.append(runId, [{ type: 'tags', tags: { 'mlflow.parentRunId': idOf(within) } }]);
    await store.append(runId, [{ type: 'params', params }, ...Object.entries(metrics).map(([key, value]) => ({ type: 'points', key, steps: [0], times: [index], values: [value] }) as const), { type: 'state', status, ...(status === 'finished' ? { endedAt: 10 } : {}) }]);
  }
  await store.index();
  return store;
}

describe('logged runs without a study', () => {
  it('are grouped by all parameters but the seed, and paired by it', async () => {
    const store = await storeOf([1, 2, 3].flatMap((seed) => [0.1, 0.5].map((lr) => ({ params: { lr: String(lr), seed: String(seed), model: 'a' }, metrics: { loss: lr + seed / 100, 'system/cpu': 50 } }))));
    const comparison = compareExperiment(store, 'e');
    expect(comparison).toMatchObject({ metric: 'loss', higherIsBetter: false, missing: [], metrics: ['loss', 'system/cpu'] });
    expect(comparison.variants.map(({ name, n, delta }) => [name, n, delta?.n ?? null, delta?.mean?.toFixed(6) ?? null])).toEqual([['baseline', 3, null, null], ['lr=0.5', 3, 3, '0.400000']]);
    expect(comparison.method).toMatch(/No run declares a metric, so loss, which most runs have, stands for it: .* lower is better is taken from its name\./u);
    store.close();
  });

  it('are told apart by every other parameter, whatever the seed is called', async () => {
    const store = await storeOf([1, 2].flatMap((seed) => ['7', '8'].map((data) => ({ params: { random_state: String(seed), data_seed: data }, metrics: { loss: seed + Number(data) } }))));
    const comparison = compareExperiment(store, 'e');
    expect(comparison.variants.map(({ name, n, delta }) => [name, n, delta?.n ?? null])).toEqual([['baseline', 2, null], ['data_seed=8', 2, 2]]);
    store.close();
  });

  it('that name no seed have a mean and are in no pair', async () => {
    const store = await storeOf([{ params: { lr: '1' }, metrics: { acc: 0.5 } }, { params: { lr: '1' }, metrics: { acc: 0.7 } }, { params: { lr: '2' }, metrics: { acc: 0.9 } }, { params: { lr: '2' }, metrics: {}, status: 'running' }]);
    const comparison = compareExperiment(store, 'e');
    expect(comparison).toMatchObject({ metric: 'acc', higherIsBetter: true });
    expect(comparison.variants.map(({ name, n, mean, values, delta }) => [name, n, mean?.toFixed(3), values.map(({ seed }) => seed), delta?.n ?? null])).toEqual([['baseline', 2, '0.600', [null, null], null], ['lr=2', 1, '0.900', [null], 0]]);
    expect(comparison.missing).toEqual([{ variant: 'lr=2', seed: null, run: 'run3run3run3', reason: 'running' }]);
    expect(comparison.method).toMatch(/Runs that name no seed are in the means and in no pair\./u);
    expect(comparisonCsv(comparison).split('\r\n')[0]).toMatch(/missing,run 1 without a seed,run 2 without a seed$/u);
    store.close();
  });

  it('are compared by the metric that is asked for, where there is one', async () => {
    const store = await storeOf([{ params: { lr: '1' }, metrics: { acc: 0.5, err: 2 } }, { params: { lr: '2' }, metrics: { acc: 0.9 } }]);
    expect(compareExperiment(store, 'e', 'err')).toMatchObject({ metric: 'err', higherIsBetter: false, missing: [{ variant: 'lr=2', reason: 'has no err' }] });
    expect(() => compareExperiment(store, 'e', 'f1')).toThrow(expect.objectContaining({ code: 'METRIC_NOT_FOUND' }) as Error);
    store.close();
  });

  it('are no variants where they are nested in one that has values of its own, and it is said', async () => {
    const store = await storeOf([
      { params: { lr: '1' }, metrics: { loss: 1 } },
      { params: { fold: '1' }, metrics: { loss: 2 }, within: 0 },
      { params: { fold: '2' }, metrics: { loss: 3 }, within: 1 },
      { params: { lr: '2' }, metrics: { loss: 4 } },
    ]);
    const comparison = compareExperiment(store, 'e');
    expect(comparison.variants.map(({ name, n }) => [name, n])).toEqual([['baseline', 1], ['lr=2', 1]]);
    expect(comparison).toMatchObject({ executable: false, missing: [] });
    expect(comparison.method).toMatch(/2 runs are nested in others and left out, because they are parts of those\./u);
    store.close();
  });

  it('stand where the run around them only holds them together, or leads in a circle', async () => {
    const sweep = await storeOf([{ params: {}, metrics: {} }, { params: { lr: '1' }, metrics: { loss: 2 }, within: 0 }, { params: { lr: '2' }, metrics: { loss: 3 }, within: 0 }]);
    expect(compareExperiment(sweep, 'e').variants.map(({ n }) => n)).toEqual([0, 1, 1]);
    sweep.close();
    const circle = await storeOf([{ params: { lr: '1' }, metrics: {}, within: 1 }, { params: { lr: '2' }, metrics: {}, within: 0 }, { params: { lr: '3' }, metrics: { loss: 1 }, within: 2 }]);
    expect(compareExperiment(circle, 'e').variants).toHaveLength(3);
    circle.close();
  });
});
