import { describe, expect, it } from 'vitest';
import { CoreBudget, type Claimant } from '../../../src/execution/core-budget';

function claimant(budget: CoreBudget, threads: number[]): Claimant & { readonly taken: number[] } {
  const taken: number[] = [];
  const self = {
    taken,
    wake: (): void => {
      for (let next = threads[0]; next !== undefined; next = threads[0]) {
        if (!budget.take(self, next)) return;
        taken.push(next);
        threads.shift();
      }
      budget.leave(self);
    },
  };
  return self;
}

describe('CoreBudget', () => {
  it('gives what there is and no more, first come first served', async () => {
    const budget = new CoreBudget(4);
    const first = claimant(budget, [2, 3]);
    const second = claimant(budget, [1, 1]);
    first.wake();
    second.wake();
    // Two cores are free, but the first waits for three, and it came first.
    expect([first.taken, second.taken, budget.used]).toEqual([[2], [], 2]);
    budget.free(2);
    await Promise.resolve();
    expect([first.taken, second.taken, budget.used]).toEqual([[2, 3], [], 3]);
    await Promise.resolve();
    expect([second.taken, budget.used]).toEqual([[1], 4]);
    budget.free(3);
    await Promise.resolve();
    expect([second.taken, budget.used]).toEqual([[1, 1], 2]);
  });

  it('lets the next one through when the first leaves the line', async () => {
    const budget = new CoreBudget(2);
    const holder = claimant(budget, [1]);
    const large = claimant(budget, [2]);
    const small = claimant(budget, [1]);
    for (const one of [holder, large, small]) one.wake();
    expect([large.taken, small.taken]).toEqual([[], []]);
    budget.leave(large);
    await Promise.resolve();
    expect(small.taken).toEqual([1]);
  });

  it('gives the whole machine to a claim for more than it has', () => {
    const budget = new CoreBudget(2.7);
    expect(budget.cores).toBe(2);
    const greedy = claimant(budget, [8]);
    greedy.wake();
    expect([greedy.taken, budget.used]).toEqual([[8], 2]);
    budget.free(8);
    expect(budget.used).toBe(0);
  });
});
