import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { canonicalJson } from '../../../src/config/hash';
import { putObject } from '../../../src/files/objects';
import { createEngine } from '../../../src/engine/engine';
import { checkWorkspace } from '../../../src/store/check';
import { openStore } from '../../../src/store/open';
import type { Store } from '../../../src/store/types';
import { sampleManifest, temporaryFolder } from './sample';
import { commandManifest, loggedManifest, points } from './tracked';

async function hostStore(): Promise<Store> {
  const store = await openStore(temporaryFolder(), { mode: 'host' });
  onTestFinished(() => store.close());
  return store;
}

/** Keeps a text as an object. @returns its SHA-256 */
async function keep(store: Store, text: string): Promise<string> {
  return (await putObject(store.workspace, Buffer.from(text))).sha256;
}

async function keepFile(store: Store, runId: string, path: string, text: string): Promise<string> {
  const sha256 = await keep(store, text);
  await store.append(runId, [{ type: 'file', path, sha256, bytes: text.length }]);
  return sha256;
}

const isKept = (store: Store, sha256: string): boolean => existsSync(store.objectPath(sha256));

describe('a purge', () => {
  it('removes deleted runs with what only they have, and says before what that frees', async () => {
    const store = await hostStore();
    for (const runId of ['run-a', 'run-b', 'run-c']) await store.createRun(loggedManifest(runId));
    const own = await keepFile(store, 'run-a', 'own.txt', 'only of a');
    const shared = await keepFile(store, 'run-a', 'shared.txt', 'of a and c');
    await keepFile(store, 'run-c', 'also.txt', 'of a and c');
    const both = await keepFile(store, 'run-a', 'both.txt', 'of a and b');
    await keepFile(store, 'run-b', 'both.txt', 'of a and b');
    const judged = await keepFile(store, 'run-a', 'judged.txt', 'named by a verdict');
    mkdirSync(join(store.workspace, 'verdicts'));
    writeFileSync(join(store.workspace, 'verdicts', 'v.json'), JSON.stringify({ sha256: judged }));
    await store.append('run-a', [points('loss', Array.from({ length: 300 }, (_, index) => index))]);
    expect(await store.planPurge()).toEqual({ runs: [], objects: [], bytes: 0 });

    await store.trashRuns(['run-a', 'run-b']);
    expect(store.points('run-a', 'loss').values).toHaveLength(300);
    const plan = await store.planPurge(['run-a', 'run-c']);
    expect(plan).toEqual({ runs: ['run-a'], objects: [{ sha256: own, bytes: 9 }], bytes: expect.any(Number) as number });
    expect(plan.bytes).toBeGreaterThan(1000);
    expect((await store.planPurge()).objects.map(({ sha256 }) => sha256)).toEqual([own, both].sort());
    expect(isKept(store, own)).toBe(true);

    expect(await store.purge(['run-a'])).toEqual(plan);
    expect([own, shared, both, judged].map((sha256) => isKept(store, sha256))).toEqual([false, true, true, true]);
    expect(store.runData(['run-a'])).toEqual([]);
    expect(() => store.getRun('run-a')).toThrow(expect.objectContaining({ code: 'RUN_NOT_FOUND' }));
    expect(existsSync(join(store.workspace, 'trash', 'run-a'))).toBe(false);
    expect(await store.restoreRuns(['run-a'])).toEqual([]);
    expect(await checkWorkspace(store.workspace)).toEqual([]);

    await store.purge();
    expect(isKept(store, both)).toBe(false);
    expect(store.listRuns().map(({ runId }) => runId)).toEqual(['run-c']);
  });

  it('keeps the files of a code state while a run has one that lists them', async () => {
    const store = await hostStore();
    const first = await keep(store, 'print(1)');
    const second = await keep(store, 'print(2)');
    const snapshotOf = (files: readonly string[]): Promise<string> =>
      keep(store, canonicalJson({ format: 1, files: files.map((sha256, index) => ({ path: `${index}.py`, mode: 'file', sha256, bytes: 8 })), withheld: [] }));
    const codes = [await snapshotOf([first, second]), await snapshotOf([first])] as const;
    const provenance = (snapshot: string) => ({ ...sampleManifest('x').provenance, code: { snapshot, folder: '', files: 1, bytes: 8, withheld: [], complete: true } });
    await store.createRun(commandManifest('run-a', { provenance: provenance(codes[0]) }));
    await store.createRun(commandManifest('run-b', { provenance: provenance(codes[1]) }));
    for (const runId of ['run-a', 'run-b']) await store.append(runId, [{ type: 'cancelled', step: 0 }]);
    expect(await checkWorkspace(store.workspace)).toEqual([]);
    writeFileSync(store.objectPath(second), 'print(3)');
    expect(await checkWorkspace(store.workspace)).toEqual([{ path: store.objectPath(second), message: expect.stringContaining('A file of the code of run run-a differs from its hash') as string }]);
    await store.trashRuns(['run-a']);
    expect((await store.purge()).objects.map(({ sha256 }) => sha256)).toEqual([second, codes[0]].sort());
    expect([first, second, ...codes].map((sha256) => isKept(store, sha256))).toEqual([true, false, false, true]);
    await store.trashRuns(['run-b']);
    await store.purge();
    expect(isKept(store, first)).toBe(false);
  });

  it('that a damaged code state stops keeps nobody from the workspace', async () => {
    const store = await hostStore();
    const code = await keep(store, canonicalJson({ format: 1, files: [], withheld: [] }));
    await store.createRun(commandManifest('run-a', { provenance: { ...sampleManifest('x').provenance, code: { snapshot: code, folder: '', files: 0, bytes: 0, withheld: [], complete: true } } }));
    await store.append('run-a', [{ type: 'cancelled', step: 0 }]);
    await store.trashRuns(['run-a']);
    writeFileSync(store.objectPath(code), '{');
    await expect(store.purgeExpired(Date.now() + 31 * 24 * 3_600_000)).rejects.toMatchObject({ code: 'SNAPSHOT_INVALID' });
    store.close();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 31 * 24 * 3_600_000 });
    onTestFinished(() => void vi.useRealTimers());
    const engine = await createEngine({ workspace: store.workspace, mode: 'host', spawn: () => Promise.reject(new Error('Nothing is started here.')), resume: false });
    expect(await engine.call('runs.list', {})).toEqual({ ok: true, value: [] });
    await engine.close();
    expect(existsSync(join(store.workspace, 'trash', 'run-a'))).toBe(true);
  });

  it('is refused to a reader', async () => {
    const store = await hostStore();
    const reader = await openStore(store.workspace, { mode: 'reader' });
    onTestFinished(() => reader.close());
    await expect(reader.purge()).rejects.toMatchObject({ code: 'WORKSPACE_READ_ONLY' });
    expect(await reader.planPurge()).toMatchObject({ runs: [] });
  });
});
