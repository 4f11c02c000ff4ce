import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RUN_FILES } from '../../../src/events/manifest';
import { ownIdentity } from '../../../src/files/process-identity';
import { openStore } from '../../../src/store/open';
import type { Store } from '../../../src/store/types';
import { sampleManifest, sampleStudy, temporaryFolder } from './sample';

async function host(folder = temporaryFolder()): Promise<Store> {
  const store = await openStore(folder, { mode: 'host' });
  onTestFinished(() => store.close());
  return store;
}

describe('workspace', () => {
  it('is made by a host, with its folders, and kept over a restart', async () => {
    const folder = join(temporaryFolder(), 'deep', 'workspace');
    const store = await host(folder);
    await store.createRun(sampleManifest('run-a'));
    store.close();
    expect(existsSync(join(folder, 'host.lock'))).toBe(false);
    const again = await host(folder);
    expect(readdirSync(folder)).toEqual(expect.arrayContaining(['reprise.db', 'runs', 'studies', 'objects', 'cache', 'host.lock']));
    expect(again.getRun('run-a').status).toBe('queued');
  });

  it('has one host at a time, and names it', async () => {
    const store = await host();
    await expect(openStore(store.workspace, { mode: 'host', lockWaitMs: 0 })).rejects.toMatchObject({
      code: 'WORKSPACE_IN_USE',
      kind: 'system',
      message: expect.stringMatching(new RegExp(`process ${process.pid} since 20`)) as string,
    });
  });

  it('is waited for while another is about to let go', async () => {
    const first = await host();
    setTimeout(() => first.close(), 200);
    const second = await host(first.workspace);
    expect(second.readOnly).toBe(false);
  });

  it('is not taken from a host that may live where it cannot be looked at; the lock to delete is named', async () => {
    const folder = temporaryFolder();
    const lock = join(folder, 'host.lock');
    const content = JSON.stringify({ ...ownIdentity(), host: '3f2a', namespace: 'pid:[1]', since: 0, nonce: 'n' });
    writeFileSync(lock, content);
    await expect(openStore(folder, { mode: 'host', lockWaitMs: 0 })).rejects.toMatchObject({ code: 'WORKSPACE_IN_USE', hint: expect.stringMatching(/"3f2a".*delete .*host\.lock/) as string });
    expect(readdirSync(folder)).toEqual(['host.lock']);
    expect(readFileSync(lock, 'utf8')).toBe(content);
  });

  it('is read beside its living host, and sees what the host writes', async () => {
    const store = await host();
    const reader = await openStore(store.workspace, { mode: 'reader' });
    onTestFinished(() => reader.close());
    expect(reader.readOnly).toBe(true);
    await store.createRun(sampleManifest('run-a'));
    expect(reader.listRuns().map((run) => run.runId)).toEqual(['run-a']);
    await expect(reader.createRun(sampleManifest('run-b'))).rejects.toMatchObject({ code: 'WORKSPACE_READ_ONLY' });
    await expect(reader.ingest('run-a')).rejects.toMatchObject({ code: 'WORKSPACE_READ_ONLY' });
    expect(() => reader.setStatus('run-a', 'running')).toThrow(expect.objectContaining({ code: 'WORKSPACE_READ_ONLY' }));
  });

  it('is read after its host has gone', async () => {
    const store = await host();
    await store.createRun(sampleManifest('run-a'));
    store.close();
    const reader = await openStore(store.workspace, { mode: 'reader' });
    expect(reader.listRuns()).toHaveLength(1);
    reader.close();
  });

  it.skipIf(process.platform === 'win32')('is read where nothing may be written, and not hosted there', async () => {
    const store = await host();
    await store.createRun(sampleManifest('run-a'));
    store.close();
    const folder = store.workspace;
    chmodSync(folder, 0o555);
    chmodSync(join(folder, 'reprise.db'), 0o444);
    // Permissions bind everybody but root.
    const root = process.geteuid?.() === 0;
    onTestFinished(() => {
      if (root) process.seteuid?.(0);
      chmodSync(folder, 0o755);
    });
    if (root) process.seteuid?.(65_534);
    const reader = await openStore(folder, { mode: 'reader' });
    expect(reader.listRuns().map((run) => run.runId)).toEqual(['run-a']);
    reader.close();
    await expect(openStore(folder, { mode: 'host' })).rejects.toMatchObject({ code: 'WORKSPACE_READ_ONLY' });
    await expect(openStore(join(folder, 'inside'), { mode: 'host' })).rejects.toMatchObject({ code: 'WORKSPACE_READ_ONLY' });
  });

  it('is not made by a reader, nor in place of a file', async () => {
    const folder = temporaryFolder();
    await expect(openStore(join(folder, 'none'), { mode: 'reader' })).rejects.toMatchObject({ code: 'WORKSPACE_NOT_FOUND', kind: 'input' });
    await expect(openStore(folder, { mode: 'reader' })).rejects.toMatchObject({ code: 'WORKSPACE_NOT_FOUND' });
    writeFileSync(join(folder, 'file'), 'mine');
    await expect(openStore(join(folder, 'file'), { mode: 'host' })).rejects.toMatchObject({ code: 'WORKSPACE_INVALID', kind: 'input' });
    expect(readdirSync(folder)).toEqual(['file']);
  });
});

describe('runs', () => {
  it('are written as folder and row, found by id, prefix and reproduction id', async () => {
    const store = await host();
    const manifest = sampleManifest('abcd1234', { seed: 7 });
    const row = await store.createRun(manifest);
    expect(row).toEqual({
      runId: 'abcd1234', kind: 'training', name: null, reproductionId: manifest.reproductionId, experiment: 'sample', studyId: null, variant: null, seed: 7, status: 'queued',
      exitCode: null, signal: null, configHash: 'config-7', computeHash: 'compute-7', createdAt: manifest.createdAt, startedAt: null, endedAt: null,
      attempts: 0, stepsDone: 0, totalSteps: null, throughput: null, finalLoss: null, bestLoss: null, weightsHash: null, selectedStep: null,
      errorCode: null, errorMessage: null,
    });
    expect(JSON.parse(readFileSync(join(store.runFolder('abcd1234'), RUN_FILES.manifest), 'utf8'))).toEqual(manifest);
    expect(store.trainingManifest('abcd1234')).toEqual(manifest);
    for (const name of ['abcd1234', 'abcd', manifest.reproductionId]) expect(store.getRun(name)).toEqual(row);
    for (const name of ['abc', 'zzzz', '', 'abcd12345']) expect(() => store.getRun(name)).toThrow(expect.objectContaining({ code: 'RUN_NOT_FOUND' }));
    await store.createRun(sampleManifest('abcd9999'));
    expect(() => store.getRun('abcd')).toThrow(expect.objectContaining({ code: 'RUN_AMBIGUOUS' }));
    // Wildcards of SQL are ordinary characters.
    expect(() => store.getRun('____')).toThrow(expect.objectContaining({ code: 'RUN_NOT_FOUND' }));
  });

  it('are refused when the id is taken or leads out of the workspace, and nothing is written', async () => {
    const store = await host();
    await store.createRun(sampleManifest('run-a'));
    const before = readdirSync(join(store.workspace, 'runs'));
    await expect(store.createRun(sampleManifest('run-a'))).rejects.toMatchObject({ code: 'RUN_EXISTS' });
    await expect(store.createRun(sampleManifest('../evil'))).rejects.toMatchObject({ code: 'MANIFEST_INVALID' });
    await expect(store.createRun({ ...sampleManifest('run-b'), createdAt: 0.5 })).rejects.toMatchObject({ code: 'MANIFEST_INVALID' });
    expect(readdirSync(join(store.workspace, 'runs'))).toEqual(before);
    expect(() => store.runFolder('../evil')).toThrow(expect.objectContaining({ code: 'ID_INVALID' }));
    expect(() => store.objectPath('../evil')).toThrow(expect.objectContaining({ code: 'OBJECT_NAME_INVALID' }));
  });

  it('tell when their manifest was changed', async () => {
    const store = await host();
    await store.createRun(sampleManifest('run-a'));
    const file = join(store.runFolder('run-a'), RUN_FILES.manifest);
    writeFileSync(file, readFileSync(file, 'utf8').replace('"seed": 1', '"seed": 2'));
    expect(() => store.trainingManifest('run-a')).toThrow(expect.objectContaining({ code: 'MANIFEST_INVALID' }));
  });

  it('are listed oldest first, filtered, and counted by experiment', async () => {
    const store = await host();
    const at = (createdAt: number) => ({ createdAt });
    await store.createRun(sampleManifest('run-late', { ...at(300) }));
    await store.createRun(sampleManifest('run-early', { ...at(100) }));
    await store.createRun(sampleManifest('run-study', { ...at(200), experiment: 'other', variant: { studyId: 'study-1', variant: 'wide' } }));
    store.setStatus('run-late', 'failed', { errorCode: 'X', errorMessage: 'why' });
    const ids = (filter: Parameters<Store['listRuns']>[0]): string[] => store.listRuns(filter).map((run) => run.runId);
    expect(ids({})).toEqual(['run-early', 'run-study', 'run-late']);
    expect(ids({ experiment: 'sample' })).toEqual(['run-early', 'run-late']);
    expect(ids({ status: ['failed', 'running'] })).toEqual(['run-late']);
    expect(ids({ status: [] })).toEqual([]);
    expect(ids({ studyId: 'study-1' })).toEqual(['run-study']);
    expect(store.getRun('run-late')).toMatchObject({ errorCode: 'X', errorMessage: 'why' });
    expect(store.listExperiments()).toEqual([
      { name: 'sample', runs: 2, updatedAt: 300, byStatus: { queued: 1, running: 0, finished: 0, failed: 1, cancelled: 0, interrupted: 0 }, executable: true },
      { name: 'other', runs: 1, updatedAt: 200, byStatus: { queued: 1, running: 0, finished: 0, failed: 0, cancelled: 0, interrupted: 0 }, executable: true },
    ]);
  });

  it('are found by compute hash: the newest, and never one that calibrates', async () => {
    const store = await host();
    await store.createRun(sampleManifest('run-a', { createdAt: 1 }));
    await store.createRun(sampleManifest('run-b', { createdAt: 2 }));
    await store.createRun(sampleManifest('run-c', { createdAt: 3, perturbInit: true }));
    expect(store.findByComputeHash('compute-1', ['queued'])?.runId).toBe('run-b');
    expect(store.findByComputeHash('compute-1', ['finished'])).toBeNull();
    expect(store.findByComputeHash('compute-2', ['queued'])).toBeNull();
  });
});

describe('studies', () => {
  it('are kept as file and row; the newest of an experiment answers', async () => {
    const store = await host();
    const old = sampleStudy('study-1');
    const young = sampleStudy('study-2', { createdAt: old.createdAt + 1 });
    await store.saveStudy(young);
    await store.saveStudy(old);
    expect(store.latestStudy('sample')).toEqual(young);
    expect(store.latestStudy('none')).toBeNull();
    expect(JSON.parse(readFileSync(join(store.workspace, 'studies', 'study-1.json'), 'utf8'))).toEqual(old);
    await expect(store.saveStudy(sampleStudy('../evil'))).rejects.toMatchObject({ code: 'STUDY_INVALID' });
    mkdirSync(join(store.workspace, 'studies', 'folder.json'));
    expect(readdirSync(join(store.workspace, 'studies')).toSorted()).toEqual(['folder.json', 'study-1.json', 'study-2.json']);
  });
});
