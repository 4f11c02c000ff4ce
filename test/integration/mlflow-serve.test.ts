/** `reprise serve` as a person uses it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cli, startCli } from '../helpers/cli';
import { startServing, type Serving } from '../helpers/serving';

let root: string;
let workspace: string;
let serving: Serving | null;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'reprise-serve-'));
  workspace = join(root, 'workspace');
  serving = null;
});
afterEach(async () => {
  await serving?.kill();
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
});

async function post(uri: string, path: string, body: object): Promise<{ readonly status: number; readonly json: { run?: { info: { run_id: string } } } }> {
  const answer = await fetch(`${uri}/api/2.0/mlflow/${path}`, { method: 'POST', body: JSON.stringify(body) });
  return { status: answer.status, json: (await answer.json()) as { run?: { info: { run_id: string } } } };
}

describe('reprise serve', () => {
  test('takes runs in, lets others look meanwhile, and ends at Ctrl-C with nothing lost', { timeout: 60_000 }, async () => {
    serving = await startServing(workspace);
    const { uri } = serving;
    const { json } = await post(uri, 'runs/create', { experiment_id: '0', run_name: 'from a client', start_time: 1 });
    const run = json.run?.info.run_id ?? '';
    expect((await post(uri, 'runs/log-metric', { run_id: run, key: 'loss', value: 0.5, timestamp: 1, step: 1 })).status).toBe(200);

    const second = await cli(['serve', '--workspace', workspace, '--json']);
    expect({ code: second.code, error: (JSON.parse(second.stdout) as { error: { code: string } }).error.code }).toEqual({ code: 1, error: 'WORKSPACE_IN_USE' });

    expect((await post(uri, 'runs/log-metric', { run_id: run, key: 'loss', value: 0.25, timestamp: 2, step: 2 })).status).toBe(200);
    await serving.stop();
    const listed = await cli(['runs', '--workspace', workspace, '--json']);
    expect(JSON.parse(listed.stdout)).toMatchObject([{ runId: run, kind: 'logged', status: 'running', experiment: 'Default' }]);

    serving = await startServing(workspace);
    expect(serving.uri).toBe(uri);
    const history = (await (await fetch(`${uri}/api/2.0/mlflow/metrics/get-history?run_id=${run}&metric_key=loss`)).json()) as { metrics: { value: number }[] };
    expect(history.metrics.map(({ value }) => value)).toEqual([0.5, 0.25]);
  });

  test('says where it is and how to use it, and ends with 0', { timeout: 60_000 }, async () => {
    const { child, done } = startCli(['serve', '--workspace', workspace]);
    await new Promise((resolve) => child.stderr?.on('data', (text: string) => text.includes('Ctrl-C') && resolve(null)));
    child.kill('SIGINT');
    const { code, stdout, stderr } = await done;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{43}\n.*MLFLOW_TRACKING_URI/u);
    expect(stderr).toContain('Queued runs are not started');
  });

  test('takes the port that was asked for, or none', { timeout: 60_000 }, async () => {
    const taken = createServer();
    await new Promise((resolve) => taken.listen(0, '127.0.0.1', () => resolve(null)));
    const { port } = taken.address() as { port: number };
    try {
      const refused = await cli(['serve', '--workspace', workspace, '--port', String(port), '--json']);
      expect({ code: refused.code, error: (JSON.parse(refused.stdout) as { error: { code: string } }).error.code }).toEqual({ code: 2, error: 'PORT_IN_USE' });
    } finally {
      await new Promise((resolve) => taken.close(resolve));
    }
    for (const bad of ['0', '65536', 'x', '-1', '1.5']) expect((await cli(['serve', '--workspace', workspace, `--port=${bad}`])).code).toBe(2);
  });
});
