import { describe, expect, it } from 'vitest';
import { Patterns } from '../../../../src/ingest/lines/patterns';

const pointsOf = (pattern: string, lines: readonly string[], key?: string): [string, number, number | null][][] =>
  new Patterns([{ pattern, key }]).pointsIn(lines).map((points) => points.map(({ key: name, value, step }) => [name, value, step]));

describe('patterns', () => {
  it('find every match of a line, and what its groups name', () => {
    expect(pointsOf('(?<key>\\w+)=(?<value>[-\\d.e]+)', ['loss=0.5 acc=1e-2', 'nothing', ''])).toEqual([[['loss', 0.5, null], ['acc', 0.01, null]], [], []]);
    expect(pointsOf('step (?<step>\\d+).*?loss (?<value>\\S+)', ['step 3: loss 0.25', 'step 4: loss nan', 'step 5: loss -inf', 'step 6: loss high'], 'loss')).toEqual([[['loss', 0.25, 3]], [['loss', Number.NaN, 4]], [['loss', Number.NEGATIVE_INFINITY, 5]], []]);
  });

  it('look through colours, and at the beginning of long lines', () => {
    expect(pointsOf('^loss: (?<value>\\S+)$', ['\u001b[32mloss: \u001b[1m0.5\u001b[0m'], 'loss')).toEqual([[['loss', 0.5, null]]]);
    expect(pointsOf('loss (?<value>\\d)', [`loss 1 ${' '.repeat(5000)} loss 2`], 'loss')).toEqual([[['loss', 1, null]]]);
  });

  it('of which one backtracks without end are given up, and the others go on', () => {
    const patterns = new Patterns([{ pattern: '(?<value>(\\d+)+)$', key: 'bad' }, { pattern: 'loss (?<value>[\\d.]+)', key: 'loss' }]);
    const evil = Array.from({ length: 5 }, () => `loss 0.5 ${'1'.repeat(60)}!`);
    const before = performance.now();
    expect(patterns.pointsIn(evil).map((points) => points.map(({ key }) => key))).toEqual(Array.from({ length: 5 }, () => ['loss']));
    expect(performance.now() - before).toBeLessThan(2000);
    expect(patterns.complaints()).toEqual([expect.stringMatching(/^The pattern "\(\?<value>.* takes too long/u)]);
    expect(patterns.complaints()).toEqual([]);
    const after = performance.now();
    patterns.pointsIn(evil);
    expect(performance.now() - after).toBeLessThan(200);
  });
});
