/** What runs beside what: cores that are never exceeded, GPUs of one's own. Real workers that do as their scripts say. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RUN_FILES } from '../../../src/events/manifest';
import { readEvents } from '../../../src/events/reader';
import { MachineBudget, type MachineSize } from '../../../src/execution/machine-budget';
import type { Store } from '../../../src/store/types';
import { append, sampleManifest } from '../store/sample';
import { house, QUICK } from './house';

describe('cores', () => {
  /** Highest number of threads that ran at once, from begin and end of the attempts. */
  function peak(store: Store, threads: ReadonlyMap<string, number>): number {
    const changes = [...threads].flatMap(([runId, count]) => {
      const { startedAt, endedAt } = store.getRun(runId);
      return [{ at: startedAt ?? 0, count }, { at: endedAt ?? 0, count: -count }];
    });
    let now = 0;
    return Math.max(...changes.toSorted((a, b) => a.at - b.at || a.count - b.count).map(({ count }) => (now += count)));
  }

  it('are never exceeded, are used, and the queue keeps its order', async () => {
    const { store, scheduler, seen, add } = await house({ cores: 3 });
    const threads = new Map([['run-a', 2], ['run-b', 1], ['run-c', 3], ['run-d', 1], ['run-e', 8], ['run-f', 1]]);
    for (const [runId, count] of threads) await add(runId, { ...QUICK, chunkMs: 40 }, { threads: count });
    scheduler.enqueue('run-a');
    const rows = await scheduler.drain([...threads.keys()]);
    expect(rows.every((row) => row.status === 'finished')).toBe(true);
    expect(peak(store, new Map([...threads].map(([id, count]) => [id, Math.min(3, count)])))).toBe(3);
    await Promise.resolve();
    const started = seen.filter((row, index) => row.status === 'running' && seen.findIndex((other) => other.runId === row.runId && other.status === 'running') === index);
    expect(started.map((row) => row.runId)).toEqual([...threads.keys()]);
  });
});

describe('GPUs', () => {
  const gpus: NonNullable<MachineSize['gpus']> = () => Promise.resolve({ ids: ['3', '5'], environment: (ids) => ({ CUDA_VISIBLE_DEVICES: ids.join(',') }) });
  const asking = (runId: string): Parameters<typeof sampleManifest>[1] => {
    const { config } = sampleManifest(runId);
    return { config: { ...config, executor: { kind: 'local', threads: 1, gpus: 1 } } };
  };
  const places = (store: Store, runId: string) => readEvents(join(store.runFolder(runId), RUN_FILES.events), 0).records.filter((record) => record.type === 'place');

  it('are for one run at a time, which sees no other; the log says which', async () => {
    const { store, scheduler, add } = await house({ cores: new MachineBudget({ cores: 4, gpus }) });
    for (const runId of ['run-a', 'run-b']) await add(runId, { ...QUICK, dieAt: runId === 'run-a' ? [10] : [] }, asking(runId));
    await add('run-c', QUICK);
    expect((await scheduler.drain(['run-a', 'run-b', 'run-c'])).map(({ status }) => status)).toEqual(['finished', 'finished', 'finished']);
    const [a, b, c] = ['run-a', 'run-b', 'run-c'].map((runId) => (JSON.parse(readFileSync(join(store.runFolder(runId), 'seen.json'), 'utf8')) as { env: Record<string, string> }).env['CUDA_VISIBLE_DEVICES']);
    expect([a, b].toSorted()).toEqual(['3', '5']);
    expect(c).toBe(process.env['CUDA_VISIBLE_DEVICES']);
    expect(places(store, 'run-b')).toMatchObject([{ event: 'started', attempt: 1, executor: 'local', machine: null, facts: { gpus: b } }]);
    expect(places(store, 'run-a').map((record) => record.type === 'place' && record.attempt)).toEqual([1, 2]);
    expect(places(store, 'run-c')).toEqual([]);
    expect(store.getRun('run-a')).toMatchObject({ attempts: 2, stepsDone: 40 });
  });

  it('that a host had given when it died are given anew', async () => {
    const { store, scheduler, add } = await house({ cores: new MachineBudget({ cores: 4, gpus }) });
    await add('run-a', QUICK, asking('run-a'));
    store.setStatus('run-a', 'running');
    append(store.runFolder('run-a'), { type: 'place', event: 'started', attempt: 1, executor: 'local', machine: null, facts: { gpus: '3' } });
    expect(await scheduler.recover()).toEqual(['run-a']);
    expect((await scheduler.drain(['run-a']))[0]).toMatchObject({ status: 'finished', attempts: 1 });
    expect(places(store, 'run-a')).toHaveLength(2);
  });
});
