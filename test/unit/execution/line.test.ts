/** Whose turn it is: the line over a real store, with runs that take their turn and do nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { CommandConfig } from '../../../src/config/command';
import type { Executors } from '../../../src/execution/executor';
import { Line, type Placed } from '../../../src/execution/line';
import { MachineBudget, type Lease, type MachineSize } from '../../../src/execution/machine-budget';
import { openStore } from '../../../src/store/open';
import { temporaryFolder } from '../store/sample';
import { commandManifest } from '../store/tracked';

const far: Executors = {
  demand: (executor) => ({ pool: 'there', name: executor.kind === 'local' ? '' : (executor.machine ?? ''), most: 2 }),
  find: () => Promise.reject(new Error('Nothing is started here.')),
  close: () => Promise.resolve(),
};

async function house(size: MachineSize | number, executors: Executors | null = null) {
  const store = await openStore(temporaryFolder(), { mode: 'host' });
  onTestFinished(() => store.close());
  const budget = new MachineBudget(size);
  const placed = new Map<string, Placed>();
  const away = new Set<string>();
  const begun: string[] = [];
  const failed: [string, unknown][] = [];
  const line: Line = new Line({
    store, budget, executors,
    placed: () => placed.values(),
    isAway: (runId) => placed.has(runId) || away.has(runId),
    begin: (runId, place) => {
      placed.set(runId, place);
      begun.push(runId);
    },
    fail: (runId, error) => {
      failed.push([runId, error]);
      store.setStatus(runId, 'failed');
    },
    wake: () => line.deal(),
  });
  let made = 0;
  const end = (runId: string): void => {
    const lease = placed.get(runId)?.lease ?? null;
    store.setStatus(runId, 'finished');
    placed.delete(runId);
    if (lease !== null) budget.free(lease);
    line.deal();
  };
  return {
    store, budget, line, away, begun, failed,
    /** Queues runs `NAME-1`, …, younger than all before. */
    async add(experiment: string, count: number, executor: Partial<CommandConfig['executor']> = {}, name = experiment): Promise<void> {
      for (let number = 1; number <= count; number += 1) {
        made += 1;
        const { config } = commandManifest('run');
        await store.createRun(commandManifest(`${name}-${number}`, { experiment, createdAt: made, config: { ...config, executor: { ...config.executor, ...executor } as CommandConfig['executor'] } }));
      }
    },
    /** A run ends, and others have their turn. */
    end,
    /** Every run ends, the one that began first first, until none is left. */
    endAll(): string[] {
      for (let next = [...placed.keys()][0]; next !== undefined; next = [...placed.keys()][0]) end(next);
      return begun;
    },
  };
}

describe('turns on this machine', () => {
  it('go round over the experiments, so that a long line keeps no short one waiting', async () => {
    const { line, add, end, begun, endAll } = await house(2);
    await add('many', 12);
    line.deal();
    await add('few', 3);
    end('many-1');
    expect(begun).toEqual(['many-1', 'many-2', 'few-1']);
    expect(endAll()).toEqual(['many-1', 'many-2', 'few-1', 'many-3', 'few-2', 'many-4', 'few-3', ...Array.from({ length: 8 }, (_, index) => `many-${index + 5}`)]);
  });

  it('are of the experiment with the fewest cores in use, then of the one whose turn was longest ago, then of the oldest run', async () => {
    const { line, add, end, begun } = await house(8);
    await add('wide', 2, { threads: 4 });
    await add('slim', 4);
    line.deal();
    // After one turn each the wide one has four cores, so that the slim one has three more turns for one of it.
    expect(begun).toEqual(['wide-1', 'slim-1', 'slim-2', 'slim-3', 'slim-4']);
    await add('new', 1);
    end('wide-1');
    // Four cores are free: both have none in use, and the new one had no turn.
    expect(begun.slice(5)).toEqual(['new-1']);
    end('slim-1');
    expect(begun.slice(6)).toEqual(['wide-2']);
  });

  it('wait for one that asks for all cores, whatever comes meanwhile', async () => {
    const { line, add, end, begun } = await house(4);
    await add('small', 20);
    line.deal();
    await add('large', 1, { threads: 4 });
    end('small-1');
    await add('late', 5);
    end('small-2');
    end('small-3');
    expect(begun).toEqual(['small-1', 'small-2', 'small-3', 'small-4']);
    end('small-4');
    expect(begun.slice(4)).toEqual(['large-1']);
    end('large-1');
    expect(begun.slice(5)).toEqual(['late-1', 'small-5', 'late-2', 'small-6']);
  });

  it('keep their order within an experiment', async () => {
    const { line, add, end, begun } = await house(4);
    await add('mixed', 1, { threads: 3 }, 'first');
    await add('mixed', 1, { threads: 2 }, 'second');
    await add('mixed', 1, { threads: 1 }, 'third');
    line.deal();
    // The third would fit beside the first.
    expect(begun).toEqual(['first-1']);
    end('first-1');
    expect(begun).toEqual(['first-1', 'second-1', 'third-1']);
  });

  it('pass one that waits for a GPU, where they delay it by nothing', async () => {
    const { line, add, end, begun } = await house({ cores: 4, gpus: () => Promise.resolve({ ids: ['0'], environment: () => ({}) }) });
    await add('gpu', 3, { gpus: 1 });
    line.deal();
    await sleep(0);
    expect(begun).toEqual(['gpu-1']);
    await add('cpu', 4);
    await add('other-gpu', 1, { gpus: 1 });
    line.deal();
    // One core stays free for the next that waits for the GPU.
    expect(begun).toEqual(['gpu-1', 'cpu-1', 'cpu-2']);
    end('gpu-1');
    expect(begun.slice(3)).toEqual(['gpu-2']);
    end('gpu-2');
    expect(begun.slice(4)).toEqual(['other-gpu-1']);
    end('cpu-1');
    expect(begun.slice(5)).toEqual(['cpu-3']);
  });

  it('go past runs that are held or under way, however many, and the one whose turn it was', async () => {
    const { line, add, away, begun, end } = await house(2);
    await add('held', 100);
    for (let number = 1; number < 100; number += 1) away.add(`held-${number}`);
    await add('large', 1, { threads: 2 });
    line.deal();
    expect(begun).toEqual(['held-100']);
    // It waits for the second core; then it is held, too.
    away.add('large-1');
    await add('small', 1);
    line.deal();
    expect(begun).toEqual(['held-100', 'small-1']);
    end('held-100');
    end('small-1');
    expect(begun).toHaveLength(2);
    away.delete('large-1');
    line.deal();
    expect(begun.slice(2)).toEqual(['large-1']);
  });

  it('are lost by a run that asks for GPUs which are not there, and by no other', async () => {
    const { line, add, begun, failed } = await house(2);
    await add('gpu', 1, { gpus: 1 });
    await add('cpu', 1);
    line.deal();
    await sleep(0);
    expect(failed).toEqual([['gpu-1', expect.objectContaining({ code: 'GPUS_EXCEED_MACHINE' })]]);
    expect(begun).toEqual(['cpu-1']);
  });

  it('alternate with whoever else takes from the same budget', async () => {
    const { line, budget, add, end, begun } = await house(1);
    const others: Lease[] = [];
    const other = {
      wake: (): void => {
        const lease = budget.take(other, { cores: 1, memory: 0, gpus: 0 });
        if (lease !== null) others.push(lease);
      },
    };
    await add('queue', 4);
    line.deal();
    other.wake();
    // The queue stood in line first.
    end('queue-1');
    await sleep(0);
    expect([begun, others.length]).toEqual([['queue-1', 'queue-2'], 0]);
    end('queue-2');
    await sleep(0);
    expect([begun.length, others.length]).toEqual([2, 1]);
    budget.free(others[0]!);
    await sleep(0);
    expect(begun).toEqual(['queue-1', 'queue-2', 'queue-3']);
  });
});

describe('turns elsewhere', () => {
  it('go round over the experiments, as many at once as the place takes, and wait for nothing here', async () => {
    const { line, add, end, begun } = await house(1, far);
    const there = { kind: 'ssh', machine: 'far' } as const;
    await add('many', 30, there);
    await add('few', 2, there);
    await add('local', 2);
    line.deal();
    expect(begun).toEqual(['local-1', 'many-1', 'few-1']);
    end('many-1');
    expect(begun.slice(3)).toEqual(['many-2']);
    end('few-1');
    end('many-2');
    expect(begun.slice(4)).toEqual(['few-2', 'many-3']);
    await add('else', 3, { kind: 'ssh', machine: 'farther' } as const);
    line.deal();
    expect(begun.slice(6)).toEqual(['else-1', 'else-2']);
  });
});
