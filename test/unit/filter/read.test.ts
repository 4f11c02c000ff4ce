import { describe, expect, it } from 'vitest';
import { numberIn } from '../../../src/filter/literals';
import { printFilter } from '../../../src/filter/print';
import { filterOf, readFilter } from '../../../src/filter/read';

describe('text of a filter box', () => {
  it.each<[string, string[]]>([
    ['', []],
    ['  ', []],
    ['two moons', ['two', 'moons']],
    ['mnist and adam', ['mnist', 'and', 'adam']],
    ['not finished', ['not', 'finished']],
    ['wide (2)', ['wide', '(2)']],
    ["it's here", ["it's", 'here']],
    ['model.hidden [8, 8]', ['model.hidden', '[8,', '8]']],
    ['"training.optimizer=sgd, lr > 3" wide', ['training.optimizer=sgd, lr > 3', 'wide']],
    ['C0FFEE %', ['C0FFEE', '%']],
    ['loss is low', ['loss', 'is', 'low']],
    ['metrics.val', ['metrics.val']],
    ['in the like', ['in', 'the', 'like']],
  ])('%j is words', (text, words) => {
    expect(readFilter(text)).toStrictEqual({ words });
  });

  it.each(['seed=3', 'metrics.loss < 1', "name like 'a%'", 'tags.paper is null', 'tags.paper is not null', 'seed in (1, 2)', "not (seed != 3) and 'two moons'"])('%j compares', (text) => {
    expect(readFilter(text)).toHaveProperty('expression');
  });

  it.each(['training.optimizer=sgd', 'seed =', "name = 'x", 'a < b < c', 'a -> b'])('%j compares and cannot be read', (text) => {
    expect(() => readFilter(text)).toThrow(expect.objectContaining({ code: 'FILTER_INVALID' }));
  });

  it('makes a condition of every word', () => {
    expect(filterOf(' ')).toBeNull();
    const words = filterOf('two "moons 1"');
    expect(words === null ? null : printFilter(words)).toBe("'two' and 'moons 1'");
  });
});

describe('a text that may be a number', () => {
  it('is looked at once, however long', () => {
    const long = '1'.repeat(200_000);
    const since = performance.now();
    expect([`${long}x`, `${long}.${long}x`, `.${long}x`].map((text) => numberIn(text))).toEqual([null, null, null]);
    // Looking back for every digit takes minutes.
    expect(performance.now() - since).toBeLessThan(1000);
    expect([' 1. ', '.5', '-1e-3', '1e', '.'].map((text) => numberIn(text))).toEqual([1, 0.5, -0.001, null, null]);
  });
});
