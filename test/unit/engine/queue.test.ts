import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { QueueView } from '../../../src/api/long-work';
import { Pace } from '../../../src/engine/pace';
import { QueueMonitor } from '../../../src/engine/queue';
import { openStore } from '../../../src/store/open';
import type { RunRow, Store } from '../../../src/store/types';
import { sampleManifest, temporaryFolder } from '../store/sample';

async function newStore(...runIds: readonly string[]): Promise<Store> {
  const store = await openStore(temporaryFolder(), { mode: 'host' });
  onTestFinished(() => store.close());
  for (const [index, runId] of runIds.entries()) await store.createRun(sampleManifest(runId, { createdAt: index + 1 }));
  return store;
}

const running = (store: Store, runId: string, stepsDone: number, attempts = 1): RunRow => ({ ...store.getRun(runId), status: 'running', attempts, stepsDone, totalSteps: 100 });

describe('Pace', () => {
  it('is measured over the whole attempt', async () => {
    const store = await newStore('run-a');
    const pace = new Pace(store);
    pace.see(running(store, 'run-a', 0), 0);
    expect(pace.secondsLeft(running(store, 'run-a', 0))).toBeNull();
    pace.see(running(store, 'run-a', 10), 500);
    expect(pace.secondsLeft(running(store, 'run-a', 10))).toBeNull();
    pace.see(running(store, 'run-a', 20), 2000);
    expect(pace.secondsLeft(running(store, 'run-a', 20))).toBeCloseTo(8, 9);
    // A quick chunk counts for no more than its share: 40 steps in 2.2 s.
    pace.see(running(store, 'run-a', 40), 2200);
    expect(pace.secondsLeft(running(store, 'run-a', 40))).toBeCloseTo(60 * (2.2 / 40), 9);
    // Another attempt is measured anew, from the step it began at.
    pace.see(running(store, 'run-a', 30, 2), 10_000);
    expect(pace.secondsLeft(running(store, 'run-a', 30, 2))).toBeNull();
    pace.see(running(store, 'run-a', 40, 2), 12_000);
    expect(pace.secondsLeft(running(store, 'run-a', 40, 2))).toBeCloseTo(12, 9);
    expect(pace.secondsLeft({ ...running(store, 'run-a', 40, 2), status: 'interrupted' })).toBeNull();
  });

  it('of several runs is their work over the cores, no less than the longest of them', async () => {
    const store = await newStore('run-a', 'run-b', 'run-c');
    const pace = new Pace(store);
    const waiting = [store.getRun('run-b'), store.getRun('run-c')];
    expect(pace.secondsLeftOfAll(waiting, () => 2)).toBeNull();
    pace.see(running(store, 'run-a', 0), 0);
    pace.see(running(store, 'run-a', 20), 2000);
    const now = running(store, 'run-a', 20);
    expect(pace.secondsLeftOfAll([now, ...waiting], () => 1)).toBeCloseTo(8 + 10 + 10, 9);
    expect(pace.secondsLeftOfAll([now, ...waiting], () => 2)).toBeCloseTo(14, 9);
    expect(pace.secondsLeftOfAll([now, ...waiting], () => 8)).toBeCloseTo(10, 9);
    expect(pace.secondsLeftOfAll([], () => 1)).toBeNull();
  });
});

describe('QueueMonitor', () => {
  it('tells what changed, at most five times a second', async () => {
    const store = await newStore('run-a', 'run-b', 'run-c');
    const held = new Set(['run-c']);
    const told: QueueView[] = [];
    const queue = new QueueMonitor({ store, coresOf: () => 1, isHeld: (runId) => held.has(runId), onChange: (view) => told.push(view) });
    expect(queue.view()).toEqual({ running: 0, queued: 2, share: 0, secondsLeft: null, lastError: null });
    const change = (runId: string, status: RunRow['status']): void => {
      store.setStatus(runId, status, status === 'failed' ? { errorCode: 'OUT', errorMessage: 'No memory.' } : {});
      queue.see(store.getRun(runId));
    };
    const begun = Date.now();
    queue.see(store.getRun('run-b'));
    change('run-a', 'running');
    while (Date.now() - begun < 650) {
      queue.look();
      await sleep(5);
    }
    expect(told).toEqual([{ running: 1, queued: 1, share: 0, secondsLeft: null, lastError: null }]);
    change('run-a', 'failed');
    await sleep(250);
    expect(told.at(-1)).toEqual({ running: 0, queued: 1, share: 0.5, secondsLeft: null, lastError: { run: 'run-a', message: 'No memory.' } });
    change('run-b', 'running');
    change('run-b', 'finished');
    await sleep(250);
    expect(told.at(-1)).toEqual({ running: 0, queued: 0, share: null, secondsLeft: null, lastError: null });
    // Every one of many quick changes differs from the one before.
    const from = told.length;
    const start = Date.now();
    for (let turn = 0; Date.now() - start < 700; turn += 1) {
      queue.see({ ...store.getRun('run-a'), status: 'failed', errorMessage: `Failure ${turn}.` });
      await sleep(5);
    }
    expect(told.length - from).toBeGreaterThanOrEqual(2);
    expect(told.length - from).toBeLessThanOrEqual(5);
    queue.close();
    change('run-a', 'cancelled');
    const before = told.length;
    await sleep(250);
    expect(told).toHaveLength(before);
  });
});
