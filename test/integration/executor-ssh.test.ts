/** Runs on a machine that a real OpenSSH reaches: what comes back is what this machine would have made of them, whatever happens in between. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { objectPath } from '../../src/files/objects';
import { cliJson, startCli } from '../helpers/cli';
import { ask, COUNT, engineOn, filesWith, look, outputOf, placeEventsOf, printed, processesWith, Project, python, recordsOf, runOnce, until } from '../helpers/commands';
import { FAKETIME, noSshd, Sshd } from '../helpers/engines/sshd';
import { noSmallDisk, SmallDisk } from '../helpers/small-disk';

let sshd: Sshd;
/** The folder there. */
let base: string;

if (noSshd === null) {
  beforeAll(async () => {
    base = mkdtempSync(join(tmpdir(), 'reprise-ssh-base-'));
    sshd = await Sshd.start();
  });
  afterAll(async () => {
    await sshd.stop();
    rmSync(base, { recursive: true, force: true });
  });
}

interface There {
  readonly server?: Sshd;
  readonly folder?: string;
}

/** A project whose workspace knows the machine `box`. */
function projectOn(files: Readonly<Record<string, string>> = {}, { server = sshd, folder = base }: There = {}): Project {
  const project = new Project(files);
  project.machine('box', { kind: 'ssh', ssh: server.endpoint(), folder, poll: 0.3 });
  return project;
}

const box = { kind: 'ssh', machine: 'box' } as const;
const lossesOf = (workspace: string, runId: string): Promise<number[]> => look(workspace, (store) => [...store.points(runId, 'loss').values]);
const runIdsOf = (workspace: string): Promise<string[]> => look(workspace, (store) => store.listRuns().map(({ runId }) => runId)).catch(() => []);
const lines = (...text: readonly string[]): string => `${text.join('\n')}\n`;
/** Logs a step each tenth of a second, and says by a file when it is done. */
const steps = (count: number): string =>
  lines('import json, time', `for step in range(${count}):`, '    print(json.dumps({"step": step, "loss": step / 2}), flush=True)', '    time.sleep(0.1)', 'open("done.txt", "w").write("done")');
const numbers = (count: number): number[] => Array.from({ length: count }, (_, step) => step / 2);

const TRAINING = { model: { kind: 'mlp', hidden: [16], dropout: 0.1 }, training: { learningRate: 0.02, batchSize: 32, epochs: 3, checkpointEvery: 20, hashEvery: 10 }, data: { kind: 'spirals', samples: 400, noise: 0.1 }, selection: { metric: 'accuracy', checkpoint: 'last' } };
/** Long enough that something can happen to it. */
const LONG = { ...TRAINING, training: { ...TRAINING.training, epochs: 400, checkpointEvery: 200 } };

describe.skipIf(noSshd !== null)('a machine that SSH reaches', () => {
  it('trains to the bits of this machine, by one log and with all files', async () => {
    const project = projectOn();
    const engine = await engineOn(project.workspace);
    const here = await runOnce(engine, project.config({ experiment: 'here', ...TRAINING }, 'here.yaml'));
    const there = await runOnce(engine, project.config({ experiment: 'there', ...TRAINING, executor: box }, 'there.yaml'));
    expect(there.run).toMatchObject({ status: 'finished', attempts: 1, errorMessage: null, weightsHash: here.run.weightsHash, stepsDone: here.run.stepsDone });
    expect(there.run.weightsHash).toMatch(/^[0-9a-f]{64}$/u);
    expect(placeEventsOf(project.workspace, there.run.runId)).toEqual(['submitted 1', 'started 1', 'ended 1', 'collected 1']);
    const artifacts = (runId: string): Promise<unknown[]> => look(project.workspace, (store) => store.artifacts(runId).map(({ name, sha256 }) => [name, sha256, statSync(objectPath(project.workspace, sha256)).size]));
    expect(await artifacts(there.run.runId)).toEqual(await artifacts(here.run.runId));
    // Nothing is left there but what other runs may need.
    expect(readdirSync(join(base, 'runs'))).toEqual([]);
  }, 90_000);

  it('runs a command of a dirty repository with its inputs, and keeps variables and secrets to itself', async () => {
    const secret = 'correct-horse-battery-staple-9431';
    const odd = 'two\nlines of $(touch /tmp/owned) `id` "quotes" \'and\' ü';
    const project = projectOn({
      'train.py': lines(
        'import json, os, pathlib, sys',
        'print(json.dumps({"step": 1, "loss": float(open("factor.txt").read())}))',
        'print(repr(os.environ["ODD"]), len(os.environ["SECRET_WORD"]))',
        'print(pathlib.Path("data/deep/rows.csv").read_text().strip(), pathlib.Path("one.bin").read_text())',
        'with open(os.environ["REPRISE_METRICS"], "a") as file: file.write(json.dumps({"accuracy": 0.75}) + "\\n")',
        'print("a word", file=sys.stderr)',
        'pathlib.Path("out/deep").mkdir(parents=True)',
        'pathlib.Path("out/deep/größe 1.txt").write_text("result")',
      ),
      'factor.txt': '1',
    });
    project.write('.gitignore', 'data\none.bin\n');
    project.commit();
    project.write('factor.txt', '2.5');
    project.write('data/deep/rows.csv', 'row\n');
    project.write('one.bin', 'one');
    vi.stubEnv('SECRET_WORD', secret);
    onTestFinished(() => void vi.unstubAllEnvs());
    const config = project.config({ experiment: 'Größe "quoted" & $(spaced) 実験', task: { command: [python, 'train.py'], inputs: ['data', 'one.bin'], outputs: ['out'] }, executor: { ...box, env: { ODD: odd }, secrets: ['SECRET_WORD'] } });
    const { run } = await runOnce(await engineOn(project.workspace), config);
    expect(run).toMatchObject({ status: 'finished', exitCode: 0, attempts: 1, errorMessage: null });
    expect(printed(project.workspace, run.runId)).toEqual(['{"step": 1, "loss": 2.5}', expect.stringContaining(String.raw`two\nlines of $(touch /tmp/owned)`), 'row one']);
    expect(printed(project.workspace, run.runId)[1]).toContain(` ${secret.length}`);
    expect(printed(project.workspace, run.runId, 'stderr')).toEqual(['a word']);
    expect(await lossesOf(project.workspace, run.runId)).toEqual([2.5]);
    expect(await look(project.workspace, (store) => [...store.points(run.runId, 'accuracy').values])).toEqual([0.75]);
    expect(recordsOf(project.workspace, run.runId)).toContainEqual(expect.objectContaining({ type: 'file', path: 'out/deep/größe 1.txt', bytes: 6 }));
    for (const folder of [project.workspace, base]) expect(filesWith(folder, secret)).toEqual([]);
    expect(readFileSync(sshd.log, 'utf8')).not.toContain(secret);
  }, 60_000);

  it('leaves there what it is not asked for, and says of it nothing but that', async () => {
    const project = projectOn({ 'train.py': lines('open("small.txt", "w").write("small")', 'open("large.bin", "w").write("x" * 2000)') });
    project.machine('box', { kind: 'ssh', ssh: sshd.endpoint(), folder: base, poll: 0.3, collect: { largest: '1k' } });
    const { run } = await runOnce(await engineOn(project.workspace), project.config({ task: { command: [python, 'train.py'], outputs: ['small.txt', 'large.bin'] }, executor: box }));
    expect(run).toMatchObject({ status: 'finished', errorMessage: null });
    const records = recordsOf(project.workspace, run.runId);
    expect(records.flatMap((record) => (record.type === 'file' ? [record.path] : []))).toEqual(['small.txt']);
    expect(records.flatMap((record) => (record.type === 'message' ? [record.text] : []))).toEqual([expect.stringMatching(/larger than what box is asked for.*large\.bin \(2000 bytes\)/u)]);
    expect(readdirSync(join(project.workspace, 'runs', run.runId))).not.toContain('left-there.json');
  }, 30_000);

  it('tells how a command ended: exit code, its time, no such program; and refuses lines before it that fail', async () => {
    const project = projectOn({ 'fail.py': 'print("last words"); raise SystemExit(7)', 'slow.py': 'import time; time.sleep(60)' });
    const engine = await engineOn(project.workspace);
    const ended = async (name: string, task: object, executor: object = box): Promise<unknown[]> => {
      const { run } = await runOnce(engine, project.config({ experiment: name, task, executor }, `${name}.yaml`));
      return [run.status, run.exitCode, run.errorCode, run.errorMessage];
    };
    const results = await Promise.all([
      ended('code', { command: [python, 'fail.py'] }),
      ended('time', { command: [python, 'slow.py'], timeLimitSeconds: 1 }),
      ended('missing', { command: ['no-such-program-there'] }),
    ]);
    // Python there is asked in the same shell, before there is a run.
    await expect(ended('prologue', { command: [python, 'fail.py'] }, { ...box, prologue: ['echo preparing', 'ls /nowhere/at/all'] })).rejects.toThrow(/PROLOGUE_FAILED.*\/nowhere\/at\/all/u);
    expect(results).toEqual([
      ['failed', 7, 'COMMAND_FAILED', expect.stringContaining('last words')],
      ['failed', null, 'COMMAND_TIME_LIMIT', expect.stringContaining('1 seconds')],
      ['failed', null, 'COMMAND_NOT_FOUND', expect.stringContaining('no-such-program-there')],
    ]);
  }, 60_000);

  it('goes on without a host that is killed, which the next one takes up', async () => {
    const project = projectOn({ 'train.py': steps(40) });
    const config = project.config({ task: { command: [python, 'train.py'], outputs: ['done.txt'] }, executor: box });
    const { child, done } = startCli(['run', config, '--workspace', project.workspace]);
    let [runId] = await runIdsOf(project.workspace);
    while (runId === undefined) [runId] = await runIdsOf(project.workspace);
    const id = runId;
    await until(() => recordsOf(project.workspace, id).some(({ type }) => type === 'points'), 'the first points');
    child.kill('SIGKILL');
    await done;
    await sleep(500);
    expect(processesWith(join(base, 'runs', id))).not.toEqual([]);
    const [result] = await cliJson<{ status: string }[]>(['resume', '--workspace', project.workspace]);
    expect(result).toMatchObject({ status: 'finished' });
    expect(await lossesOf(project.workspace, id)).toEqual(numbers(40));
    expect(outputOf(project.workspace, id).filter(({ stream }) => stream === 'stdout')).toHaveLength(40);
    expect(placeEventsOf(project.workspace, id)).toEqual(['submitted 1', 'started 1', 'ended 1', 'collected 1']);
    expect(await look(project.workspace, (store) => store.getRun(id))).toMatchObject({ attempts: 1, exitCode: 0 });
  }, 60_000);

  it('loses nothing while the line is cut, and says when it is for long', async () => {
    const project = projectOn({ 'train.py': steps(30) });
    const engine = await engineOn(project.workspace);
    const { run } = await ask(engine, 'runs.start', { config: project.config({ task: { command: [python, 'train.py'] }, executor: box }) });
    await until(() => recordsOf(project.workspace, run.runId).some(({ type }) => type === 'points'), 'the first points');
    await sshd.down();
    onTestFinished(() => sshd.up());
    sshd.cut();
    await until(() => placeEventsOf(project.workspace, run.runId).includes('lost 1'), 'a word that it is lost', 30_000);
    await sshd.up();
    await ask(engine, 'runs.wait', { runs: [run.runId] });
    expect(await ask(engine, 'runs.get', { run: run.runId })).toMatchObject({ run: { status: 'finished', attempts: 1, exitCode: 0 } });
    expect(await lossesOf(project.workspace, run.runId)).toEqual(numbers(30));
    expect(placeEventsOf(project.workspace, run.runId)).toEqual(['submitted 1', 'started 1', 'lost 1', 'found 1', 'ended 1', 'collected 1']);
  }, 90_000);

  it('takes an outpost that hangs for lost, and goes on with another', async () => {
    const project = projectOn({ 'count.py': COUNT });
    const gate = project.write('gate', '');
    const engine = await engineOn(project.workspace);
    const { run } = await ask(engine, 'runs.start', { config: project.config({ task: { command: [python, 'count.py', gate] }, executor: box }) });
    await until(() => recordsOf(project.workspace, run.runId).some(({ type }) => type === 'points'), 'the first points');
    const hanging = processesWith(base).filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('outpost.js\0serve'));
    for (const pid of hanging) process.kill(pid, 'SIGSTOP');
    onTestFinished(() => hanging.filter((pid) => existsSync(`/proc/${pid}`)).forEach((pid) => process.kill(pid, 'SIGKILL')));
    expect(hanging).not.toEqual([]);
    await until(() => placeEventsOf(project.workspace, run.runId).includes('lost 1'), 'a word that it is lost', 30_000);
    await until(() => placeEventsOf(project.workspace, run.runId).includes('found 1'), 'a word that it is found', 30_000);
    rmSync(gate);
    await ask(engine, 'runs.wait', { runs: [run.runId] });
    expect(await ask(engine, 'runs.get', { run: run.runId })).toMatchObject({ run: { status: 'finished', attempts: 1, exitCode: 0 } });
    const losses = await lossesOf(project.workspace, run.runId);
    expect(losses.length).toBeGreaterThan(100);
    expect(losses).toEqual(losses.map((_, step) => step));
    expect(placeEventsOf(project.workspace, run.runId)).toEqual(['submitted 1', 'started 1', 'lost 1', 'found 1', 'ended 1', 'collected 1']);
  }, 120_000);

  it('says nothing of a line that breaks for a moment', async () => {
    const project = projectOn({ 'train.py': steps(30) });
    const engine = await engineOn(project.workspace);
    const { run } = await ask(engine, 'runs.start', { config: project.config({ task: { command: [python, 'train.py'] }, executor: box }) });
    await until(() => recordsOf(project.workspace, run.runId).some(({ type }) => type === 'points'), 'the first points');
    sshd.cut();
    await sleep(500);
    sshd.cut();
    await ask(engine, 'runs.wait', { runs: [run.runId] });
    expect(await lossesOf(project.workspace, run.runId)).toEqual(numbers(30));
    expect(placeEventsOf(project.workspace, run.runId)).toEqual(['submitted 1', 'started 1', 'ended 1', 'collected 1']);
  }, 60_000);

  it('ends all that a cancelled run started', async () => {
    const project = projectOn({ 'train.py': lines('import subprocess, time', 'subprocess.Popen(["sleep", "765432"], start_new_session=True)', 'print("{\\"step\\": 0, \\"loss\\": 1}", flush=True)', 'time.sleep(60)') });
    const engine = await engineOn(project.workspace);
    const { run } = await ask(engine, 'runs.start', { config: project.config({ task: { command: [python, 'train.py'] }, executor: box }) });
    await until(() => recordsOf(project.workspace, run.runId).some(({ type }) => type === 'points'), 'the first points');
    await ask(engine, 'runs.cancel', { run: run.runId });
    expect(await ask(engine, 'runs.get', { run: run.runId })).toMatchObject({ run: { status: 'cancelled' } });
    expect(processesWith('765432')).toEqual([]);
    expect(processesWith(join('runs', run.runId))).toEqual([]);
  }, 60_000);

  it('goes on from its checkpoint where its outpost is killed, to the bits of this machine', async () => {
    const project = projectOn();
    const engine = await engineOn(project.workspace);
    const { run } = await ask(engine, 'runs.start', { config: project.config({ experiment: 'there', ...LONG, executor: box }, 'there.yaml') });
    await until(() => recordsOf(project.workspace, run.runId).some(({ type }) => type === 'checkpoint'), 'a checkpoint', 30_000);
    const killed = processesWith(join(base, 'runs', run.runId)).filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('outpost.js'));
    expect(killed).toHaveLength(1);
    for (const pid of killed) process.kill(pid, 'SIGKILL');
    await ask(engine, 'runs.wait', { runs: [run.runId] });
    const there = await ask(engine, 'runs.get', { run: run.runId });
    const here = await runOnce(engine, project.config({ experiment: 'here', ...LONG }, 'here.yaml'));
    expect(there.run).toMatchObject({ status: 'finished', attempts: 2, weightsHash: here.run.weightsHash });
    const [, second] = recordsOf(project.workspace, run.runId).flatMap((record) => (record.type === 'attempt' ? [record] : []));
    expect(second).toMatchObject({ attempt: 2 });
    expect(second?.fromStep).toBeGreaterThan(0);
  }, 120_000);

  it.skipIf(FAKETIME === null)('tells the time of here where the clock there is an hour ahead', async () => {
    const ahead = await Sshd.start({ env: { LD_PRELOAD: FAKETIME ?? '', FAKETIME: '+3600s', FAKETIME_DONT_FAKE_MONOTONIC: '1', NO_FAKE_STAT: '1' } });
    onTestFinished(() => ahead.stop());
    const project = projectOn({ 'train.py': lines('import json, time', 'print(json.dumps({"step": 1, "loss": 1.5}), flush=True)', 'print(time.time(), flush=True)') }, { server: ahead });
    const engine = await engineOn(project.workspace);
    const before = Date.now();
    const { run } = await runOnce(engine, project.config({ task: { command: [python, 'train.py'] }, executor: box }));
    expect(run).toMatchObject({ status: 'finished', attempts: 1 });
    // It was another time there.
    expect(Number(printed(project.workspace, run.runId)[1]) * 1000 - before).toBeGreaterThan(3_500_000);
    const records = recordsOf(project.workspace, run.runId);
    const times = records.flatMap((record) => [record.time, ...(record.type === 'points' ? record.times : [])]);
    expect(Math.max(...times.map((time) => Math.abs(time - before)))).toBeLessThan(120_000);
    expect(records).toContainEqual(expect.objectContaining({ type: 'message', level: 'warning', text: expect.stringContaining('3600 s ahead') }));
  }, 90_000);

  it('refuses a machine that shows another key than the one that is pinned, and sends it nothing', async () => {
    const other = await Sshd.start({ identityFile: sshd.identityFile });
    onTestFinished(() => other.stop());
    const folder = mkdtempSync(join(tmpdir(), 'reprise-ssh-other-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const project = projectOn({ 'train.py': '' }, { server: other, folder });
    await other.replaceHostKey();
    const engine = await engineOn(project.workspace);
    const answer = await engine.call('runs.start', { config: project.config({ task: { command: [python, 'train.py'] }, executor: box }) });
    expect(answer).toMatchObject({ ok: false, error: { code: 'SSH_HOST_KEY_CHANGED' } });
    expect(readdirSync(folder)).toEqual([]);
  }, 30_000);

  it.skipIf(noSmallDisk !== null)('waits for room on a disk that is full there, and keeps all', async () => {
    const disk = new SmallDisk(400);
    const project = projectOn({ 'train.py': lines('import json, time', 'for step in range(40):', '    print(json.dumps({"step": step, "loss": step / 2}) + "\\n" + "x" * 20000, flush=True)', '    time.sleep(0.1)') }, { folder: disk.folder });
    const engine = await engineOn(project.workspace);
    const { run } = await ask(engine, 'runs.start', { config: project.config({ task: { command: [python, 'train.py'] }, executor: box }) });
    await until(() => recordsOf(project.workspace, run.runId).some(({ type }) => type === 'points'), 'the first lines', 30_000);
    disk.fill();
    await sleep(4000);
    disk.clear();
    await ask(engine, 'runs.wait', { runs: [run.runId] });
    expect(await ask(engine, 'runs.get', { run: run.runId })).toMatchObject({ run: { status: 'finished', exitCode: 0 } });
    expect(printed(project.workspace, run.runId)).toHaveLength(80);
    expect(await lossesOf(project.workspace, run.runId)).toEqual(numbers(40));
  }, 90_000);

  it.skipIf(noSmallDisk !== null)('says that its programs find no room there', async () => {
    const disk = new SmallDisk(20);
    const project = projectOn({ 'train.py': '' }, { folder: disk.folder });
    const engine = await engineOn(project.workspace);
    const answer = await engine.call('machines.test', { name: 'box' });
    expect(JSON.stringify(answer)).toContain('No space left on device');
  }, 30_000);
});
