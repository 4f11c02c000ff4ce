import { execFileSync, spawn as spawnChild } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { RepriseError } from '../../../src/errors/errors';
import { RUN_FILES } from '../../../src/events/manifest';
import { readEvents } from '../../../src/events/reader';
import { freeLog, noteWorker } from '../../../src/execution/host-log';
import { localSpawn } from '../../../src/execution/local/local-spawn';
import type { Spawn } from '../../../src/execution/local/spawn';
import { identityOf } from '../../../src/files/process-identity';
import { rebuildWorkspace } from '../../../src/store/rebuild';
import type { RunStatus, Store } from '../../../src/store/types';
import { dumpWorkspace } from '../../helpers/dump';
import { append, attempt, steps, temporaryFolder } from '../store/sample';
import { house, QUICK, SLOW, until, worker } from './house';

const types = (store: Store, runId: string): string[] => readEvents(join(store.runFolder(runId), RUN_FILES.events), 0).records.map((record) => record.type);
const gapless = (store: Store, runId: string, length: number): void => {
  expect([...store.series(runId, 'train.loss').values]).toEqual(Array.from({ length }, (_, step) => Math.fround(1 / (step + 1))));
};

describe('a run', () => {
  it('is trained by a process of its own and followed', async () => {
    const { store, scheduler, seen, add } = await house();
    await add('run-a', { ...QUICK, totalSteps: 200, chunkMs: 15 });
    scheduler.enqueue('run-a');
    const [row] = await scheduler.drain(['run-a']);
    expect(row).toMatchObject({ status: 'finished', exitCode: 0, signal: null, attempts: 1, stepsDone: 200, totalSteps: 200 });
    gapless(store, 'run-a', 200);
    expect(store.artifacts('run-a').map((artifact) => existsSync(store.objectPath(artifact.sha256)))).toEqual([true, true]);
    expect(types(store, 'run-a').at(-1)).toBe('exit');
    await Promise.resolve();
    expect(seen[0]?.status).toBe('running');
    expect(seen.at(-1)).toEqual(row);
    expect(seen.filter((step) => step.status === 'finished')).toHaveLength(1);
    expect(new Set(seen.map((step) => JSON.stringify(step))).size).toBe(seen.length);
    const progress = seen.map((step) => step.stepsDone);
    expect(progress.filter((done) => done > 0 && done < 200).length).toBeGreaterThan(2);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(seen.some((step) => step.throughput !== null && step.throughput > 0)).toBe(true);
  });

  it('is told of once for every change, however often its log is read', async () => {
    const { store, scheduler, seen, add } = await house({ pollMs: 0 });
    const ids = Array.from({ length: 6 }, (_, index) => `run-${index}`);
    for (const id of ids) await add(id);
    await scheduler.drain(ids);
    await sleep(20);
    for (const id of ids) {
      const own = seen.filter((row) => row.runId === id).map((row) => JSON.stringify(row));
      expect(new Set(own).size).toBe(own.length);
    }
    // Another host finds them as they are.
    await scheduler.recover();
    expect(seen.filter((row) => row.status === 'finished').map((row) => row.runId).toSorted()).toEqual(ids);
    expect(store.listRuns({ status: ['finished'] })).toHaveLength(6);
  });

  it('runs in its folder with an environment that says nothing of locale or threads', async () => {
    process.env['OMP_NUM_THREADS'] = '7';
    process.env['LC_NUMERIC'] = 'de_DE';
    onTestFinished(() => {
      delete process.env['OMP_NUM_THREADS'];
      delete process.env['LC_NUMERIC'];
    });
    const { store, scheduler, add } = await house();
    await add('run-a');
    await scheduler.drain();
    const seen = JSON.parse(readFileSync(join(store.runFolder('run-a'), 'seen.json'), 'utf8')) as { cwd: string; dataFile: string; env: Record<string, string> };
    expect(seen.cwd).toBe(store.runFolder('run-a'));
    expect(seen.dataFile).toBe(join(store.workspace, store.trainingManifest('run-a').data.file));
    expect(seen.env).toMatchObject({ LC_ALL: 'C', TZ: 'UTC' });
    expect(Object.keys(seen.env)).not.toEqual(expect.arrayContaining(['OMP_NUM_THREADS']));
    expect(Object.keys(seen.env)).not.toEqual(expect.arrayContaining(['LC_NUMERIC']));
    expect(seen.env['NODE_OPTIONS']).toBeUndefined();
  });

  it('whose worker reports a failure has failed, and can be retried from its checkpoint', async () => {
    const { store, scheduler, add } = await house();
    await add('run-a', { ...QUICK, failAt: [30] });
    const [row] = await scheduler.drain();
    expect(row).toMatchObject({ status: 'failed', exitCode: 1, errorCode: 'SCRIPTED', stepsDone: 30 });
    expect((await scheduler.retry('run-a')).status).toMatch(/queued|running/);
    const [again] = await scheduler.drain(['run-a']);
    expect(again).toMatchObject({ status: 'finished', exitCode: 0, attempts: 2, errorCode: null, stepsDone: 40 });
    gapless(store, 'run-a', 40);
    await expect(scheduler.retry('run-a')).rejects.toMatchObject({ code: 'RUN_ENDED' });
  });

  it('whose worker dies goes on by itself from its checkpoint', async () => {
    const { store, scheduler, add } = await house();
    await add('run-a', { ...QUICK, dieAt: [10, 30] });
    const [row] = await scheduler.drain();
    expect(row).toMatchObject({ status: 'finished', attempts: 3, stepsDone: 40, signal: null });
    gapless(store, 'run-a', 40);
    const exits = readEvents(join(store.runFolder('run-a'), RUN_FILES.events), 0).records.filter((record) => record.type === 'exit');
    expect(exits.map((record) => [record.attempt, record.exitCode, record.signal])).toEqual([[1, null, 'SIGKILL'], [2, null, 'SIGKILL'], [3, 0, null]]);
  });

  it('whose worker dies three times at the same place has failed', async () => {
    const { scheduler, add } = await house();
    await add('run-a', { ...QUICK, dieAt: [30, 30, 30, 30, 30, 30] });
    const [row] = await scheduler.drain();
    expect(row).toMatchObject({ status: 'failed', errorCode: 'WORKER_DIED', attempts: 4, signal: 'SIGKILL', errorMessage: expect.stringContaining('SIGKILL') as string });
  });

  it('whose worker never says anything has failed after three tries', async () => {
    const { store, scheduler, add } = await house();
    await add('run-a', { ...QUICK, exitAtOnce: 3 });
    const [row] = await scheduler.drain();
    expect(row).toMatchObject({ status: 'failed', errorCode: 'WORKER_DIED', attempts: 0, exitCode: 3, errorMessage: expect.stringContaining('exit code 3') as string });
    expect(types(store, 'run-a')).toEqual(['exit', 'exit', 'exit', 'failed']);
  });

  it('whose worker cannot be started has failed with the reason', async () => {
    const spawn: Spawn = () => Promise.reject(new RepriseError('WORKER_SPAWN_FAILED', 'No such program.', { kind: 'system' }));
    const { scheduler, add } = await house({ spawn });
    await add('run-a');
    expect((await scheduler.drain())[0]).toMatchObject({ status: 'failed', errorCode: 'WORKER_SPAWN_FAILED', errorMessage: 'No such program.', attempts: 0 });
    await expect(localSpawn(join(temporaryFolder(), 'none.js'))(temporaryFolder(), '', {}).then((process) => process.exit)).resolves.toMatchObject({ exitCode: 1 });
  });
});

describe('cancel', () => {
  it('ends a waiting run at once and a running one when its worker has stopped', async () => {
    const { store, scheduler, add } = await house({ cores: 1 });
    await add('run-a', SLOW);
    await add('run-b', SLOW);
    scheduler.enqueue('run-a');
    await until(() => store.getRun('run-a').stepsDone > 0);
    expect(await scheduler.cancel('run-b')).toMatchObject({ status: 'cancelled', attempts: 0, exitCode: null });
    expect(await scheduler.cancel('run-a')).toMatchObject({ status: 'cancelled', exitCode: 130 });
    expect((await scheduler.drain(['run-a', 'run-b'])).map((row) => row.status)).toEqual(['cancelled', 'cancelled']);
    writeFileSync(join(store.runFolder('run-a'), 'script.json'), JSON.stringify({ ...SLOW, totalSteps: 500, chunkMs: 1 }));
    await scheduler.retry('run-a');
    expect((await scheduler.drain(['run-a']))[0]).toMatchObject({ status: 'finished', attempts: 2 });
    gapless(store, 'run-a', 500);
    expect(await scheduler.cancel('run-a')).toMatchObject({ status: 'finished' });
  });

  it('kills a worker that does not listen', async () => {
    const { store, scheduler, add } = await house({ cancelGraceMs: 200 });
    await add('run-a', { ...SLOW, ignoresCancel: true });
    scheduler.enqueue('run-a');
    await until(() => store.getRun('run-a').stepsDone > 0);
    expect(await scheduler.cancel('run-a')).toMatchObject({ status: 'cancelled', exitCode: null, signal: 'SIGKILL' });
  });
});

describe('a host', () => {
  it('that stops leaves its runs interrupted; the next one goes on', async () => {
    const folder = temporaryFolder();
    const first = await house({}, folder);
    await first.add('run-a', { ...QUICK, totalSteps: 300, chunkMs: 10 });
    await first.add('run-b', QUICK, { threads: 2 });
    first.scheduler.enqueue('run-a');
    const waiting = first.scheduler.drain().catch((error: unknown) => error);
    await until(() => first.store.getRun('run-a').stepsDone > 0);
    await first.scheduler.stop();
    expect(await waiting).toMatchObject({ code: 'SCHEDULER_STOPPED', kind: 'cancelled' });
    expect(first.store.getRun('run-a')).toMatchObject({ status: 'interrupted', signal: 'SIGKILL' });
    expect(first.store.getRun('run-b').status).toBe('queued');
    expect(() => first.scheduler.enqueue('run-a')).toThrow(expect.objectContaining({ code: 'SCHEDULER_STOPPED' }));
    first.store.close();

    const look = await house({}, folder);
    expect(await look.scheduler.recover({ requeue: false })).toEqual([]);
    expect(look.store.getRun('run-a').status).toBe('interrupted');
    await expect(look.scheduler.drain(['run-a'])).rejects.toMatchObject({ code: 'RUN_INTERRUPTED' });
    await look.scheduler.stop();
    look.store.close();

    const second = await house({}, folder);
    expect(await second.scheduler.recover()).toEqual(['run-a', 'run-b']);
    expect((await second.scheduler.drain()).map((row) => row.status)).toEqual(['finished', 'finished']);
    gapless(second.store, 'run-a', 300);
  });

  it('takes up an interrupted run that is enqueued', async () => {
    const { store, scheduler, add } = await house();
    await add('run-a');
    append(store.runFolder('run-a'), attempt(1, 0, 40), steps(0, 10));
    await store.ingest('run-a');
    scheduler.enqueue('run-a');
    expect((await scheduler.drain(['run-a']))[0]).toMatchObject({ status: 'finished', attempts: 2 });
    gapless(store, 'run-a', 40);
  });

  const left: readonly [string, (store: Store) => void, RunStatus, string[]][] = [
    ['taken from the queue, worker not begun', () => undefined, 'queued', []],
    ['worker died', (store) => append(store.runFolder('run-a'), attempt(1, 0, 40), steps(0, 10)), 'interrupted', ['attempt', 'steps', 'exit']],
    ['worker ended itself', (store) => append(store.runFolder('run-a'), attempt(1, 0, 40), { type: 'orphaned', step: 0 }), 'interrupted', ['attempt', 'orphaned', 'exit']],
    ['worker was done', (store) => append(store.runFolder('run-a'), attempt(1, 0, 40), { type: 'failed', code: 'X', message: 'm' }), 'failed', ['attempt', 'failed', 'exit']],
    ['exit noted, not taken in', (store) => append(store.runFolder('run-a'), attempt(1, 0, 40), { type: 'exit', attempt: 1, exitCode: 9, signal: null }), 'interrupted', ['attempt', 'exit']],
    ['put back, not taken in', (store) => append(store.runFolder('run-a'), attempt(1, 0, 40), { type: 'exit', attempt: 1, exitCode: 9, signal: null }, { type: 'requeued' }), 'queued', ['attempt', 'exit', 'requeued']],
    ['asked to cancel', (store) => {
      append(store.runFolder('run-a'), attempt(1, 0, 40));
      writeFileSync(join(store.runFolder('run-a'), RUN_FILES.cancel), '');
    }, 'cancelled', ['attempt', 'exit', 'cancelled']],
  ];
  it.each(left)('that died left a run: %s', async (_name, leave, status, records) => {
    const { store, scheduler, add } = await house();
    await add('run-a');
    store.setStatus('run-a', 'running');
    leave(store);
    await scheduler.recover({ requeue: false });
    expect(store.getRun('run-a').status).toBe(status);
    expect(existsSync(join(store.runFolder('run-a'), RUN_FILES.events)) ? types(store, 'run-a') : []).toEqual(records);
    await scheduler.recover({ requeue: false });
    expect(existsSync(join(store.runFolder('run-a'), RUN_FILES.events)) ? types(store, 'run-a') : []).toEqual(records);
    const before = await dumpWorkspace(store.workspace);
    store.close();
    await rebuildWorkspace(store.workspace);
    expect(await dumpWorkspace(store.workspace)).toEqual(before);
  });

  it('fails a run whose log is damaged, and goes on with the others', async () => {
    const { store, scheduler, add } = await house();
    for (const runId of ['run-a', 'run-b']) {
      await add(runId);
      append(store.runFolder(runId), attempt(1, 0, 40), steps(0, 10), steps(10, 10));
      await store.ingest(runId);
    }
    // The first line, which the database has read already.
    const log = join(store.runFolder('run-a'), RUN_FILES.events);
    const bytes = readFileSync(log);
    bytes[12]! ^= 1;
    writeFileSync(log, bytes);
    expect(await scheduler.recover()).toEqual(['run-b']);
    expect(store.getRun('run-a')).toMatchObject({ status: 'failed', errorCode: 'EVENT_LOG_CORRUPT', errorMessage: expect.stringContaining('line 1') as string });
    expect((await scheduler.drain(['run-b']))[0]).toMatchObject({ status: 'finished', attempts: 2 });
    expect(await scheduler.recover()).toEqual([]);
    expect(readFileSync(log).equals(bytes)).toBe(true);
  });

  it('fails a run whose log cannot be written, and leaves none without a worker', async () => {
    const unwritable = (runId: string): void => mkdirSync(join(store.runFolder(runId), RUN_FILES.events));
    const spawn: Spawn = () => Promise.reject(new RepriseError('WORKER_SPAWN_FAILED', 'No such program.', { kind: 'system' }));
    const { store, scheduler, add } = await house({ spawn });
    await add('run-a');
    await add('run-b');
    unwritable('run-a');
    const failed = { status: 'failed', errorCode: 'EVENT_LOG_NOT_WRITTEN', errorMessage: expect.stringMatching(/events\.log cannot be written: E.*then retry/) as string };
    const [first, second] = await scheduler.drain(['run-a', 'run-b']);
    expect(first).toMatchObject(failed);
    expect(second).toMatchObject({ status: 'failed', errorCode: 'WORKER_SPAWN_FAILED' });
    await add('run-c');
    append(store.runFolder('run-c'), attempt(1, 0, 40));
    await store.ingest('run-c');
    store.setStatus('run-c', 'running');
    rmSync(join(store.runFolder('run-c'), RUN_FILES.events));
    unwritable('run-c');
    await scheduler.recover();
    expect(store.getRun('run-c')).toMatchObject({ status: 'failed' });
  });

  it('goes on when a listener throws, and says so once', async () => {
    const said: string[] = [];
    const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
    onTestFinished(() => write.mockRestore());
    const { scheduler, add } = await house({ onRun: () => { throw new Error('the window is gone'); } });
    await add('run-a');
    expect((await scheduler.drain())[0]).toMatchObject({ status: 'finished' });
    await sleep(1);
    expect(said.filter((text) => text.includes('the window is gone'))).toHaveLength(1);
  });

  it('leaves a log alone that a process out of sight may write', async () => {
    const { store, add } = await house();
    await add('run-a');
    append(store.runFolder('run-a'), attempt(1, 0, 40), steps(0, 10));
    const log = join(store.runFolder('run-a'), RUN_FILES.events);
    const before = readFileSync(log);
    const child = spawnChild(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child, 'spawn');
    writeFileSync(`${log}.owner`, JSON.stringify({ ...identityOf(child.pid!)!, host: '3f2a', namespace: 'pid:[1]' }));
    await expect(freeLog(log, 100)).rejects.toMatchObject({ code: 'EVENT_LOG_OWNED', hint: expect.stringContaining(`delete ${log}.owner`) as string });
    expect(child.exitCode ?? child.signalCode).toBeNull();
    expect(readFileSync(log).equals(before)).toBe(true);
  });

  it.skipIf(process.platform === 'win32' || process.geteuid?.() !== 0)('gives up where it may not kill the owner of a log', async () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o777);
    const child = spawnChild(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore', uid: 65_533, cwd: '/' });
    onTestFinished(() => {
      process.seteuid?.(0);
      child.kill('SIGKILL');
    });
    await once(child, 'spawn');
    const log = join(folder, RUN_FILES.events);
    writeFileSync(`${log}.owner`, JSON.stringify(identityOf(child.pid!)));
    process.seteuid?.(65_534);
    await expect(freeLog(log, 100)).rejects.toMatchObject({ code: 'EVENT_LOG_OWNED', message: expect.stringContaining(String(child.pid)) as string });
    process.seteuid?.(0);
    expect(identityOf(child.pid!)).not.toBeNull();
  });

  it('waits for an orphan, kills one that stays, and goes on', async () => {
    const { store, scheduler, add } = await house();
    await add('run-a', { ...QUICK, totalSteps: 100_000, chunkMs: 20, ignoresParent: true });
    const pid = orphan(store, 600);
    store.setStatus('run-a', 'running');
    expect(identityOf(pid)).not.toBeNull();
    const begun = Date.now();
    expect(await scheduler.recover()).toEqual(['run-a']);
    expect(Date.now() - begun).toBeGreaterThan(4000);
    expect(identityOf(pid)).toBeNull();
    await scheduler.cancel('run-a');
    expect(store.getRun('run-a').attempts).toBeGreaterThanOrEqual(1);
    const { values } = store.series('run-a', 'train.loss');
    gapless(store, 'run-a', values.length);
  }, 20_000);

  it('waits for an orphan that has not reached its log yet', async () => {
    const { store, scheduler, add } = await house();
    await add('run-a', { ...QUICK, startMs: 1200 });
    const pid = orphan(store, 200);
    noteWorker(store.runFolder('run-a'), pid);
    store.setStatus('run-a', 'running');
    await scheduler.recover({ requeue: false });
    expect(identityOf(pid)).toBeNull();
    // It saw that its host was gone, and began nothing.
    expect(types(store, 'run-a')).toEqual([]);
    expect(store.getRun('run-a')).toMatchObject({ status: 'queued', attempts: 0 });
  });

  it('begins nothing that the next host would miss: a worker of a host that died before it noted it', async () => {
    const { store, scheduler, add } = await house();
    await add('run-a', QUICK);
    store.setStatus('run-a', 'running');
    // The host has the time to start it and for nothing else.
    const pid = orphan(store, 0);
    await scheduler.recover({ requeue: false });
    await until(() => identityOf(pid) === null);
    expect(types(store, 'run-a')).toEqual([]);
    expect(store.getRun('run-a')).toMatchObject({ status: 'queued', attempts: 0 });
  });

  it('notes the worker it started, until that has ended', async () => {
    const { store, scheduler, add } = await house();
    await add('run-a', { ...QUICK, startMs: 300 });
    const note = join(store.runFolder('run-a'), 'worker.pid');
    scheduler.enqueue('run-a');
    await until(() => existsSync(note));
    expect(identityOf((JSON.parse(readFileSync(note, 'utf8')) as { pid: number }).pid)).toMatchObject(JSON.parse(readFileSync(note, 'utf8')) as object);
    await scheduler.drain(['run-a']);
    expect(existsSync(note)).toBe(false);
  });

  /** A worker whose host, a process of its own, started it and died. */
  function orphan(store: Store, hostMs: number): number {
    const script = `const { fork } = require('node:child_process'); const c = fork(${JSON.stringify(worker.entry)}, [${JSON.stringify(store.runFolder('run-a'))}, ''], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], detached: true }); setTimeout(() => { console.log(c.pid); process.exit(0); }, ${hostMs})`;
    return Number(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }));
  }
});
