/** A command in the app: its supervisor is a utility process, the command itself an ordinary one with the person's environment. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { printed, processesWith, recordsOf } from '../helpers/commands';
import { ended, engineReady, isAlive, scene, startRun, until, type Scene } from './reprise-app';

const LIMIT = 120_000;
const python = process.env['REPRISE_PYTHON'] ?? 'python3';
const hasPython = spawnSync(python, ['--version']).status === 0;

let here: Scene;
beforeEach(async () => {
  here = await scene();
});
afterEach(() => here.end());

const config = (program: string): string => JSON.stringify({ experiment: 'command', seed: 5, task: { command: [python, '-c', program] } });

it.skipIf(!hasPython)('runs, and ends with the app and all it started', async () => {
  const { page, pid } = await here.open();
  await engineReady(page);
  const quick = await here.folder.write('quick.yaml', config('import os, json\nprint(json.dumps({"loss": 0.5}))\nprint(os.environ["REPRISE_SEED"], os.environ.get("ELECTRON_RUN_AS_NODE"), os.environ["PATH"] != "")'));
  const run = await ended(page, await startRun(page, quick));
  expect(run).toMatchObject({ kind: 'command', status: 'finished', exitCode: 0, errorMessage: null });
  expect(printed(here.workspace, run.runId)).toEqual(['{"loss": 0.5}', '5 None True']);

  const slow = await here.folder.write('slow.yaml', config('import subprocess, time\nsubprocess.Popen(["sleep", "318318"])\nsubprocess.Popen(["sleep", "318318"], start_new_session=True)\nprint("{\\"a\\": 1}", flush=True)\ntime.sleep(1000)'));
  const runId = await startRun(page, slow);
  await until('the processes', async () => (processesWith('318318').length >= 2 && recordsOf(here.workspace, runId).some(({ type }) => type === 'points')));
  expect((await page.evaluate((id) => window.reprise.runsCancel({ run: id }), runId)).ok).toBe(true);
  expect(processesWith('318318')).toEqual([]);

  const again = await startRun(page, slow);
  await until('the processes', async () => (processesWith('318318').length >= 2 && recordsOf(here.workspace, again).some(({ type }) => type === 'points')));
  process.kill(pid, 'SIGKILL');
  await until('the end of all it started', async () => (processesWith('318318').length === 0 && !isAlive(pid)));
  expect(processesWith(join('runs', again))).toEqual([]);
}, LIMIT);
