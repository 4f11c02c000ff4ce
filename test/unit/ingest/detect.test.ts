import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { allowedNames } from '../../../src/engine/export-runs-mlruns';
import { findImport } from '../../../src/ingest/detect';
import { FileFinder } from '../../../src/ingest/tail/find-files';
import { filePath } from '../../../src/ingest/tail/file-path';
import { quantile } from '../../../src/ingest/tail/histogram';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reprise-detect-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function make(path: string, content = ''): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), content);
}

describe('what there is to import', () => {
  test.each([
    ['mlruns/0/meta.yaml', '', 'mlruns', 'mlruns'],
    ['mlruns/0/meta.yaml', 'mlruns', 'mlruns', 'mlruns'],
    ['mlflow.db', '', 'mlflow-db', 'mlflow.db'],
    ['runs/a/events.out.tfevents.1.h', '', 'tensorboard', ''],
    ['runs/a/events.out.tfevents.1.h', 'runs/a/events.out.tfevents.1.h', 'tensorboard', 'runs/a'],
    ['wandb/offline-run-1/run-1.wandb', '', 'wandb', ''],
    ['wandb/offline-run-1/run-1.wandb', 'wandb/offline-run-1/run-1.wandb', 'wandb', 'wandb/offline-run-1'],
    ['t.tsv', 't.tsv', 'csv', 't.tsv'],
    ['t.ndjson', 't.ndjson', 'jsonl', 't.ndjson'],
  ] as const)('%s, looked for at "%s", is %s', async (file, at, format, path) => {
    await make(file);
    expect(await findImport(join(folder, at), undefined)).toEqual({ format, path: join(folder, path) });
  });

  test('a file is known by what it holds before its name', async () => {
    await make('tracking', 'SQLite format 3\0');
    await make('table.data', 'PAR1....');
    expect((await findImport(join(folder, 'tracking'), undefined)).format).toBe('mlflow-db');
    expect((await findImport(join(folder, 'table.data'), undefined)).format).toBe('parquet');
    await make('odd.txt', 'a,b\n');
    await expect(findImport(join(folder, 'odd.txt'), undefined)).rejects.toMatchObject({ code: 'IMPORT_FORMAT_UNKNOWN' });
    expect((await findImport(join(folder, 'odd.txt'), 'csv')).format).toBe('csv');
  });

  test('nothing, and several kinds at once, are refused in words', async () => {
    await expect(findImport(join(folder, 'none'), undefined)).rejects.toMatchObject({ code: 'IMPORT_NOT_FOUND' });
    await expect(findImport(folder, undefined)).rejects.toMatchObject({ code: 'IMPORT_FORMAT_UNKNOWN' });
    await make('mlruns/0/meta.yaml');
    await make('mlflow.db');
    await expect(findImport(folder, undefined)).rejects.toMatchObject({ code: 'IMPORT_FORMAT_AMBIGUOUS', hint: expect.stringContaining('--format mlruns') });
    expect(await findImport(folder, 'mlflow-db')).toEqual({ format: 'mlflow-db', path: join(folder, 'mlflow.db') });
    await expect(findImport(folder, 'csv')).rejects.toMatchObject({ code: 'IMPORT_FORMAT_UNKNOWN' });
  });
});

test('files that come into a tree are found at once, those in folders of packages never', async () => {
  const finder = new FileFinder(folder, (name) => name.endsWith('.log'));
  expect(await finder.find()).toEqual([]);
  for (const [index, path] of ['a.log', 'x/b.log', 'x/y/z/c.log', 'x/d.txt', 'node_modules/e.log'].entries()) {
    await make(path);
    expect(await finder.find()).toHaveLength(Math.min(index + 1, 3));
  }
  await rm(join(folder, 'x'), { recursive: true });
  expect(await finder.find()).toEqual(['a.log']);
});

test('names become paths that stay inside', () => {
  expect(filePath('images', '../..//etc/./passwd', 'C:\\x\u0000')).toBe('images/etc/passwd/C__x_');
});

test('quantiles of a histogram, with the mass of a bucket spread over it', () => {
  const buckets = { left: [0, 1, 2], right: [1, 2, 4], counts: [2, 0, 2] };
  expect([0, 0.25, 0.5, 0.75, 1].map((share) => quantile(buckets, share))).toEqual([0, 0.5, 1, 3, 4]);
  expect(quantile({ left: [0], right: [1], counts: [0] }, 0.5)).toBeNaN();
});

test("names that MLflow's file store can hold, each a file of its own", () => {
  expect(Object.fromEntries(allowedNames(['loss', 'loss/train', 'acc%', 'acc_', 'ünï code', '../x', 'a//b', '.', '/abs', 'x'.repeat(300)]))).toEqual({
    loss: 'loss_2', 'loss/train': 'loss/train', 'acc%': 'acc_', acc_: 'acc__2', 'ünï code': 'ünï code', '../x': '_../x', 'a//b': 'a/_/b', '.': '_.', '/abs': '_/abs',
    ['x'.repeat(300)]: expect.stringMatching(/^x{220}-[0-9a-f]{16}$/u) as string,
  });
});
