/** kill -9 of a host (and of its workers) at random moments: nothing acknowledged is lost, nothing is there twice. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { logOwner } from '../../src/events/owner';
import { readEvents } from '../../src/events/reader';
import { localSpawn } from '../../src/execution/local/local-spawn';
import { Scheduler } from '../../src/execution/scheduler';
import { checkWorkspace } from '../../src/store/check';
import { openStore } from '../../src/store/open';
import { rebuildWorkspace } from '../../src/store/rebuild';
import { bundleFixture } from '../helpers/bundle-fixture';
import { dumpWorkspace } from '../helpers/dump';

const KILLS = 20;
const STEPS = 20_000;
type Bundle = Awaited<ReturnType<typeof bundleFixture>>;
let host: Bundle;
let worker: Bundle;
let root: string;

beforeAll(async () => {
  [host, worker] = await Promise.all([bundleFixture('test/fixtures/scripted-host.ts'), bundleFixture('test/fixtures/scripted-worker.ts')]);
  root = mkdtempSync(join(tmpdir(), 'reprise-kill-'));
});
afterAll(() => {
  host.remove();
  worker.remove();
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
});

/** Reproducible moments. */
function generator(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

function start(workspace: string, errors: 'inherit' | 'ignore' = 'inherit'): ChildProcess {
  return spawn(process.execPath, [host.entry, workspace, worker.entry], { stdio: ['ignore', 'inherit', errors] });
}

/** Settles what a killed host left, as the next host does; then the database must be what a rebuild makes. */
async function expectRebuildEqual(workspace: string): Promise<void> {
  const store = await openStore(workspace, { mode: 'host' });
  const scheduler = new Scheduler({ store, spawn: localSpawn(worker.entry), cores: 2 });
  await scheduler.recover({ requeue: false });
  expect(store.listRuns({ status: ['running'] })).toEqual([]);
  await scheduler.stop();
  store.close();
  const copy = join(root, 'copy');
  cpSync(workspace, copy, { recursive: true });
  const before = await dumpWorkspace(copy);
  expect((await rebuildWorkspace(copy)).problems).toEqual([]);
  expect(await dumpWorkspace(copy)).toEqual(before);
  expect(await checkWorkspace(copy)).toEqual([]);
  rmSync(copy, { recursive: true, force: true });
}

describe('kill -9', () => {
  it(`of the host at ${KILLS} random moments: no step twice or missing, and a rebuild equals`, { timeout: 120_000 }, async () => {
    const workspace = join(root, 'workspace');
    const random = generator(20_261_123);
    const acknowledged = new Map<string, number>();
    let inTheMiddle = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const child = start(workspace);
      const gone = once(child, 'exit');
      // Half of the moments lie anywhere, the other half where workers train, however slow the machine is now.
      if (kill % 2 === 0) await until(() => child.exitCode !== null || recordCounts(workspace).some(([runId, count]) => count > (acknowledged.get(runId) ?? 0) + 3));
      await sleep(random() * 400);
      if (child.exitCode === null) inTheMiddle += 1;
      if (kill % 3 === 0) killWorkers(workspace, child);
      child.kill('SIGKILL');
      await gone;
      // A log only grows, whoever is killed: what was written stays written.
      for (const [runId, size] of recordCounts(workspace)) {
        expect(size).toBeGreaterThanOrEqual(acknowledged.get(runId) ?? 0);
        acknowledged.set(runId, size);
      }
      if (kill % 2 === 1 && existsSync(join(workspace, 'reprise.db'))) await expectRebuildEqual(workspace);
    }
    expect(inTheMiddle).toBeGreaterThanOrEqual(KILLS - 2);
    const last = start(workspace);
    expect((await once(last, 'exit'))[0]).toBe(0);

    const reader = await openStore(workspace, { mode: 'reader' });
    const rows = reader.listRuns();
    expect(rows.map((row) => [row.runId, row.status, row.stepsDone])).toEqual(['run-0', 'run-1', 'run-2', 'run-3'].map((id) => [id, 'finished', STEPS]));
    expect(Math.max(...rows.map((row) => row.attempts))).toBeGreaterThan(2);
    const expected = Array.from({ length: STEPS }, (_, step) => Math.fround(1 / (step + 1)));
    for (const { runId } of rows) {
      expect([...reader.series(runId, 'train.loss').steps]).toEqual(expected.map((_, step) => step));
      expect([...reader.series(runId, 'train.loss').values]).toEqual(expected);
      expect(reader.weightsHashes(runId).map((link) => link.step)).toEqual(Array.from({ length: STEPS / 100 }, (_, index) => (index + 1) * 100));
    }
    reader.close();
    await expectRebuildEqual(workspace);
    expect(readdirSync(join(workspace, 'runs')).toSorted()).toEqual(['run-0', 'run-1', 'run-2', 'run-3']);
    expect(readdirSync(workspace).filter((name) => name.startsWith('host.lock'))).toEqual([]);
  });

  it('of a host that several others want to follow: one of them does', { timeout: 60_000 }, async () => {
    const workspace = join(root, 'contested');
    for (let round = 0; round < 4; round += 1) {
      const first = start(workspace);
      await until(() => existsSync(join(workspace, 'host.lock')));
      first.kill('SIGKILL');
      await once(first, 'exit');
      const rivals = Array.from({ length: 5 }, () => start(workspace, 'ignore'));
      const codes: (number | null)[] = [];
      for (const rival of rivals) rival.once('exit', (code) => codes.push(code));
      await until(() => codes.length === 4);
      // The four that came too late said so; the fifth still trains.
      expect(codes).toEqual([1, 1, 1, 1]);
      const winner = rivals.find((rival) => rival.exitCode === null);
      winner?.kill('SIGKILL');
      await until(() => codes.length === 5);
      expect(codes.at(-1)).toBeNull();
    }
    // Within one process too.
    const results = await Promise.allSettled(Array.from({ length: 4 }, () => openStore(workspace, { mode: 'host' })));
    const stores = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(stores).toHaveLength(1);
    for (const result of results) if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'WORKSPACE_IN_USE' });
    for (const store of stores) store.close();
  });
});

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 5) {
    if (waited > 10_000) throw new Error('It did not happen in time.');
    await sleep(5);
  }
}

function runFolders(workspace: string): string[] {
  const runs = join(workspace, 'runs');
  return existsSync(runs) ? readdirSync(runs).filter((name) => !name.startsWith('.')) : [];
}

function killWorkers(workspace: string, child: ChildProcess): void {
  for (const runId of runFolders(workspace)) {
    const owner = logOwner(join(workspace, 'runs', runId, 'events.log'));
    if (owner === null || owner.pid === child.pid) continue;
    try {
      process.kill(owner.pid, 'SIGKILL');
    } catch {
      // It ended by itself.
    }
  }
}

function recordCounts(workspace: string): [string, number][] {
  return runFolders(workspace).map((runId) => [runId, readEvents(join(workspace, 'runs', runId, 'events.log'), 0).records.length]);
}
