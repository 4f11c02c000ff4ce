import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { MachineBudget, shareOf, type Claimant, type Gpus, type Lease, type Share } from '../../../src/execution/machine-budget';

const GIB = 2 ** 30;
const share = (cores: number, more: Partial<Share> = {}): Share => ({ cores, memory: 0, gpus: 0, ...more });
const twoGpus = (): Promise<Gpus> => Promise.resolve({ ids: ['0', '1'], environment: (ids) => ({ CUDA_VISIBLE_DEVICES: ids.join(',') }) });

/** Takes one share after the other, as far as it can. */
function claimant(budget: MachineBudget, wants: Share[]): Claimant & { readonly taken: Lease[] } {
  const taken: Lease[] = [];
  const self = {
    taken,
    wake: (): void => {
      for (let next = wants[0]; next !== undefined; next = wants[0]) {
        const lease = budget.take(self, next);
        if (lease === null) return;
        taken.push(lease);
        wants.shift();
      }
      budget.leave(self);
    },
  };
  return self;
}

const coresOf = ({ taken }: { readonly taken: readonly Lease[] }): number[] => taken.map((lease) => lease.share.cores);

describe('a budget of a machine', () => {
  it('gives what there is and no more, first come first served', async () => {
    const budget = new MachineBudget(4);
    const first = claimant(budget, [share(2), share(3)]);
    const second = claimant(budget, [share(1), share(1)]);
    first.wake();
    second.wake();
    // Two cores are free, but the first waits for three, and it came first.
    expect([coresOf(first), coresOf(second), budget.used, budget.isSpokenFor, budget.isFull]).toEqual([[2], [], 2, true, false]);
    budget.free(first.taken[0]!);
    await sleep(0);
    expect([coresOf(first), coresOf(second), budget.used, budget.isFull]).toEqual([[2, 3], [1], 4, true]);
    budget.free(first.taken[1]!);
    await sleep(0);
    expect([coresOf(second), budget.used]).toEqual([[1, 1], 2]);
  });

  it('lets the next one through when the first leaves the line', async () => {
    const budget = new MachineBudget(2);
    const holder = claimant(budget, [share(1)]);
    const large = claimant(budget, [share(2)]);
    const small = claimant(budget, [share(1)]);
    for (const one of [holder, large, small]) one.wake();
    expect([coresOf(large), coresOf(small)]).toEqual([[], []]);
    budget.leave(large);
    await sleep(0);
    expect(coresOf(small)).toEqual([1]);
  });

  it('gives the whole machine to a claim for more than it has', () => {
    const budget = new MachineBudget({ cores: 2.7, memory: 4 * GIB });
    expect(budget.cores).toBe(2);
    const greedy = claimant(budget, [share(8, { memory: 9 * GIB })]);
    greedy.wake();
    expect(greedy.taken[0]?.share).toEqual({ cores: 2, memory: 4 * GIB, gpus: 0 });
    expect(budget.used).toBe(2);
    budget.free(greedy.taken[0]!);
    expect(budget.used).toBe(0);
  });

  it('keeps memory free that a run asked for', async () => {
    const budget = new MachineBudget({ cores: 8, memory: 10 * GIB });
    const [first, second, third] = [6, 6, 0].map((memory) => claimant(budget, [share(1, { memory: memory * GIB })]));
    for (const one of [first, second, third]) one?.wake();
    // What takes none of what the second waits for passes it.
    expect([first, second, third].map((one) => one?.taken.length)).toEqual([1, 0, 1]);
    budget.free(first!.taken[0]!);
    await sleep(0);
    expect(second?.taken).toHaveLength(1);
  });

  it('gives each GPU to one at a time, and no core to whom it would delay who waits for one', async () => {
    const budget = new MachineBudget({ cores: 4, gpus: twoGpus });
    const runs = Array.from({ length: 3 }, () => claimant(budget, [share(1, { gpus: 1 })]));
    for (const one of runs) one.wake();
    // Nobody knows yet which there are.
    expect(runs.map(({ taken }) => taken.length)).toEqual([0, 0, 0]);
    await sleep(0);
    expect(runs.map(({ taken }) => taken[0]?.gpus)).toEqual([['0'], ['1'], undefined]);
    expect(runs[1]?.taken[0]?.environment).toEqual({ CUDA_VISIBLE_DEVICES: '1' });
    // Two cores are free, of which the one that waits for a GPU holds one.
    expect(budget.takeBeside(share(2))).toBeNull();
    expect(budget.takeBeside(share(1, { gpus: 1 }))).toBeNull();
    const beside = budget.takeBeside(share(1));
    expect(beside?.gpus).toEqual([]);
    expect(beside?.environment).toEqual({});
    budget.free(runs[0]!.taken[0]!);
    await sleep(0);
    expect(runs[2]?.taken[0]?.gpus).toEqual(['0']);
  });

  it('counts GPUs of what is at work already', async () => {
    const budget = new MachineBudget({ cores: 4, gpus: twoGpus });
    const left = budget.claim(share(2, { gpus: 1 }), ['0']);
    await budget.refuseBeyond(share(1, { gpus: 2 }));
    const one = claimant(budget, [share(1, { gpus: 1 })]);
    one.wake();
    expect(one.taken[0]?.gpus).toEqual(['1']);
    budget.free(left);
    expect(budget.takeBeside(share(1, { gpus: 1 }))?.gpus).toEqual(['0']);
  });

  it('refuses what there will never be room for', async () => {
    const budget = new MachineBudget({ cores: 4, memory: 8 * GIB, gpus: twoGpus });
    await expect(budget.refuseBeyond(share(1, { memory: 8 * GIB, gpus: 2 }))).resolves.toBeUndefined();
    await expect(budget.refuseBeyond(share(1, { memory: 9 * GIB }))).rejects.toMatchObject({ code: 'MEMORY_EXCEEDS_MACHINE', kind: 'input', message: 'executor.memory is 9 GiB, but this machine has 8 GiB.' });
    await expect(budget.refuseBeyond(share(1, { gpus: 3 }))).rejects.toMatchObject({ code: 'GPUS_EXCEED_MACHINE', kind: 'input', message: 'executor.gpus is 3, but runs may use 2 GPUs here.' });
    expect(() => budget.takeBeside(share(1, { gpus: 3 }))).toThrow(expect.objectContaining({ code: 'GPUS_EXCEED_MACHINE' }));
    const none = new MachineBudget({ cores: 4, gpus: () => Promise.reject(new Error('the driver is gone')) });
    await expect(none.refuseBeyond(share(1, { gpus: 1 }))).rejects.toMatchObject({ code: 'GPUS_EXCEED_MACHINE', message: 'executor.gpus is 1, but there is no GPU here that a run could have for itself.' });
  });
});

it('the share of a run is what its executor says', () => {
  expect(shareOf({ kind: 'local', threads: 3, memory: '1.5g', gpus: 2 })).toEqual({ cores: 3, memory: 1.5 * GIB, gpus: 2 });
  expect(shareOf({ kind: 'local', threads: 1 })).toEqual({ cores: 1, memory: 0, gpus: 0 });
});
