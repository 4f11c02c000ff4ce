import { expect, it } from 'vitest';
import { createEngine } from '../../../src/engine/engine';
import { localSpawn } from '../../../src/execution/local/local-spawn';
import { openStore } from '../../../src/store/open';
import { temporaryFolder } from '../store/sample';

it('lists show parameters and the commonest metric of logged runs, of those that run the latest value', async () => {
  const workspace = temporaryFolder();
  const store = await openStore(workspace, { mode: 'host' });
  for (const [index, metrics] of [{ loss: 0.5, f1: 0.2 }, { f1: 0.9 }, {}].entries()) {
    const runId = `run${index}run${index}run${index}`;
    await store.createRun({ format: 1, kind: 'logged', runId, experiment: 'e', createdAt: index + 1, source: { system: 'mlflow', id: null, from: null }, user: '' });
    const points = Object.entries(metrics).map(([key, value]) => ({ type: 'points', key, steps: [0, 1], times: [0, 1], values: [9, value] }) as const);
    await store.append(runId, [{ type: 'params', params: { lr: `0.${index + 1}`, depth: '1e-05', model: 'a' } }, ...points, { type: 'state', status: 'running' }]);
  }
  await store.index();
  store.close();
  const engine = await createEngine({ workspace, mode: 'host', spawn: localSpawn('unused'), cores: 1 });
  try {
    const columns = await engine.call('runs.columns', { experiment: 'e' });
    expect(columns.ok && columns.value).toEqual({ varying: ['params.lr'], constant: [{ path: 'params.depth', value: '1e-05' }, { path: 'params.model', value: 'a' }], metric: 'f1' });
    const page = await engine.call('runs.page', { offset: 0, limit: 10, columns: ['params.lr', 'params.model', 'model.kind'] });
    expect(page.ok && page.value.rows.map(({ metric, leaves }) => [metric, leaves])).toEqual([
      [null, [0.3, 'a', undefined]],
      [{ name: 'f1', value: 0.9 }, [0.2, 'a', undefined]],
      [{ name: 'f1', value: 0.2 }, [0.1, 'a', undefined]],
    ]);
    const sorted = async (by: 'metric' | 'config:params.lr', descending: boolean, text = ''): Promise<unknown> => {
      const found = await engine.call('runs.page', { offset: 0, limit: 10, sort: { by, descending }, ...(text === '' ? {} : { text }) });
      return found.ok && found.value.rows.map(({ run }) => Number(run.runId[3]));
    };
    expect(await sorted('config:params.lr', false)).toEqual([0, 1, 2]);
    expect(await sorted('config:params.lr', true)).toEqual([2, 1, 0]);
    expect(await sorted('config:params.lr', true, 'params.lr < 0.25')).toEqual([1, 0]);
    // What has no value comes last both ways.
    expect(await sorted('metric', false)).toEqual([0, 1, 2]);
    expect(await sorted('metric', true)).toEqual([1, 0, 2]);
  } finally {
    await engine.close();
  }
});
