/** Cleaning the folder of a machine that two workspaces share, over a real OpenSSH, and of a real cluster. */
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { GoingThings, MachineCleaned, StayingThings } from '../../src/api/machine-clean';
import { cli, cliJson } from '../helpers/cli';
import { ask, engineOn, Project, python, recordsOf, runOnce, until } from '../helpers/commands';
import { noSlurm, SlurmCluster } from '../helpers/engines/slurm';
import { noSshd, Sshd } from '../helpers/engines/sshd';

const DAY_S = 86_400;

/** As if nobody had touched it for so many days. */
function age(place: string, days: number): void {
  const then = Date.now() / 1000 - days * DAY_S;
  for (const name of statSync(place).isDirectory() ? readdirSync(place, { recursive: true, encoding: 'utf8' }) : []) if (existsSync(join(place, name))) utimesSync(join(place, name), then, then);
  utimesSync(place, then, then);
}

/** A workspace that has no run. */
async function empty(): Promise<Project> {
  const project = new Project({});
  await (await engineOn(project.workspace)).close();
  return project;
}

const wordsOf = (things: readonly (GoingThings | StayingThings)[]): string[] => things.map(({ kind, why, count }) => `${count} ${kind} ${why}`).sort();
const namesOf = (things: readonly (GoingThings | StayingThings)[], kind: string): string[] => things.filter((thing) => thing.kind === kind).flatMap(({ names }) => names).sort();
const objectsIn = (base: string): string[] => readdirSync(join(base, 'objects')).filter((name) => /^[0-9a-f]{2}$/u.test(name)).flatMap((name) => readdirSync(join(base, 'objects', name)));
const clean = (project: Project, ...more: string[]): Promise<MachineCleaned> => cliJson(['machine', 'clean', 'box', '--workspace', project.workspace, ...more]);

const TRAINING = { model: { kind: 'mlp', hidden: [16] }, training: { learningRate: 0.02, batchSize: 32, epochs: 4000, checkpointEvery: 20 }, data: { kind: 'spirals', samples: 400, noise: 0.1 } };

describe.skipIf(noSshd !== null)('the folder of a machine that SSH reaches', () => {
  let sshd: Sshd;
  let base: string;
  beforeAll(async () => {
    base = mkdtempSync(join(tmpdir(), 'reprise-clean-'));
    sshd = await Sshd.start();
  });
  afterAll(async () => {
    await sshd?.stop();
    rmSync(base, { recursive: true, force: true });
  });

  it('loses what no run of any workspace needs, and nothing else', async () => {
    const files = { 'wait.py': 'import json, os, sys, time\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.1)\nprint(json.dumps({"step": 1, "loss": 1.5}))\n', 'data/rows.csv': 'row\n', '.gitignore': 'data\n' };
    const [ours, theirs] = [new Project(files), await empty()];
    for (const project of [ours, theirs]) project.machine('box', { kind: 'ssh', ssh: sshd.endpoint(), folder: base, poll: 0.2 });

    const go = join(mkdtempSync(join(tmpdir(), 'reprise-go-')), 'go');
    onTestFinished(() => rmSync(dirname(go), { recursive: true }));
    // Of another workspace: one that goes on, and one that was cancelled and could go on by a retry.
    const engine = await engineOn(ours.workspace);
    const { run: going } = await ask(engine, 'runs.start', { config: ours.config({ task: { command: [python, 'wait.py', go], inputs: ['data'] }, executor: { kind: 'ssh', machine: 'box' } }) });
    const { run: cancelled } = await ask(engine, 'runs.start', { config: ours.config({ experiment: 'cancelled', ...TRAINING, executor: { kind: 'ssh', machine: 'box' } }, 'cancelled.yaml') });
    await until(() => recordsOf(ours.workspace, cancelled.runId).some(({ type }) => type === 'checkpoint'), 'a checkpoint');
    await ask(engine, 'runs.cancel', { run: cancelled.runId });
    await ask(engine, 'runs.wait', { runs: [cancelled.runId] });
    await until(() => recordsOf(ours.workspace, going.runId).some((record) => record.type === 'place' && record.event === 'started'), 'the start');

    // What was left by others long ago.
    const [old, current] = ['f'.repeat(32), readdirSync(join(base, 'kit'))];
    mkdirSync(join(base, 'kit', old));
    writeFileSync(join(base, 'kit', old, 'outpost.js'), 'x'.repeat(175_000));
    const orphan = 'ab'.repeat(32);
    mkdirSync(join(base, 'objects', 'ab'), { recursive: true });
    writeFileSync(join(base, 'objects', 'ab', orphan), 'x'.repeat(1000));
    writeFileSync(join(base, 'objects', `tmp-${orphan}`), 'x');
    mkdirSync(join(base, 'jobs', '0123456789abcdef'), { recursive: true });
    writeFileSync(join(base, 'jobs', '0123456789abcdef', 'slurm.sh'), '#!/bin/bash\n');
    const foreign = 'd'.repeat(32);
    mkdirSync(join(base, 'kit', foreign));
    // Of another user, where a test can make such.
    if (process.getuid?.() === 0) chownSync(join(base, 'kit', foreign), 12_345, 12_345);
    else rmSync(join(base, 'kit', foreign), { recursive: true });
    const kits = readdirSync(join(base, 'kit')).filter((name) => name !== old).sort();
    // Of nobody we know, and links that lead out.
    mkdirSync(join(base, 'runs', 'notes'));
    writeFileSync(join(base, 'runs', 'notes', 'paper.tex'), 'results');
    const outside = mkdtempSync(join(tmpdir(), 'reprise-outside-'));
    writeFileSync(join(outside, 'run.json'), JSON.stringify({ runId: 'linked' }));
    symlinkSync(outside, join(base, 'runs', 'linked'));
    symlinkSync(outside, join(base, 'kit', 'e'.repeat(32)));
    for (const name of ['kit', 'objects', 'inputs', 'jobs', 'runs']) age(join(base, name), 100);

    const before = readdirSync(base, { recursive: true, encoding: 'utf8' }).sort();
    const plan = await clean(theirs, '--dry-run');
    expect(plan).toMatchObject({ name: 'box', folder: base, days: 30, removed: false, problems: [] });
    expect(wordsOf(plan.going)).toEqual(['1 job unneeded', '1 programs unneeded', '1 run unused', expect.stringMatching(/^\d+ object unneeded$/u), '1 unfinished unneeded'].sort());
    expect(plan.going.find(({ kind }) => kind === 'programs')).toMatchObject({ names: [old], bytes: 175_000 });
    expect(namesOf(plan.going, 'run')).toEqual([cancelled.runId]);
    expect(namesOf(plan.staying, 'run')).toEqual([going.runId]);
    expect(plan.staying).toContainEqual(expect.objectContaining({ kind: 'run', why: 'running' }));
    expect(plan.staying).toContainEqual(expect.objectContaining({ kind: 'input', why: 'needed', count: 1 }));
    expect(namesOf(plan.staying, 'programs')).toEqual(kits);
    expect(plan.staying).toContainEqual(expect.objectContaining({ kind: 'programs', why: 'current', names: current }));
    if (kits.length > 1) expect(plan.staying).toContainEqual(expect.objectContaining({ kind: 'programs', why: 'foreign', names: [foreign] }));
    expect(readdirSync(base, { recursive: true, encoding: 'utf8' }).sort()).toEqual(before);
    // For its own workspace the first one is not over either, whatever its process does.
    const stays = await clean(ours, '--dry-run', '--older-than', '200');
    expect(namesOf(stays.going, 'run')).toEqual([]);

    const needed = namesOf(plan.staying, 'object');
    const text = (await cli(['machine', 'clean', 'box', '--workspace', theirs.workspace])).stdout;
    expect(text).toMatch(/^Removed, \d/mu);
    expect(text).toMatch(/Programs of Reprise\s+1\s+175\.0 kB\s+\d{4}-\d\d-\d\d\s+no run there needs it; not used for 7 days/u);
    expect(text).toMatch(/Folders of runs\s+1\s+\S+ .B\s+\S+\s+in use now/u);
    expect(readdirSync(join(base, 'runs')).sort()).toEqual([going.runId, 'linked', 'notes'].sort());
    expect(readdirSync(join(base, 'kit')).sort()).toEqual([...kits, 'e'.repeat(32)].sort());
    expect(readdirSync(join(base, 'jobs'))).toEqual([]);
    expect(readdirSync(join(base, 'removed'))).toEqual([]);
    expect(objectsIn(base).sort()).toEqual(needed);
    expect(existsSync(join(base, 'objects', `tmp-${orphan}`))).toBe(false);
    expect(existsSync(join(outside, 'run.json')) && existsSync(join(base, 'runs', 'notes', 'paper.tex'))).toBe(true);
    rmSync(outside, { recursive: true });
    expect(wordsOf((await clean(theirs)).going)).toEqual([]);

    // Nobody there noticed: one ends as it would have, the other begins anew.
    writeFileSync(go, '');
    await ask(engine, 'runs.wait', { runs: [going.runId] });
    expect((await ask(engine, 'runs.get', { run: going.runId })).run).toMatchObject({ status: 'finished', exitCode: 0 });
    await ask(engine, 'runs.retry', { run: cancelled.runId });
    await until(() => recordsOf(ours.workspace, cancelled.runId).filter(({ type }) => type === 'checkpoint').length > 1, 'another checkpoint');
    await ask(engine, 'runs.cancel', { run: cancelled.runId });
    await ask(engine, 'runs.wait', { runs: [cancelled.runId] });
    // And what was sent is sent again where it is gone.
    const { run } = await runOnce(engine, ours.config({ experiment: 'again', task: { command: [python, '-c', 'print(1)'], inputs: ['data'] }, executor: { kind: 'ssh', machine: 'box' } }, 'again.yaml'));
    expect(run.status).toBe('finished');
  }, 120_000);

  it('is left alone where it is a workspace, and where there is none', async () => {
    const project = new Project({});
    await engineOn(project.workspace);
    project.machines({ box: { kind: 'ssh', ssh: sshd.endpoint(), folder: project.workspace }, engine: { kind: 'docker' } });
    const own = await cli(['machine', 'clean', 'box', '--workspace', project.workspace]);
    expect([own.code, own.stderr]).toEqual([1, expect.stringContaining('FOLDER_IS_WORKSPACE')]);
    const docker = await cli(['machine', 'clean', 'engine', '--workspace', project.workspace]);
    expect([docker.code, docker.stderr]).toEqual([2, expect.stringContaining('MACHINE_NOT_CLEANED')]);
    expect((await cli(['machine', 'clean', 'box', '--older-than', '0', '--workspace', project.workspace])).code).toBe(2);
  }, 60_000);
});

describe.skipIf(noSlurm !== null)('the folder of a cluster', () => {
  let cluster: SlurmCluster;
  beforeAll(async () => {
    cluster = await SlurmCluster.start();
  }, 60_000);
  afterAll(() => cluster?.stop());

  it('keeps all that a job in the queue will need, of whichever workspace it is', async () => {
    const base = mkdtempSync(join(tmpdir(), 'reprise-clean-cluster-'));
    const [ours, theirs] = [new Project({ 'one.py': 'print(1)' }), await empty()];
    for (const project of [ours, theirs]) project.machine('box', { kind: 'slurm', folder: base, poll: 0.2 });
    const engine = await engineOn(ours.workspace);
    const { run } = await ask(engine, 'runs.start', { config: ours.config({ task: { command: [python, 'one.py'] }, executor: { kind: 'slurm', machine: 'box', options: ['--hold'] } }) });
    await until(() => recordsOf(ours.workspace, run.runId).some((record) => record.type === 'place' && record.job !== undefined), 'the job');
    for (const name of ['kit', 'objects', 'jobs', 'runs']) age(join(base, name), 400);
    const before = readdirSync(base, { recursive: true, encoding: 'utf8' }).sort();
    const kept = await clean(theirs);
    expect([kept.going, kept.problems]).toEqual([[], []]);
    expect(wordsOf(kept.staying)).toEqual(expect.arrayContaining(['1 job waiting', '1 run waiting']));
    expect(readdirSync(base, { recursive: true, encoding: 'utf8' }).sort()).toEqual(before);
    // Its host knows nothing more of it.
    await engine.close();
    await cluster.run('scancel', '--state=PENDING');
    while ((await cluster.run('squeue', '--noheader')).trim() !== '') await sleep(100);
    age(join(base, 'runs'), 400);
    const after = await clean(theirs);
    expect(wordsOf(after.going)).toEqual(expect.arrayContaining(['1 job unneeded', '1 run unused']));
    expect([readdirSync(join(base, 'runs')), readdirSync(join(base, 'jobs')), objectsIn(base)]).toEqual([[], [], []]);
    rmSync(base, { recursive: true, force: true });
  }, 60_000);
});
