import { expect, it, onTestFinished } from 'vitest';
import { openStore } from '../../../src/store/open';
import type { Store } from '../../../src/store/types';
import { sampleManifest, temporaryFolder } from './sample';
import { commandManifest, loggedManifest } from './tracked';

async function host(): Promise<Store> {
  const store = await openStore(temporaryFolder(), { mode: 'host' });
  onTestFinished(() => store.close());
  return store;
}

const elsewhere = { kind: 'ssh', machine: 'far', threads: 1 } as const;

it('the queue is lines of one place and one experiment, oldest first, without what waits for nothing', async () => {
  const store = await host();
  const { config } = commandManifest('run-far');
  await store.createRun(sampleManifest('run-b', { createdAt: 2, experiment: 'one' }));
  await store.createRun(sampleManifest('run-a', { createdAt: 1, experiment: 'one' }));
  // Made at the same time: the one that came first.
  await store.createRun(sampleManifest('run-d', { createdAt: 3, experiment: 'one' }));
  await store.createRun(sampleManifest('run-c', { createdAt: 3, experiment: 'one' }));
  await store.createRun(sampleManifest('run-z', { createdAt: 9, experiment: 'another' }));
  await store.createRun(commandManifest('run-far', { createdAt: 5, experiment: 'one', config: { ...config, executor: elsewhere } }));
  await store.createRun(loggedManifest('run-log', { experiment: 'one', createdAt: 0 }));
  const heads = store.queueHeads();
  expect(heads.map(({ place, experiment, runId }) => [place, experiment, runId])).toEqual([['local', 'another', 'run-z'], ['local', 'one', 'run-a'], ['ssh:far', 'one', 'run-far']]);
  const [, first] = heads;
  expect(store.queuedBehind(first!, 10).map(({ runId }) => runId)).toEqual(['run-b', 'run-d', 'run-c']);
  expect(store.queuedBehind(first!, 2).map(({ runId }) => runId)).toEqual(['run-b', 'run-d']);
  expect(store.queuedBehind(store.queuedBehind(first!, 2)[1]!, 10).map(({ runId }) => runId)).toEqual(['run-c']);
  store.setStatus('run-a', 'running');
  store.setStatus('run-z', 'running');
  expect(store.queueHeads().map(({ runId }) => runId)).toEqual(['run-b', 'run-far']);
  expect(store.listRuns({ status: ['queued', 'running'], elsewhere: true }).map(({ runId }) => runId)).toEqual(['run-far']);
  expect(store.listRuns({ status: ['running'], elsewhere: true })).toEqual([]);
});
