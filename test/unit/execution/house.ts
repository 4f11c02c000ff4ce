/** Schedulers for tests, with workers that do as their scripts say. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { localSpawn } from '../../../src/execution/local/local-spawn';
import { Scheduler, type SchedulerOptions } from '../../../src/execution/scheduler';
import { openStore } from '../../../src/store/open';
import type { RunRow, Store } from '../../../src/store/types';
import type { Script } from '../../fixtures/scripted-worker';
import { bundleFixture } from '../../helpers/bundle-fixture';
import { sampleManifest, temporaryFolder } from '../store/sample';

export let worker: Awaited<ReturnType<typeof bundleFixture>>;
beforeAll(async () => {
  worker = await bundleFixture('test/fixtures/scripted-worker.ts');
});
afterAll(() => worker.remove());

export const QUICK: Script = { totalSteps: 40, chunkMs: 5, chunkSteps: 10, checkpointEvery: 20 };
export const SLOW: Script = { ...QUICK, totalSteps: 10_000, chunkMs: 20 };

export interface House {
  readonly store: Store;
  readonly scheduler: Scheduler;
  readonly seen: RunRow[];
  add(runId: string, script?: Script, more?: Parameters<typeof sampleManifest>[1]): Promise<void>;
}

/** A scheduler of scripted workers over a store of its own. */
export async function house(options: Partial<SchedulerOptions> = {}, folder = temporaryFolder()): Promise<House> {
  const store = await openStore(folder, { mode: 'host' });
  const seen: RunRow[] = [];
  const scheduler = new Scheduler({ store, spawn: localSpawn(worker.entry), cores: 2, pollMs: 20, onRun: (row) => seen.push(row), ...options });
  onTestFinished(async () => {
    await scheduler.stop();
    store.close();
  });
  let created = 0;
  return {
    store, scheduler, seen,
    async add(runId, script = QUICK, more = {}) {
      created += 1;
      await store.createRun(sampleManifest(runId, { createdAt: created, ...more }));
      writeFileSync(join(store.runFolder(runId), 'script.json'), JSON.stringify(script));
    },
  };
}

/** @throws Error where it takes longer */
export async function until(condition: () => boolean, limitMs = 10_000): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('It did not happen in time.');
    await sleep(5);
  }
}
