/** Real TensorBoard logs, read along while PyTorch's SummaryWriter writes them; TensorBoard's own reader is the judge. */
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EventBody } from '../../src/events/records';
import { objectPath } from '../../src/files/objects';
import { TensorBoardTail } from '../../src/ingest/tensorboard/tail';
import { drain, filesOf, messagesOf, paramsOf, putInto, pythonWith, runPython, seriesOf, startPython, tagsOf } from '../helpers/trackers';

const python = pythonWith('TRACKERS', 'tensorboard') ?? '';
if (python === '') console.warn('SKIPPED: no tensorboard (REPRISE_PYTHON_TRACKERS, REPRISE_TRACKERS): event files of other programs are not read.');

type Scalars = Readonly<Record<string, readonly (readonly [number, number, number | string])[]>>;
type Told = Readonly<Record<string, { readonly scalars: Scalars; readonly hashes: readonly string[] }>>;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reprise-tensorboard-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const inMilliseconds = (points: Scalars[string]): [number, number, number][] => points.map(([step, time, value]) => [step, Math.round(time * 1000), Number(value)]);

describe.skipIf(python === '')('TensorBoard', () => {
  test('what SummaryWriter writes comes in complete while it is written, across restarts', { timeout: 60_000 }, async () => {
    const logs = join(folder, 'live');
    const put = putInto(folder);
    const writing = startPython(python, 'tensorboard_logs.py', ['write', logs, '0.05']);
    const ended = writing.output.then(() => true);
    const records: EventBody[] = [];
    let tail = new TensorBoardTail(logs, { put });
    const lengths = new Set<number>();
    for (let round = 0; !(await Promise.race([ended, setTimeout(50, false)])); round++) {
      const { records: came, position } = await drain(tail);
      records.push(...came);
      lengths.add(seriesOf(records).get('loss/train')?.length ?? 0);
      // As if the engine had been killed.
      if (round % 3 === 2) tail = new TensorBoardTail(logs, { put, position });
    }
    const { records: rest, position } = await drain(tail, true);
    records.push(...rest);
    expect((await drain(new TensorBoardTail(logs, { put, position }))).records).toEqual([]);

    const told = JSON.parse(await runPython(python, 'tensorboard_logs.py', ['dump', logs])) as Told;
    const ours = seriesOf(records);
    const session = Object.keys(told).find((run) => /\/\d+\.\d+$/u.test(run)) ?? '';
    const prefixes: Readonly<Record<string, string>> = { 'runs/first': '', 'runs/first/both_a': 'both_a/', 'runs/first/both_b': 'both_b/', [session]: '' };
    expect(Object.keys(told).toSorted()).toEqual(Object.keys(prefixes).toSorted());
    let points = 0;
    for (const [run, { scalars }] of Object.entries(told)) {
      for (const [tag, expected] of Object.entries(scalars)) {
        expect(ours.get(`${prefixes[run]}${tag}`), `${run}: ${tag}`).toEqual(inMilliseconds(expected));
        points += expected.length;
      }
    }
    expect(points).toBe(40 * 5 + 4 + 1 + 1);
    expect([...lengths].filter((length) => length > 0 && length < 41).length, 'batches while it was written').toBeGreaterThan(3);

    const files = filesOf(records);
    expect(Object.values(files)).toEqual(expect.arrayContaining(told['runs/first']?.hashes as string[]));
    expect(Object.keys(files).filter((path) => path.startsWith('images/'))).toEqual(['00000000', '00000010', '00000020', '00000030'].map((step) => `images/picture/${step}.png`));
    expect(files['audio/sound/00000001.wav']).toBeDefined();
    expect(await readFile(objectPath(join(folder, 'store'), files['text/words/text_summary/00000010.md'] as string), 'utf8')).toBe('step **10** grün 漢字');
    const histograms = await Promise.all(Object.entries(files).filter(([path]) => path.startsWith('histograms/weights/')).map(async ([, hash]) => readFile(objectPath(join(folder, 'store'), hash as string), 'utf8')));
    const kept = histograms.flatMap((lines) => lines.trim().split('\n')).map((line) => JSON.parse(line) as { step: number; count: number; counts: number[] });
    expect(kept.map(({ step, count, counts }) => [step, count, counts.reduce((sum, one) => sum + one, 0)]).toSorted()).toEqual([[0, 1000, 1000], [10, 1000, 1000], [20, 1000, 1000], [30, 1000, 1000]]);
    // A normal distribution of a thousand values.
    for (const [, , median] of ours.get('weights/median') ?? []) expect(Math.abs(median)).toBeLessThan(0.2);
    expect(paramsOf(records)).toEqual({ lr: '0.1', bs: '32', opt: 'sgd', flag: '1' });
    // Said again after a restart, since no one keeps what was said.
    expect([...new Set(messagesOf(records))]).toEqual([expect.stringContaining('"graph"')]);
  });

  test("TensorFlow 2's form: tensors, plugins named once, sessions", { timeout: 60_000 }, async () => {
    const logs = join(folder, 'second');
    await mkdir(logs);
    await runPython(python, 'tensorboard_logs.py', ['write-second-form', logs]);
    const tail = new TensorBoardTail(logs, { put: putInto(folder) });
    const { records } = await drain(tail);
    const told = JSON.parse(await runPython(python, 'tensorboard_logs.py', ['dump', logs])) as Told;
    const ours = seriesOf(records);
    expect(Object.keys(told['.']?.scalars ?? {})).toEqual(['scalar', 'half', 'count']);
    for (const [tag, expected] of Object.entries(told['.']?.scalars ?? {})) expect(ours.get(tag)).toEqual(inMilliseconds(expected));
    expect(ours.get('spread/median')?.map(([step, , value]) => [step, value])).toEqual([0, 1, 2].map((step) => [step, 1 + 2 / 6]));
    const files = filesOf(records);
    expect(Object.entries(files).filter(([path]) => path.startsWith('images/')).map(([, hash]) => hash)).toEqual(told['.']?.hashes);
    expect(Object.keys(files)).toContain('images/picture/00000001-2.png');
    expect(await readFile(objectPath(join(folder, 'store'), files['text/words/00000002.md'] as string), 'utf8')).toBe('| a | b |\n| --- | --- |\n| c | d |');
    expect(paramsOf(records)).toEqual({ units: '16', adam: 'true' });
    expect(tagsOf(records)).toEqual({ 'tensorboard.group': 'group' });
    expect(tail.said.status).toBe('failed');
  });
});
