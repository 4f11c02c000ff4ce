/** Cancelling, retrying, two hosts, and what the command line says of differences. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DoctorView, RunResult, RunView } from '../../src/api/rows';
import { cli, cliJson, smallConfig, startCli, temporaryFolder } from '../helpers/cli';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let workspace: string;
let long: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  workspace = join(folder.path, 'workspace');
  long = await folder.write('long.yaml', smallConfig({ experiment: 'long', epochs: 600, samples: 3000 }));
});
afterAll(() => folder.remove());

/** Waits until the workspace lists a run with so many steps done. */
async function untilRunning(steps: number): Promise<RunView> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    await sleep(100);
    const listed = await cli(['runs', '--workspace', workspace, '--json']);
    if (listed.code !== 0) continue;
    const row = (JSON.parse(listed.stdout) as RunView[]).find((entry) => entry.status === 'running' && entry.stepsDone >= steps);
    if (row !== undefined) return row;
  }
  throw new Error('the run did not start');
}

describe('control', () => {
  it('Ctrl-C cancels: exit 130, a true status, and retry goes on from the checkpoint to the same bits', async () => {
    const { child, done } = startCli(['run', long, '--workspace', workspace, '--json']);
    const seen = await untilRunning(200);

    // A second host is refused by name while the first one trains; looking is not.
    const second = await cli(['run', long, '--workspace', workspace]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(String(child.pid));
    expect(second.stderr).toContain('WORKSPACE_IN_USE');

    child.kill('SIGINT');
    const ended = await done;
    expect(ended.code).toBe(130);
    expect((JSON.parse(ended.stdout) as RunResult).status).toBe('cancelled');
    const [row] = await cliJson<RunView[]>(['runs', '--workspace', workspace]);
    expect(row).toMatchObject({ runId: seen.runId, status: 'cancelled', exitCode: 130 });

    // Its data is damaged meanwhile: the run fails, says why, and is whole again once the data is.
    const manifest = JSON.parse(await readFile(join(workspace, 'runs', seen.runId, 'run.json'), 'utf8')) as { data: { file: string } };
    const data = join(workspace, manifest.data.file);
    const bytes = await readFile(data);
    await writeFile(data, Buffer.concat([bytes, Buffer.from('x')]));
    const failed = await cli(['retry', seen.runId, '--workspace', workspace, '--json']);
    expect(failed.code).toBe(1);
    expect(JSON.parse(failed.stdout)).toMatchObject({ status: 'failed', error: { code: expect.stringMatching(/^DATA_/u), message: expect.stringContaining('SHA-256') } });
    await writeFile(data, bytes);

    const retried = await cliJson<RunResult>(['retry', seen.runId, '--workspace', workspace]);
    expect(retried).toMatchObject({ run: seen.runId, status: 'finished' });
    const calm = await cliJson<RunResult>(['run', long, '--workspace', join(folder.path, 'calm')]);
    expect(retried.weightsHash).toBe(calm.weightsHash);
    const again = await cli(['retry', seen.runId, '--workspace', workspace]);
    expect(again.code).toBe(2);
  }, 120_000);

  it('SIGTERM interrupts, and resume goes on to the end', async () => {
    const { child, done } = startCli(['run', long, '--seed', '3', '--workspace', workspace]);
    const seen = await untilRunning(200);
    child.kill('SIGTERM');
    expect((await done).code).toBe(130);
    const rows = await cliJson<RunView[]>(['runs', '--workspace', workspace]);
    expect(rows.find((row) => row.runId === seen.runId)?.status).toBe('interrupted');
    const resumed = await cliJson<RunResult[]>(['resume', '--workspace', workspace]);
    expect(resumed).toMatchObject([{ run: seen.runId, status: 'finished' }]);
  }, 120_000);

  it("does not take up another experiment's run", async () => {
    const first = await folder.write('one.yaml', smallConfig({ experiment: 'one', epochs: 300, samples: 3000 }));
    const second = await folder.write('two.yaml', smallConfig({ experiment: 'two', epochs: 300, samples: 3000 }));
    const { child, done } = startCli(['run', first, '--workspace', workspace]);
    const seen = await untilRunning(50);
    child.kill('SIGKILL');
    await done;
    const result = await cliJson<RunResult>(['run', second, '--workspace', workspace]);
    expect(result.experiment).toBe('two');
    expect(result.run).not.toBe(seen.runId);
  }, 120_000);

  it('tells two runs apart by config and environment', async () => {
    const other = await folder.write('other.yaml', smallConfig({ experiment: 'long', dropout: 0.3 }));
    const left = await cliJson<RunResult>(['run', other, '--workspace', workspace]);
    const right = await cliJson<RunResult>(['run', other, '--seed', '2', '--workspace', workspace]);
    const difference = await cliJson<{ config: { path: string; left: unknown; right: unknown }[]; environment: unknown[] }>(['diff', left.run, right.run, '--workspace', workspace]);
    expect(difference).toEqual({ config: [{ path: 'seed', left: 1, right: 2 }], environment: [], data: [] });
    const unknown = await cli(['diff', left.run, 'zzzzzz', '--workspace', workspace]);
    expect(unknown.code).toBe(2);
  });

  it('doctor says what this machine has', async () => {
    const answer = await cliJson<DoctorView>(['doctor', '--workspace', workspace]);
    expect(answer.ok).toBe(true);
    expect(answer.checks.map((check) => check.name).join('\n')).toMatch(/ONNX Runtime/u);
    expect(answer.checks.find(({ name }) => name === 'Execution providers')!.found).toMatch(/^cpu \([\d.]+ ms for a product of 1024 × 1024\)/u);
  });
});
