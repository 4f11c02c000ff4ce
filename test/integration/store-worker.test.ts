/** The queue with the real training worker: killed at random moments, a run ends with the bits of an undisturbed one. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TrainingManifest } from '../../src/events/manifest';
import { readEvents } from '../../src/events/reader';
import { localSpawn } from '../../src/execution/local/local-spawn';
import { Scheduler } from '../../src/execution/scheduler';
import type { Spawn, WorkerProcess } from '../../src/execution/local/spawn';
import { putObject } from '../../src/files/objects';
import { checkWorkspace } from '../../src/store/check';
import { openStore } from '../../src/store/open';
import { rebuildWorkspace } from '../../src/store/rebuild';
import { dumpWorkspace } from '../helpers/dump';
import { makeRun, workerEntry } from '../helpers/worker-runs';

const KILLS = 8;
let root: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'reprise-worker-'));
}, 120_000);
afterAll(() => {
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
});

describe('the queue and the training worker', () => {
  it('resume a killed run to the same weights', { timeout: 180_000 }, async () => {
    const made = await makeRun(join(root, 'scratch'), 'template', {
      experiment: 'storm',
      model: { kind: 'mlp', hidden: [32], dropout: 0.2 },
      training: { learningRate: 0.01, batchSize: 16, epochs: 60, checkpointEvery: 50, hashEvery: 25 },
      data: { kind: 'spirals', samples: 1500 },
      seed: 3,
      selection: { metric: 'accuracy', checkpoint: 'best' },
    });
    const workspace = join(root, 'workspace');
    const store = await openStore(workspace, { mode: 'host' });
    await putObject(workspace, { file: made.dataFile }, made.manifest.data.fingerprint);
    const manifest = (runId: string, createdAt: number): TrainingManifest => ({ ...made.manifest, runId, reproductionId: runId, createdAt });
    let alive: WorkerProcess | null = null;
    const spawn: Spawn = async (...args) => (alive = await localSpawn(workerEntry)(...args));
    const scheduler = new Scheduler({ store, spawn, cores: 1, pollMs: 20 });

    await store.createRun(manifest('run-calm', 1));
    const [calm] = await scheduler.drain(['run-calm']);
    expect(calm).toMatchObject({ status: 'finished', exitCode: 0, attempts: 1 });

    await store.createRun(manifest('run-storm', 2));
    scheduler.enqueue('run-storm');
    const end = scheduler.drain(['run-storm']);
    let state = 7;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const { attempts } = store.getRun('run-storm');
      const before = store.getRun('run-storm').stepsDone;
      // Killed at a random moment after it got somewhere: a run that never does would rightly be given up.
      for (;;) {
        const row = store.getRun('run-storm');
        if (row.status === 'finished' || (row.attempts > attempts && row.stepsDone > before)) break;
        await sleep(5);
      }
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      await sleep((state / 2 ** 32) * 60);
      (alive as WorkerProcess | null)?.kill();
    }
    const [storm] = await end;
    expect(storm).toMatchObject({ status: 'finished', exitCode: 0, weightsHash: calm?.weightsHash, finalLoss: calm?.finalLoss, bestLoss: calm?.bestLoss, selectedStep: calm?.selectedStep, stepsDone: calm?.stepsDone });
    expect(storm?.attempts).toBeGreaterThan(3);
    expect(store.series('run-storm', 'train.loss')).toEqual(store.series('run-calm', 'train.loss'));
    expect(store.series('run-storm', 'train.learningRate')).toEqual(store.series('run-calm', 'train.learningRate'));
    expect(store.weightsHashes('run-storm')).toEqual(store.weightsHashes('run-calm'));
    expect(store.metrics('run-storm')).toEqual(store.metrics('run-calm'));
    const objects = (runId: string): string[][] => store.artifacts(runId).map((artifact) => [artifact.name, artifact.sha256]);
    expect(objects('run-storm')).toEqual(objects('run-calm'));
    for (const [, sha256 = ''] of objects('run-calm')) expect(existsSync(store.objectPath(sha256))).toBe(true);
    expect(readEvents(join(store.runFolder('run-storm'), 'events.log'), 0).records.filter((record) => record.type === 'finished')).toHaveLength(1);

    await scheduler.stop();
    store.close();
    expect(await checkWorkspace(workspace)).toEqual([]);
    const before = await dumpWorkspace(workspace);
    await rebuildWorkspace(workspace);
    expect(await dumpWorkspace(workspace)).toEqual(before);
  });
});
