/** Studies of real programs: compared, reported, exported, and executed again elsewhere. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { methods, type Input, type Method, type Output } from '../../src/api/contract';
import { extractBundle } from '../../src/bundle/open';
import type { Engine } from '../../src/engine/engine';
import { pack, remakeHashes, unpack } from '../helpers/bundle-surgery';
import { ask as plainAsk, engineOn, Project, python } from '../helpers/commands';

/** Asks, and holds the answer to the contract. */
async function ask<M extends Method>(engine: Engine, method: M, input: Input<M>): Promise<Output<M>> {
  const answer = await plainAsk(engine, method, input);
  expect(methods[method].output.safeParse(answer).error?.issues ?? []).toEqual([]);
  return answer;
}

const TRAIN = `import json, pathlib, random, sys
random.seed(int(sys.argv[1]))
rate = float(sys.argv[2])
scale = float(pathlib.Path("data/scale.txt").read_text())
loss = 1.0
for step in range(20):
    loss = scale * loss * (1 - rate * random.random())
    print(json.dumps({"step": step * 10, "loss": loss}))
pathlib.Path("out").mkdir()
pathlib.Path("out/model.txt").write_text(repr(loss))
`;
/** Its last loss grows from run to run, each time by about as much. */
const CLOCK = `import json, os, time
for step in range(3):
    print(json.dumps({"step": step, "steady": step / 2, "loss": time.time() - float(os.environ["SINCE"]) if step == 2 else 1.5}))
`;

const baseline = (command: readonly string[], more: object = {}): object => ({
  task: { command, outputs: ['out/*'], ...more },
  params: { rate: 0.1 },
  seed: 1,
  selection: { metric: 'loss', goal: 'minimize', value: 'best' },
});

/** A study of two variants and two seeds, finished. */
async function studyOf(project: Project, config: object): Promise<Engine> {
  const engine = await engineOn(project.workspace);
  const study = project.config({ experiment: 'rates', design: 'one-at-a-time', seeds: [1, 2], seed: undefined, baseline: config, factors: [{ path: 'params.rate', levels: [0.5] }] }, 'study.yaml');
  const { runs } = await ask(engine, 'studies.start', { study });
  const results = await ask(engine, 'runs.wait', { runs: runs.map(({ run }) => run) });
  expect(results.map(({ status, error }) => [status, error])).toEqual(results.map(() => ['finished', null]));
  return engine;
}

function sampleProject(): Project {
  const project = new Project({ 'train.py': TRAIN, 'data/scale.txt': '0.99', '.gitignore': 'data/\n' });
  project.commit();
  return project;
}
const sample = (): object => baseline([python, 'train.py', '{seed}', '{rate}'], { inputs: [{ path: 'data', license: 'CC0-1.0' }] });

async function exported(engine: Engine, project: Project, more: Partial<Input<'bundle.export'>> = {}): Promise<{ readonly file: string; readonly digest: string }> {
  return ask(engine, 'bundle.export', { target: 'rates', out: join(project.folder, `rates-${Object.keys(more).join('-')}.crate.zip`), license: 'MIT', ...more });
}

describe('a study of a command', () => {
  it('is compared and reported as one of trainings, by the metric that its config declares', async () => {
    const project = sampleProject();
    const engine = await studyOf(project, sample());
    const comparison = await ask(engine, 'compare.experiment', { experiment: 'rates' });
    expect(comparison).toMatchObject({ metric: 'loss (best)', higherIsBetter: false, missing: [], metrics: ['loss'] });
    expect(comparison.variants.map(({ name, n, values }) => [name, n, values.map(({ seed }) => seed)])).toEqual([['baseline', 2, [1, 2]], ['rate=0.5', 2, [1, 2]]]);
    const [base, other] = comparison.variants;
    expect(other?.delta).toMatchObject({ n: 2 });
    expect(other?.delta?.mean).toBeCloseTo((other?.mean ?? 0) - (base?.mean ?? 0), 12);
    const curves = await ask(engine, 'compare.curves', { experiment: 'rates', key: 'loss', points: 100 });
    expect(curves.keys).toEqual(['loss']);
    expect(curves.variants.map(({ n, steps }) => [n, steps.length, steps.at(-1)])).toEqual([[2, 20, 190], [2, 20, 190]]);
    expect((await ask(engine, 'compare.table', { experiment: 'rates', format: 'csv' })).text).toContain('loss (best)');
    const runs = await ask(engine, 'runs.list', {});
    const differences = await ask(engine, 'runs.diff', { left: comparison.variants[0]?.values[0]?.run ?? '', right: comparison.variants[1]?.values[0]?.run ?? '' });
    expect(differences).toEqual({ config: [{ path: 'params.rate', left: 0.1, right: 0.5 }], environment: [], data: [] });
    const beside = await ask(engine, 'compare.runs', { runs: runs.slice(0, 2).map(({ runId }) => runId) });
    expect(beside.sections.map(({ title }) => title)).toEqual(['Config', 'Environment', 'Data', 'Result']);
    for (const format of ['md', 'html'] as const) {
      const { file } = await ask(engine, 'report.write', { target: 'rates', format, out: join(project.folder, `report.${format}`) });
      const text = readFileSync(file, 'utf8');
      for (const part of ['train.py', 'loss (best)', 'rate=0.5', 'out/model.txt', 'Packages', 'CC0-1.0']) expect(text, part).toContain(part);
    }
    const details = await ask(engine, 'runs.details', { run: runs[0]?.runId ?? '' });
    expect(details).toMatchObject({ command: expect.stringContaining('train.py') as string, metric: { name: 'loss (best)' }, series: [{ key: 'loss', points: 20 }], files: [{ path: 'out/model.txt' }] });
    const window = await ask(engine, 'series.window', { run: details.run.runId, key: 'loss', buckets: 5 });
    expect([window.points, window.total, window.counts.reduce((sum, n) => sum + n, 0)]).toEqual([20, 20, 20]);
    const saved = await ask(engine, 'runs.saveFile', { run: details.run.runId, path: 'out/model.txt', out: join(project.folder, 'saved.txt') });
    expect(readFileSync(saved.file)).toHaveLength(details.files[0]?.bytes ?? -1);
    const output = await ask(engine, 'runs.output', { run: details.run.runId, offset: 0, limit: 7 });
    expect([output.lines.length, output.attempts, output.more]).toEqual([7, 1, true]);
    expect((await ask(engine, 'runs.output', { run: details.run.runId, offset: output.offset, limit: 100 })).lines).toHaveLength(13);
  });

  it('is executed again elsewhere to the same bits, and outside of Reprise', async () => {
    const project = sampleProject();
    const engine = await studyOf(project, sample());
    const { file, digest } = await exported(engine, project);
    expect(await ask(engine, 'bundle.estimate', { target: 'rates' })).toMatchObject({ runs: 4, leftOut: 0, calibrationRuns: 0, dataBytes: 4 });
    expect(await ask(engine, 'bundle.verify', { file })).toMatchObject({ valid: true, problems: [], digest });
    const page = await ask(engine, 'bundle.inspect', { file });
    expect(page).toMatchObject({ valid: true, needs: [], commands: [{ runs: 4, code: { dirty: true, untracked: ['study.yaml'], withheld: [] }, inputs: [{ path: 'data', held: true }], outputs: ['out/*'] }] });
    const plan = await ask(engine, 'bundle.plan', { file });
    expect(plan.lines.join('\n')).toMatch(/It would run 4 commands of the bundle's author:\n {2}\$ .*train\.py \{seed\} \{rate\}/u);
    expect(plan.lines.at(-1)).toMatch(/EXECUTED WITH YOUR RIGHTS/u);

    const elsewhere = await engineOn(join(project.folder, 'elsewhere'));
    await expect(ask(elsewhere, 'bundle.reproduce', { file, trust: 'f'.repeat(64) })).rejects.toThrow(/TRUST_MISMATCH/u);
    const result = await ask(elsewhere, 'bundle.reproduce', { file, trust: digest });
    expect(result, JSON.stringify(result.runs)).toMatchObject({ verdict: 'identical', sentence: 'Re-executing all 4 runs gave the recorded metrics, bit for bit.' });
    for (const run of result.runs) expect(run).toMatchObject({ kind: 'command', verdict: 'identical', series: [{ key: 'loss', points: 20, same: true }], files: [{ path: 'out/model.txt', same: true }] });
    const [verdict] = await ask(elsewhere, 'verdicts.list', {});
    const trace = await ask(elsewhere, 'verdicts.trace', { verdictId: verdict?.verdictId ?? '', run: result.runs[0]?.run ?? '' });
    expect([trace.key, [...trace.steps]]).toEqual(['loss', Array.from({ length: 20 }, (_, step) => step * 10)]);
    expect([...trace.here]).toEqual([...trace.recorded]);
    expect(readdirSync(join(project.folder, 'elsewhere', 'runs'))).toEqual([]);

    const bag = join(project.folder, 'bag');
    await extractBundle(file, bag);
    const printed = execFileSync('python3', [join(bag, 'data', 'rerun.py'), '--into', join(project.folder, 'rerun')], { encoding: 'utf8', cwd: project.folder });
    expect(printed).toMatch(/exit code 0[\s\S]*out\/model\.txt: the recorded bytes[\s\S]*loss: /u);
  });

  it('parts from a record that its program was altered for, and from one of a clock', async () => {
    const project = sampleProject();
    const engine = await studyOf(project, sample());
    const { file } = await exported(engine, project);
    const files = await unpack(file);
    const script = [...files.keys()].find((name) => name.startsWith('data/code/objects/') && files.get(name)?.includes('random.seed') === true) ?? '';
    files.set(script, Buffer.from(TRAIN.replace('random.seed(', 'random.seed(1 + ')));
    expect((await ask(engine, 'bundle.verify', { file: await pack(files, join(project.folder, 'careless.crate.zip')) })).valid).toBe(false);
    remakeHashes(files);
    const verified = await ask(engine, 'bundle.verify', { file: await pack(files, join(project.folder, 'careful.crate.zip')) });
    expect(verified.valid).toBe(false);
    expect(verified.problems).toContainEqual({ path: script, message: 'does not have the hash that is its name.' });

    const clock = new Project({ 'clock.py': CLOCK });
    const other = await engineOn(clock.workspace);
    const { run } = await ask(other, 'runs.start', { config: clock.config({ experiment: 'clock', ...baseline([python, 'clock.py'], { env: { SINCE: String(Date.now() / 1000 - 20) } }) }) });
    await ask(other, 'runs.wait', { runs: [run.runId] });
    const bundle = await ask(other, 'bundle.export', { target: run.runId, out: join(clock.folder, 'clock.crate.zip'), license: 'MIT' });
    const result = await ask(other, 'bundle.reproduce', { file: bundle.file, trust: bundle.digest });
    expect(result).toMatchObject({ verdict: 'diverged', runs: [{ firstDivergentStep: 2, series: [{ key: 'loss', firstDivergentStep: 2, same: false }, { key: 'steady', same: true }] }] });
    expect(result.runs[0]?.sentence).toMatch(/The series loss parts from the record for the first time at step 2\./u);
    // Its author's own re-execution shows that it does not repeat itself: what that shows is allowed.
    const calibrated = await ask(other, 'bundle.export', { target: run.runId, out: join(clock.folder, 'calibrated.crate.zip'), license: 'MIT', calibrate: true });
    expect((await ask(other, 'bundle.reproduce', { file: calibrated.file, trust: calibrated.digest })).verdict).toBe('within-tolerance');
  });

  it('starts the interpreter of this machine where the author named one by a place of his own', async () => {
    const project = sampleProject();
    const folder = join(project.folder, 'home', 'author', 'bin');
    mkdirSync(folder, { recursive: true });
    symlinkSync(execFileSync(python, ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim(), join(folder, 'python3'));
    const engine = await engineOn(project.workspace);
    const { run } = await ask(engine, 'runs.start', { config: project.config({ experiment: 'placed', ...baseline([join(folder, 'python3'), 'train.py', '{seed}', '{rate}'], { inputs: ['data'] }) }) });
    await ask(engine, 'runs.wait', { runs: [run.runId] });
    const { file, digest } = await ask(engine, 'bundle.export', { target: run.runId, out: join(project.folder, 'placed.crate.zip'), license: 'MIT' });
    rmSync(folder, { recursive: true });

    const elsewhere = await engineOn(join(project.folder, 'elsewhere'));
    expect(await ask(elsewhere, 'bundle.reproduce', { file, trust: digest })).toMatchObject({ verdict: 'identical' });
    const bag = join(project.folder, 'bag');
    await extractBundle(file, bag);
    const printed = execFileSync('python3', [join(bag, 'data', 'rerun.py'), '--into', join(project.folder, 'rerun')], { encoding: 'utf8', cwd: project.folder, stdio: ['ignore', 'pipe', 'ignore'] });
    expect(printed).toMatch(/exit code 0[\s\S]*out\/model\.txt: the recorded bytes/u);

    const known = process.env['PATH'];
    process.env['PATH'] = join(project.folder, 'nothing');
    onTestFinished(() => {
      process.env['PATH'] = known;
    });
    const without = await ask(elsewhere, 'bundle.reproduce', { file, trust: digest });
    expect([without.verdict, without.runs[0]?.sentence]).toEqual(['not-executed', expect.stringMatching(/there is no program .*python3 on this machine, nor one called python3 or python on the PATH/u)]);
  });

  it('needs the inputs that its bundle does not have, and takes no others', async () => {
    const project = sampleProject();
    const engine = await studyOf(project, sample());
    const { file, digest } = await exported(engine, project, { includeData: false });
    expect((await ask(engine, 'bundle.inspect', { file })).needs).toMatchObject([{ path: 'data' }]);
    const elsewhere = await engineOn(join(project.folder, 'elsewhere'));
    const missing = await ask(elsewhere, 'bundle.reproduce', { file, trust: digest, runs: 1 });
    expect(missing.verdict).toBe('not-executed');
    expect(missing.runs[0]?.sentence).toMatch(/the input data is not in the bundle; give the folder that holds it with --data \(fingerprint [0-9a-f]{64}\)/u);
    project.write('wrong/data/scale.txt', '0.98');
    const wrong = await ask(elsewhere, 'bundle.reproduce', { file, trust: digest, runs: 1, data: join(project.folder, 'wrong') });
    expect([wrong.verdict, wrong.runs[0]?.sentence]).toEqual(['not-executed', expect.stringMatching(/is not the recorded one: its fingerprint is/u)]);
    expect(await ask(elsewhere, 'bundle.reproduce', { file, trust: digest, runs: 1, data: project.folder })).toMatchObject({ verdict: 'identical' });
  });
});
