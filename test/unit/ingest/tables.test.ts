import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RepriseError } from '../../../src/errors/errors';
import { isMissing, numberOf, statusOf, timeOf } from '../../../src/ingest/tables/cells';
import { layoutOf, rolesOf } from '../../../src/ingest/tables/columns';
import { importTable, type TableOptions } from '../../../src/ingest/tables/import';
import type { TableFormat } from '../../../src/ingest/tables/rows';
import { parsePythonJson } from '../../../src/ingest/python-json';
import { memorySink, paramsOf, seriesOf, tagsOf } from '../../helpers/trackers';

describe('cells', () => {
  test.each([
    ['1e-5', 1e-5], ['+3', 3], [' 7 ', 7], ['.5', 0.5], ['5.', 5], ['nan', Number.NaN], ['-inf', -Infinity], ['Infinity', Infinity],
    [true, 1], [12n, 12], ['0x10', null], ['1,5', null], ['', null], [null, null], ['12abc', null],
  ])('the number in %o is %o', (cell, number) => {
    expect(numberOf(cell)).toEqual(number);
  });

  test.each([
    ['2026-11-23T07:00:00Z', Date.UTC(2026, 10, 23, 7)],
    ['2026-11-23 07:00:00.125', Date.UTC(2026, 10, 23, 7, 0, 0, 125)],
    ['2026-11-23 07:00:00+02:00', Date.UTC(2026, 10, 23, 5)],
    ['2026-11-23', Date.UTC(2026, 10, 23)],
    [1_700_000_000, 1_700_000_000_000],
    [1_700_000_000_123, 1_700_000_000_123],
    ['1700000000.5', 1_700_000_000_500],
    [1_700_000_000_123_456, 1_700_000_000_123.456],
    [new Date(5), 5],
    ['yesterday', null],
    ['nan', null],
  ])('the time in %o is %o', (cell, time) => {
    expect(timeOf(cell)).toEqual(time);
  });

  test('what is missing, and what a status is called', () => {
    expect([undefined, null, '', 0, 'x', Number.NaN].map(isMissing)).toEqual([true, true, true, false, false, false]);
    expect(['FINISHED', 'crashed', 'Killed', undefined, 'odd'].map(statusOf)).toEqual(['finished', 'failed', 'killed', 'finished', 'finished']);
  });
});

describe('columns', () => {
  test.each([
    [['run_id', 'params.lr', 'metrics.acc', 'step'], 'runs'],
    [['lr', 'acc'], 'runs'],
    [['step', 'loss'], 'points'],
    [['Wall time', 'Step', 'Value'], 'points'],
    [['run', 'metric', 'value'], 'points'],
  ] as const)('%j holds %s', (columns, layout) => {
    expect(layoutOf(columns)).toBe(layout);
  });

  test('prefixes say what a column is; a plain one is a parameter where none has a prefix', () => {
    expect([...rolesOf(['run_name', 'params.model.kind', 'metric/acc', 'tags.x', 'config.lr', 'note'], [])].map(([column, { kind, name }]) => [column, kind, name])).toEqual([
      ['params.model.kind', 'param', 'model.kind'], ['metric/acc', 'metric', 'acc'], ['tags.x', 'tag', 'x'], ['config.lr', 'param', 'lr'], ['note', 'tag', 'note'],
    ]);
    expect([...rolesOf(['lr', 'acc'], ['acc'])].map(([, { kind }]) => kind)).toEqual(['param', 'metric']);
  });
});

describe("Python's JSON", () => {
  test('numbers that are not finite stand in it, and texts that look like them', () => {
    expect(parsePythonJson('{"a": [NaN, -Infinity, "NaN", "a \\"NaN\\" b"], "Infinity": 1}')).toEqual({ a: [Number.NaN, -Infinity, 'NaN', 'a "NaN" b'], Infinity: 1 });
    expect(() => parsePythonJson('{NaN')).toThrow(SyntaxError);
  });
});

describe('a table', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'reprise-tables-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  async function read(name: string, content: string, options: Partial<TableOptions> = {}) {
    const path = join(folder, name);
    await writeFile(path, content);
    const sink = memorySink(async () => Promise.resolve({ sha256: '', bytes: 0 }));
    const format = name.slice(name.lastIndexOf('.') + 1);
    await importTable(path, (format === 'tsv' ? 'csv' : format) as TableFormat, { metrics: [], ...options }, sink);
    return { sink, runs: [...sink.runs.values()] };
  }
  const points = (records: Parameters<typeof seriesOf>[0]): Record<string, [number, number][]> => Object.fromEntries([...seriesOf(records)].map(([key, all]) => [key, all.map(([step, , value]) => [step, value])]));

  test("MLflow's own table of runs", async () => {
    const { runs, sink } = await read('runs.csv', 'run_id,experiment_id,status,start_time,end_time,metrics.acc,params.lr,tags.mlflow.runName\nabc,1,FAILED,2023-11-14 22:13:20+00:00,2023-11-14 22:15:00+00:00,0.5,0.1,first\n');
    expect(sink.problems).toEqual([]);
    expect(runs[0]?.run).toMatchObject({ name: 'first', experiment: 'runs', createdAt: 1_700_000_000_000 });
    expect(runs[0]?.state).toEqual({ status: 'failed', name: 'first', startedAt: 1_700_000_000_000, endedAt: 1_700_000_100_000 });
    expect(seriesOf(runs[0]?.records ?? []).get('acc')).toEqual([[0, 1_700_000_100_000, 0.5]]);
    expect(tagsOf(runs[0]?.records ?? [])).toEqual({ experiment_id: '1' });
  });

  test('equal rows are runs of their own, and the same ones whenever they are read', async () => {
    const content = 'lr,acc\n0.1,1\n0.1,1\n0.2,2\n';
    const first = await read('runs.csv', content, { metrics: ['acc'] });
    expect(new Set(first.runs.map(({ run }) => run.id)).size).toBe(3);
    const second = await read('runs.csv', content, { metrics: ['acc'] });
    expect(second.runs.map(({ run }) => run.id)).toEqual(first.runs.map(({ run }) => run.id));
    expect(first.runs.map(({ run }) => run.name)).toEqual(['runs 1', 'runs 2', 'runs 3']);
    expect(paramsOf(first.runs[2]?.records ?? [])).toEqual({ lr: '0.2' });
  });

  test('a metric that is no number is named with its row, and the rest of the row comes in', async () => {
    const { runs, sink } = await read('runs.jsonl', '{"params.a": 1, "metrics.x": "high", "metrics.y": 2}\n{"metrics.x": 3, "__proto__": 1}\n');
    expect(points(runs[0]?.records ?? [])).toEqual({ y: [[0, 2]] });
    expect(points(runs[1]?.records ?? [])).toEqual({ x: [[0, 3]] });
    expect(sink.problems).toEqual([`${join(folder, 'runs.jsonl')}: row 1: A metric is a number, but x is "high".`]);
  });

  test('points of several runs in any order, in lots', async () => {
    const rows = Array.from({ length: 60_000 }, (_, step) => ['a', 'b'].map((run) => `${run},loss,${step},${run === 'a' ? step : -step}`).join('\n'));
    const { runs } = await read('long.csv', `run,key,step,value\n${rows.join('\n')}\n`);
    expect(runs.map(({ run, state }) => [run.name, (state as { status: string }).status])).toEqual([['a', 'finished'], ['b', 'finished']]);
    for (const [index, sign] of [1, -1].entries()) {
      const series = seriesOf(runs[index]?.records ?? []).get('loss') ?? [];
      expect(series).toHaveLength(60_000);
      expect(series.every(([step, , value]) => value === sign * step)).toBe(true);
    }
  });

  test("TensorBoard's own table of one series, a table with tabs, and steps that are none", async () => {
    const own = await read('loss.csv', 'Wall time,Step,Value\n1700000000.5,0,1\n1700000001.5,10,0.5\n');
    expect(seriesOf(own.runs[0]?.records ?? []).get('loss')).toEqual([[0, 1_700_000_000_500, 1], [10, 1_700_000_001_500, 0.5]]);
    const tabs = await read('wide.tsv', 'epoch\tloss\tnote\n0.5\t1\tx\n1\t2\ty\n');
    expect(points(tabs.runs[0]?.records ?? [])).toEqual({ loss: [[0, 1], [1, 2]] });
    expect(tabs.sink.problems).toEqual([expect.stringContaining('rows are counted'), expect.stringContaining('left out of "note"')]);
  });

  test.each([
    ['no rows', 'x.csv', 'a,b\n', 'TABLE_EMPTY'],
    ['a torn row', 'x.csv', 'a,b\n1\n', 'TABLE_INVALID'],
    ['no JSON', 'x.jsonl', '{"a":1}\n{"a"\n', 'TABLE_INVALID'],
    ['a list of numbers', 'x.json', '[1]', 'TABLE_INVALID'],
    ['one object', 'x.json', '{"a":1}', 'TABLE_INVALID'],
    ['no Parquet', 'x.parquet', 'PAR1 and more', 'TABLE_INVALID'],
    ['a column that is not there', 'y.csv', 'a\n1\n', 'COLUMN_NOT_FOUND'],
  ])('%s is refused in words', async (_, name, content, code) => {
    const error = await read(name, content, name === 'y.csv' ? { metrics: ['b'] } : {}).then(() => null, (thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RepriseError);
    expect(error).toMatchObject({ code, kind: 'input' });
  });
});
