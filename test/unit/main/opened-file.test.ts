import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { identify } from '../../../main/opened-file';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'reprise-opened-'));
  mkdirSync(join(folder, 'mlruns'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const kindOf = async (name: string, content: string): Promise<string> => {
  writeFileSync(join(folder, name), content);
  return (await identify(join(folder, name))).kind;
};

it('takes folders, and files that other programs keep runs in, for runs', async () => {
  expect(await identify(join(folder, 'mlruns'))).toEqual({ kind: 'runs', path: join(folder, 'mlruns') });
  expect(await kindOf('mlflow.db', 'SQLite format 3\0')).toBe('runs');
  expect(await kindOf('no-name', 'SQLite format 3\0')).toBe('runs');
  expect(await kindOf('columns', 'PAR1....')).toBe('runs');
  expect(await kindOf('events.out.tfevents.1700000000.host', '\u0018\0\0\0')).toBe('runs');
  expect(await kindOf('run-abc.wandb', ':W&B')).toBe('runs');
  expect(await kindOf('runs.jsonl', '{"loss": 1}\n')).toBe('runs');
});

it('takes JSON for a study where it has a part of one, and else for runs', async () => {
  expect(await kindOf('config.json', '{"task": {"command": ["true"]}}')).toBe('study');
  expect(await kindOf('study.json', '{\n  "baseline": "config.yaml",\n  "seeds": [1]\n}')).toBe('study');
  expect(await kindOf('runs.json', '[{"loss": 1}]')).toBe('runs');
  expect(await kindOf('broken.json', '{"task": ')).toBe('runs');
});

it('still knows studies, tables and bundles, and refuses the rest', async () => {
  expect(await kindOf('study.yaml', 'baseline: a.yaml\n')).toBe('study');
  expect(await kindOf('table.csv', 'a,b\n1,2\n')).toBe('data');
  expect(await kindOf('bundle.bin', 'PK\u0003\u0004')).toBe('bundle');
  await expect(kindOf('picture.png', '\u0089PNG\0')).rejects.toMatchObject({ code: 'FILE_UNKNOWN' });
  await expect(kindOf('empty.db', '')).rejects.toMatchObject({ code: 'FILE_EMPTY' });
});
