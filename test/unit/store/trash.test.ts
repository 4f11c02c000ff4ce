import { existsSync, mkdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkWorkspace } from '../../../src/store/check';
import { openStore } from '../../../src/store/open';
import { rebuildWorkspace } from '../../../src/store/rebuild';
import { dumpWorkspace } from '../../helpers/dump';
import { append, attempt, exitedWell, finished, putSampleData, sampleManifest, steps, temporaryFolder } from './sample';

const DAY = 24 * 3_600_000;

async function workspaceOfTwo(): Promise<string> {
  const folder = temporaryFolder();
  const store = await openStore(folder, { mode: 'host' });
  await putSampleData(folder);
  for (const [index, id] of ['run-done', 'run-wait'].entries()) await store.createRun(sampleManifest(id, { seed: index, threads: index + 1 }));
  append(store.runFolder('run-done'), attempt(1), steps(0, 10), { type: 'metrics', split: 'test', step: 10, epoch: 2, values: { loss: 0.5, accuracy: 0.5 } }, finished, exitedWell);
  await store.ingest('run-done');
  store.close();
  return folder;
}

describe('a deleted run', () => {
  it('has no row, no folder among the runs and no part in a rebuilt database; restored it is what it was', async () => {
    const folder = await workspaceOfTwo();
    const before = await dumpWorkspace(folder);
    const store = await openStore(folder, { mode: 'host' });
    expect(await store.trashRuns(['run-done'])).toEqual(['run-done']);
    expect(store.listRuns().map(({ runId }) => runId)).toEqual(['run-wait']);
    expect(store.variantConfigs().size).toBe(1);
    store.close();
    expect(existsSync(join(folder, 'runs', 'run-done'))).toBe(false);
    expect(existsSync(join(folder, 'trash', 'run-done', 'run.json'))).toBe(true);
    expect(await checkWorkspace(folder)).toEqual([]);

    const without = await dumpWorkspace(folder);
    expect((await rebuildWorkspace(folder)).runs).toBe(1);
    expect(await dumpWorkspace(folder)).toEqual(without);

    const again = await openStore(folder, { mode: 'host' });
    expect(await again.restoreRuns(['run-done', 'run-wait', 'none', '../run-wait'])).toEqual(['run-done']);
    expect(await again.restoreRuns(['run-done'])).toEqual([]);
    again.close();
    expect(await dumpWorkspace(folder)).toEqual(before);
  });

  it('must be at an end: else nothing is deleted', async () => {
    const folder = await workspaceOfTwo();
    const store = await openStore(folder, { mode: 'host' });
    await expect(store.trashRuns(['run-done', 'run-wait'])).rejects.toMatchObject({ code: 'RUN_ACTIVE', problems: [{ path: 'run-wait' }] });
    expect(store.listRuns()).toHaveLength(2);
    expect(existsSync(join(folder, 'runs', 'run-done'))).toBe(true);
    store.close();
    const reader = await openStore(folder, { mode: 'reader' });
    await expect(reader.trashRuns(['run-done'])).rejects.toMatchObject({ code: 'WORKSPACE_READ_ONLY' });
    await expect(reader.restoreRuns(['run-done'])).rejects.toMatchObject({ code: 'WORKSPACE_READ_ONLY' });
    reader.close();
  });

  it('is removed for good 30 days after its deletion, not after its making', async () => {
    const folder = await workspaceOfTwo();
    const made = new Date(Date.now() - 90 * DAY);
    utimesSync(join(folder, 'runs', 'run-done'), made, made);
    const store = await openStore(folder, { mode: 'host' });
    await store.trashRuns(['run-done']);
    expect((await store.purgeExpired(Date.now() + 29 * DAY)).runs).toEqual([]);
    expect((await store.purgeExpired(Date.now() + 31 * DAY)).runs).toEqual(['run-done']);
    expect(store.runData(['run-done'])).toEqual([]);
    store.close();
    expect(existsSync(join(folder, 'trash', 'run-done'))).toBe(false);
    expect(existsSync(join(folder, 'runs', 'run-wait'))).toBe(true);
    expect(await checkWorkspace(folder)).toEqual([]);
  });

  it('whose deletion was cut off by a kill is shown and reused no more, and can be restored', async () => {
    const folder = await workspaceOfTwo();
    const before = await dumpWorkspace(folder);
    // Where a kill between moving the folder and removing the row leaves things.
    mkdirSync(join(folder, 'trash'));
    renameSync(join(folder, 'runs', 'run-done'), join(folder, 'trash', 'run-done'));
    const store = await openStore(folder, { mode: 'host' });
    expect(store.listRuns().map(({ runId }) => runId)).toEqual(['run-wait']);
    expect(await store.restoreRuns(['run-done'])).toEqual(['run-done']);
    store.close();
    expect(await dumpWorkspace(folder)).toEqual(before);
  });

  it('stays in the trash while its manifest cannot be read', async () => {
    const folder = await workspaceOfTwo();
    const store = await openStore(folder, { mode: 'host' });
    await store.trashRuns(['run-done']);
    const manifest = join(folder, 'trash', 'run-done', 'run.json');
    const text = readFileSync(manifest, 'utf8');
    writeFileSync(manifest, text.slice(0, 100));
    expect(await store.restoreRuns(['run-done'])).toEqual([]);
    expect(existsSync(manifest)).toBe(true);
    expect(existsSync(store.runFolder('run-done'))).toBe(false);
    writeFileSync(manifest, text);
    expect(await store.restoreRuns(['run-done'])).toEqual(['run-done']);
    store.close();
  });
});
