/** Runs on a machine that goes away, or comes to a second attempt. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readEvents } from '../../../src/events/reader';
import { openPlace } from '../../../src/execution/attempts';
import type { Attempt, AttemptEnd, Executor, Executors, Order } from '../../../src/execution/executor';
import type { Link } from '../../../src/execution/remote/link';
import { Sender } from '../../../src/execution/remote/send';
import { sampleManifest, temporaryFolder } from '../store/sample';
import { house, QUICK, until, type House } from './house';

const PLACE = { type: 'place', executor: 'ssh', machine: 'box' } as const;

/** A machine that carries out whatever it is given, until it is told how that ends. */
class Box implements Executors {
  end: (end: AttemptEnd) => void = () => undefined;
  #tell: Order['tell'] = () => Promise.resolve();

  readonly demand = () => ({ pool: 'there', name: 'ssh:box', most: 4 }) as const;
  readonly close = (): Promise<void> => Promise.resolve();

  find(): Promise<Executor> {
    const follow = (order: Order): Attempt => {
      this.#tell = order.tell;
      let leave: (end: AttemptEnd | 'detached') => void = () => undefined;
      const end = new Promise<AttemptEnd | 'detached'>((resolve) => (leave = resolve));
      this.end = leave;
      return { pid: null, end, cancel: () => undefined, kill: () => undefined, detach: () => leave('detached') };
    };
    return Promise.resolve({
      kind: 'ssh', machine: 'box', copies: 'there',
      start: async (order) => {
        await order.tell({ ...PLACE, event: 'submitted', attempt: order.attempt }, { ...PLACE, event: 'started', attempt: order.attempt });
        return follow(order);
      },
      attach: (order) => Promise.resolve(follow(order)),
    });
  }

  /** It does not answer any more. */
  goAway(): Promise<void> {
    return this.#tell({ ...PLACE, event: 'lost', attempt: 1 });
  }
}

const logOf = ({ store }: House): string => join(store.runFolder('r'), 'events.log');

async function running(box: Box): Promise<House> {
  const there = await house({ executors: box, cancelGraceMs: 30 });
  const { config } = sampleManifest('r');
  await there.add('r', QUICK, { config: { ...config, executor: { kind: 'ssh', machine: 'box', threads: 1 } } });
  there.scheduler.enqueue('r');
  await until(() => there.store.getRun('r').status === 'running');
  return there;
}

test('a run on a machine that does not come back can be cancelled', async () => {
  const box = new Box();
  const there = await running(box);
  await box.goAway();
  expect(await there.scheduler.cancel('r')).toMatchObject({ status: 'cancelled' });
  expect(readEvents(logOf(there), 0).records).toContainEqual(expect.objectContaining({ type: 'message', text: expect.stringContaining('box did not answer') }));
});

test('one that answers is waited for, however long what it wrote takes to come', async () => {
  const box = new Box();
  const there = await running(box);
  let isCancelled = false;
  const cancelled = there.scheduler.cancel('r').then(() => (isCancelled = true));
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(isCancelled).toBe(false);
  box.end({ exitCode: 130, signal: null, problem: null });
  await cancelled;
  expect(openPlace(logOf(there))).toBeNull();
});

test('what an attempt before said is not counted among the words of the next', async () => {
  const runFolder = temporaryFolder();
  for (const name of ['outpost.jsonl', 'outpost.log', 'worker.log']) writeFileSync(join(runFolder, name), 'of the attempt before\n');
  writeFileSync(join(runFolder, 'run.json'), '{}');
  const sent: string[] = [];
  const call = (_method: string, { files }: { readonly files: readonly { readonly name: string }[] }): Promise<unknown> => Promise.resolve(sent.push(...files.map(({ name }) => name)));
  await new Sender({ call } as unknown as Link, runFolder).place([{ order: { runId: 'r', runFolder } as Order, there: { runId: 'r' } as never }]);
  expect(sent).toEqual(['run.json', 'order.json']);
  for (const name of ['outpost.jsonl', 'outpost.log', 'worker.log']) expect(() => readFileSync(join(runFolder, name)), name).toThrow('ENOENT');
  rmSync(runFolder, { recursive: true });
});
