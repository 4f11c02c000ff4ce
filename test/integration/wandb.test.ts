/** A script that only knows `wandb.log`, with WANDB_MODE=offline, read along while it runs. */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EventBody } from '../../src/events/records';
import { objectPath } from '../../src/files/objects';
import { WandbTail } from '../../src/ingest/wandb/tail';
import { drain, filesOf, messagesOf, paramsOf, putInto, pythonWith, seriesOf, startPython, tagsOf } from '../helpers/trackers';

const python = pythonWith('TRACKERS', 'wandb') ?? '';
if (python === '') console.warn('SKIPPED: no wandb (REPRISE_PYTHON_TRACKERS, REPRISE_TRACKERS): its transaction logs are not read.');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reprise-wandb-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe.skipIf(python === '')('W&B offline', () => {
  test('what a script logs comes in complete while it runs, across restarts', { timeout: 90_000 }, async () => {
    const put = putInto(folder);
    const where = join(folder, 'logs');
    await mkdir(where);
    const env = { WANDB_MODE: 'offline', WANDB_DIR: where, WANDB_DATA_DIR: where, WANDB_CACHE_DIR: where, WANDB_CONFIG_DIR: where, WANDB_SILENT: 'true' };
    const script = startPython(python, 'wandb_script.py', ['train', '0.05'], { cwd: folder, env });
    const ended = script.output.then(() => true);
    const records: EventBody[] = [];
    const lengths = new Set<number>();
    let tail = new WandbTail(where, { put });
    for (let round = 0; !(await Promise.race([ended, setTimeout(50, false)])); round++) {
      const { records: came, position } = await drain(tail);
      records.push(...came);
      lengths.add(seriesOf(records).get('loss')?.length ?? 0);
      // As if the engine had been killed.
      if (round % 3 === 2) tail = new WandbTail(where, { put, position });
    }
    const { records: rest, position } = await drain(tail, true);
    records.push(...rest);
    expect((await drain(new WandbTail(where, { put, position }), true)).records).toEqual([]);
    expect(messagesOf(records)).toEqual([]);

    const series = seriesOf(records);
    const values = (key: string): [number, number][] | undefined => series.get(key)?.map(([step, , value]) => [step, value]);
    const steps = Array.from({ length: 60 }, (_, step) => step);
    expect(values('loss')).toEqual([...steps.map((step) => [step, 1 / (step + 1)]), [60, 0.5]]);
    expect(values('nested.a')).toEqual(steps.map((step) => [step, step]));
    expect(values('nested.b.c')).toEqual(steps.map((step) => [step, step * 2]));
    expect(values('even')).toEqual(steps.map((step) => [step, Number(step % 2 === 0)]));
    expect(values('odd/nan')).toEqual([[60, Number.NaN]]);
    expect(values('odd/inf')).toEqual([[60, Infinity]]);
    expect(values('odd/ninf')).toEqual([[60, -Infinity]]);
    expect(values('float32')).toEqual([[60, Math.fround(0.1)]]);
    expect(values('dotted.key')).toEqual([[60, 7]]);
    expect(values('val/acc')).toEqual([[100, 0.9]]);
    expect(values('spread/median')).toEqual([[100, 1 + 2 / 6]]);
    expect(values('best')?.[0]?.[1]).toBe(0.77);
    expect(values('run-2/loss')).toEqual([[0, 42]]);
    expect(series.get('loss')?.every(([, time], index, all) => index === 0 || time >= (all[index - 1]?.[1] ?? 0))).toBe(true);
    expect([...series.keys()].some((key) => key.startsWith('system/wandb/'))).toBe(true);
    expect([...lengths].filter((length) => length > 0 && length < 61).length, 'batches while it ran').toBeGreaterThan(3);

    expect(paramsOf(records)).toEqual({ lr: '0.1', 'model.kind': 'lstm', 'model.sizes': '[1,2]', nothing: 'null', flag: 'true', large: String(2n ** 70n), late: '3' });
    expect(tagsOf(records)).toMatchObject({ paper: '', grün: '', 'wandb.project': 'digits', 'wandb.name': 'first run', 'wandb.notes': 'several\nlines', 'wandb.group': 'g1', 'wandb.job_type': 'train', 'config.lr': '0.2', 'summary.verdict': 'good', 'summary.loss': '0.01', 'summary.note': 'step 59 漢字', 'run-2/wandb.name': 'second run' });

    const files = filesOf(records);
    const content = async (path: string): Promise<string> => readFile(objectPath(join(folder, 'store'), files[path] as string), 'utf8');
    expect(Object.keys(files).filter((path) => /^media\/images\/picture_100_[0-9a-f]+\.png$/u.test(path))).toHaveLength(1);
    const table = Object.keys(files).find((path) => path.startsWith('media/table/table_101_')) as string;
    expect(JSON.parse(await content(table))).toMatchObject({ columns: ['a', 'b'], data: [[1, 'x'], [2, 'y']] });
    expect(await content('weights.txt')).toBe('weights');
    expect(await content('artifacts/model/weights.txt')).toBe('weights');
    expect(await content('wandb/output.log')).toContain('said on the output');
    expect(Object.keys(files).filter((path) => path.endsWith('.wandb'))).toHaveLength(2);
  });
});
