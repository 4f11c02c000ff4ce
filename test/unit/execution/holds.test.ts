/** Held runs and cores that two schedulers share, with scripted workers. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { RUN_FILES } from '../../../src/events/manifest';
import { readEvents } from '../../../src/events/reader';
import type { EventRecord } from '../../../src/events/records';
import { MachineBudget } from '../../../src/execution/machine-budget';
import { localSpawn } from '../../../src/execution/local/local-spawn';
import { Scheduler } from '../../../src/execution/scheduler';
import { openStore } from '../../../src/store/open';
import type { Store } from '../../../src/store/types';
import type { Script } from '../../fixtures/scripted-worker';
import { bundleFixture } from '../../helpers/bundle-fixture';
import { sampleManifest, temporaryFolder } from '../store/sample';

let worker: Awaited<ReturnType<typeof bundleFixture>>;
beforeAll(async () => {
  worker = await bundleFixture('test/fixtures/scripted-worker.ts');
});
afterAll(() => worker.remove());

const SCRIPT: Script = { totalSteps: 400, chunkMs: 10, chunkSteps: 10, checkpointEvery: 100 };

async function house(cores: number | MachineBudget = 1): Promise<{ store: Store; scheduler: Scheduler; add: (runId: string, script?: Script, threads?: number) => Promise<void> }> {
  const store = await openStore(temporaryFolder(), { mode: 'host' });
  const scheduler = new Scheduler({ store, spawn: localSpawn(worker.entry), cores, pollMs: 20 });
  onTestFinished(async () => {
    await scheduler.stop();
    store.close();
  });
  let created = 0;
  return {
    store,
    scheduler,
    async add(runId, script = SCRIPT, threads = 1) {
      created += 1;
      await store.createRun(sampleManifest(runId, { createdAt: created, threads }));
      writeFileSync(join(store.runFolder(runId), 'script.json'), JSON.stringify(script));
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('It did not happen in time.');
    await sleep(5);
  }
}

const recordsOf = (store: Store, runId: string): EventRecord[] => readEvents(join(store.runFolder(runId), RUN_FILES.events), 0).records;

describe('a held run', () => {
  it('stops after its next checkpoint, lets others by, and goes on without a gap', async () => {
    const { store, scheduler, add } = await house();
    await add('run-a');
    await add('run-b');
    await add('run-c', { ...SCRIPT, totalSteps: 40 });
    scheduler.enqueue('run-a');
    await until(() => store.getRun('run-a').stepsDone > 20);
    const waiting = scheduler.drain(['run-a']);
    scheduler.hold(['run-a', 'run-b']);
    const before = store.getRun('run-a').stepsDone;
    expect(store.getRun('run-a').status).toBe('running');
    await expect(waiting).rejects.toMatchObject({ code: 'RUN_HELD' });
    expect((await scheduler.drain(['run-c']))[0]).toMatchObject({ status: 'finished' });
    const stopped = store.getRun('run-a');
    expect(stopped).toMatchObject({ status: 'interrupted', attempts: 1 });
    const steps = recordsOf(store, 'run-a').flatMap((record) => (record.type === 'checkpoint' ? [record.step] : []));
    // At most one checkpoint came after the hold, plus what fits into the time until the host looks.
    expect(steps.at(-1)).toBeGreaterThanOrEqual(100);
    expect(stopped.stepsDone - (steps.at(-1) ?? 0)).toBeLessThan(100);
    expect((steps.at(-1) ?? 0) - before).toBeLessThanOrEqual(100);
    expect(store.getRun('run-b')).toMatchObject({ status: 'queued', attempts: 0 });
    expect(await scheduler.drain()).toEqual([]);

    expect(scheduler.isHeld('run-a')).toBe(true);
    expect(await scheduler.recover()).toEqual([]);
    scheduler.enqueue('run-a');
    scheduler.enqueue('run-b');
    expect((await scheduler.drain(['run-a', 'run-b'])).map((row) => [row.status, row.attempts])).toEqual([['finished', 2], ['finished', 1]]);
    expect(recordsOf(store, 'run-a').findLast((record) => record.type === 'attempt')).toMatchObject({ fromStep: steps.at(-1) });
    expect(store.series('run-a', 'train.loss').values).toHaveLength(400);
  });

  it('that is let go before its checkpoint never stops', async () => {
    const { store, scheduler, add } = await house();
    await add('run-a');
    scheduler.enqueue('run-a');
    await until(() => store.getRun('run-a').stepsDone > 0);
    scheduler.hold(['run-a']);
    scheduler.enqueue('run-a');
    expect((await scheduler.drain(['run-a']))[0]).toMatchObject({ status: 'finished', attempts: 1 });
  });

  it('survives being held and let go at any moment', async () => {
    const { store, scheduler, add } = await house();
    await add('run-a', { ...SCRIPT, checkpointEvery: 10, chunkMs: 4, totalSteps: 600 });
    let moves = 0;
    for (scheduler.enqueue('run-a'); store.getRun('run-a').status !== 'finished' && moves < 400; moves += 1) {
      scheduler.hold(['run-a']);
      await sleep((moves * 7) % 60);
      scheduler.enqueue('run-a');
      await sleep((moves * 11) % 50);
    }
    expect((await scheduler.drain(['run-a']))[0]).toMatchObject({ status: 'finished', stepsDone: 600 });
    expect(store.getRun('run-a').attempts).toBeGreaterThan(2);
    expect(store.series('run-a', 'train.loss').values).toHaveLength(600);
  }, 30_000);

  it('can be cancelled, and a retry lets it go', async () => {
    const { store, scheduler, add } = await house();
    await add('run-a', { ...SCRIPT, totalSteps: 40 });
    scheduler.hold(['run-a']);
    scheduler.enqueue('run-a');
    scheduler.hold(['run-a']);
    await until(() => store.getRun('run-a').status !== 'running');
    expect(await scheduler.cancel('run-a')).toMatchObject({ status: 'cancelled' });
    await scheduler.retry('run-a');
    expect((await scheduler.drain(['run-a']))[0]).toMatchObject({ status: 'finished' });
  });
});

describe('schedulers with one budget', () => {
  it('never use more cores than it has, and use them', async () => {
    const budget = new MachineBudget(2);
    const first = await house(budget);
    const second = await house(budget);
    for (const [index, threads] of [1, 2, 1, 1].entries()) {
      await first.add(`run-${index}`, { ...SCRIPT, totalSteps: 60 }, threads);
      await second.add(`run-${index}`, { ...SCRIPT, totalSteps: 60 }, threads);
    }
    let peak = 0;
    const timer = setInterval(() => (peak = Math.max(peak, running(first.store) + running(second.store))), 2);
    const rows = await Promise.all([first.scheduler.drain(), second.scheduler.drain()]);
    clearInterval(timer);
    expect(rows.flat().map((row) => row.status)).toEqual(Array.from({ length: 8 }, () => 'finished'));
    expect(peak).toBe(2);
    // A run is at its end a moment before what it took is free.
    await Promise.all([first.scheduler.stop(), second.scheduler.stop()]);
    expect(budget.used).toBe(0);
    // Neither had to wait until the other was through.
    const spans = rows.map((own) => ({ from: Math.min(...own.map((row) => row.startedAt ?? 0)), to: Math.max(...own.map((row) => row.endedAt ?? 0)) }));
    expect(spans[0]!.from < spans[1]!.to && spans[1]!.from < spans[0]!.to).toBe(true);
  });

  function running(store: Store): number {
    return store.listRuns({ status: ['running'] }).reduce((sum, row) => sum + store.trainingManifest(row.runId).config.executor.threads, 0);
  }
});
