/** A folder that cannot be written, a locked database, a clock that is set back, folders and lines that are gone or torn: a clear sentence each, and nothing lost. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Engine } from '../../src/engine/engine';
import { checkWorkspace } from '../../src/store/check';
import { openStore } from '../../src/store/open';
import { rebuildWorkspace } from '../../src/store/rebuild';
import { cli, smallConfig } from '../helpers/cli';
import { ask, engineOn, look, processesWith, Project, python, recordsOf, until } from '../helpers/commands';

interface Answer {
  readonly status: number;
  readonly body: { readonly error_code?: string; readonly message?: string; readonly run?: { readonly info: { readonly run_id: string; readonly end_time?: number } } };
}

async function post(uri: string, path: string, body: object): Promise<Answer> {
  const answer = await fetch(`${uri}/api/2.0/mlflow/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return { status: answer.status, body: (await answer.json()) as Answer['body'] };
}

/** A run that a client logs to, step by step. */
class LoggedRun {
  steps = 0;

  private constructor(
    readonly uri: string,
    readonly runId: string,
  ) {}

  static async on(engine: Engine): Promise<LoggedRun> {
    const uri = (await ask(engine, 'tracking.start', {})).url ?? '';
    const { body } = await post(uri, 'runs/create', { experiment_id: '0', start_time: Date.now(), run_name: 'logged' });
    return new LoggedRun(uri, body.run?.info.run_id ?? '');
  }

  async log(count = 10): Promise<Answer> {
    const metrics = Array.from({ length: count }, (_, index) => ({ key: 'loss', value: this.steps + index, timestamp: Date.now(), step: this.steps + index }));
    const answer = await post(this.uri, 'runs/log-batch', { run_id: this.runId, metrics, params: [], tags: [] });
    if (answer.status === 200) this.steps += count;
    return answer;
  }

  end(): Promise<Answer> {
    return post(this.uri, 'runs/update', { run_id: this.runId, status: 'FINISHED', end_time: Date.now() });
  }

  /** All that was acknowledged, once and in order. */
  async expectWhole(workspace: string): Promise<void> {
    const points = await look(workspace, (store) => store.points(this.runId, 'loss'));
    expect([...points.values]).toEqual(Array.from({ length: this.steps }, (_, step) => step));
  }
}

/** The error of a call: known to Reprise, and never an unexpected failure. */
async function refused(engine: Engine, ...call: Parameters<Engine['call']>): Promise<{ readonly code: string; readonly message: string; readonly hint?: string }> {
  const result = await engine.call(...call);
  if (result.ok) throw new Error(`${call[0]} was answered: ${JSON.stringify(result.value).slice(0, 300)}`);
  expect(result.error.code).not.toBe('INTERNAL');
  expect(result.error.message).toMatch(/\.$/u);
  return result.error;
}

function newWorkspace(): string {
  const folder = mkdtempSync(join(tmpdir(), 'reprise-faults-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return join(folder, 'workspace');
}

async function trained(engine: Engine, more: Parameters<typeof smallConfig>[0] = {}): Promise<string> {
  const project = new Project({ 'small.yaml': smallConfig({ epochs: 2, ...more }) });
  const { run } = await ask(engine, 'runs.start', { config: join(project.folder, 'small.yaml') });
  await ask(engine, 'runs.wait', { runs: [run.runId] });
  return run.runId;
}

describe('a workspace that cannot be written', () => {
  /** For root by a mount that cannot be written, for everybody else by permissions. */
  function lockFolder(folder: string): void {
    if (process.getuid?.() === 0) {
      execFileSync('mount', ['--bind', folder, folder]);
      onTestFinished(() => void execFileSync('umount', ['-l', folder]));
      execFileSync('mount', ['-o', 'remount,bind,ro', folder]);
      return;
    }
    const all = [folder, ...readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))];
    for (const path of all) chmodSync(path, 0o555);
    onTestFinished(() => {
      for (const path of all) chmodSync(path, 0o755);
    });
  }

  it.skipIf(process.platform !== 'linux')('is still read; what would write says why it does not', async () => {
    const workspace = newWorkspace();
    const engine = await engineOn(workspace);
    const logged = await LoggedRun.on(engine);
    await logged.log();
    await logged.end();
    await engine.close();
    lockFolder(workspace);
    for (const args of [['runs'], ['search', 'metrics.loss > 1']]) {
      const { code, stdout, stderr } = await cli([...args, '--workspace', workspace]);
      expect([args[0], code, stderr]).toEqual([args[0], 0, '']);
      expect(stdout).toContain('logged');
    }
    const project = new Project({ 'small.yaml': smallConfig() });
    for (const args of [['serve'], ['run', join(project.folder, 'small.yaml')], ['import', project.folder]]) {
      const { code, stdout } = await cli([...args, '--workspace', workspace, '--json']);
      expect([args[0], code]).toEqual([args[0], 1]);
      const { error } = JSON.parse(stdout) as { error: { code: string; message: string; hint: string } };
      expect(error).toMatchObject({ code: 'WORKSPACE_READ_ONLY', message: expect.stringContaining(workspace) as string, hint: expect.stringMatching(/permissions/u) as string });
    }
  }, 60_000);
});

describe('a database that another program has locked', () => {
  /** Another process with a transaction of its own. */
  async function lockDatabase(workspace: string, milliseconds: number): Promise<void> {
    const sqlite = createRequire(import.meta.url).resolve('better-sqlite3');
    const script = `const db = require(${JSON.stringify(sqlite)})(${JSON.stringify(join(workspace, 'reprise.db'))}); db.exec('BEGIN EXCLUSIVE'); console.log('locked'); setTimeout(() => { db.exec('ROLLBACK'); db.close(); }, ${milliseconds});`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
  }

  it('holds up neither who logs, nor those who can read without it; the others are told', async () => {
    const workspace = newWorkspace();
    const engine = await engineOn(workspace);
    const logged = await LoggedRun.on(engine);
    await logged.log();
    await lockDatabase(workspace, 8000);
    const begun = performance.now();
    for (let batch = 0; batch < 20; batch += 1) expect((await logged.log()).status).toBe(200);
    expect(performance.now() - begun).toBeLessThan(4000);
    const { code, message, hint } = await refused(engine, 'runs.page', { offset: 0, limit: 10 });
    expect([code, hint]).toEqual(['STORE_BUSY', expect.stringMatching(/try again/u)]);
    expect(message).toContain('is locked by another program');
    // Beside the host it is read as far as it was indexed.
    expect((await cli(['runs', '--workspace', workspace])).code).toBe(0);
    while (performance.now() - begun < 8500) expect((await logged.log()).status).toBe(200);
    expect((await ask(engine, 'runs.page', { offset: 0, limit: 10 })).rows.map(({ run }) => run.runId)).toEqual([logged.runId]);
    await engine.close();
    await logged.expectWhole(workspace);
    expect(await checkWorkspace(workspace)).toEqual([]);
  }, 60_000);
});

describe('a clock that is set back by an hour', () => {
  const HOUR = 3_600_000;

  function setBack(): void {
    const { now } = Date;
    Date.now = () => now.call(Date) - HOUR;
    onTestFinished(() => {
      Date.now = now;
    });
  }

  it('while an engine is at work: nothing is lost, nothing lasts less than no time, nothing is thrown away', async () => {
    const workspace = newWorkspace();
    const engine = await engineOn(workspace);
    const logged = await LoggedRun.on(engine);
    await logged.log();
    const deleted = await trained(engine, { experiment: 'deleted' });
    const kept = await trained(engine, { experiment: 'kept' });
    await ask(engine, 'runs.delete', { runs: [deleted] });
    const seen: number[] = [];
    engine.on('queue', ({ running }) => seen.push(running));

    setBack();
    await logged.log();
    await logged.end();
    // A worker has a clock of its own: its log begins after the host's last word, or an hour before.
    const later = await trained(engine, { experiment: 'later' });
    expect(seen).toContain(1);
    expect((await ask(engine, 'runs.restore', { runs: [deleted] })).restored).toEqual([deleted]);
    const { rows } = await ask(engine, 'runs.search', { filter: '' });
    expect(rows.map(({ run }) => run.runId).toSorted()).toEqual([logged.runId, deleted, kept, later].toSorted());
    expect((await ask(engine, 'runs.search', { filter: 'duration < 0s' })).rows).toEqual([]);
    for (const { run } of rows) {
      if (run.kind === 'training') expect((run.endedAt ?? 0) - (run.startedAt ?? 0)).toBeGreaterThanOrEqual(0);
      expect(run.status).toBe('finished');
    }
    await engine.close();
    await logged.expectWhole(workspace);

    // The next host, an hour before.
    const next = await engineOn(workspace);
    expect((await ask(next, 'runs.page', { offset: 0, limit: 10 })).total).toBe(4);
    const records = recordsOf(workspace, logged.runId);
    expect(records.map(({ seq }) => seq)).toEqual(records.map((_, index) => index));
    await next.close();
    expect(await checkWorkspace(workspace)).toEqual([]);
  }, 60_000);

  it('while a command runs, for its supervisor too', async () => {
    const project = new Project({
      'train.py': ['import json, os, pathlib, time', 'for step in range(40):', '    print(json.dumps({"step": step, "loss": step / 2}), flush=True)', '    if step == 20: pathlib.Path(os.environ["BACK"]).touch()', '    time.sleep(0.02)'].join('\n'),
    });
    const back = join(project.folder, 'back');
    const clock = project.write('clock.mjs', `import { existsSync } from 'node:fs'; const { now } = Date; Date.now = () => now.call(Date) - (existsSync(${JSON.stringify(back)}) ? ${HOUR} : 0);`);
    const config = project.config({ task: { command: [python, 'train.py'], env: { BACK: back } } });
    const { code, stderr, stdout } = await cli(['run', config, '--workspace', project.workspace, '--json'], { env: { NODE_OPTIONS: `--import=${pathToFileURL(clock).href}` } });
    expect([code, stderr.includes('Error')]).toEqual([0, false]);
    expect(existsSync(back)).toBe(true);
    const [{ run } = { run: '' }] = [JSON.parse(stdout) as { run: string }].flat();
    const times = recordsOf(project.workspace, run).map(({ time }) => time);
    // It was set back indeed.
    expect(times.some((time, index) => time < (times[index - 1] ?? 0))).toBe(true);
    await look(project.workspace, (store) => {
      const row = store.getRun(run);
      expect(row.status).toBe('finished');
      expect((row.endedAt ?? 0) - (row.startedAt ?? 0)).toBeGreaterThanOrEqual(0);
      expect([...store.points(run, 'loss').values]).toEqual(Array.from({ length: 40 }, (_, step) => step / 2));
    });
    expect(await checkWorkspace(project.workspace)).toEqual([]);
  }, 60_000);
});

describe('a run folder that is deleted by hand', () => {
  it('of a finished run: it is listed, and all that would read the folder says what is missing', async () => {
    const workspace = newWorkspace();
    const engine = await engineOn(workspace);
    const run = await trained(engine);
    rmSync(join(workspace, 'runs', run), { recursive: true });
    const out = (name: string): string => join(workspace, '..', name);
    expect((await ask(engine, 'runs.page', { offset: 0, limit: 10 })).rows.map((row) => row.run.runId)).toEqual([run]);
    expect((await ask(engine, 'runs.series', { run, key: 'train.loss' })).steps.length).toBeGreaterThan(0);
    const calls: Parameters<Engine['call']>[] = [
      ['runs.details', { run }],
      ['report.write', { target: run, format: 'md', out: out('report.md') }],
      ['bundle.export', { target: run, out: out('small.crate.zip'), license: 'MIT', calibrate: false }],
      ['runs.score', { target: run }],
    ];
    for (const call of calls) {
      const { message, hint } = await refused(engine, ...call);
      expect([call[0], message]).toEqual([call[0], expect.stringContaining(run)]);
      expect(hint).toMatch(/backup/u);
    }
    expect(existsSync(out('small.crate.zip'))).toBe(false);
    const { ok, problems } = await ask(engine, 'workspace.check', {});
    expect([ok, problems.some(({ path, message }) => `${path} ${message}`.includes(run))]).toEqual([false, true]);
    expect(await trained(engine, { experiment: 'other' })).not.toBe(run);
  }, 60_000);

  it('of a command that runs: the run fails, its program ends, and the queue goes on', async () => {
    const project = new Project({ 'train.py': 'import time\nprint("on", flush=True)\ntime.sleep(987654)\n', 'short.py': 'print("{\\"loss\\": 1}")\n' });
    const engine = await engineOn(project.workspace);
    const { run } = await ask(engine, 'runs.start', { config: project.config({ task: { command: [python, 'train.py'] } }) });
    const folder = join(project.workspace, 'runs', run.runId);
    await until(() => existsSync(join(folder, 'attempt-1', 'output.jsonl')) && readFileSync(join(folder, 'attempt-1', 'output.jsonl'), 'utf8').includes('on'), 'its first words');
    rmSync(folder, { recursive: true });
    await until(() => processesWith(join('runs', run.runId)).length === 0, 'the end of all it started');
    await ask(engine, 'runs.wait', { runs: [run.runId] });
    const row = await look(project.workspace, (store) => store.getRun(run.runId));
    expect(row.status).toBe('failed');
    expect(row.errorMessage).toContain(run.runId);
    expect((await refused(engine, 'runs.cancel', { run: run.runId })).code).toBe('RUN_ENDED');
    const other = await ask(engine, 'runs.start', { config: project.config({ task: { command: [python, 'short.py'] } }, 'short.yaml') });
    await ask(engine, 'runs.wait', { runs: [other.run.runId] });
    expect((await ask(engine, 'runs.get', { run: other.run.runId })).run.status).toBe('finished');
  }, 60_000);

  it('of a run that is logged to: who logs is told, others go on', async () => {
    const workspace = newWorkspace();
    const engine = await engineOn(workspace);
    const [gone, other] = [await LoggedRun.on(engine), await LoggedRun.on(engine)];
    await gone.log();
    await other.log();
    rmSync(join(workspace, 'runs', gone.runId), { recursive: true });
    for (let tries = 0; tries < 3; tries += 1) {
      const { status, body } = await gone.log();
      expect([status, body.error_code]).toEqual([400, 'BAD_REQUEST']);
      expect(body.message).toContain(gone.runId);
    }
    expect((await other.log()).status).toBe(200);
    await engine.close();
    await other.expectWhole(workspace);
  }, 60_000);
});

describe('a line of an event log', () => {
  const HALF = '{"seq":99999,"time":17000000';

  async function ended(workspace: string): Promise<LoggedRun> {
    const engine = await engineOn(workspace);
    const logged = await LoggedRun.on(engine);
    for (let batch = 0; batch < 5; batch += 1) await logged.log();
    await logged.end();
    await engine.close();
    return logged;
  }

  it('that is half written at the end is cut off, with the engine closed or open', async () => {
    const workspace = newWorkspace();
    const logged = await ended(workspace);
    const log = join(workspace, 'runs', logged.runId, 'events.log');
    appendFileSync(log, HALF);
    const engine = await engineOn(workspace);
    await ask(engine, 'tracking.start', {});
    expect((await logged.log()).status).toBe(200);
    await logged.end();
    await ask(engine, 'runs.page', { offset: 0, limit: 1 });
    // The log of a run at its end is closed.
    appendFileSync(log, HALF);
    expect((await ask(engine, 'runs.details', { run: logged.runId })).run.status).toBe('finished');
    expect((await logged.log()).status).toBe(200);
    await engine.close();
    await logged.expectWhole(workspace);
    expect(readFileSync(log, 'utf8')).not.toContain('99999');
    expect(await checkWorkspace(workspace)).toEqual([]);
  }, 60_000);

  it('that is damaged in the middle is named; all that was taken in stays, and nothing is appended behind it', async () => {
    const workspace = newWorkspace();
    const logged = await ended(workspace);
    const log = join(workspace, 'runs', logged.runId, 'events.log');
    const bytes = readFileSync(log);
    bytes.fill(0x23, bytes.length >> 1, (bytes.length >> 1) + 8);
    writeFileSync(log, bytes);
    const problems = await checkWorkspace(workspace);
    expect(problems.some(({ path, message }) => `${path} ${message}`.includes(logged.runId) && /damaged in line \d+/u.test(message))).toBe(true);
    await logged.expectWhole(workspace);
    const rebuilt = await rebuildWorkspace(workspace);
    expect(rebuilt.problems.some(({ message }) => /damaged in line \d+/u.test(message))).toBe(true);
    const engine = await engineOn(workspace);
    await ask(engine, 'tracking.start', {});
    const { status, body } = await logged.log();
    expect([status, body.message]).toEqual([400, expect.stringMatching(/damaged|contradicts/u)]);
    expect(readFileSync(log)).toEqual(bytes);
    expect((await ask(engine, 'runs.page', { offset: 0, limit: 10 })).rows.map(({ run }) => [run.runId, run.status])).toEqual([[logged.runId, 'failed']]);
    await engine.close();
  }, 60_000);

  it('of a command: a torn end is cut off when it is run again', async () => {
    const project = new Project({ 'train.py': 'import os, sys\nprint("{\\"loss\\": 1}")\nsys.exit(int(os.path.exists(os.environ["FAILS"])))\n' });
    const fails = project.write('fails', '');
    const config = project.config({ task: { command: [python, 'train.py'], env: { FAILS: fails } } });
    const first = await engineOn(project.workspace);
    const { run } = await ask(first, 'runs.start', { config });
    await ask(first, 'runs.wait', { runs: [run.runId] });
    await first.close();
    const log = join(project.workspace, 'runs', run.runId, 'events.log');
    appendFileSync(log, HALF);
    rmSync(fails);
    const second = await engineOn(project.workspace);
    await ask(second, 'runs.retry', { run: run.runId });
    await ask(second, 'runs.wait', { runs: [run.runId] });
    expect((await ask(second, 'runs.get', { run: run.runId })).run).toMatchObject({ status: 'finished', attempts: 2 });
    await second.close();
    expect(await checkWorkspace(project.workspace)).toEqual([]);
    const store = await openStore(project.workspace, { mode: 'reader' });
    expect([...store.points(run.runId, 'loss').values]).toEqual([1]);
    store.close();
  }, 60_000);
});
