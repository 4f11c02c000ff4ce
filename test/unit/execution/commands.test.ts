/** Command runs in the queue: what is told to their logs, whatever becomes of an attempt. The runner is scripted, the store real. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RepriseError } from '../../../src/errors/errors';
import { COMMAND_FILES } from '../../../src/events/command-files';
import { RUN_FILES } from '../../../src/events/manifest';
import { readEvents } from '../../../src/events/reader';
import type { EventBody } from '../../../src/events/records';
import type { CommandEnd, CommandRunner } from '../../../src/execution/commands';
import { endSupervisor } from '../../../src/execution/local/end-supervisor';
import { Scheduler } from '../../../src/execution/scheduler';
import type { Spawn, WorkerExit } from '../../../src/execution/local/spawn';
import { openStore } from '../../../src/store/open';
import type { Store } from '../../../src/store/types';
import { sampleManifest, temporaryFolder } from '../store/sample';
import { commandManifest, loggedManifest, points } from '../store/tracked';

const FINISHED: CommandEnd = { status: 'finished', exitCode: 0, signal: null };
const INTERRUPTED: CommandEnd = { status: 'interrupted', exitCode: null, signal: null };
const failed = (retries: number): CommandEnd => ({ status: 'failed', exitCode: 1, signal: null, code: 'COMMAND_FAILED', message: 'It ended with exit code 1.', retries });

interface Script {
  /** How each attempt ends, the last one again and again. */
  readonly ends: readonly CommandEnd[];
  /** What the program tells while it runs. */
  readonly tells?: readonly EventBody[];
  readonly prepare?: (runId: string) => Promise<EventBody[]>;
  readonly follow?: () => Promise<boolean>;
  /** Hears that an attempt is being settled. */
  readonly settles?: () => void;
  /** Ends when it is asked to; at once when left out. */
  readonly stays?: boolean;
}

interface House {
  readonly store: Store;
  readonly scheduler: Scheduler;
  /** Attempts that were settled, by run. */
  readonly settled: [string, number][];
  readonly started: (string | null)[];
}

async function house(script: Script, folder = temporaryFolder()): Promise<House> {
  const store = await openStore(folder, { mode: 'host' });
  const settled: [string, number][] = [];
  const started: (string | null)[] = [];
  const commands: CommandRunner = {
    prepare: async (runId) => ({
      order: { command: ['true'], cwd: '', inputs: {}, parameterFile: null, env: {}, timeLimitMs: null, graceMs: 0, outputLimit: 0 },
      records: (await script.prepare?.(runId)) ?? [{ type: 'message', level: 'info', text: 'prepared' }],
    }),
    adopt: () => Promise.resolve(),
    follow: script.follow ?? (() => Promise.resolve(false)),
    settle: (runId, attempt) => {
      script.settles?.();
      settled.push([runId, attempt]);
      const end = script.ends[settled.filter(([id]) => id === runId).length - 1] ?? script.ends.at(-1) ?? FINISHED;
      return Promise.resolve(existsSync(join(store.runFolder(runId), RUN_FILES.cancel)) ? { status: 'cancelled', exitCode: null, signal: 'SIGTERM' } : end);
    },
  };
  const spawn: Spawn = async (runFolder, dataFile) => {
    started.push(dataFile);
    if (script.tells !== undefined) await store.append(runFolder.split(/[\\/]/u).at(-1) ?? '', script.tells);
    let end: (exit: WorkerExit) => void = () => undefined;
    const exit = new Promise<WorkerExit>((resolve) => (end = resolve));
    const finish = (): void => end({ exitCode: 0, signal: null });
    if (script.stays !== true) setTimeout(finish, 20);
    const look = setInterval(() => [RUN_FILES.cancel, COMMAND_FILES.stop].some((name) => existsSync(join(runFolder, name))) && finish(), 10);
    void exit.then(() => clearInterval(look));
    return { pid: process.pid, exit, kill: () => endSupervisor(runFolder, exit, finish) };
  };
  const scheduler = new Scheduler({ store, spawn, commands, cores: 2, pollMs: 20 });
  onTestFinished(async () => {
    await scheduler.stop();
    store.close();
  });
  return { store, scheduler, settled, started };
}

const types = (store: Store, runId: string): string[] => readEvents(join(store.runFolder(runId), RUN_FILES.events), 0).records.map(({ type }) => type);

describe('a command run', () => {
  it('is told of from its attempt to its exit', async () => {
    const { store, scheduler, started } = await house({ ends: [FINISHED], tells: [points('loss', [3, 2])] });
    await store.createRun(commandManifest('run-a'));
    scheduler.enqueue('run-a');
    const [row] = await scheduler.drain(['run-a']);
    expect(row).toMatchObject({ status: 'finished', exitCode: 0, attempts: 1, totalSteps: null });
    expect(types(store, 'run-a')).toEqual(['attempt', 'message', 'points', 'state', 'exit']);
    expect(started).toEqual([null]);
  });

  it('is not settled while what it told is still read: nothing may be read twice', async () => {
    let reading = 0;
    const readingAtEnd: number[] = [];
    const follow = async (): Promise<boolean> => {
      reading += 1;
      await sleep(60);
      reading -= 1;
      return false;
    };
    const { store, scheduler } = await house({ ends: [FINISHED], follow, settles: () => readingAtEnd.push(reading) });
    await store.createRun(commandManifest('run-a'));
    scheduler.enqueue('run-a');
    await scheduler.drain(['run-a']);
    expect(readingAtEnd).toEqual([0]);
  });

  it('ends as its process does, whatever its program said of itself', async () => {
    const { store, scheduler } = await house({ ends: [failed(0)], tells: [{ type: 'state', status: 'finished', endedAt: 5 }] });
    await store.createRun(commandManifest('run-a'));
    scheduler.enqueue('run-a');
    const [row] = await scheduler.drain(['run-a']);
    expect(row).toMatchObject({ status: 'failed', exitCode: 1, errorCode: 'COMMAND_FAILED' });
  });

  it('that fails has as many further attempts as it may, counting what a person adds', async () => {
    const { store, scheduler } = await house({ ends: [failed(2)] });
    await store.createRun(commandManifest('run-a'));
    scheduler.enqueue('run-a');
    expect((await scheduler.drain(['run-a']))[0]).toMatchObject({ status: 'failed', attempts: 3 });
    expect(types(store, 'run-a').filter((type) => type === 'requeued')).toHaveLength(2);
    await scheduler.retry('run-a');
    expect((await scheduler.drain(['run-a']))[0]).toMatchObject({ status: 'failed', attempts: 4 });
  });

  it('that cannot be prepared fails with the reason, once', async () => {
    const refuse = (): Promise<never> => Promise.reject(new RepriseError('INPUT_MISSING', 'The input x is not there.', { kind: 'input', hint: 'Put it back.' }));
    const { store, scheduler, started, settled } = await house({ ends: [INTERRUPTED], prepare: refuse });
    await store.createRun(commandManifest('run-a'));
    scheduler.enqueue('run-a');
    expect((await scheduler.drain(['run-a']))[0]).toMatchObject({ status: 'failed', errorCode: 'INPUT_MISSING', errorMessage: 'The input x is not there. Put it back.' });
    expect(started).toEqual([]);
    expect(settled).toEqual([['run-a', 1]]);
    expect(types(store, 'run-a')).toEqual(['attempt', 'failed', 'exit']);
  });

  it('whose supervisor dies begins anew, and fails when that happens again and again', async () => {
    const once = await house({ ends: [INTERRUPTED, FINISHED] });
    await once.store.createRun(commandManifest('run-a'));
    once.scheduler.enqueue('run-a');
    expect((await once.scheduler.drain(['run-a']))[0]).toMatchObject({ status: 'finished', attempts: 2 });
    const always = await house({ ends: [INTERRUPTED] });
    await always.store.createRun(commandManifest('run-b'));
    always.scheduler.enqueue('run-b');
    expect((await always.scheduler.drain(['run-b']))[0]).toMatchObject({ status: 'failed', attempts: 3, errorCode: 'WORKER_DIED' });
  });

  it('can be cancelled, waiting or running', async () => {
    const { store, scheduler } = await house({ ends: [FINISHED], stays: true });
    for (const id of ['run-a', 'run-b', 'run-c']) await store.createRun(commandManifest(id, { createdAt: 1_700_000_000_000 + id.charCodeAt(4) }));
    scheduler.enqueue('run-a');
    while (types(store, 'run-b').length < 2) await sleep(5);
    expect(await scheduler.cancel('run-c')).toMatchObject({ status: 'cancelled', attempts: 0 });
    expect(await scheduler.cancel('run-a')).toMatchObject({ status: 'cancelled', signal: 'SIGTERM', attempts: 1 });
    expect(types(store, 'run-a').slice(-2)).toEqual(['cancelled', 'exit']);
  });

  it('comes to its end though its study is paused: it has no checkpoint to go on from', async () => {
    const { store, scheduler } = await house({ ends: [FINISHED], prepare: () => sleep(50, []) });
    await store.createRun(commandManifest('run-a'));
    scheduler.enqueue('run-a');
    while (types(store, 'run-a').length < 1) await sleep(5);
    await sleep(80);
    scheduler.hold(['run-a']);
    while (store.getRun('run-a').status === 'running') await sleep(10);
    expect(store.getRun('run-a')).toMatchObject({ status: 'finished', attempts: 1 });
  });
});

describe('a host', () => {
  it('settles the attempt that an earlier one left, and begins anew', async () => {
    const folder = temporaryFolder();
    const first = await openStore(folder, { mode: 'host' });
    await first.createRun(commandManifest('run-a'));
    first.setStatus('run-a', 'running');
    await first.append('run-a', [{ type: 'attempt', attempt: 1, fromStep: 0, totalSteps: 0, stepsPerEpoch: 0, pid: 1 }, points('loss', [9])]);
    first.close();
    const { store, scheduler, settled } = await house({ ends: [INTERRUPTED, FINISHED], tells: [points('loss', [1])] }, folder);
    expect(await scheduler.recover()).toEqual(['run-a']);
    expect((await scheduler.drain(['run-a']))[0]).toMatchObject({ status: 'finished', attempts: 2 });
    expect(settled).toEqual([['run-a', 1], ['run-a', 2]]);
    expect([...store.points('run-a', 'loss').values]).toEqual([1]);
    expect(types(store, 'run-a')).toEqual(['attempt', 'points', 'orphaned', 'exit', 'requeued', 'attempt', 'message', 'points', 'state', 'exit']);
  });

  it('that died before the attempt began leaves a closed one as it was', async () => {
    const folder = temporaryFolder();
    const first = await openStore(folder, { mode: 'host' });
    await first.createRun(commandManifest('run-a'));
    await first.append('run-a', [{ type: 'attempt', attempt: 1, fromStep: 0, totalSteps: 0, stepsPerEpoch: 0, pid: 1 }, { type: 'failed', code: 'COMMAND_FAILED', message: 'x' }, { type: 'exit', attempt: 1, exitCode: 1, signal: null }, { type: 'requeued' }]);
    first.setStatus('run-a', 'running');
    first.close();
    const { scheduler, settled } = await house({ ends: [FINISHED] }, folder);
    await scheduler.recover();
    expect((await scheduler.drain(['run-a']))[0]).toMatchObject({ status: 'finished', attempts: 2 });
    expect(settled).toEqual([['run-a', 2]]);
  });

  it('stops its commands by asking, and leaves them to the next one', async () => {
    const { store, scheduler } = await house({ ends: [INTERRUPTED], stays: true });
    await store.createRun(commandManifest('run-a'));
    scheduler.enqueue('run-a');
    while (types(store, 'run-a').length < 2) await sleep(5);
    await scheduler.stop();
    expect(existsSync(join(store.runFolder('run-a'), COMMAND_FILES.stop))).toBe(true);
    expect(store.getRun('run-a')).toMatchObject({ status: 'interrupted', attempts: 1 });
  });

  it('leaves alone what other programs tell of', async () => {
    const { store, scheduler, started } = await house({ ends: [FINISHED] });
    await store.createRun(loggedManifest('run-l'));
    await store.append('run-l', [{ type: 'state', status: 'scheduled' }]);
    await store.createRun(sampleManifest('run-t', { threads: 1 }));
    writeFileSync(join(store.runFolder('run-t'), RUN_FILES.cancel), '');
    expect(await scheduler.recover()).toEqual([]);
    expect(store.getRun('run-l').status).toBe('queued');
    expect(started).toEqual([]);
    await expect(scheduler.cancel('run-l')).rejects.toMatchObject({ code: 'RUN_LOGGED' });
    await expect(scheduler.retry('run-l')).rejects.toMatchObject({ code: 'RUN_LOGGED' });
    expect(() => scheduler.enqueue('run-l')).toThrow(expect.objectContaining({ code: 'RUN_LOGGED' }));
  });
});
