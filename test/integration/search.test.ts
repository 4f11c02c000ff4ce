/** `reprise search` as a user runs it. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Output } from '../../src/api/contract';
import type { RunResult } from '../../src/api/rows';
import { cli, cliJson, smallConfig, temporaryFolder } from '../helpers/cli';

const LIMIT = 120_000;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let workspace: string;
const runs: RunResult[] = [];
beforeAll(async () => {
  folder = await temporaryFolder();
  workspace = join(folder.path, 'workspace');
  const config = await folder.write('small.yaml', smallConfig({ experiment: 'searched' }));
  for (const seed of ['1', '2']) runs.push(await cliJson<RunResult>(['run', config, '--seed', seed, '--workspace', workspace]));
}, LIMIT);
afterAll(() => folder.remove());

it('finds runs with what filter and order mention', async () => {
  const found = await cliJson<Output<'runs.search'>>(['search', 'params.seed >= 1 and status = finished', '--order', 'seed desc', '--show', 'params.training.learningRate', '--workspace', workspace]);
  expect(found).toMatchObject({ fields: ['params.training.learningRate', 'params.seed'], total: 2, next: null, notes: [] });
  expect(found.rows.map(({ run, values }) => [run.runId, values[1]])).toStrictEqual([
    [runs[1]?.run, '2'],
    [runs[0]?.run, '1'],
  ]);
  const words = await cli(['search', 'searched', '--limit', '1', '--workspace', workspace]);
  expect(words).toMatchObject({ code: 0 });
  expect(words.stdout).toContain(runs[1]?.run);
  expect(words.stdout).toContain('The first 1 of 2 runs.');
}, LIMIT);

it('groups runs by everything but the seed', async () => {
  const found = await cliJson<Output<'runs.searchGroups'>>(['search', '--group-all-but', '--workspace', workspace]);
  expect(found).toMatchObject({ fields: [], total: 1, groups: [{ runs: 2, newest: runs[1]?.run, statistics: null }] });
}, LIMIT);

it('points at what it cannot read', async () => {
  const wrong = await cli(['search', 'seed = 2 and staus = failed', '--workspace', workspace]);
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toBe('seed = 2 and staus = failed\n             ^\nerror: Column 14: there is no field "staus".\n  Did you mean "status"?\n  code FILTER_INVALID\n');
  const note = await cli(['search', 'params.traning.learningRate > 0', '--workspace', workspace]);
  expect(note.stderr).toContain('No run has a parameter "traning.learningRate". Did you mean "training.learningRate"?');
}, LIMIT);
