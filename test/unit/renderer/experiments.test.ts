import { describe, expect, it } from 'vitest';
import type { Output } from '../../../src/api/contract';
import type { RunGroup, RunListRow } from '../../../src/api/views';
import { decimalsOf } from '../../../renderer/components/aligned';
import { sparkPath } from '../../../renderer/components/sparkline';
import { templateOf } from '../../../renderer/views/experiments/grid-columns';
import { gridKey, type Pressed } from '../../../renderer/views/experiments/grid-keys';
import { groupName, sortGroups } from '../../../renderer/views/experiments/group-order';
import { PAGE, pagesFor, runsOf, versionOf } from '../../../renderer/views/experiments/page-rows';
import { can, idsWhere, MOST_SELECTED, nothing, only, ranged, rangeTo, refreshed, toggled } from '../../../renderer/views/experiments/selection';
import { largerFirst, leafNames, leafText, meanText, metricRange, metricTitle, nextStep, shareDone } from '../../../renderer/views/experiments/values';
import { runName } from '../../../renderer/run-status';

const hash = 'ab'.repeat(32);

function row(index: number, change: Partial<RunListRow['run']> = {}, metric: RunListRow['metric'] = null): RunListRow {
  return {
    run: {
      runId: `run-${index}`, kind: 'training', name: null, reproductionId: `c${index}`, experiment: 'e', studyId: null, variant: null, seed: index, status: 'finished', exitCode: 0, signal: null, configHash: hash, computeHash: hash,
      createdAt: index, startedAt: index, endedAt: index + 1, attempts: 1, stepsDone: 10, totalSteps: 10, throughput: null, finalLoss: 0.1, bestLoss: 0.1, weightsHash: hash, selectedStep: 9, errorCode: null, errorMessage: null,
      ...change,
    },
    metric,
    leaves: [],
    secondsLeft: null,
  };
}

function page(from: number, count: number, total: number): Output<'runs.page'> {
  return { total, byStatus: { queued: 0, running: 0, finished: total, failed: 0, cancelled: 0, interrupted: 0 }, rows: Array.from({ length: count }, (_, index) => row(from + index)) };
}

describe('pages of runs', () => {
  it('asks for what is near the viewport alone', () => {
    expect(pagesFor(0, 20)).toEqual([0]);
    expect(pagesFor(60, 90)).toEqual([0, 1]);
    expect(pagesFor(50_000, 50_040)).toEqual([499, 500]);
    expect(pagesFor(110, 120)).toEqual([0, 1]);
  });
  it('finds rows by index and by run, and knows what is not here', () => {
    const newest = page(300, 50, 350);
    const runs = runsOf({ columns: ['a'], text: 'x' }, [2, 3], [undefined, newest], newest);
    expect(runs.at(3 * PAGE + 7)?.run.runId).toBe('run-307');
    expect(runs.at(2 * PAGE)).toBeUndefined();
    expect(runs.at(0)).toBeUndefined();
    expect([runs.indexOf('run-349'), runs.indexOf('run-1')]).toEqual([349, -1]);
    expect([runs.total, runs.paths]).toEqual([350, ['a']]);
  });
  it('keeps its place when only columns change', () => {
    expect(versionOf({ text: 'a', columns: ['x'] })).toBe(versionOf({ text: 'a', columns: ['y', 'z'] }));
    expect(versionOf({ text: 'a' })).not.toBe(versionOf({ text: 'b' }));
  });
});

describe('keys of the grid', () => {
  const press = (key: string, held: Partial<Pressed> = {}): Pressed => ({ key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...held });
  it.each([
    ['ArrowDown', {}, { does: 'move', to: 6, reach: 'only' }],
    ['ArrowUp', { shiftKey: true }, { does: 'move', to: 4, reach: 'extend' }],
    ['ArrowDown', { ctrlKey: true }, { does: 'move', to: 6, reach: 'none' }],
    ['PageDown', {}, { does: 'move', to: 9, reach: 'only' }],
    ['PageUp', {}, { does: 'move', to: 0, reach: 'only' }],
    ['End', { shiftKey: true }, { does: 'move', to: 9, reach: 'extend' }],
    ['Home', {}, { does: 'move', to: 0, reach: 'only' }],
    [' ', {}, { does: 'toggle' }],
    ['Enter', {}, { does: 'open' }],
    ['a', { metaKey: true }, { does: 'all' }],
    ['F10', { shiftKey: true }, { does: 'menu' }],
    ['ContextMenu', {}, { does: 'menu' }],
    ['Delete', {}, { does: 'delete' }],
    ['Escape', {}, { does: 'clear' }],
    ['a', {}, null],
    ['F10', {}, null],
    ['Enter', { ctrlKey: true }, null],
    ['ArrowLeft', { altKey: true }, null],
  ] as const)('%s with %o', (key, held, does) => {
    expect(gridKey(press(key, held), 5, 10, 8)).toEqual(does);
  });
  it('goes from the first row to the head, and nowhere in an empty grid', () => {
    expect(gridKey(press('ArrowUp'), 0, 10, 8)).toEqual({ does: 'head' });
    expect(gridKey(press('End'), 0, 0, 8)).toBeNull();
  });
  it('gives the growing column what is left over', () => {
    expect(templateOf([{ width: 100 }, { width: 160, grow: true }, undefined], 36)).toEqual({ template: '36px 100px minmax(160px, 1fr) 100px', width: 396 });
  });
});

describe('selection', () => {
  it('selects one, toggles, and goes on from the anchor', () => {
    const one = only(row(4), 4);
    const two = toggled(one, row(7), 7);
    expect([...two.rows.keys()]).toEqual(['run-4', 'run-7']);
    expect(two.anchor).toBe(7);
    expect([...toggled(two, row(4), 4).rows.keys()]).toEqual(['run-7']);
    expect(ranged(two, [row(7), row(8)])).toEqual({ rows: new Map([['run-7', row(7)], ['run-8', row(8)]]), anchor: 7 });
  });
  it('is no larger than can be handled, on the side of the anchor', () => {
    expect(rangeTo(10, 3)).toEqual([3, 10]);
    expect(rangeTo(10, 20)).toEqual([10, 20]);
    expect(rangeTo(0, 99_999)).toEqual([0, MOST_SELECTED - 1]);
    expect(rangeTo(99_999, 0)).toEqual([100_000 - MOST_SELECTED, 99_999]);
    expect(ranged(nothing, Array.from({ length: MOST_SELECTED + 5 }, (_, index) => row(index))).rows.size).toBe(MOST_SELECTED);
  });
  it('takes up newer rows, and stays the same object where there are none', () => {
    const selection = only(row(1, { status: 'running' }), 0);
    expect(refreshed(selection, () => undefined)).toBe(selection);
    const now = row(1);
    expect(refreshed(selection, () => now).rows.get('run-1')).toBe(now);
  });
  it('offers what the engine would do', () => {
    const selection = ranged(nothing, [row(0), row(1, { status: 'failed' }), row(2, { status: 'running' }), row(3, { status: 'interrupted' })]);
    expect(idsWhere(selection, can.cancel)).toEqual(['run-2', 'run-3']);
    expect(idsWhere(selection, can.retry)).toEqual(['run-1', 'run-3']);
    expect(idsWhere(selection, can.delete)).toEqual(['run-0', 'run-1']);
  });
});

describe('values', () => {
  it('shows a mean with the decimals of its interval', () => {
    expect(meanText(0.957_01, [0.954_52, 0.959_5])).toEqual({ mean: '0.9570', half: '± 0.0025' });
    expect(meanText(0.95, [0.933, 0.967])).toEqual({ mean: '0.950', half: '± 0.017' });
    expect(meanText(0.5, null)).toEqual({ mean: '0.5000', half: null });
    expect(meanText(0.5, [0.5, 0.5])).toEqual({ mean: '0.5000', half: '± 0' });
    expect(meanText(null, null)).toEqual({ mean: '–', half: null });
    expect([decimalsOf('0.9570'), decimalsOf('12'), decimalsOf('−1.5')]).toEqual([4, 0, 1]);
  });
  it('names leaves as shortly as they can be told apart', () => {
    expect([...leafNames(['model.kind', 'training.optimizer.kind', 'training.learningRate']).values()]).toEqual(['model', 'optimizer', 'learningRate']);
    expect(leafNames(['seed', 'seeds.seed']).get('seed')).toBe('seed');
    expect([leafText([16, 16]), leafText(undefined), leafText({ kind: 'sgd', momentum: 0.9 })]).toEqual(['16, 16', '', 'sgd (momentum 0.9)']);
  });
  it('says metrics, progress and names', () => {
    expect(['test perplexity', 'test macro F1', 'val_acc', null].map(largerFirst)).toEqual([false, true, true, true]);
    expect([metricTitle('test loss'), metricTitle('val_loss'), metricTitle(null)]).toEqual(['Test loss', 'val_loss', 'Metric']);
    expect([shareDone(row(0, { stepsDone: 3 }).run), shareDone(row(0, { totalSteps: null }).run)]).toEqual([0.3, null]);
    expect([runName(row(2, { variant: 'sgd' }).run), runName(row(2).run)]).toEqual(['sgd, seed 2', 'e, seed 2']);
  });
  it('ranges over a metric that all share', () => {
    const accuracy = (value: number): RunListRow => row(0, {}, { name: 'accuracy', value });
    expect(metricRange([accuracy(0.9), accuracy(0.7), row(1)])).toEqual({ name: 'accuracy', low: 0.7, high: 0.9, n: 2 });
    expect(metricRange([accuracy(0.9), row(0, {}, { name: 'loss', value: 1 })])).toBeNull();
    expect(metricRange([row(1)])).toBeNull();
  });
  it('knows the next step of what did not finish', () => {
    expect(nextStep({ status: 'cancelled', stepsDone: 0 })).toMatch(/queue/u);
    expect(nextStep({ status: 'cancelled', stepsDone: 5 })).toMatch(/checkpoint/u);
    expect(nextStep({ status: 'finished', stepsDone: 5 })).toBeNull();
  });
});

describe('groups', () => {
  const group = (variant: string | null, mean: number | null, leaf: unknown): RunGroup => ({
    groupHash: `g${variant}`, experiment: 'e', variant, variantHash: hash, runs: 3, byStatus: { queued: 0, running: 0, finished: 3, failed: 0, cancelled: 0, interrupted: 0 }, metric: 'accuracy', n: 3, mean, sd: null, ci: null, leaves: [leaf],
  });
  const groups = [group('b', 0.2, 10), group(null, null, undefined), group('a', 0.9, 9)];
  const names = (sorted: readonly RunGroup[]): string[] => sorted.map((each) => groupName(each));
  it('sorts, what has no value last both ways', () => {
    expect(sortGroups(groups, null, [])).toBe(groups);
    expect(names(sortGroups(groups, { by: 'mean', descending: false }, []))).toEqual(['b', 'a', 'abababab']);
    expect(names(sortGroups(groups, { by: 'mean', descending: true }, []))).toEqual(['a', 'b', 'abababab']);
    expect(names(sortGroups(groups, { by: 'config:x', descending: false }, ['x']))).toEqual(['a', 'b', 'abababab']);
    expect(names(sortGroups(groups, { by: 'variant', descending: true }, []))).toEqual(['b', 'abababab', 'a']);
  });
});

describe('sparkline', () => {
  it('spans the box, with a gap where the loss is no number', () => {
    expect(sparkPath([1, 0], 10, 10)).toBe('M1.0 1.5L9.0 8.5');
    expect(sparkPath([1, Number.NaN, 0, 0.5], 10, 10)).toBe('M1.0 1.5M6.3 8.5L9.0 5.0');
    expect(sparkPath([2, 2], 10, 10)).toBe('M1.0 8.5L9.0 8.5');
    expect(sparkPath([Number.NaN, 1])).toBe('');
  });
});
