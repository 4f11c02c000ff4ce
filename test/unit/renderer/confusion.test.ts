import { describe, expect, it } from 'vitest';
import { confusionFacts, percentText } from '../../../renderer/views/run/confusion-facts';

describe('confusionFacts', () => {
  it('counts by class, both ways', () => {
    const facts = confusionFacts({ classes: ['a', 'b', 'c'], counts: [[5, 3, 0], [1, 4, 0], [0, 0, 0]] });
    expect(facts.rows.map(({ name, examples, recall }) => [name, examples, recall])).toEqual([['a', 8, 5 / 8], ['b', 5, 4 / 5], ['c', 0, null]]);
    expect(facts.precision).toEqual([5 / 6, 4 / 7, null]);
    expect([facts.examples, facts.right]).toEqual([13, 9]);
    expect(facts.mistakes).toEqual([{ was: 'a', taken: 'b', count: 3 }, { was: 'b', taken: 'a', count: 1 }]);
  });
  it('writes shares in percent', () => {
    expect([percentText(0.971_49), percentText(1), percentText(null)]).toEqual(['97.1%', '100.0%', '–']);
  });
});
