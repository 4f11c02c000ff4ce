/** A disk that is full while Reprise is at work: one clear sentence, nothing lost that was acknowledged, and on it goes once there is room. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Engine } from '../../src/engine/engine';
import { readEvents } from '../../src/events/reader';
import type { EventBody } from '../../src/events/records';
import { EventLogWriter } from '../../src/events/writer';
import { checkWorkspace } from '../../src/store/check';
import { rebuildWorkspace } from '../../src/store/rebuild';
import { smallConfig } from '../helpers/cli';
import { ask, engineOn, processesWith, Project, python, recordsOf, until } from '../helpers/commands';
import { dumpWorkspace } from '../helpers/dump';
import { noSmallDisk, SmallDisk } from '../helpers/small-disk';
import { pythonWith, runPython } from '../helpers/trackers';

if (noSmallDisk !== null) console.warn(`SKIPPED: a full disk: ${noSmallDisk}.`);

/** What MLflow's clients take for a failure that may pass. */
const TRIED_AGAIN = [408, 429, 500, 502, 503, 504];
/** Codes of a full disk, wherever it was met. */
const FULL = /^(?:EVENT_LOG_NOT_WRITTEN|STORE_DISK_FULL|DISK_FULL)$/u;

const message = (text: string): EventBody => ({ type: 'message', level: 'info', text });

interface Answer {
  readonly status: number;
  readonly body: { readonly error_code?: string; readonly message?: string; readonly run?: { readonly info: { readonly run_id: string } } };
}

async function post(uri: string, path: string, body: object): Promise<Answer> {
  const answer = await fetch(`${uri}/api/2.0/mlflow/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return { status: answer.status, body: (await answer.json()) as Answer['body'] };
}

/** The database is what a rebuild makes, and nothing is found to be wrong. */
async function expectSound(workspace: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'reprise-faults-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const copy = join(folder, 'copy');
  cpSync(workspace, copy, { recursive: true });
  expect(await checkWorkspace(copy)).toEqual([]);
  const before = await dumpWorkspace(copy);
  expect((await rebuildWorkspace(copy)).problems).toEqual([]);
  expect(await dumpWorkspace(copy)).toEqual(before);
}

/** What a call on a full disk is told: a stable code, one sentence that says so, and what to do. */
async function refusal(engine: Engine, ...call: Parameters<Engine['call']>): Promise<void> {
  const result = await engine.call(...call);
  expect(result).toMatchObject({ ok: false, error: { kind: 'system' } });
  if (result.ok) return;
  expect(result.error.code).toMatch(FULL);
  expect(result.error.message).toMatch(/disk is full|ENOSPC/u);
  expect(result.error.hint).toMatch(/room|space/u);
}

function leftovers(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.tmp') || name.includes('.new-'));
}

describe.skipIf(noSmallDisk !== null)('a full disk', () => {
  it('that does not let a half-written record be taken back either: nothing is added behind it, until the log is opened anew', () => {
    const disk = new SmallDisk(4);
    const file = join(disk.folder, 'events.log');
    const away = join(disk.folder, 'away');
    const writer = EventLogWriter.open(file);
    const first = writer.append(message('first'));
    disk.fill(8192);
    // To take it back opens the log by its name.
    renameSync(file, away);
    expect(() => writer.append(message('x'.repeat(40_000)))).toThrow('ENOSPC');
    renameSync(away, file);
    expect(statSync(file).size).toBeGreaterThan(writer.bytes);
    disk.clear();
    expect(() => writer.append(message('behind it'))).toThrow(expect.objectContaining({ code: 'EVENT_LOG_TORN' }));
    writer.close();
    const again = EventLogWriter.open(file);
    const second = again.append(message('second'));
    again.close();
    expect(readEvents(file, 0).records).toEqual([first, second]);
  });

  it('while an MLflow client logs', async () => {
    const disk = new SmallDisk(8);
    const workspace = join(disk.folder, 'workspace');
    const engine = await engineOn(workspace);
    const uri = (await ask(engine, 'tracking.start', {})).url ?? '';
    const created = await post(uri, 'runs/create', { experiment_id: '0', start_time: 1, run_name: 'one' });
    const runId = created.body.run?.info.run_id ?? '';
    let steps = 0;
    const log = async (): Promise<Answer> => {
      const metrics = Array.from({ length: 200 }, (_, index) => ({ key: 'loss', value: 1 / (steps + index + 1), timestamp: 1000 + steps + index, step: steps + index }));
      const answer = await post(uri, 'runs/log-batch', { run_id: runId, metrics, params: [], tags: [{ key: 'steps', value: String(steps + 200) }] });
      if (answer.status === 200) steps += 200;
      return answer;
    };
    for (let batch = 0; batch < 10; batch += 1) expect((await log()).status).toBe(200);
    disk.fill();
    let refused = await log();
    while (refused.status === 200) refused = await log();
    expect(TRIED_AGAIN).not.toContain(refused.status);
    expect(refused).toMatchObject({ status: 400, body: { error_code: 'BAD_REQUEST', message: expect.stringMatching(/events\.log cannot be written: ENOSPC.*Make room on the disk/u) as string } });
    const other = await post(uri, 'runs/create', { experiment_id: '0', start_time: 1 });
    expect(other.status).toBe(400);
    expect(other.body.message).toMatch(/full|ENOSPC/u);
    if (pythonWith('MLFLOW3', 'mlflow') !== null) {
      const begun = Date.now();
      const told = await runPython(pythonWith('MLFLOW3', 'mlflow') ?? '', 'mlflow_full_disk.py', [uri, runId]);
      expect(told).toMatch(/^BAD_REQUEST: .*ENOSPC/u);
      expect(Date.now() - begun).toBeLessThan(30_000);
    }
    // What cannot be written can still be looked at.
    expect(await ask(engine, 'app.info', {})).toMatchObject({ readOnly: false });

    disk.clear();
    expect((await log()).status).toBe(200);
    const window = await ask(engine, 'series.window', { run: runId, key: 'loss', buckets: 10_000 });
    expect(steps).toBeGreaterThan(2000);
    expect(window).toMatchObject({ points: steps });
    expect((await ask(engine, 'runs.page', { offset: 0, limit: 10 })).rows.map((row) => row.run.runId)).toEqual([runId]);
    await engine.close();
    expect(leftovers(disk.folder)).toEqual([]);
    await expectSound(workspace);
  }, 60_000);

  it('while a command runs', async () => {
    const disk = new SmallDisk(24);
    const lines = ['import json, os, pathlib, time', 'gate = pathlib.Path(os.environ["GATE"])', 'for step in range(400):', '    print(json.dumps({"step": step, "loss": 1 / (step + 1), "padding": 10 ** 60}), flush=True)', '    while step == 100 and not gate.exists(): time.sleep(0.02)', '    time.sleep(0.002)'];
    const project = new Project({ 'train.py': lines.join('\n') });
    const workspace = join(disk.folder, 'workspace');
    const engine = await engineOn(workspace);
    const gate = join(project.folder, 'gate');
    const config = project.config({ task: { command: [python, 'train.py'], env: { GATE: gate } } });
    const { run } = await ask(engine, 'runs.start', { config });
    await until(() => recordsOf(workspace, run.runId).some(({ type }) => type === 'points'), 'the first points');
    disk.fill();
    writeFileSync(gate, '');
    // It prints on and comes to its end while the disk is full.
    await until(() => processesWith('train.py').length === 0, 'the end of the program');
    await sleep(1500);
    expect(processesWith(join('runs', run.runId))).toHaveLength(1);
    disk.clear();
    await ask(engine, 'runs.wait', { runs: [run.runId] });
    const { run: ended } = await ask(engine, 'runs.get', { run: run.runId });
    expect(ended).toMatchObject({ status: 'finished', exitCode: 0, attempts: 1 });
    expect(await ask(engine, 'series.window', { run: run.runId, key: 'loss', buckets: 10_000 })).toMatchObject({ points: 400 });
    await engine.close();
    await expectSound(workspace);
  }, 60_000);

  it('while a run trains', async () => {
    const disk = new SmallDisk(24);
    const project = new Project({ 'small.yaml': smallConfig({ epochs: 400, checkpointEvery: 50 }) });
    const workspace = join(disk.folder, 'workspace');
    const engine = await engineOn(workspace);
    const { run } = await ask(engine, 'runs.start', { config: join(project.folder, 'small.yaml') });
    await until(() => recordsOf(workspace, run.runId).some(({ type }) => type === 'checkpoint'), 'a checkpoint');
    disk.fill();
    // Who waits is told at once. Where the worker can still say why it failed, the run is to be retried; else it goes on by itself.
    const told = await engine.call('runs.wait', { runs: [run.runId] });
    expect(JSON.stringify(told)).toMatch(/disk is full|ENOSPC/u);
    const before = recordsOf(workspace, run.runId);
    disk.clear();
    await ask(engine, 'runs.wait', { runs: [run.runId] });
    const { run: after } = await ask(engine, 'runs.get', { run: run.runId });
    if (after.status === 'failed') {
      expect(after.errorMessage).toMatch(/disk is full.*Make room, then retry/u);
      await ask(engine, 'runs.retry', { run: run.runId });
      await ask(engine, 'runs.wait', { runs: [run.runId] });
    }
    expect((await ask(engine, 'runs.get', { run: run.runId })).run).toMatchObject({ status: 'finished', attempts: 2, errorMessage: null });
    expect(recordsOf(workspace, run.runId).slice(0, before.length)).toEqual(before);
    const checkpoint = before.findLast((record) => record.type === 'checkpoint');
    expect(recordsOf(workspace, run.runId).findLast((record) => record.type === 'attempt')).toMatchObject({ attempt: 2, fromStep: checkpoint?.step });
    await engine.close();
    await expectSound(workspace);
  }, 120_000);

  it('while runs are imported', async () => {
    const disk = new SmallDisk(8);
    const project = new Project({});
    const rows = ['run,step,loss', ...Array.from({ length: 40_000 }, (_, index) => `run-${Math.floor(index / 10_000)},${index % 10_000},${1 / (index + 1)}`)];
    const table = project.write('points.csv', rows.join('\n'));
    const workspace = join(disk.folder, 'workspace');
    const engine = await engineOn(workspace);
    disk.fill(200_000);
    await refusal(engine, 'runs.import', { path: table, rows: 'points' });
    disk.clear();
    const { runs, problems } = await ask(engine, 'runs.import', { path: table, rows: 'points' });
    expect(problems).toEqual([]);
    expect(runs).toHaveLength(4);
    for (const { run } of runs) expect(await ask(engine, 'series.window', { run, key: 'loss', buckets: 10_000 })).toMatchObject({ points: 10_000 });
    await engine.close();
    await expectSound(workspace);
  }, 60_000);

  it('while a bundle is exported', async () => {
    const disk = new SmallDisk(4);
    const project = new Project({ 'small.yaml': smallConfig({ epochs: 2 }) });
    const engine = await engineOn(project.workspace);
    const { run } = await ask(engine, 'runs.start', { config: join(project.folder, 'small.yaml') });
    await ask(engine, 'runs.wait', { runs: [run.runId] });
    const out = join(disk.folder, 'out', 'small.crate.zip');
    mkdirSync(join(disk.folder, 'out'));
    disk.fill(8192);
    const input = { target: run.runId, out, license: 'MIT', calibrate: false };
    await refusal(engine, 'bundle.export', input);
    expect(existsSync(out)).toBe(false);
    expect(readdirSync(join(disk.folder, 'out'))).toEqual([]);
    await refusal(engine, 'report.write', { target: run.runId, format: 'html', out: join(disk.folder, 'out', 'report.html') });
    expect(readdirSync(join(disk.folder, 'out'))).toEqual([]);
    disk.clear();
    await ask(engine, 'bundle.export', input);
    expect(await ask(engine, 'bundle.verify', { file: out })).toMatchObject({ valid: true });
  }, 60_000);
});
