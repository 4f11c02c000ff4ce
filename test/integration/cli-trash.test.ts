/** Deleting from the command line: into the trash, back, and gone for good with what only the run had. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunResult, RunView } from '../../src/api/rows';
import { cli, cliJson, smallConfig, temporaryFolder } from '../helpers/cli';

interface Plan {
  readonly purged: boolean;
  readonly runs: readonly string[];
  readonly objects: number;
  readonly bytes: number;
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let at: readonly string[];
beforeAll(async () => {
  folder = await temporaryFolder();
  at = ['--workspace', join(folder.path, 'workspace')];
});
afterAll(() => folder.remove());

it('a deleted run comes back, and a purged one frees what it alone had', async () => {
  const config = await folder.write('small.yaml', smallConfig({ epochs: 2 }));
  const first = await cliJson<RunResult>(['run', config, ...at]);
  const second = await cliJson<RunResult>(['run', config, '--seed', '2', ...at]);

  expect(await cliJson(['delete', first.run, ...at])).toEqual({ deleted: [first.run] });
  expect((await cliJson<RunView[]>(['runs', ...at])).map(({ runId }) => runId)).toEqual([second.run]);
  expect(await cliJson(['restore', first.run, 'nosuchrun', ...at], 1)).toEqual({ restored: [first.run], missing: ['nosuchrun'] });
  expect(await cliJson<RunView[]>(['runs', ...at])).toHaveLength(2);

  await cliJson(['delete', first.run, ...at]);
  const plan = await cliJson<Plan>(['workspace', 'purge', ...at]);
  expect(plan).toMatchObject({ purged: false, runs: [first.run] });
  expect(plan.objects).toBeGreaterThan(0);
  expect((await cli(['workspace', 'purge', ...at])).stdout).toContain('With --yes');
  expect(await cliJson<Plan>(['workspace', 'purge', '--yes', ...at])).toEqual({ ...plan, purged: true });
  expect((await cli(['workspace', 'purge', ...at])).stdout).toBe('The trash is empty.\n');
  // The data set is the other run's too.
  expect(await cliJson(['workspace', 'check', ...at])).toMatchObject({ ok: true });
  expect(existsSync(join(folder.path, 'workspace', 'trash', first.run))).toBe(false);
});
