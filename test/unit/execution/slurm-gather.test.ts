import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Gatherer } from '../../../src/execution/slurm/gather';

test('what comes within a moment is handed over at once, by key', async () => {
  const handed: (readonly number[])[] = [];
  const gatherer = new Gatherer<number>({ quietMs: 60, mostMs: 5000 }, (items) => handed.push(items));
  for (const item of [1, 2, 3]) gatherer.add(item === 2 ? 'b' : 'a', item);
  expect(handed).toEqual([]);
  await expect.poll(() => handed, { interval: 5 }).toEqual([[2], [1, 3]]);
  gatherer.add('a', 4);
  await expect.poll(() => handed.length, { interval: 5 }).toBe(3);
  expect(handed[2]).toEqual([4]);
});

test('what never ceases is handed over all the same', async () => {
  const handed: (readonly number[])[] = [];
  const gatherer = new Gatherer<number>({ quietMs: 100, mostMs: 250 }, (items) => handed.push(items));
  for (let item = 0; item < 20; item += 1) {
    gatherer.add('a', item);
    await sleep(25);
  }
  expect(handed.length).toBeGreaterThan(0);
  await expect.poll(() => handed.flat(), { interval: 5 }).toEqual(Array.from({ length: 20 }, (_, item) => item));
});
