/** A host in a container that shares the workspace: from outside its process id names nothing, or somebody else. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readEvents } from '../../src/events/reader';
import { EventLogWriter } from '../../src/events/writer';
import { openStore } from '../../src/store/open';
import { bundleFixture } from '../helpers/bundle-fixture';

const UNSHARE = ['--user', '--map-root-user', '--pid', '--fork', '--kill-child', '--mount-proc'];

function canUnshare(): boolean {
  try {
    execFileSync('unshare', [...UNSHARE, 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

let host: Awaited<ReturnType<typeof bundleFixture>>;
let worker: Awaited<ReturnType<typeof bundleFixture>>;
let workspace: string;
beforeAll(async () => {
  [host, worker] = await Promise.all([bundleFixture('test/fixtures/scripted-host.ts'), bundleFixture('test/fixtures/scripted-worker.ts')]);
  workspace = join(mkdtempSync(join(tmpdir(), 'reprise-namespace-')), 'workspace');
});
afterAll(() => {
  host.remove();
  worker.remove();
  rmSync(join(workspace, '..'), { recursive: true, force: true, maxRetries: 5 });
});

it.skipIf(!canUnshare())('is refused beside a host in another PID namespace, whose run stays whole', { timeout: 60_000 }, async () => {
  const inside = spawn('unshare', [...UNSHARE, process.execPath, host.entry, workspace, worker.entry], { stdio: ['ignore', 'inherit', 'inherit'] });
  const gone = once(inside, 'exit');
  const log = join(workspace, 'runs', 'run-0', 'events.log');
  for (let waited = 0; !existsSync(`${log}.owner`) && waited < 20_000; waited += 10) await sleep(10);
  await expect(openStore(workspace, { mode: 'host', lockWaitMs: 0 })).rejects.toMatchObject({ code: 'WORKSPACE_IN_USE', hint: expect.stringContaining('host.lock') as string });
  expect(() => EventLogWriter.open(log)).toThrow(expect.objectContaining({ code: 'EVENT_LOG_OWNED' }));
  expect(readEvents(log, 0).records.filter((record) => record.type === 'exit')).toEqual([]);

  inside.kill('SIGKILL');
  await gone;
  await expect(openStore(workspace, { mode: 'host', lockWaitMs: 0 })).rejects.toMatchObject({ code: 'WORKSPACE_IN_USE' });
  expect(readFileSync(join(workspace, 'host.lock'), 'utf8')).toContain('"namespace"');
  // The way out that the message names.
  rmSync(join(workspace, 'host.lock'));
  (await openStore(workspace, { mode: 'host', lockWaitMs: 0 })).close();
});
