/** kill -9 of worker and host at random moments, then a restart: the same bits, a gapless series, an equal database. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunResult, RunView } from '../../src/api/rows';
import { rebuildWorkspace } from '../../src/store/rebuild';
import { dumpWorkspace } from '../helpers/dump';
import { cliJson, smallConfig, startCli, temporaryFolder } from '../helpers/cli';

const run = promisify(execFile);
const KILLS = 20;

/** Reproducible moments: a small linear congruential generator. */
function moments(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

async function workersOf(pid: number): Promise<number[]> {
  const { stdout } = await run('pgrep', ['-P', String(pid)]).catch(() => ({ stdout: '' }));
  return stdout.split('\n').filter((line) => line !== '').map(Number);
}

describe('kill -9', () => {
  it(`of worker and host at ${KILLS} random moments gives the bits of an uninterrupted run`, async () => {
    const config = await folder.write('long.yaml', smallConfig({ experiment: 'long', epochs: 240, samples: 3000, dropout: 0.2, checkpointEvery: 150 }));
    const calm = await cliJson<RunResult>(['run', config, '--workspace', join(folder.path, 'calm')]);
    expect(calm.status).toBe('finished');

    const workspace = join(folder.path, 'storm');
    const random = moments(20_261_123);
    let hostKills = 0;
    let workerKills = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const { child, done } = startCli(['run', config, '--workspace', workspace]);
      await sleep(300 + random() * 1500);
      if (child.exitCode !== null) {
        await done;
        continue;
      }
      const workers = await workersOf(child.pid ?? -1);
      const worker = workers[0];
      if (kill % 2 === 0 && worker !== undefined) {
        process.kill(worker, 'SIGKILL');
        workerKills += 1;
        await sleep(random() * 200);
      }
      child.kill('SIGKILL');
      hostKills += 1;
      await done;
    }
    expect(hostKills).toBeGreaterThanOrEqual(KILLS / 2);
    expect(workerKills).toBeGreaterThan(0);

    // Whatever the last kill left, `run` takes up the interrupted run and brings it to its end.
    const rows = existsSync(join(workspace, 'reprise.db')) ? await cliJson<RunView[]>(['runs', '--workspace', workspace]) : [];
    expect(rows.every((row) => row.status !== 'running')).toBe(true);
    const result = await cliJson<RunResult>(['run', config, '--workspace', workspace]);
    expect(result.status).toBe('finished');
    expect(result.weightsHash).toBe(calm.weightsHash);
    expect(result.finalLoss).toBe(calm.finalLoss);

    // A run that came to its end between two kills was followed by a fresh one; every one of them has the same bits.
    const ended = await cliJson<RunView[]>(['runs', '--workspace', workspace]);
    expect(ended.map((row) => row.weightsHash)).toEqual(ended.map(() => calm.weightsHash));
    expect(ended.reduce((sum, row) => sum + row.attempts, 0) - ended.length).toBeGreaterThanOrEqual(KILLS / 2);
    const check = await cliJson<{ ok: boolean; problems: unknown[] }>(['workspace', 'check', '--workspace', workspace]);
    expect(check).toMatchObject({ ok: true, problems: [] });

    const copy = join(folder.path, 'copy');
    await cp(workspace, copy, { recursive: true });
    const before = await dumpWorkspace(copy);
    await rebuildWorkspace(copy);
    expect(await dumpWorkspace(copy)).toEqual(before);
    const series = (dump: typeof before, id: string): number[] => dump.series[id] ?? [];
    const calmId = calm.run;
    const calmDump = await dumpWorkspace(join(folder.path, 'calm'));
    expect(series(before, result.run)).toEqual(series(calmDump, calmId));
    expect(await readFile(join(workspace, 'runs', result.run, 'events.log'), 'utf8')).toContain('"type":"attempt"');
  }, 300_000);
});
