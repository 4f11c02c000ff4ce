/** What a window asks first is answered before there are schemas, and is no less than what the contract says. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel } from 'node:worker_threads';
import { expect, it, onTestFinished } from 'vitest';
import { PathGrants } from '../../../main/path-grants';
import { serveClient, type ServerPort } from '../../../main/serve-client';
import { eventNames } from '../../../src/api/bridge';
import { opening } from '../../../src/api/opening';
import { createEngine } from '../../../src/engine/engine';
import { areSchemasWanted, schemasHere } from '../../../src/engine/schemas-when-needed';
import { openStore } from '../../../src/store/open';
import { sampleManifest } from '../store/sample';

const hashes = { configHash: 'c'.repeat(64), computeHash: 'd'.repeat(64) };

it('is answered without schemas, as with them; they come right after, and whatever is asked from then on is checked', async () => {
  const workspace = mkdtempSync(join(tmpdir(), 'reprise-first-'));
  onTestFinished(() => rmSync(workspace, { recursive: true, force: true, maxRetries: 5 }));
  const store = await openStore(workspace, { mode: 'host' });
  await store.createRun(sampleManifest('run-1', hashes));
  await store.createRun(sampleManifest('run-2', { ...hashes, seed: 2 }));
  store.close();
  const engine = await createEngine({ workspace, mode: 'host', resume: false, spawn: () => Promise.reject(new Error('nothing is to be trained')) });
  onTestFinished(() => engine.close());
  expect(engine.queue()).toMatchObject({ running: 0 });
  expect(areSchemasWanted()).toBe(false);

  const { port1, port2 } = new MessageChannel();
  onTestFinished(() => port1.close());
  const server: ServerPort = {
    postMessage: (message) => port2.postMessage(message),
    on: (event: string, listener: (value: { data: unknown }) => void) => port2.on(event, (data: unknown) => listener({ data })),
    start: () => port2.start(),
  };
  const answers: unknown[] = [];
  const wantedAt: boolean[] = [];
  const waiting: (() => void)[] = [];
  port1.on('message', (message) => {
    answers.push(message);
    waiting.shift()?.();
  });
  const ask = async (message: unknown): Promise<unknown> => {
    const answered = new Promise<void>((resolve) => waiting.push(resolve));
    port1.postMessage(message);
    await answered;
    return answers.at(-1);
  };
  const watched = { ...engine, call: ((method, input) => {
    wantedAt.push(areSchemasWanted());
    return engine.call(method, input);
  }) as typeof engine.call };
  serveClient(server, watched, new PathGrants(workspace));

  const first = await ask({ id: 0, method: 'runs.opening', input: { ...opening } });
  expect(wantedAt).toEqual([false]);
  expect(areSchemasWanted()).toBe(true);
  const again = await ask({ id: 0, method: 'runs.opening', input: { ...opening } });
  expect(schemasHere()).not.toBeNull();
  expect(first).toEqual(again);
  expect(first).toMatchObject({ kind: 'result', id: 0, result: { ok: true, value: { page: { rows: [{}, {}] } } } });
  expect(await ask({ id: 1, method: 'runs.opening', input: { ...opening, limit: -1 } })).toMatchObject({ id: 1, result: { ok: false, error: { code: 'INPUT_INVALID' } } });
  expect(await ask({ id: 2, method: 'runs.opening', input: opening, more: true })).toMatchObject({ id: 2, result: { ok: false, error: { code: 'REQUEST_INVALID' } } });
});

it('is one that the contract allows; every event has its name', async () => {
  const { events, methods } = await import('../../../src/api/contract');
  expect(methods['runs.opening'].input.parse(opening)).toEqual(opening);
  expect([...eventNames].sort()).toEqual(Object.keys(events).sort());
});
