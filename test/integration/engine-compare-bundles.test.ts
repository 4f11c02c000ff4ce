/** The engine's answers for the window's Compare and Bundles views, on real runs of a small study. */
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { methods, type EventOf, type Input, type Method, type Output } from '../../src/api/contract';
import { summarize } from '../../src/analysis/summary';
import { createEngine, type Engine } from '../../src/engine/engine';
import { localWorkers } from '../../src/engine/local-workers';
import type { ErrorReport } from '../../src/errors/errors';
import { checkWorkspace } from '../../src/store/check';
import { rebuildWorkspace } from '../../src/store/rebuild';
import { alterLoss, pack, remakeHashes, unpack } from '../helpers/bundle-surgery';
import { smallConfig, temporaryFolder } from '../helpers/cli';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let workspace: string;
let engine: Engine;
const tasks: EventOf<'task'>[] = [];
const changes: string[] = [];

/** Calls a method, and holds its answer to the contract. */
async function ask<M extends Method>(method: M, input: Input<M>): Promise<Output<M>> {
  const answer = await engine.call(method, input);
  if (!answer.ok) throw new Error(`${method}: ${JSON.stringify(answer.error)}`);
  const parsed = methods[method].output.safeParse(answer.value);
  expect(parsed.error?.issues ?? []).toEqual([]);
  return answer.value;
}

async function refused<M extends Method>(method: M, input: Input<M>): Promise<ErrorReport> {
  const answer = await engine.call(method, input);
  if (answer.ok) throw new Error(`${method} was not refused`);
  return answer.error;
}

const open = async (): Promise<void> => {
  engine = await createEngine({ workspace, mode: 'host', spawn: localWorkers() });
  engine.on('task', (task) => tasks.push(task));
  engine.on('changed', ({ what }) => changes.push(what));
};

const study = `experiment: views
design: one-at-a-time
seeds: [1, 2, 3]
baseline: base.yaml
factors:
  - { path: model.dropout, levels: [0] }
  - { name: rate, levels: [{ label: "=exploding_[100%]", set: { training.optimizer: { kind: sgd, momentum: 0.9 }, training.learningRate: 1000 } }] }
`;

beforeAll(async () => {
  folder = await temporaryFolder();
  workspace = join(folder.path, 'workspace');
  await folder.write('base.yaml', smallConfig({ experiment: 'views', epochs: 6 }));
  await open();
  const started = await ask('studies.start', { study: await folder.write('study.yaml', study) });
  await ask('runs.wait', { runs: started.runs.map(({ run }) => run) });
}, 60_000);
afterAll(async () => {
  await engine.close();
  await folder.remove();
});

describe('compare', () => {
  it('links every number to its run', async () => {
    const { variants, missing } = await ask('compare.experiment', { experiment: 'views' });
    const [baseline, , exploding] = variants;
    expect(baseline?.values.map(({ seed }) => seed)).toEqual([1, 2, 3]);
    expect(summarize((baseline?.values ?? []).map(({ value }) => value)).mean).toBe(baseline?.mean);
    for (const { run, seed, value } of baseline?.values ?? []) {
      const { result } = await ask('runs.get', { run });
      expect(result).toMatchObject({ seed, metrics: { accuracy: value } });
    }
    expect(exploding?.values.length).toBe(exploding?.n);
    expect((exploding?.n ?? 0) + missing.length).toBe(3);
  });

  it('draws mean and band over seeds, thinned, and names what diverged', async () => {
    const whole = await ask('compare.curves', { experiment: 'views', key: 'train.loss', points: 5000 });
    const [baseline, , exploding] = whole.variants;
    const { variants } = await ask('compare.experiment', { experiment: 'views' });
    const series = await Promise.all((variants[0]?.values ?? []).map(({ run }) => ask('runs.series', { run, key: 'train.loss' })));
    expect(baseline?.n).toBe(3);
    expect(baseline?.steps).toEqual(series[0]?.steps);
    for (const step of [0, 7, (baseline?.steps.length ?? 0) - 1]) {
      const { mean, ci } = summarize(series.map(({ values }) => values[step] ?? Number.NaN));
      expect(baseline?.mean[step]).toBeCloseTo(mean ?? Number.NaN, 12);
      expect(baseline?.low[step]).toBeCloseTo(ci?.[0] ?? Number.NaN, 12);
      expect(baseline?.high[step]).toBeCloseTo(ci?.[1] ?? Number.NaN, 12);
    }
    expect(whole.method).toContain('Mean of 3 seeds a variant at each step, band = 95% t interval');
    expect(exploding?.mean.some((value) => Number.isNaN(value))).toBe(true);
    expect(whole.method).toMatch(/seed \d of =exploding_\[100%\]: diverged, train\.loss is not a finite number from step \d+ on/iu);

    const thin = await ask('compare.curves', { experiment: 'views', key: 'train.loss', points: 20 });
    const [few] = thin.variants;
    expect(few?.steps.length).toBeLessThanOrEqual(20);
    expect([few?.steps[0], few?.steps.at(-1)]).toEqual([baseline?.steps[0], baseline?.steps.at(-1)]);
    expect(Math.max(...(few?.mean ?? []))).toBe(Math.max(...(baseline?.mean ?? [])));
    expect(thin.method).toMatch(/steps thinned to \d+ after averaging/u);

    const validation = await ask('compare.curves', { experiment: 'views', key: 'validation.accuracy', points: 100 });
    expect(validation.variants[0]?.steps.length).toBeGreaterThan(1);
    expect(validation.variants[0]?.mean.every((value) => value >= 0 && value <= 1)).toBe(true);
  });

  it('sets runs side by side', async () => {
    const { variants } = await ask('compare.experiment', { experiment: 'views' });
    const runs = [variants[0]?.values[0]?.run ?? '', variants[0]?.values[1]?.run ?? '', variants[1]?.values[0]?.run ?? ''];
    const { sections } = await ask('compare.runs', { runs });
    expect(sections.map(({ title }) => title)).toEqual(['Config', 'Environment', 'Data', 'Result']);
    const differing = (title: string): string[] => sections.find((section) => section.title === title)?.rows.flatMap(({ path, same }) => (same ? [] : [path])) ?? [];
    expect(differing('Config')).toEqual(expect.arrayContaining(['seed', 'model.dropout']));
    expect(differing('Config')).not.toContain('training.learningRate');
    expect(differing('Environment')).not.toContain('versions.node');
    expect(differing('Data')).toEqual([]);
    expect(differing('Result')).toContain('weights hash');
    expect((await refused('compare.runs', { runs: [runs[0] ?? '', runs[0] ?? ''] })).code).toBe('RUNS_REPEATED');
  });

  it('answers as Markdown, CSV and LaTeX', async () => {
    const table = async (format: Input<'compare.table'>['format']): Promise<string> => (await ask('compare.table', { experiment: 'views', format })).text;
    expect(await table('md')).toMatch(/^\| variant/u);
    const csv = await table('csv');
    expect(csv.split('\r\n').filter((line) => line !== '')).toHaveLength(4);
    expect(csv).toContain("\r\n'=exploding_[100%],");
    const latex = await table('latex');
    expect(latex).toContain(String.raw`=exploding\_{[}100\%]`);
    expect(latex).toMatch(/\\toprule[\s\S]*\\midrule[\s\S]*\\bottomrule/u);
  });
});

describe('bundles', () => {
  let file: string;
  let digest: string;

  it('estimates an export, exports with a task, and shows the bundle', async () => {
    const estimate = await ask('bundle.estimate', { target: 'views' });
    expect(estimate).toMatchObject({ runs: 9, leftOut: 0, calibrationRuns: 2 });
    file = join(folder.path, 'views.crate.zip');
    const written = await ask('bundle.export', { target: 'views', out: file, license: 'MIT', calibrate: false, task: 'export-1' });
    digest = written.digest;
    expect(written.file).toBe(file);
    expect(estimate.bytes / written.bytes).toBeGreaterThan(0.8);
    expect(estimate.bytes / written.bytes).toBeLessThan(1.25);
    const [task] = await ask('tasks.list', {});
    expect(task).toMatchObject({ task: 'export-1', kind: 'export', status: 'done', result: file, error: null });
    expect(task?.done).toBe(task?.total);

    const page = await ask('bundle.inspect', { file });
    expect(page).toMatchObject({ file, bytes: written.bytes, digest, valid: true, problems: [], needs: [], needsData: false, license: 'MIT' });
    expect(page.checks.map(({ ok }) => ok)).toEqual([true, true, true, true, true]);
    expect(page.runs).toHaveLength(9);
    expect(page.files.some(({ path, bytes }) => path === 'data/bundle.json' && bytes > 0)).toBe(true);
    expect(page.environment.find(({ name }) => name === 'versions.onnxruntime')).toMatchObject({ same: true });
    expect(page.environment.every(({ recorded, here, same }) => same === (recorded === here))).toBe(true);
    // A start-up of half a second a run on the cores of this machine, and the steps; the three that diverged are not executed again.
    const { cores } = await ask('app.info', {});
    expect(page.estimatedSeconds).toBeGreaterThan((6 * 0.5) / cores);
    expect(page.estimatedSeconds).toBeLessThan(60);
  });

  it('says that an altered bundle is not valid, and which check found it', async () => {
    const bytes = await readFile(file);
    const altered = Buffer.from(bytes);
    const middle = Math.floor(altered.length / 3);
    altered[middle] = (altered[middle] ?? 0) ^ 0xff;
    const page = await ask('bundle.inspect', { file: await folder.write('altered.crate.zip', altered) });
    expect(page.valid).toBe(false);
    expect(page.problems.length).toBeGreaterThan(0);
    expect(page.checks.find(({ name }) => name === 'Hashes')?.ok).toBe(false);
  });

  it('reproduces with a task, and keeps the verdict with its traces', async () => {
    tasks.length = 0;
    const result = await ask('bundle.reproduce', { file, trust: digest, runs: 2, task: 'reproduce-1' });
    expect(result.verdict).toBe('identical');
    expect(changes).toContain('verdicts');
    const [task] = await ask('tasks.list', {});
    expect(task).toMatchObject({ kind: 'reproduce', status: 'done', title: 'Reproduce views.crate.zip' });
    expect(task?.done).toBe(task?.total);
    expect(tasks.at(-1)).toEqual(task);
    const running = tasks.filter(({ status }) => status === 'running');
    expect(running.length).toBeLessThanOrEqual(2 + ((task?.endedAt ?? 0) - (task?.startedAt ?? 0)) / 200);

    const [summary] = await ask('verdicts.list', {});
    expect(summary).toMatchObject({ verdictId: task?.result, file, digest, verdict: 'identical', runs: 9, name: 'views' });
    const view = await ask('verdicts.get', { verdictId: summary?.verdictId ?? '' });
    expect(view.result).toEqual(result);
    expect(view.environment.length).toBeGreaterThan(10);
    const [first] = result.runs;
    const trace = await ask('verdicts.trace', { verdictId: view.verdictId, run: first?.run ?? '' });
    expect(trace.recorded.length).toBeGreaterThan(10);
    expect(trace.here).toEqual(trace.recorded);
    expect(trace.hereSteps).toEqual(trace.steps);
    const last = result.runs.at(-1);
    expect(last?.verdict).toBe('not-executed');
    expect((await ask('verdicts.trace', { verdictId: view.verdictId, run: last?.run ?? '' })).here).toHaveLength(0);
  });

  it('calls an altered record diverged, with the step on the trace', async () => {
    const files = await unpack(file);
    const [run] = (await ask('bundle.inspect', { file })).runs;
    const log = `data/runs/${run?.runId ?? ''}/events.log`;
    files.set(log, alterLoss(files.get(log) ?? new Uint8Array(), 20, (loss) => loss * 2));
    remakeHashes(files);
    const forged = await pack(files, join(folder.path, 'forged.crate.zip'));
    const page = await ask('bundle.inspect', { file: forged });
    const { verdict, runs } = await ask('bundle.reproduce', { file: forged, trust: page.digest, runs: 1, task: 'reproduce-forged' });
    expect(verdict).toBe('diverged');
    expect(runs[0]).toMatchObject({ run: run?.runId, firstDivergentStep: 20 });
    const [summary] = await ask('verdicts.list', {});
    const trace = await ask('verdicts.trace', { verdictId: summary?.verdictId ?? '', run: run?.runId ?? '' });
    expect(trace.firstDivergentStep).toBe(20);
    const [recorded = 0, here = 0] = [trace.recorded[trace.steps.indexOf(20)], trace.here[trace.hereSteps.indexOf(20)]];
    expect(recorded).toBeCloseTo(here * 2, 6);
  });

  it('asks for the data that a bundle lacks, and reproduces with them', async () => {
    const rows = Array.from({ length: 60 }, (_, index) => `${index % 7},${(index * 5) % 11},${index % 2 === 0 ? 'a' : 'b'}`);
    const data = await folder.write('points.csv', `x,y,label\n${rows.join('\n')}\n`);
    const config = await folder.write('csv.yaml', 'experiment: csv\nmodel: { kind: mlp, hidden: [4] }\ntraining: { learningRate: 0.01, batchSize: 8, epochs: 2 }\ndata: { kind: csv, path: points.csv, target: label }\nseed: 1\n');
    const { run } = await ask('runs.start', { config });
    await ask('runs.wait', { runs: [run.runId] });
    expect((await ask('bundle.estimate', { target: 'csv', includeData: false, calibrate: false })).dataBytes).toBe(0);
    const out = join(folder.path, 'csv.crate.zip');
    const written = await ask('bundle.export', { target: 'csv', out, license: 'MIT', includeData: false, calibrate: false });
    const page = await ask('bundle.inspect', { file: out });
    expect(page).toMatchObject({ valid: true, needsData: true });
    expect(page.needs).toEqual([{ path: expect.stringContaining('points.csv') as string, message: expect.stringMatching(/not in the bundle.*SHA-256 is [0-9a-f]{64}/u) as string }]);
    const { verdict } = await ask('bundle.reproduce', { file: out, trust: written.digest });
    expect(verdict).toBe('not-executed');
    expect(await ask('bundle.reproduce', { file: out, trust: written.digest, data })).toMatchObject({ verdict: 'identical' });
    const [newest, older] = await ask('verdicts.list', {});
    expect([newest?.verdict, older?.verdict]).toEqual(['identical', 'not-executed']);
  });

  it('leaves nothing of a cancelled export or reproduction', async () => {
    const out = join(folder.path, 'cancelled.crate.zip');
    const exporting = engine.call('bundle.export', { target: 'views', out, license: 'MIT', task: 'export-2' });
    expect((await ask('tasks.cancel', { task: 'export-2' })).status).toBe('running');
    expect(await exporting).toMatchObject({ ok: false, error: { code: 'CANCELLED', kind: 'cancelled' } });
    expect((await ask('tasks.list', {}))[0]).toMatchObject({ task: 'export-2', status: 'cancelled', error: null, result: null });

    const before = await ask('verdicts.list', {});
    const reproducing = engine.call('bundle.reproduce', { file, trust: digest, task: 'reproduce-2' });
    await new Promise<void>((resolve) => {
      const off = engine.on('task', ({ task, done }) => {
        if (task !== 'reproduce-2' || done === 0) return;
        off();
        resolve();
      });
    });
    await ask('tasks.cancel', { task: 'reproduce-2' });
    expect(await reproducing).toMatchObject({ ok: false, error: { code: 'CANCELLED' } });
    expect(await ask('verdicts.list', {})).toEqual(before);
    expect((await readdir(folder.path)).filter((name) => name.includes('cancelled'))).toEqual([]);
    expect(existsSync(join(workspace, 'apart'))).toBe(false);
    expect(existsSync(join(workspace, 'reproduce'))).toBe(false);
    expect((await refused('tasks.cancel', { task: 'unknown' })).code).toBe('TASK_NOT_FOUND');
    expect((await refused('bundle.export', { target: 'views', out, license: 'MIT', task: 'export-2' })).code).toBe('TASK_EXISTS');
  });

  it('passes over a damaged verdict in the list and names it when asked for', async () => {
    const all = await ask('verdicts.list', {});
    const [kept] = all;
    await writeFile(join(workspace, 'verdicts', 'broken.json'), '{"format":1}');
    await writeFile(join(workspace, 'verdicts', 'torn.json'), '{');
    expect(await ask('verdicts.list', {})).toEqual(all);
    const broken = await refused('verdicts.get', { verdictId: 'broken' });
    expect(broken.code).toBe('VERDICT_DAMAGED');
    expect(broken.message).toContain('broken.json');
    expect((await refused('verdicts.get', { verdictId: 'torn' })).code).toBe('VERDICT_DAMAGED');
    expect((await refused('verdicts.get', { verdictId: '../../etc/passwd' })).code).toBe('VERDICT_NOT_FOUND');
    expect((await refused('verdicts.trace', { verdictId: kept?.verdictId ?? '', run: 'none' })).code).toBe('RUN_NOT_FOUND');
  });

  it('keeps verdicts through check, rebuild and another start', async () => {
    const kept = await ask('verdicts.list', {});
    expect(await checkWorkspace(workspace)).toEqual([]);
    await engine.close();
    await rebuildWorkspace(workspace);
    await open();
    expect(await ask('verdicts.list', {})).toEqual(kept);
    await rm(join(workspace, 'verdicts'), { recursive: true });
    expect(await ask('verdicts.list', {})).toEqual([]);
  });
});
