/** A command run whose host dies at once, or closes: nothing it started stays, nothing it told is lost, and it begins anew. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cliJson, startCli } from '../helpers/cli';
import { ask, engineOn, look, outputOf, processesWith, Project, python, recordsOf, until } from '../helpers/commands';

const program = (mark: string): string =>
  [
    'import json, os, pathlib, subprocess, sys, time',
    `subprocess.Popen(["sleep", "${mark}"])`,
    `subprocess.Popen(["sleep", "${mark}"], start_new_session=True)`,
    'count = pathlib.Path(os.environ["COUNT"])',
    'attempt = int(count.read_text()) + 1 if count.exists() else 1',
    'count.write_text(str(attempt))',
    'for step in range(5): print(json.dumps({"step": step, "loss": attempt * 10 + step}), flush=True)',
    'while attempt == 1: time.sleep(0.1)',
    'print(json.dumps({"step": 5, "loss": attempt * 10 + 5}))',
  ].join('\n');

it('a command ends with a host that is killed, and begins anew with the next one', async () => {
  const project = new Project({ 'train.py': program('654321') });
  const config = project.config({ task: { command: [python, 'train.py'], env: { COUNT: join(project.workspace, 'count') } } });
  const { child, done } = startCli(['run', config, '--workspace', project.workspace]);
  const runIds = (): Promise<string[]> => look(project.workspace, (store) => store.listRuns().map(({ runId }) => runId)).catch(() => []);
  let [runId] = await runIds();
  while (runId === undefined) [runId] = await runIds();
  const id = runId;
  const types = (): string[] => recordsOf(project.workspace, id).map(({ type }) => type);
  await until(() => types().includes('points') && processesWith('654321').length === 2, 'the first points');
  child.kill('SIGKILL');
  await done;
  await until(() => processesWith('654321').length === 0 && processesWith(join('runs', id)).length === 0, 'the end of all it started', 8000);

  const [result] = await cliJson<{ status: string; metrics: Record<string, number> }[]>(['resume', '--workspace', project.workspace]);
  expect(result).toMatchObject({ status: 'finished' });
  expect(await look(project.workspace, (store) => [...store.points(id, 'loss').values])).toEqual([20, 21, 22, 23, 24, 25]);
  const run = await look(project.workspace, (store) => store.getRun(id));
  expect(run).toMatchObject({ attempts: 2, exitCode: 0 });
  // What the first attempt told is in the log, once.
  const before = recordsOf(project.workspace, id).slice(0, types().indexOf('requeued'));
  expect(before.flatMap((record) => (record.type === 'points' && record.key === 'loss' ? record.values : []))).toEqual([10, 11, 12, 13, 14]);
  expect(outputOf(project.workspace, id, 1).filter(({ stream }) => stream === 'stdout')).toHaveLength(5);
}, 60_000);

it('a command ends by itself where supervisor and host are killed at once', async () => {
  const project = new Project({ 'train.py': program('210987') });
  const config = project.config({ task: { command: [python, 'train.py'], env: { COUNT: join(project.workspace, 'count') } } });
  const { child, done } = startCli(['run', config, '--workspace', project.workspace]);
  await until(() => processesWith('210987').length === 2, 'the processes');
  child.kill('SIGSTOP');
  const [supervisor] = processesWith(`worker.js\0${join(project.workspace, 'runs')}`);
  process.kill(supervisor ?? 0, 'SIGKILL');
  child.kill('SIGKILL');
  await done;
  await until(() => processesWith('210987').length === 0 && processesWith('train.py').length === 0, 'the end of all it started', 8000);
}, 30_000);

it('a command ends with a supervisor that is killed, and begins anew', async () => {
  const project = new Project({ 'train.py': program('543210') });
  const engine = await engineOn(project.workspace);
  const config = project.config({ task: { command: [python, 'train.py'], env: { COUNT: join(project.workspace, 'count') } } });
  const { run } = await ask(engine, 'runs.start', { config });
  await until(() => processesWith('543210').length === 2 && recordsOf(project.workspace, run.runId).some(({ type }) => type === 'points'), 'the first points');
  const [supervisor] = processesWith(`worker.js\0${join(project.workspace, 'runs', run.runId)}`);
  process.kill(supervisor ?? 0, 'SIGKILL');
  await ask(engine, 'runs.wait', { runs: [run.runId] });
  expect(await ask(engine, 'runs.get', { run: run.runId })).toMatchObject({ run: { status: 'finished', attempts: 2 } });
  expect(processesWith('543210')).toEqual([]);
  expect(await look(project.workspace, (store) => [...store.points(run.runId, 'loss').values])).toEqual([20, 21, 22, 23, 24, 25]);
}, 60_000);

it('a command stops with a host that closes, and goes on with the next one', async () => {
  const project = new Project({ 'train.py': program('432109') });
  const first = await engineOn(project.workspace);
  const config = project.config({ task: { command: [python, 'train.py'], env: { COUNT: join(project.workspace, 'count') } } });
  const { run } = await ask(first, 'runs.start', { config });
  await until(() => recordsOf(project.workspace, run.runId).some(({ type }) => type === 'points'), 'the first points');
  await first.close();
  expect(processesWith('432109')).toEqual([]);
  const second = await engineOn(project.workspace);
  await ask(second, 'runs.wait', { runs: [run.runId] });
  expect(await ask(second, 'runs.get', { run: run.runId })).toMatchObject({ run: { status: 'finished', attempts: 2, exitCode: 0 } });
}, 60_000);
