/**
 * Runs that the real MLflow clients, SummaryWriter, wandb and pandas wrote come in, and go out again as MLflow, pandas and
 * pyarrow read them. MLflow's own reading of both stores is the judge.
 */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Output } from '../../src/api/contract';
import type { ImportResultView } from '../../src/api/imports';
import { createEngine, type Engine } from '../../src/engine/engine';
import { openStore } from '../../src/store/open';
import { cli, cliJson } from '../helpers/cli';
import { pythonWith, runPython } from '../helpers/trackers';

const mlflows = ([2, 3] as const).flatMap((generation) => {
  const python = pythonWith(`MLFLOW${generation}`, 'mlflow');
  if (python === null) console.warn(`SKIPPED: no MLflow ${generation} (REPRISE_PYTHON_MLFLOW${generation}): its stores are not imported.`);
  return python === null ? [] : [{ generation, python }];
});
const trackers = pythonWith('TRACKERS', 'tables') ?? '';
if (trackers === '') console.warn('SKIPPED: no pandas (REPRISE_PYTHON_TRACKERS): tables of other programs are not read, nor ours by them.');

interface ToldRun {
  readonly name: string;
  readonly lifecycle: string;
  readonly metrics: Readonly<Record<string, readonly (readonly [number, number, number | string])[]>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}
type Told = Readonly<Record<string, { readonly tags: object; readonly lifecycle: string; readonly runs: Readonly<Record<string, ToldRun>> }>>;

let folder: string;
let engine: Engine;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reprise-imports-'));
  engine = await open('workspace');
});
afterAll(async () => {
  await engine.close();
  await rm(folder, { recursive: true, force: true });
});

const open = async (name: string): Promise<Engine> => createEngine({ workspace: join(folder, name), mode: 'host', spawn: () => Promise.reject(new Error('Nothing is started here.')), resume: false });

async function call<M extends 'runs.import' | 'runs.export' | 'runs.list'>(method: M, input: Parameters<typeof engine.call<M>>[1], on: Engine = engine): Promise<Output<M>> {
  const result = await on.call(method, input);
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  return result.value;
}

const outcomes = ({ runs }: ImportResultView): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { outcome } of runs) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
};

/**
 * What is the same whoever keeps it: no deleted runs, no experiment without runs, points of a series in one order. Where
 * MLflow's database was given an infinity MLflow reads the largest double of it.
 */
function comparable(dump: Told): object {
  const told = JSON.parse(JSON.stringify(dump), (_, value: unknown) => (Math.abs(Number(value)) === Number.MAX_VALUE ? (Number(value) > 0 ? 'inf' : '-inf') : value)) as Told;
  const experiments = Object.entries(told).map(([name, { tags, runs }]) => {
    const active = Object.entries(runs).filter(([, run]) => run.lifecycle === 'active');
    return [name, { tags, runs: Object.fromEntries(active.map(([id, run]) => [id, { ...run, metrics: Object.fromEntries(Object.entries(run.metrics).map(([key, points]) => [key, points.toSorted((a, b) => a[0] - b[0] || a[1] - b[1])])) }])) }] as const;
  });
  return Object.fromEntries(experiments.filter(([, { runs }]) => Object.keys(runs).length > 0));
}

describe.each(mlflows)('MLflow $generation', ({ generation, python }) => {
  test.each(['file store', 'database'])('a %s comes in and goes out as it was', { timeout: 120_000 }, async (kind) => {
    const home = join(folder, `mlflow${generation} ${kind}`);
    await mkdir(home);
    const uri = kind === 'database' ? `sqlite:///${join(home, 'mlflow.db')}` : join(home, 'mlruns');
    const before = JSON.parse(await runPython(python, 'mlflow_store.py', ['write', uri], { cwd: home })) as Told;
    expect(Object.keys(before).toSorted()).toEqual(['Default', 'digits', 'ünïcode / näme']);

    const apart = await open(`workspace of mlflow${generation} ${kind}`);
    try {
      const dry = await call('runs.import', { path: home, dryRun: true }, apart);
      expect(outcomes(dry)).toEqual({ new: 8 });
      expect(await call('runs.list', {}, apart)).toEqual([]);
      const first = await call('runs.import', { path: home }, apart);
      expect(first.problems).toEqual([]);
      expect(outcomes(first)).toEqual({ new: 8 });
      // What still ran there is read again, and nothing comes twice.
      expect(outcomes(await call('runs.import', { path: home }, apart))).toEqual({ present: 6, updated: 2 });
      expect(await call('runs.list', {}, apart)).toHaveLength(6);

      const outs = ['out 0', 'out 1'].map((name) => join(home, name)) as [string, string];
      for (const [index, experiment] of ['digits', 'ünïcode / näme'].entries()) {
        const written = await call('runs.export', { target: experiment, format: 'mlruns', out: outs[index] as string }, apart);
        expect(written).toMatchObject({ runs: 3, points: 3 * 57, files: 6, renamed: [] });
      }
      const after = JSON.parse(await runPython(python, 'mlflow_store.py', ['dump', ...outs], { cwd: home })) as Told;
      expect(comparable(after)).toEqual(comparable(before));
    } finally {
      await apart.close();
    }
    // The deleted runs lie in the trash, and the database comes again from the folders.
    const store = await openStore(join(folder, `workspace of mlflow${generation} ${kind}`), { mode: 'reader' });
    try {
      const gone = Object.values(before).flatMap(({ runs }) => Object.entries(runs)).filter(([, run]) => run.lifecycle === 'deleted').map(([id]) => id);
      expect(gone).toHaveLength(2);
      expect(store.runData(gone).every(({ deletedAt }) => deletedAt !== null)).toBe(true);
    } finally {
      store.close();
    }
  });
});

describe.skipIf(mlflows.length === 0)('an mlruns folder that is damaged or leads elsewhere', () => {
  test('what is wrong is named, the rest comes in, and a repaired run comes in later', { timeout: 60_000 }, async () => {
    const { python } = mlflows[0] as (typeof mlflows)[number];
    const home = join(folder, 'damaged');
    await mkdir(home);
    const mlruns = join(home, 'mlruns');
    const told = JSON.parse(await runPython(python, 'mlflow_store.py', ['write', mlruns], { cwd: home })) as Told;
    const experiment = (await readdir(mlruns)).find((id) => existsSync(join(mlruns, id, Object.keys(told['digits']?.runs ?? {})[0] as string))) as string;
    const [broken, elsewhere] = Object.entries(told['digits']?.runs ?? {}).filter(([, run]) => run.lifecycle === 'active').map(([id]) => join(mlruns, experiment, id)) as [string, string];
    const series = join(broken, 'metrics', 'loss');
    await cp(series, join(home, 'loss'));
    await writeFile(series, '1 0.5 0\n2 many 1\n');
    await rm(join(elsewhere, 'artifacts'), { recursive: true });
    await writeFile(join(folder, 'secret'), 'mine');
    await writeFile(join(elsewhere, 'meta.yaml'), `artifact_uri: file://${folder}\nrun_id: x\nrun_name: elsewhere\nstatus: 3\nstart_time: 5\nend_time: 6\nuser_id: me\nlifecycle_stage: active\n`);

    const first = await call('runs.import', { path: mlruns });
    expect(outcomes(first)).toEqual({ new: 7, broken: 1 });
    expect(first.problems.map(({ message }) => message)).toEqual(expect.arrayContaining([expect.stringContaining('Line 2 of the metric "loss"'), expect.stringContaining('lie outside of')]));
    expect(first.problems).toHaveLength(2);
    await cp(join(home, 'loss'), series);
    const second = await call('runs.import', { path: mlruns });
    expect(second.runs.find(({ from }) => from === broken)?.outcome).toBe('updated');
    expect(second.problems).toEqual([]);
  });
});

describe.skipIf(trackers === '')('tables', () => {
  const tables = (): string => join(folder, 'tables');
  let long: { readonly run: string; readonly key: string; readonly value: number }[];
  beforeAll(async () => {
    await mkdir(tables());
    await runPython(trackers, 'tables.py', ['write', tables()]);
    long = JSON.parse(await runPython(trackers, 'tables.py', ['read', join(tables(), 'long-None.parquet')])) as typeof long;
  }, 60_000);

  const files = (stem: string): string[] => ['.csv', '.json', '.jsonl', '-snappy.parquet', '-zstd.parquet', '-gzip.parquet', '-brotli.parquet', '-None.parquet'].map((ending) => `${stem}${ending}`);

  async function imported(file: string, more: object = {}) {
    const result = await call('runs.import', { path: join(tables(), file), ...more });
    expect(result.problems).toEqual([]);
    const again = await call('runs.import', { path: join(tables(), file), ...more });
    expect(outcomes(again)).toEqual({ present: result.runs.length });
    const store = await openStore(join(folder, 'workspace'), { mode: 'reader' });
    try {
      return result.runs.map(({ run }) => {
        const [data] = store.runData([run]);
        return { data, series: Object.fromEntries(store.seriesKeys(run).map((key) => [key, store.points(run, key)])) };
      });
    } finally {
      store.close();
    }
  }

  test.each(files('runs'))('runs by prefixed columns: %s', async (file) => {
    const runs = await imported(file);
    const metrics = runs.map(({ data }) => Object.fromEntries(data?.metrics.map(({ key, value }) => [key, value]) ?? []));
    // pandas' JSON has no infinity.
    const infinite = file === 'runs.jsonl' ? {} : { acc: Infinity };
    expect(metrics).toEqual([{ acc: 0.5, loss: 0.25 }, { acc: expect.closeTo(1 / 3, 14) as number }, { ...infinite, loss: -1.5 }]);
    expect(runs.map(({ data }) => data?.run.name)).toEqual(['a', 'b', 'ü, "quoted"\nline']);
    expect(runs.map(({ data }) => Object.keys(data?.params ?? {}))).toEqual([['kind', 'lr'], ['kind', 'lr'], ['kind', 'lr']]);
    expect(runs.map(({ data }) => Number(data?.params['lr']))).toEqual([0.1, 0.01, 1e-5]);
    expect(runs.map(({ data }) => data?.tags)).toEqual([{ note: 'x', paper: 'v1' }, { note: 'y' }, { note: 'z', paper: 'v2' }]);
    expect(runs.every(({ data }) => data?.run.status === 'finished')).toBe(true);
  });

  test('plain columns: those that are named are metrics', async () => {
    const runs = await imported('plain.csv', { metrics: ['accuracy'], experiment: 'chosen' });
    expect(runs.map(({ data }) => [data?.run.experiment, data?.params, data?.metrics.map(({ key, value }) => [key, value])])).toEqual([
      ['chosen', { lr: '0.1', layers: '2' }, [['accuracy', 0.75]]],
      ['chosen', { lr: '0.2', layers: '3' }, [['accuracy', 0.5]]],
    ]);
  });

  test.each(files('long'))('points in long form: %s', async (file) => {
    const runs = await imported(file);
    expect(runs.map(({ data }) => data?.run.name)).toEqual(['first', 'second']);
    for (const { data, series } of runs) {
      expect(Object.keys(series)).toEqual(['loss', 'val/acc']);
      for (const [key, { steps, values }] of Object.entries(series)) {
        expect([...steps]).toEqual(Array.from({ length: 300 }, (_, step) => step));
        const expected = long.filter((row) => row.run === data?.run.name && row.key === key).map(({ value }) => value);
        // pandas writes 15 digits into its JSON lines.
        if (file === 'long.jsonl') expect(Math.max(...values.map((value, step) => Math.abs(value - (expected[step] as number))))).toBeLessThan(1e-14);
        else expect([...values]).toEqual(expected);
      }
    }
  });

  test.each(files('wide'))('points in wide form: %s', async (file) => {
    const [run, ...others] = await imported(file);
    expect(others).toEqual([]);
    expect(run?.series['loss']?.steps.length).toBe(500);
    expect([...(run?.series['acc']?.steps ?? [])]).toEqual(Array.from({ length: 167 }, (_, index) => index * 6));
    expect(run?.series['acc']?.values[2]).toBeCloseTo(6 / 7, 13);
  });

  test('our tables are read by pandas and pyarrow, number for number', { timeout: 60_000 }, async () => {
    const source = join(folder, 'odd.jsonl');
    const points = [[0, 'NaN'], [1, 'Infinity'], [2, '-Infinity'], [3, 0.1 + 0.2], [4, 5e-324], [5, -0], [-6, 1.7976931348623157e308], [2 ** 53 - 1, 1 / 3]] as const;
    await writeFile(source, points.map(([step, value]) => `${JSON.stringify({ run: 'grün, "a"\n', key: 'odd / 漢字', step, value, time: 1_700_000_000_123 + Math.min(step, 100) }).replace('"value":0,', '"value":-0.0,')}\n`).join(''));
    await call('runs.import', { path: source, experiment: 'odd ones' });
    const ordered = [-6, 0, 1, 2, 3, 4, 5, 2 ** 53 - 1].map((step) => points.find((point) => point[0] === step) as (typeof points)[number]);
    for (const format of ['csv', 'json', 'jsonl', 'parquet'] as const) {
      const out = join(folder, `points.${format}`);
      expect(await call('runs.export', { target: 'odd ones', format, rows: 'points', out })).toMatchObject({ runs: 1, points: 8 });
      const rows = JSON.parse(await runPython(trackers, 'tables.py', ['read', out])) as Readonly<Record<string, string | number>>[];
      expect(rows.map(({ step, value }) => [Number(step), Number(value)]), format).toEqual(ordered.map(([step, value]) => [step, Number(value)]));
      expect(new Set(rows.map((row) => [row['run_name'], row['experiment'], row['key']].join('|')))).toEqual(new Set(['grün, "a"\n|odd ones|odd / 漢字']));
      expect(rows.map(({ time }) => (typeof time === 'number' ? time : Date.parse(time ?? '')))).toEqual(ordered.map(([step]) => 1_700_000_000_123 + Math.min(step, 100)));

      const runs = join(folder, `runs.${format}`);
      await call('runs.export', { target: 'odd ones', format, out: runs });
      const [row] = JSON.parse(await runPython(trackers, 'tables.py', ['read', runs])) as Readonly<Record<string, string | number>>[];
      expect(row).toMatchObject({ run_name: 'grün, "a"\n', kind: 'logged', status: 'finished' });
      expect(Number(row?.['metrics.odd / 漢字'])).toBe(1 / 3);
      // And back: the same runs, of another source.
      const back = await call('runs.import', { path: out, experiment: `back ${format}` });
      expect(back.problems).toEqual([]);
      const store = await openStore(join(folder, 'workspace'), { mode: 'reader' });
      const { values } = store.points(back.runs[0]?.run ?? '', 'odd / 漢字');
      store.close();
      expect([...values]).toEqual(ordered.map(([, value]) => Number(value)));
    }
  });
});

describe.skipIf(trackers === '')('logs of other programs', () => {
  test('a folder of TensorBoard logs: a run for each writer, once', { timeout: 60_000 }, async () => {
    const logs = join(folder, 'tensorboard');
    await runPython(trackers, 'tensorboard_logs.py', ['write', logs]);
    await mkdir(join(logs, 'second'));
    await runPython(trackers, 'tensorboard_logs.py', ['write-second-form', join(logs, 'second')]);
    const result = await call('runs.import', { path: logs });
    expect(result.problems).toEqual([]);
    expect(result.runs.map(({ name, outcome }) => [name, outcome])).toEqual([['second', 'new'], ['runs/first', 'new']]);
    // From wherever its folder is looked at.
    expect(outcomes(await call('runs.import', { path: join(logs, 'runs') }))).toEqual({ present: 1 });
    const store = await openStore(join(folder, 'workspace'), { mode: 'reader' });
    const [second, first] = result.runs.map(({ run }) => ({ data: store.runData([run])[0], files: store.files(run), keys: store.seriesKeys(run), points: store.points(run, 'loss/train') }));
    store.close();
    expect(first?.points.steps.length).toBe(41);
    expect(first?.keys).toEqual(expect.arrayContaining(['both_a/both', 'both_b/both', 'hparam/acc', 'weights/median']));
    expect(first?.data).toMatchObject({ params: { lr: '0.1', bs: '32', opt: 'sgd', flag: '1' }, run: { status: 'finished' } });
    expect(first?.files.filter(({ path }) => path.startsWith('images/'))).toHaveLength(4);
    expect(second?.data).toMatchObject({ params: { units: '16', adam: 'true' }, run: { status: 'failed' }, tags: { 'tensorboard.group': 'group' } });
  });

  test("W&B's offline folders: parameters as they were at the end, once", { timeout: 60_000 }, async () => {
    const home = join(folder, 'wandb home');
    await mkdir(home);
    await runPython(trackers, 'wandb_script.py', ['train'], { cwd: home, env: { WANDB_MODE: 'offline', WANDB_DIR: home, WANDB_DATA_DIR: home, WANDB_CACHE_DIR: home, WANDB_CONFIG_DIR: home, WANDB_SILENT: 'true' } });
    const result = await call('runs.import', { path: home, format: 'wandb' });
    expect(result.runs.map(({ name, experiment, outcome }) => [name, experiment, outcome]).toSorted()).toEqual([['first run', 'digits', 'new'], ['second run', 'digits', 'new']]);
    expect(result.problems).toEqual([]);
    expect(outcomes(await call('runs.import', { path: join(home, 'wandb'), format: 'wandb' }))).toEqual({ present: 2 });
    const store = await openStore(join(folder, 'workspace'), { mode: 'reader' });
    const runId = result.runs.find(({ name }) => name === 'first run')?.run ?? '';
    const [data] = store.runData([runId]);
    const files = store.files(runId).map(({ path }) => path);
    const loss = store.points(runId, 'loss');
    store.close();
    expect(data).toMatchObject({ run: { status: 'failed', name: 'first run' }, params: { lr: '0.2', 'model.kind': 'lstm', late: '3', large: String(2n ** 70n) }, tags: { paper: '', grün: '', 'summary.verdict': 'good' } });
    expect(loss.values.length).toBe(61);
    expect(files).toContain('artifacts/model/weights.txt');
    // A link that leads out of the folder is not followed; the artifact of the same content is kept.
    expect(files).not.toContain('weights.txt');
  });
});

describe('the command line', () => {
  test('imports a table, tells what it would import, and exports it again', { timeout: 60_000 }, async () => {
    const workspace = ['--workspace', join(folder, 'workspace of the command line')];
    const table = join(folder, 'results.csv');
    await writeFile(table, 'name,lr,accuracy\na,0.1,0.5\nb,0.2,0.75\n');
    const dry = await cliJson<ImportResultView>(['import', table, '--metric', 'accuracy', '--dry-run', ...workspace]);
    expect(outcomes(dry)).toEqual({ new: 2 });
    const text = await cli(['import', table, '--metric', 'accuracy', '--experiment', 'mine', ...workspace]);
    expect(text).toMatchObject({ code: 0, stdout: 'imported 2 runs (csv)\nexperiment   mine\n' });
    expect(outcomes(await cliJson(['import', table, '--metric', 'accuracy', ...workspace]))).toEqual({ present: 2 });
    const out = join(folder, 'results.jsonl');
    expect(await cliJson(['export-runs', 'mine', '--format', 'jsonl', '--out', out, ...workspace])).toMatchObject({ runs: 2, out });
    expect((await readFile(out, 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as object)).toMatchObject([{ run_name: 'a', 'params.lr': '0.1', 'metrics.accuracy': 0.5 }, { run_name: 'b', 'metrics.accuracy': 0.75 }]);
    expect(await cli(['import', table, '--format', 'xml', ...workspace])).toMatchObject({ code: 2, stderr: expect.stringContaining('must be one of mlruns') });
    expect(await cli(['import', join(folder, 'nowhere'), ...workspace])).toMatchObject({ code: 2, stderr: expect.stringContaining('IMPORT_NOT_FOUND') });
  });
});
