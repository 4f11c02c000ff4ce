import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkWorkspace } from '../../../src/store/check';
import { openStore } from '../../../src/store/open';
import { rebuildWorkspace } from '../../../src/store/rebuild';
import type { Store } from '../../../src/store/types';
import { dumpWorkspace } from '../../helpers/dump';
import { temporaryFolder } from './sample';
import { loggedManifest } from './tracked';

async function hostStore(folder = temporaryFolder()): Promise<Store> {
  const store = await openStore(folder, { mode: 'host' });
  onTestFinished(() => store.close());
  return store;
}

const names = (store: Store, lifecycle?: 'active' | 'deleted' | 'all'): string[] => store.experiments(lifecycle).map(({ experimentId, name }) => `${experimentId} ${name}`);
const homeOf = (store: Store, runId: string): string | undefined => store.runData([runId])[0]?.run.experiment;

/** Closes the store, and sees that a rebuild makes the same of the files. */
async function survives(store: Store): Promise<Store> {
  store.close();
  const before = await dumpWorkspace(store.workspace);
  expect(await checkWorkspace(store.workspace)).toEqual([]);
  expect((await rebuildWorkspace(store.workspace)).problems).toEqual([]);
  expect(await dumpWorkspace(store.workspace)).toEqual(before);
  return hostStore(store.workspace);
}

describe('experiments', () => {
  it('get their ids in the order in which they appear; the default one is there always', async () => {
    const store = await hostStore();
    expect(names(store)).toEqual(['0 Default']);
    await Promise.all(['run-a', 'run-b', 'run-c'].map((runId) => store.createRun(loggedManifest(runId, { experiment: 'zeta' }))));
    await store.createRun(loggedManifest('run-d', { experiment: 'Default' }));
    expect(await store.createExperiment('alpha', { owner: 'me' })).toMatchObject({ experimentId: '2', name: 'alpha', tags: { owner: 'me' }, deletedAt: null });
    expect(names(store)).toEqual(['0 Default', '1 zeta', '2 alpha']);
    expect(store.experiment({ name: 'alpha' })).toEqual(store.experiment({ id: '2' }));
    expect(store.experiment({ id: '02x' })).toBeNull();
    expect(names(await survives(store))).toEqual(['0 Default', '1 zeta', '2 alpha']);
  });

  it('have one name each', async () => {
    const store = await hostStore();
    await store.createExperiment('alpha');
    await store.createExperiment('beta');
    await expect(store.createExperiment('alpha')).rejects.toMatchObject({ code: 'EXPERIMENT_EXISTS' });
    await expect(store.createExperiment(' ')).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await expect(store.updateExperiment('2', { name: 'alpha' })).rejects.toMatchObject({ code: 'EXPERIMENT_EXISTS' });
    await expect(store.updateExperiment('9', {})).rejects.toMatchObject({ code: 'EXPERIMENT_NOT_FOUND' });
    await expect(store.updateExperiment('0', { name: 'other' })).rejects.toMatchObject({ code: 'EXPERIMENT_DEFAULT' });
    await expect(store.updateExperiment('0', { deleted: true })).rejects.toMatchObject({ code: 'EXPERIMENT_DEFAULT' });
    expect(await store.updateExperiment('0', { tags: { a: '1', b: '2' } })).toMatchObject({ tags: { a: '1', b: '2' } });
    expect(await store.updateExperiment('0', { tags: { a: null } })).toMatchObject({ name: 'Default', tags: { b: '2' } });
    expect((await survives(store)).experiment({ id: '0' })?.tags).toEqual({ b: '2' });
  });

  it('keep their runs when they are renamed, also after another has taken the name', async () => {
    const store = await hostStore();
    await store.createRun(loggedManifest('run-a', { experiment: 'alpha' }));
    await store.updateExperiment('1', { name: 'beta' });
    expect(homeOf(store, 'run-a')).toBe('beta');
    expect(store.experiment({ name: 'alpha' })).toBeNull();
    const again = await survives(store);
    expect(homeOf(again, 'run-a')).toBe('beta');
    // A new run of the old name is of an experiment of its own.
    await again.createRun(loggedManifest('run-b', { experiment: 'alpha' }));
    expect(names(again)).toEqual(['0 Default', '1 beta', '2 alpha']);
    await again.updateExperiment('2', { name: 'gamma' });
    const third = await survives(again);
    expect(homeOf(third, 'run-a')).toBe('beta');
    expect(homeOf(third, 'run-b')).toBe('gamma');
    await third.updateExperiment('1', { name: 'alpha' });
    expect(homeOf(await survives(third), 'run-a')).toBe('alpha');
  });

  it('take their runs along when they are deleted, and bring them back', async () => {
    const store = await hostStore();
    for (const runId of ['run-a', 'run-b']) await store.createRun(loggedManifest(runId, { experiment: 'alpha' }));
    await store.createRun(loggedManifest('run-c', { experiment: 'beta' }));
    await store.trashRuns(['run-b']);
    expect(await store.updateExperiment('1', { deleted: true })).toMatchObject({ deletedAt: expect.any(Number) as number });
    expect(store.listRuns().map(({ runId }) => runId)).toEqual(['run-c']);
    expect(names(store)).toEqual(['0 Default', '2 beta']);
    expect(names(store, 'deleted')).toEqual(['1 alpha']);
    expect(names(store, 'all')).toHaveLength(3);
    await expect(store.createRun(loggedManifest('run-d', { experiment: 'alpha' }))).rejects.toMatchObject({ code: 'EXPERIMENT_DELETED' });
    await expect(store.append('run-a', [])).rejects.toMatchObject({ code: 'RUN_DELETED' });
    const again = await survives(store);
    expect(again.runData(['run-a'])[0]?.deletedAt).toBe(again.experiment({ id: '1' })?.deletedAt);
    // A run that comes back from the trash is still deleted with its experiment.
    expect(await again.restoreRuns(['run-b'])).toEqual(['run-b']);
    expect(again.listRuns()).toHaveLength(1);
    await again.updateExperiment('1', { deleted: false });
    expect(again.listRuns().map(({ runId }) => runId).sort()).toEqual(['run-a', 'run-b', 'run-c']);
    await survives(again);
  });

  it('whose file is damaged are named, and their runs keep the name of their manifests', async () => {
    const store = await hostStore();
    await store.createRun(loggedManifest('run-a', { experiment: 'alpha' }));
    store.close();
    const file = join(store.workspace, 'experiments', '1.json');
    expect(existsSync(file)).toBe(true);
    writeFileSync(file, readFileSync(file, 'utf8').replace('"name"', '"naam"'));
    expect(await checkWorkspace(store.workspace)).toMatchObject([{ path: file, message: expect.stringContaining('is damaged: name') as string }]);
    expect((await rebuildWorkspace(store.workspace)).problems).toMatchObject([{ path: file }]);
    const again = await hostStore(store.workspace);
    expect(homeOf(again, 'run-a')).toBe('alpha');
  });
});
