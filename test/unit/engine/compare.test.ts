import { describe, expect, it } from 'vitest';
import type { Output } from '../../../src/api/contract';
import { leavesOf } from '../../../src/config/leaves';
import { compareCurves } from '../../../src/engine/compare-curves';
import type { EngineContext } from '../../../src/engine/context';
import { compareRuns, sectionOf } from '../../../src/engine/side-by-side';
import type { EventBody, LoggedNumber } from '../../../src/events/records';
import type { Store } from '../../../src/store/types';
import { exitedWell } from '../../fixtures/sample';
import { addRun, addStudy, openSample } from './sample';

const contextOf = (store: Store): EngineContext => ({ store }) as EngineContext;
const curves = (store: Store, points = 500): Promise<Output<'compare.curves'>> => compareCurves(contextOf(store), { experiment: 'sample', key: 'train.loss', points });
const ramp = (length: number, shift = 0): number[] => Array.from({ length }, (_, step) => 10 - step / length + shift);

describe('compare.curves', () => {
  it('takes the mean over finished seeds, and names every other one with its reason', async () => {
    const store = await openSample();
    await addRun(store, 'run-a', ramp(6), { seed: 1 });
    await addRun(store, 'run-b', ramp(6, 2), { seed: 2 });
    await addRun(store, 'run-c', ramp(3), { seed: 3, end: [{ type: 'failed', code: 'X', message: 'no memory' }, { type: 'exit', attempt: 1, exitCode: 1, signal: null }] });
    await addStudy(store, { baseline: ['run-a', 'run-b', 'run-c'], wide: [null, null, null] });
    const { variants, method } = await curves(store);
    expect(variants[0]).toMatchObject({ name: 'baseline', n: 2, mean: Float64Array.from(ramp(6, 1)) });
    expect(variants[0]?.low).toHaveLength(6);
    expect(variants[1]).toMatchObject({ name: 'wide', n: 0, steps: new Float64Array(0) });
    expect(method).toContain('seed 3 of baseline: failed');
    expect(method).toContain('seed 1 of wide: no run');
    expect(method).not.toContain('thinned');
  });

  it('leaves a diverged seed out of a mean, and shows it with its gap where no other is there', async () => {
    const store = await openSample();
    const broken: LoggedNumber[] = [3, 4, 'NaN', 'NaN'];
    await addRun(store, 'run-a', ramp(4), { seed: 1 });
    await addRun(store, 'run-b', broken, { seed: 2 });
    await addRun(store, 'run-c', broken, { seed: 1 });
    await addStudy(store, { baseline: ['run-a', 'run-b', null], odd: ['run-c', null, null] });
    const { variants, method } = await curves(store);
    expect(variants[0]).toMatchObject({ n: 1, mean: Float64Array.from(ramp(4)) });
    expect([...(variants[1]?.mean ?? [])]).toEqual([3, 4, Number.NaN, Number.NaN]);
    expect(method).toContain('seed 2 of baseline: diverged, train.loss is not a finite number from step 2 on');
    expect(method).toContain('eed 1 of odd: diverged, train.loss is not a finite number from step 2 on, shown as a gap');
  });

  it('does the same where the run failed for it, in series that end before', async () => {
    const store = await openSample();
    const failed = { type: 'failed', code: 'TRAINING_DIVERGED', message: 'The training diverged.' } as const;
    const validated = [0.5, 0.25].map((accuracy, index) => ({ type: 'metrics', split: 'validation', step: 2 * index + 2, epoch: 1, values: { loss: 1, accuracy } }) as const);
    await addRun(store, 'run-a', ramp(4), { seed: 1 });
    await addRun(store, 'run-b', [3, 4, 'NaN'], { seed: 2, end: [...validated, failed] });
    await addRun(store, 'run-c', [3, 4, 'NaN'], { seed: 1, end: [...validated, failed] });
    await addStudy(store, { baseline: ['run-a', 'run-b', null], odd: ['run-c', null, null] });
    const { variants, method } = await curves(store);
    expect(variants.map(({ n }) => n)).toEqual([1, 1]);
    expect([...(variants[1]?.mean ?? [])]).toEqual([3, 4, Number.NaN]);
    expect(method).toContain('seed 2 of baseline: diverged, train.loss is not a finite number from step 2 on');
    const accuracy = await compareCurves(contextOf(store), { experiment: 'sample', key: 'validation.accuracy', points: 500 });
    expect([...(accuracy.variants[1]?.mean ?? [])]).toEqual([0.5, 0.25]);
    expect(accuracy.method).toContain('eed 1 of odd: diverged after the last validation.accuracy');
  });

  it('draws the norms that trainings tell', async () => {
    const store = await openSample();
    const normed = (norms: readonly number[]): EventBody[] => norms.map((norm, index) => ({ type: 'weights-hash', step: 5 * index, hash: 'h', chain: 'c', norm }));
    const end: EventBody = { type: 'finished', weightsHash: 'w', selectedStep: 6, finalLoss: 1, bestLoss: 1 };
    await addRun(store, 'run-a', ramp(6), { seed: 1, end: [...normed([1, 3]), end, exitedWell] });
    await addRun(store, 'run-b', ramp(6), { seed: 2, end: [...normed([2, 5]), end, exitedWell] });
    await addStudy(store, { baseline: ['run-a', 'run-b', null] });
    const { keys, variants } = await compareCurves(contextOf(store), { experiment: 'sample', key: 'train.weightNorm', points: 500 });
    expect(keys).toEqual(['train.loss', 'train.weightNorm']);
    expect(variants[0]).toMatchObject({ n: 2, steps: Float64Array.of(0, 5), mean: Float64Array.of(1.5, 4) });
  });

  it('hides no spike, and neither first nor last, by thinning', async () => {
    const store = await openSample();
    const spiked = ramp(12_000);
    spiked[7_777] = 99;
    await addRun(store, 'run-a', spiked, { seed: 1 });
    await addRun(store, 'run-b', ramp(12_000), { seed: 2 });
    await addStudy(store, { baseline: ['run-a', 'run-b', null] });
    const { variants, method } = await curves(store, 300);
    const [baseline] = variants;
    expect(baseline?.steps.length).toBeLessThanOrEqual(300);
    expect([baseline?.steps[0], baseline?.steps.at(-1)]).toEqual([0, 11_999]);
    const at = baseline?.steps.indexOf(7_777) ?? -1;
    expect(baseline?.mean[at]).toBeCloseTo((99 + (ramp(12_000)[7_777] ?? 0)) / 2, 9);
    expect(baseline?.high[at]).toBeGreaterThan(99);
    expect(method).toMatch(/12,000 steps thinned to \d+ after averaging/u);
  });

  it('draws what is under way while nothing is finished, and says so', async () => {
    const store = await openSample();
    await addRun(store, 'run-a', ramp(8), { seed: 1, end: [] });
    await addRun(store, 'run-b', ramp(5), { seed: 2, end: [] });
    await addStudy(store, { baseline: ['run-a', 'run-b', null] });
    const { variants, method } = await curves(store);
    expect(variants[0]).toMatchObject({ n: 2, steps: Float64Array.from([0, 1, 2, 3, 4]) });
    expect(method).toContain('not finished');
  });
});

describe('side by side', () => {
  const rowsOf = (...documents: Record<string, unknown>[]) => new Map(sectionOf('x', documents.map((document) => leavesOf(document))).rows.map((row) => [row.path, row]));

  it('takes 1 and "1", missing and null for different, and NaN for NaN', () => {
    const rows = rowsOf(
      { text: 1, gone: null, rate: Number.NaN, list: [1, 2], empty: {}, deep: { 'a.b': 0 } },
      { text: '1', rate: Number.NaN, list: [1, '2'], empty: {}, deep: { 'a.b': -0 } },
    );
    expect(rows.get('text')).toMatchObject({ same: false, values: [{ value: 1 }, { value: '1' }] });
    expect(rows.get('gone')).toEqual({ path: 'gone', same: false, values: [{ present: true, value: null }, { present: false, value: undefined }] });
    expect(rows.get('rate')?.same).toBe(true);
    expect(rows.get('list')?.same).toBe(false);
    expect(rows.get('empty')?.same).toBe(true);
    expect(rows.get(String.raw`deep.a\.b`)?.same).toBe(true);
  });

  it('is the same only where all are', () => {
    expect(rowsOf({ a: 1 }, { a: 1 }, { a: 2 }).get('a')?.same).toBe(false);
    expect(rowsOf({ a: 1 }, { a: 1 }, { a: 1 }).get('a')?.same).toBe(true);
  });

  it('puts a leaf that only a later run has beside its neighbours', () => {
    expect([...rowsOf({ optimizer: { kind: 'adam', beta1: 0.9 }, seed: 1 }, { optimizer: { kind: 'sgd', momentum: 0.9 }, seed: 1 }).keys()]).toEqual(['optimizer.kind', 'optimizer.momentum', 'optimizer.beta1', 'seed']);
  });

  it('shows a diverged run as it is, and leaves out what a run has not', async () => {
    const store = await openSample();
    await addRun(store, 'run-a', [1, 'NaN'], { seed: 1 });
    await addRun(store, 'run-b', [1, 'NaN'], { seed: 2, end: [{ type: 'failed', code: 'X', message: 'no memory' }, { type: 'exit', attempt: 1, exitCode: 1, signal: null }] });
    const { sections } = compareRuns(contextOf(store), { runs: ['run-a', 'run-b'] });
    const row = (title: string, path: string) => sections.find((section) => section.title === title)?.rows.find((one) => one.path === path);
    expect(row('Config', 'seed')).toMatchObject({ same: false, values: [{ value: 1 }, { value: 2 }] });
    expect(row('Result', 'final train loss')).toMatchObject({ same: true, values: [{ value: Number.NaN }, { value: Number.NaN }] });
    expect(row('Result', 'error')).toMatchObject({ same: false, values: [{ present: false }, { value: 'no memory' }] });
    expect(row('Data', 'fingerprint')?.same).toBe(true);
    expect(() => compareRuns(contextOf(store), { runs: ['run-a', 'run-a'] })).toThrow(expect.objectContaining({ code: 'RUNS_REPEATED' }));
  });
});
