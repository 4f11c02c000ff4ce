/** The reproducibility score of real projects, before and after they run. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { methods } from '../../src/api/contract';
import type { Score } from '../../src/api/provenance';
import type { Engine } from '../../src/engine/engine';
import { ask, engineOn, Project, python, runOnce } from '../helpers/commands';

const good = {
  experiment: 'rates',
  author: 'Ada Example <ada@example.org>',
  description: 'How the loss of a small model of scaled numbers falls with the learning rate, over three seeds, with all else kept as it is in the paper.',
  tags: ['paper'],
  task: { command: [python, 'train.py', '{seed}'], inputs: [{ path: 'data', license: 'CC0-1.0' }], outputs: ['out/*'] },
  seed: 1,
  environment: { python: { version: '3' } },
  selection: { metric: 'loss' },
};

function project(): Project {
  const made = new Project({
    'train.py': 'import pathlib, sys\nprint(\'{"loss": 0.5, "step": 1}\')\npathlib.Path("out").mkdir()\npathlib.Path("out/x").write_text(sys.argv[1])\n',
    'data/x.csv': 'a\n1\n',
    '.gitignore': 'data/\n*.yaml\n',
    'README.md': '# Rates\n',
    'LICENSE': 'MIT\n',
    'CITATION.cff': 'cff-version: 1.2.0\n',
    'requirements.txt': 'numpy==2.1.0\n',
  });
  made.commit();
  execFileSync('git', ['remote', 'add', 'origin', 'git@git.example.org:me/rates.git'], { cwd: made.folder });
  return made;
}

async function scored(engine: Engine, input: { readonly config: string } | { readonly target: string }): Promise<Score> {
  const answer = 'config' in input ? await ask(engine, 'config.score', input) : await ask(engine, 'runs.score', input);
  expect(methods['runs.score'].output.parse(answer)).toEqual(answer);
  return answer;
}

const open = ({ facts }: Score): string[] => facts.filter(({ state }) => state !== 'good').map(({ id, state }) => `${id} ${state}`);

describe('the score', () => {
  it('of a project that keeps to everything is full, before and after, and leaves no trace before', async () => {
    const made = project();
    const engine = await engineOn(made.workspace);
    const before = await scored(engine, { config: made.config(good) });
    expect(open(before)).toEqual([]);
    expect(before).toMatchObject({ kind: 'config', name: 'rates', runs: 1, score: 100, least: 100 });
    expect(before.quality.map(({ name, percent, missing }) => [name, percent, missing])).toEqual([['Configuration completeness', 100, []], ['Metadata quality', 100, []], ['Documentation quality', 100, []]]);
    expect(await ask(engine, 'runs.list', {})).toEqual([]);
    expect(existsSync(`${made.workspace}/objects/00`)).toBe(false);
    const { run } = await runOnce(engine, made.config(good));
    const after = await scored(engine, { target: run.runId });
    expect(open(after)).toEqual([]);
    expect(after.facts.map(({ id }) => id)).toEqual([...before.facts.map(({ id }) => id).filter((id) => !id.startsWith('metadata.')), 'result.finished', 'metadata.experiment', 'metadata.author', 'metadata.description']);
    await runOnce(engine, made.config({ ...good, author: '', seed: 2 }));
    const both = await scored(engine, { target: 'rates' });
    expect(both).toMatchObject({ kind: 'experiment', runs: 2 });
    expect(both.facts.find(({ id }) => id === 'metadata.author')).toMatchObject({ state: 'missing', good: 1, of: 2 });
    expect(both.score).toBeLessThan(100);
    expect(both.least).toBeLessThan(both.score);
  }, 60_000);

  it.each<[string, (made: Project) => object, string[]]>([
    ['uncommitted code', (made) => (made.write('train.py', '#\n'), good), ['code.clean bad']],
    ['untracked code', (made) => (made.write('helper.py', '#\n'), good), ['code.clean bad']],
    ['a withheld secret', (made) => (made.write('.env', 'A=1\n'), good), ['code.clean bad', 'code.secrets bad']],
    ['a file too odd to store', (made) => (execFileSync('ln', ['-s', '/etc/hostname', 'link'], { cwd: made.folder }), good), ['code.clean bad', 'code.stored bad']],
    ['an unpinned package', (made) => (made.write('requirements.txt', 'numpy\n'), made.commit(), good), ['environment.pinned bad']],
    ['no lock file', (made) => (execFileSync('git', ['rm', '-q', 'requirements.txt'], { cwd: made.folder }), made.commit(), good), ['environment.pinned missing']],
    ['an image by its tag', () => ({ ...good, environment: { ...good.environment, container: 'lab/train:latest', levels: { container: 'ignore' } } }), ['environment.image bad']],
    ['a mismatch', () => ({ ...good, environment: { python: { version: '2.7' }, levels: { python: 'warning' } } }), ['environment.spec bad']],
    ['no stated environment', () => ({ ...good, environment: {} }), ['environment.spec missing']],
    ['no seed', () => ({ ...good, task: { ...good.task, command: [python, 'train.py', '1'] } }), ['seed missing']],
    ['random hashes', () => ({ ...good, task: { ...good.task, env: { PYTHONHASHSEED: 'random' } } }), ['determinism bad']],
    ['no declared data', () => ({ ...good, task: { ...good.task, inputs: [] } }), ['data.fingerprint missing']],
    ['data without a licence', () => ({ ...good, task: { ...good.task, inputs: ['data'] } }), ['data.license missing']],
    ['nothing declared of the result', () => ({ ...good, selection: undefined, task: { ...good.task, outputs: [] } }), ['result.metric missing', 'result.outputs missing']],
    ['no labels', () => ({ ...good, author: '', description: '', experiment: 'untitled' }), ['metadata.experiment missing', 'metadata.author missing', 'metadata.description missing']],
    ['a program that is no Python', () => ({ ...good, task: { ...good.task, command: ['sh', '-c', 'echo {seed}'] }, environment: { os: process.platform } }), ['environment.interpreter missing']],
  ])('loses what belongs to %s, and says what to do', async (_, make, expected) => {
    const made = project();
    const config = make(made);
    const engine = await engineOn(made.workspace);
    const score = await scored(engine, { config: made.config(config) });
    expect(open(score)).toEqual(expected);
    const lost = score.facts.filter(({ state }) => state !== 'good');
    const total = score.facts.reduce((sum, { weight }) => sum + weight, 0);
    expect(score.score).toBeCloseTo(100 * (1 - lost.reduce((sum, { weight }) => sum + weight, 0) / total), 9);
    for (const { fix } of score.facts.filter(({ state }) => state !== 'good')) expect(fix).toMatch(/^[A-Z].*\.$/u);
    for (const { fix } of score.facts.filter(({ state }) => state === 'good')) expect(fix).toBeNull();
  }, 60_000);

  it('stands beside the code itself, which comes back as it was', async () => {
    const made = project();
    made.write('train.py', 'print("dirty")\n');
    made.write('new.py', 'x = 1\n');
    made.write('.env', 'A=1\n');
    const engine = await engineOn(made.workspace);
    const { run } = await runOnce(engine, made.config({ ...good, task: { command: [python, 'train.py', '{seed}'] } }));
    const out = `${made.folder}-again`;
    onTestFinished(() => rmSync(out, { recursive: true, force: true }));
    const restored = await ask(engine, 'runs.restoreCode', { run: run.runId, out });
    expect(methods['runs.restoreCode'].output.parse(restored)).toEqual(restored);
    expect(restored).toMatchObject({ folder: out, configFolder: out, withheld: [{ path: '.env', note: 'its name says that it holds secrets' }] });
    expect(readFileSync(`${out}/train.py`, 'utf8')).toBe('print("dirty")\n');
    expect(readFileSync(`${out}/new.py`, 'utf8')).toBe('x = 1\n');
    expect(existsSync(`${out}/.env`)).toBe(false);
    expect(await engine.call('runs.restoreCode', { run: run.runId, out })).toMatchObject({ ok: false, error: { code: 'TARGET_NOT_EMPTY' } });
  }, 60_000);

  it('of a study is that of its baseline; of a folder without git says so', async () => {
    const bare = new Project({ 'train.py': 'print(1)\n' });
    const engine = await engineOn(bare.workspace);
    const study = bare.config({ experiment: 'study', seed: undefined, seeds: [1, 2], baseline: { task: { command: [python, 'train.py', '{seed}', '{rate}'] }, params: { rate: 1 }, seed: 1, selection: { metric: 'loss' } }, factors: [{ path: 'params.rate', levels: [2] }], design: 'one-at-a-time' }, 'study.yaml');
    const score = await scored(engine, { config: study });
    expect(open(score)).toContain('code.commit missing');
    expect(score.facts.find(({ id }) => id === 'code.stored')).toMatchObject({ state: 'good' });
    // A built-in training needs no interpreter, and its data are known.
    const training = await scored(engine, { config: bare.config({ model: { kind: 'mlp', hidden: [4] }, data: { kind: 'two-moons', samples: 100 }, training: { learningRate: 0.1, batchSize: 10, epochs: 1 } }, 'train.yaml') });
    expect(open(training)).not.toContain('data.fingerprint missing');
    expect(training.facts.find(({ id }) => id === 'environment.runtime')).toMatchObject({ state: 'good' });
    expect(await engine.call('runs.score', { target: 'nothing' })).toMatchObject({ ok: false, error: { code: 'TARGET_NOT_FOUND' } });
  }, 60_000);
});
