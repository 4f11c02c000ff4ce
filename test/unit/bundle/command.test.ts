import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allowedDifference, calibrateCommand, DEFAULT_RELATIVE, defaultCommandTolerance } from '../../../src/bundle/command-tolerance';
import { judgeCommandRun, type CommandJudgeContext } from '../../../src/bundle/command-verdict';
import { isCommandRun } from '../../../src/bundle/model';
import { extractBundle, openBundle } from '../../../src/bundle/open';
import { recordedCommandTrace } from '../../../src/bundle/recorded';
import { commandStatus, compareSeries, isJudged, seriesOfLog, tracedSeries, type CommandTrace } from '../../../src/bundle/series';
import { judgeStudy } from '../../../src/bundle/verdict';
import { verifyBundle } from '../../../src/bundle/verify';
import { writeBundle } from '../../../src/bundle/write';
import type { EventRecord } from '../../../src/events/records';
import { pack, remakeHashes, unpack } from '../../helpers/bundle-surgery';
import { commandInput } from './command-sample';
import { freshFolder } from './sample';

type Points = readonly (readonly [step: number, value: number])[];

function trace(series: Readonly<Record<string, Points>>, more: Partial<CommandTrace> = {}): CommandTrace {
  return { status: 'finished', error: null, series: new Map(Object.entries(series).map(([key, points]) => [key, { steps: points.map(([step]) => step), values: points.map(([, value]) => value) }])), files: new Map(), ...more };
}

const context = (more: Partial<CommandJudgeContext> = {}): CommandJudgeContext => ({ asRecorded: true, differences: [], tolerance: defaultCommandTolerance('none'), metric: 'loss', ...more });

describe('series of a log', () => {
  const record = (body: object, seq: number): EventRecord => ({ ...body, seq, time: 0 }) as EventRecord;
  it('are put in the order of steps, a repeated value once', () => {
    expect(tracedSeries([3, 1, 1, 1, 2], [30, 10, 10, 11, Number.NaN])).toEqual({ steps: [1, 1, 2, 3], values: [10, 11, Number.NaN, 30] });
    const log = [record({ type: 'points', key: 'b', steps: [1], times: [0], values: ['Infinity'] }, 0), record({ type: 'points', key: 'a', steps: [2, 1], times: [0, 0], values: [2, '-0'] }, 1), record({ type: 'points', key: 'b', steps: [0], times: [0], values: [1] }, 2)];
    expect([...seriesOfLog(log)]).toEqual([['a', { steps: [1, 2], values: [-0, 2] }], ['b', { steps: [0, 1], values: [1, Number.POSITIVE_INFINITY] }]]);
  });
  it.each([
    [['attempt'], 'running'],
    [['attempt', 'state', 'exit'], 'finished'],
    [['attempt', 'exit'], 'interrupted'],
    [['attempt', 'state', 'failed', 'exit'], 'failed'],
    [['attempt', 'failed', 'exit', 'requeued'], 'queued'],
    [['attempt', 'failed', 'exit', 'requeued', 'attempt', 'state', 'exit'], 'finished'],
    [['attempt', 'cancelled', 'exit'], 'cancelled'],
  ])('tell what became of the command: %j', (types, status) => {
    expect(commandStatus(types.map((type, seq) => record(type === 'state' ? { type, status: 'finished' } : { type }, seq)))).toBe(status);
  });
  it.each(['system/cpu', 'epoch_seconds', 'time', 'train.time_per_step', 'samples_per_second', 'throughput'])('are not judged where they tell of the clock or the machine: %s', (key) => expect(isJudged(key)).toBe(false));
  it.each(['loss', 'val.accuracy', 'timestep_reward', 'sentiment', 'lossms'])('are judged otherwise: %s', (key) => expect(isJudged(key)).toBe(true));
});

describe('two executions of a series', () => {
  const series = (points: Points): { steps: number[]; values: number[] } => ({ steps: points.map(([step]) => step), values: points.map(([, value]) => value) });
  it('are the same bit for bit, NaN with NaN', () => {
    const points: Points = [[0, Number.NaN], [7, 1]];
    expect(compareSeries('x', series(points), series(points), 0, 0)).toEqual({ key: 'x', points: 2, same: true, firstDifferentStep: null, firstDivergentStep: null, maxRelativeDifference: 0 });
  });
  it('differ from the first point on that does, and diverge from the first outside of what is allowed', () => {
    expect(compareSeries('x', series([[0, 1], [10, 1], [20, 1]]), series([[0, 1], [10, 1.0001], [20, 1.1]]), 1e-3, 0)).toMatchObject({ same: false, firstDifferentStep: 10, firstDivergentStep: 20 });
  });
  it('diverge where one goes on alone, or has other steps', () => {
    expect(compareSeries('x', series([[0, 1]]), series([[0, 1], [5, 1]]), 2, 0)).toMatchObject({ firstDivergentStep: 5 });
    expect(compareSeries('x', series([[0, 1], [4, 1]]), series([[0, 1], [5, 1]]), 2, 0)).toMatchObject({ firstDivergentStep: 4 });
  });
});

describe('the verdict on a command', () => {
  const recorded = trace({ loss: [[0, 1], [10, 0.5]], seconds: [[0, 3]] }, { files: new Map([['model.bin', 'a']]) });
  it('is identical where every judged series is, whatever the clock says and a file holds', () => {
    const judged = judgeCommandRun(recorded, trace({ loss: [[0, 1], [10, 0.5]], seconds: [[0, 9]] }, { files: new Map([['model.bin', 'b']]) }), context());
    expect(judged).toMatchObject({ verdict: 'identical', firstDivergentStep: null, files: [{ path: 'model.bin', same: false }] });
    expect(judged.sentence).toBe('All 2 points of 1 series are the recorded ones, bit for bit. Of 1 output file 1 is not the recorded one: model.bin.');
  });
  it('is diverged on the same code, inputs and machine where one bit differs, with the step of each series', () => {
    const judged = judgeCommandRun(trace({ loss: [[0, 1], [10, 0.5]], acc: [[0, 0], [30, 1]] }), trace({ loss: [[0, 1], [10, 0.500_000_1]], acc: [[0, 0], [30, 2]] }), context());
    expect(judged).toMatchObject({ verdict: 'diverged', firstDivergentStep: 10 });
    expect(judged.sentence).toMatch(/2 series part from the record, each for the first time: loss at step 10, acc at step 30\. Code, inputs, parameters and environment are the recorded ones/u);
  });
  it('is within the default tolerance elsewhere, and says so', () => {
    expect(judgeCommandRun(recorded, trace({ loss: [[0, 1], [10, 0.500_01]] }), context({ asRecorded: false, differences: ['python was 3.11 and is 3.12'] }))).toMatchObject({ verdict: 'within-tolerance', causes: ['Candidate, not confirmed: python was 3.11 and is 3.12.'], sentence: expect.stringContaining(`the default tolerance of ${DEFAULT_RELATIVE}`) as string });
  });
  it('is inconclusive elsewhere where another series leaves the default and the declared metric does not', () => {
    const judged = judgeCommandRun(trace({ loss: [[0, 1]], noise: [[0, 1]] }), trace({ loss: [[0, 1]], noise: [[0, 3]] }), context({ asRecorded: false }));
    expect(judged).toMatchObject({ verdict: 'inconclusive', firstDivergentStep: 0 });
  });
  it('is diverged where a series is missing', () => {
    expect(judgeCommandRun(recorded, trace({ other: [[0, 1]] }), context({ asRecorded: false }))).toMatchObject({ verdict: 'diverged', sentence: expect.stringContaining('logged no loss') as string });
  });
  it('is inconclusive where the re-execution failed in agreement, diverged where it parted before', () => {
    expect(judgeCommandRun(recorded, trace({ loss: [[0, 1]] }, { status: 'failed', error: 'The command ended with exit code 1.' }), context()).sentence).toBe('The re-execution ended as "failed": The command ended with exit code 1. What it logged before agrees with the record as far as it goes.');
    expect(judgeCommandRun(recorded, trace({ loss: [[0, 2]] }, { status: 'failed' }), context()).verdict).toBe('diverged');
  });
  it('judges files alone where there is no metric', () => {
    const files = (hash: string): CommandTrace => trace({}, { files: new Map([['out.csv', hash]]) });
    expect(judgeCommandRun(files('a'), files('a'), context()).verdict).toBe('identical');
    expect(judgeCommandRun(files('a'), files('b'), context()).verdict).toBe('inconclusive');
    expect(judgeCommandRun(trace({}), trace({}), context()).verdict).toBe('not-comparable');
  });
  it('says nothing of what was not executed or not finished', () => {
    expect(judgeCommandRun(recorded, null, context()).verdict).toBe('not-executed');
    expect(judgeCommandRun(trace({ loss: [[0, 1]] }, { status: 'cancelled' }), recorded, context()).verdict).toBe('not-comparable');
  });
  it('is the worst over the runs of a study, in the words of commands', () => {
    const good = judgeCommandRun(recorded, recorded, context());
    const bad = judgeCommandRun(recorded, trace({ loss: [[0, 1], [10, 3]] }), context());
    expect(judgeStudy([good, bad], 'command')).toMatchObject({ verdict: 'diverged', sentence: 'Re-executing all 2 runs: 1 run did not give the recorded results, the earliest at step 10.' });
  });
});

describe('a measured tolerance', () => {
  const recorded = trace({ loss: [[0, 1], [1, 2]], acc: [[0, 1]] });
  it('allows nothing where the program repeated itself, and rounding elsewhere', () => {
    const tolerance = calibrateCommand(recorded, recorded);
    expect(tolerance).toMatchObject({ kind: 'calibrated', observed: [{ key: 'loss', relative: 0 }, { key: 'acc', relative: 0 }] });
    expect(allowedDifference(tolerance, 'loss', true)).toEqual({ relative: 0, absolute: 0 });
    expect(allowedDifference(tolerance, 'loss', false).relative).toBe(DEFAULT_RELATIVE);
  });
  it('allows four times what was seen where it did not', () => {
    const tolerance = calibrateCommand(recorded, trace({ loss: [[0, 1], [1, 1.8]], acc: [[0, 1]] }));
    expect(allowedDifference(tolerance, 'loss', true).relative).toBeCloseTo(0.4, 12);
    expect(judgeCommandRun(recorded, trace({ loss: [[0, 1], [1, 1.7]], acc: [[0, 1]] }), context({ tolerance })).verdict).toBe('within-tolerance');
    expect(judgeCommandRun(recorded, trace({ loss: [[0, 1], [1, 0.5]], acc: [[0, 1]] }), context({ tolerance })).verdict).toBe('diverged');
  });
  it('is none where the re-execution failed', () => {
    expect(calibrateCommand(recorded, trace({}, { status: 'failed' })).kind).toBe('default');
  });
});

describe('a bundle of commands', () => {
  it('comes back as it went in', async () => {
    const folder = await freshFolder();
    const input = await commandInput(folder);
    const file = join(folder, 'x.crate.zip');
    await writeBundle(input, file);
    expect((await verifyBundle(file)).problems).toEqual([]);
    const out = join(folder, 'out');
    const { content } = await extractBundle(file, out);
    const runs = content.runs.filter(isCommandRun);
    expect(runs.map(({ manifest }) => manifest)).toEqual(input.runs.map(({ manifest }) => manifest));
    expect(runs[0]).toMatchObject({ series: [{ key: 'grad', points: 2, last: -0 }, { key: 'loss', points: 3, last: 0.1 }], status: 'finished', tolerance: { kind: 'default' } });
    // What both runs kept is there once.
    expect(new Set(runs.map(({ files }) => files.find(({ path }) => path === 'out/notes.txt')?.file)).size).toBe(1);
    expect(content.inputs).toMatchObject([{ path: 'data', members: [{ path: 'a.csv' }, { path: 'deep/b.csv' }] }]);
    const recorded = await recordedCommandTrace(out, runs[0]!);
    expect(judgeCommandRun(recorded, recorded, context()).verdict).toBe('identical');
    expect(await readFile(join(out, 'data', 'rerun.py'), 'utf8')).toContain('REPRISE_SEED');
    // What stands in the notes is there.
    const notes = await readFile(join(out, 'data', 'REPRODUCE.md'), 'utf8');
    expect(notes).toMatch(/python3 x\/data\/rerun\.py cmd1xyz/u);
    expect(notes).not.toMatch(/replay\.py|weights\.safetensors|undefined/u);
  });

  it.each([
    ['an output', (name: string) => name.endsWith('model.bin'), /is not the file out\/model\.bin that run cmd\dxyz kept/u],
    ['an input', (name: string) => name.endsWith('a.csv'), /is not the file data\/a\.csv of the record/u],
    ['the code', (name: string) => name.startsWith('data/code/objects/'), /does not have the hash that is its name/u],
    ['the list of the code', (name: string) => /^data\/code\/[0-9a-f]+\.json$/u.test(name), /is not the list of the code state/u],
  ])('is found out where %s was altered with all hashes made anew', async (_what, isIt, message) => {
    const folder = await freshFolder();
    const file = join(folder, 'x.crate.zip');
    await writeBundle(await commandInput(folder), file);
    const files = await unpack(file);
    const name = [...files.keys()].find(isIt) ?? '';
    files.set(name, Buffer.concat([files.get(name) ?? Buffer.alloc(0), Buffer.from(' ')]));
    remakeHashes(files);
    const { valid, problems } = await verifyBundle(await pack(files, join(folder, 'y.crate.zip')));
    expect(valid).toBe(false);
    expect(problems.some(({ message: found }) => message.test(found)), JSON.stringify(problems)).toBe(true);
  });

  it('is found out where an input was changed together with what the index says of it', async () => {
    const folder = await freshFolder();
    const file = join(folder, 'x.crate.zip');
    await writeBundle(await commandInput(folder), file);
    const files = await unpack(file);
    const index = JSON.parse(files.get('data/bundle.json')?.toString('utf8') ?? '{}') as { inputs: { members: { path: string }[] }[] };
    index.inputs[0]!.members.pop();
    files.set('data/bundle.json', Buffer.from(JSON.stringify(index)));
    remakeHashes(files);
    expect((await verifyBundle(await pack(files, join(folder, 'y.crate.zip')))).problems).toContainEqual({ path: 'data/bundle.json', message: 'gives the input data files that do not have its fingerprint.' });
  });

  it('holds no secret and no private path', async () => {
    const folder = await freshFolder();
    const file = join(folder, 'x.crate.zip');
    const input = await commandInput(folder, { printed: `reading ${folder}/data for /home/ada/x with TOPSECRET`, config: { description: 'by /home/ada', params: { rate: 0.1, key: 'TOPSECRET' } } });
    await writeBundle({ ...input, scrub: (text) => text.replaceAll('TOPSECRET', '<withheld>') }, file);
    for (const [name, bytes] of await unpack(file)) {
      expect(bytes.includes('TOPSECRET'), name).toBe(false);
      expect(bytes.includes('/home/ada/x'), name).toBe(false);
      expect(bytes.includes(folder), name).toBe(false);
    }
    expect((await verifyBundle(file)).problems).toEqual([]);
    const bundle = await openBundle(file);
    expect((await bundle.content()).runs[0]?.manifest.config).toMatchObject({ params: { key: '<withheld>' }, description: 'by ~' });
    bundle.close();
  });
});
