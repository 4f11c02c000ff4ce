/** When a command that was run before is not run again. */
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { unpack } from '../helpers/bundle-surgery';
import { cli } from '../helpers/cli';
import { ask, engineOn, look, printed, Project, python } from '../helpers/commands';

describe('the same question', () => {
  it('is answered once, until the code or an input changes', async () => {
    const project = new Project({ 'a.py': 'print(1)\n', 'data.csv': 'x' });
    project.commit();
    const engine = await engineOn(project.workspace);
    const baseline = { task: { command: [python, 'a.py', '{lr}', '{seed}'], inputs: ['data.csv'] }, params: { lr: 1 }, selection: { metric: 'loss' } };
    const study = project.write('study.yaml', JSON.stringify({ experiment: 'once', baseline, seeds: [1, 2], factors: [{ path: 'params.lr', levels: [2] }] }));
    const plan = async (): Promise<number> => (await ask(engine, 'studies.plan', { study })).reusedRuns;
    expect(await plan()).toBe(0);
    const { runs } = await ask(engine, 'studies.start', { study });
    await ask(engine, 'runs.wait', { runs: runs.map(({ run }) => run) });
    expect(await plan()).toBe(4);
    project.write('data.csv', 'y');
    expect(await plan()).toBe(0);
    project.write('data.csv', 'x');
    expect(await plan()).toBe(4);
    project.write('a.py', 'print(2)\n');
    expect(await plan()).toBe(0);
  });

  it('that is asked again over other code says which files differ', async () => {
    const project = new Project({ 'a.sh': 'exit 0\n', 'old.txt': 'x', 'data.csv': 'x' });
    const engine = await engineOn(project.workspace);
    const baseline = { task: { command: ['sh', 'a.sh', '{lr}', '{seed}'], inputs: ['data.csv'] }, params: { lr: 1 }, selection: { metric: 'loss' } };
    const study = (levels: readonly number[]): string => project.write('study.yaml', JSON.stringify({ experiment: 'why', baseline, seeds: [1, 2], factors: [{ path: 'params.lr', levels }] }));
    const file = study([2]);
    const changed = async (reuse = true) => (await ask(engine, 'studies.plan', { study: file, reuse })).changedCode;
    expect(await changed()).toBeNull();
    const { runs, plan } = await ask(engine, 'studies.start', { study: file });
    expect(plan.changedCode).toBeNull();
    await ask(engine, 'runs.wait', { runs: runs.map(({ run }) => run) });
    const newest = runs.at(-1)?.run ?? '';
    expect(await changed()).toBeNull();
    project.write('notes.md', 'unrelated');
    expect(await changed()).toEqual({ runs: 4, since: newest, files: ['notes.md'], total: 1 });
    expect(await changed(false)).toBeNull();
    // A level that was never run has nothing to be like.
    study([2, 3]);
    expect(await changed()).toEqual({ runs: 4, since: newest, files: ['notes.md', 'study.yaml'], total: 2 });
    rmSync(join(project.folder, 'old.txt'));
    for (const name of ['b', 'c', 'd']) project.write(`lib/${name}.py`, '');
    expect(await changed()).toEqual({ runs: 4, since: newest, files: ['lib/b.py', 'lib/c.py', 'lib/d.py', 'notes.md', 'old.txt'], total: 6 });
    // Where more differs than the code, that alone is not why.
    project.write('data.csv', 'y');
    expect(await changed()).toBeNull();
  });

  it('says so on the command line', async () => {
    const project = new Project({ 'a.sh': 'exit 0\n' });
    const study = project.write('study.yaml', JSON.stringify({ experiment: 'said', baseline: { task: { command: ['sh', 'a.sh', '{lr}'] }, params: { lr: 1 }, selection: { metric: 'x' } }, seeds: [1], factors: [{ path: 'params.lr', levels: [2] }] }));
    await cli(['ablate', study, '--workspace', project.workspace]);
    project.write('a.sh', 'exit 0 # the same\n');
    const sentence = /2 runs are not reused because the code changed after run \S+: a\.sh\n/u;
    expect((await cli(['ablate', study, '--dry-run', '--workspace', project.workspace])).stdout).toMatch(sentence);
    expect((await cli(['ablate', study, '--workspace', project.workspace])).stderr).toMatch(sentence);
  });

  it('is another where a withheld file changed, of which nothing is told', async () => {
    const project = new Project({ 'a.sh': 'if test -e .env; then cat .env; x=1; else x=2; fi\necho "{\\"step\\": 0, \\"x\\": $x}"\n', '.env': 'LEVEL=low\n' });
    project.commit();
    const study = project.write('study.yaml', JSON.stringify({ experiment: 'withheld', baseline: { task: { command: ['sh', 'a.sh', '{lr}'] }, params: { lr: 1 }, selection: { metric: 'x' } }, seeds: [1], factors: [{ path: 'params.lr', levels: [2] }] }));
    const engine = await engineOn(project.workspace);
    const reused = async (): Promise<number> => (await ask(engine, 'studies.plan', { study })).reusedRuns;
    const { runs } = await ask(engine, 'studies.start', { study });
    await ask(engine, 'runs.wait', { runs: runs.map(({ run }) => run) });
    const [first = ''] = runs.map(({ run }) => run);
    expect(printed(project.workspace, first)[0]).toBe('LEVEL=low');
    expect(await reused()).toBe(2);
    project.write('.env', 'LEVEL=high\n');
    expect((await ask(engine, 'studies.plan', { study })).changedCode).toMatchObject({ runs: 2, files: ['.env'], total: 1 });
    expect(await reused()).toBe(0);
    project.write('.env', 'LEVEL=low\n');
    expect(await reused()).toBe(2);
    const told = await look(project.workspace, (store) => JSON.stringify(store.manifest(first)));
    for (const algorithm of ['sha1', 'sha256', 'md5']) for (const encoding of ['hex', 'base64'] as const) expect(told).not.toContain(createHash(algorithm).update('LEVEL=low\n').digest(encoding));

    // In a bundle the code is the same, the file is not there, and that is said.
    const out = join(project.folder, 'withheld.crate.zip');
    await ask(engine, 'bundle.export', { target: 'withheld', out, license: 'MIT' });
    const digest = /"withheldDigest":"(?<digest>[0-9a-f]{64})"/u.exec(told)?.groups?.['digest'] ?? 'none';
    for (const [name, bytes] of await unpack(out)) expect(Buffer.from(bytes).toString('latin1'), name).not.toContain(digest);
    const { digest: trust } = await ask(engine, 'bundle.inspect', { file: out });
    const { runs: judged } = await ask(engine, 'bundle.reproduce', { file: out, trust });
    expect(JSON.stringify(judged)).toContain('files that may hold secrets were withheld there: .env');
  }, 60_000);

  it('is another with other threads, and where an output is asked for that no run kept', async () => {
    const project = new Project({ 'a.py': 'print(1)\n' });
    const study = (name: string, outputs: readonly string[]): string =>
      project.write(name, JSON.stringify({ experiment: 'kept', baseline: { task: { command: [python, 'a.py', '{lr}'], outputs }, params: { lr: 1 }, selection: { metric: 'x' } }, seeds: [1], factors: [{ path: 'params.lr', levels: [2] }] }));
    const [without, withModel] = [study('a.yaml', []), study('b.yaml', ['model.bin'])];
    const engine = await engineOn(project.workspace);
    const reused = async (of: string): Promise<number> => (await ask(engine, 'studies.plan', { study: of })).reusedRuns;
    const { runs } = await ask(engine, 'studies.start', { study: without });
    await ask(engine, 'runs.wait', { runs: runs.map(({ run }) => run) });
    expect(await reused(without)).toBe(2);
    expect(await reused(withModel)).toBe(0);
    vi.stubEnv('OMP_NUM_THREADS', '7');
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await reused(without)).toBe(0);
  });

  it('is the same with a workspace beside the code', async () => {
    const project = new Project({ 'a.py': 'print(1)\n', 'run.yaml': JSON.stringify({ task: { command: [python, 'a.py', '{lr}'] }, params: { lr: 1 }, seed: 1, selection: { metric: 'x' } }) });
    project.commit();
    const engine = await engineOn(join(project.folder, 'store'));
    const study = project.write('study.yaml', JSON.stringify({ experiment: 'in', baseline: 'run.yaml', seeds: [1], factors: [{ path: 'params.lr', levels: [2] }] }));
    const { runs } = await ask(engine, 'studies.start', { study });
    await ask(engine, 'runs.wait', { runs: runs.map(({ run }) => run) });
    expect((await ask(engine, 'studies.plan', { study })).reusedRuns).toBe(2);
  });
});
