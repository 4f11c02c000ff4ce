/** kill -9 of the engine, 100 times at random, while 8 writers log: every acknowledged value is there, nothing twice. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkWorkspace } from '../../src/store/check';
import { openStore } from '../../src/store/open';
import { rebuildWorkspace } from '../../src/store/rebuild';
import { dumpWorkspace } from '../helpers/dump';
import { startServing } from '../helpers/serving';

const KILLS = 100;
const WRITERS = 8;
const BATCH = 20;

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'reprise-tracking-kill-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }));

/** Reproducible moments. */
function generator(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
}

/** Asks until there is an answer, as MLflow's client does when the connection breaks. */
async function post<T>(uri: string, path: string, body: object): Promise<T> {
  for (;;) {
    const answer = await fetch(`${uri}/api/2.0/mlflow/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }).catch(() => null);
    const text = await answer?.text().catch(() => null);
    if (answer === null || text === null || text === undefined) {
      await sleep(10);
      continue;
    }
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${text}`);
    return JSON.parse(text) as T;
  }
}

interface Written {
  readonly run: string;
  /** Batches that were acknowledged. */
  batches: number;
}

const valueOf = (writer: number, step: number): number => writer + step / 1024;

async function begin(uri: string, writer: number): Promise<Written> {
  const { run } = await post<{ run: { info: { run_id: string } } }>(uri, 'runs/create', { experiment_id: '0', start_time: Date.now(), run_name: `writer ${writer}` });
  return { run: run.info.run_id, batches: 0 };
}

async function write(uri: string, writer: number, written: Written, stopped: () => boolean): Promise<void> {
  while (!stopped()) {
    const first = written.batches * BATCH;
    const metrics = Array.from({ length: BATCH }, (_, index) => ({ key: index % 2 === 0 ? 'loss' : 'accuracy', value: valueOf(writer, first + index), timestamp: 1_700_000_000_000 + first, step: first + index }));
    await post(uri, 'runs/log-batch', { run_id: written.run, metrics, params: [{ key: `p${written.batches}`, value: String(first) }], tags: [{ key: 'batch', value: String(written.batches) }] });
    written.batches += 1;
  }
}

it(`${KILLS} kills, ${WRITERS} writers`, async () => {
  const workspace = join(root, 'workspace');
  const random = generator(20_261_123);
  let serving = await startServing(workspace);
  const { uri } = serving;
  // Before the first kill: a client that missed the answer to `create` makes another run, and cannot do otherwise.
  const written = await Promise.all(Array.from({ length: WRITERS }, (_, writer) => begin(uri, writer)));
  let over = false;
  const writing = Promise.all(written.map((run, writer) => write(uri, writer, run, () => over)));
  // A writer that fails must end the test at once, not after all kills.
  const broken = writing.then(() => new Promise<never>(() => undefined));
  for (let kill = 0; kill < KILLS; kill += 1) {
    await Promise.race([sleep(20 + 230 * random()), broken]);
    await serving.kill();
    serving = await Promise.race([startServing(workspace), broken]);
    expect(serving.uri).toBe(uri);
  }
  over = true;
  await writing;
  await serving.stop();

  const store = await openStore(workspace, { mode: 'host' });
  for (const [writer, { run, batches }] of written.entries()) {
    const points = (['loss', 'accuracy'] as const).map((key) => store.points(run, key));
    const [data] = store.runData([run]);
    for (const [half, { steps, values }] of points.entries()) {
      expect([...steps]).toEqual(Array.from({ length: (batches * BATCH) / 2 }, (_, index) => 2 * index + half));
      expect([...values]).toEqual([...steps].map((step) => valueOf(writer, step)));
    }
    expect(data?.params).toEqual(Object.fromEntries(Array.from({ length: batches }, (_, index) => [`p${index}`, String(index * BATCH)])));
    expect(data?.tags['batch']).toBe(String(batches - 1));
  }
  const acknowledged = written.map(({ batches }) => batches);
  console.log(`${KILLS} kills: ${acknowledged.reduce((sum, count) => sum + count, 0) * BATCH} values acknowledged, by writer ${acknowledged.map((count) => count * BATCH).join(', ')}`);
  expect(Math.min(...acknowledged)).toBeGreaterThan(KILLS / 4);
  expect(store.listRuns()).toHaveLength(WRITERS);
  store.close();

  expect(await checkWorkspace(workspace)).toEqual([]);
  const copy = join(root, 'copy');
  cpSync(workspace, copy, { recursive: true });
  const before = await dumpWorkspace(copy);
  expect((await rebuildWorkspace(copy)).problems).toEqual([]);
  expect(await dumpWorkspace(copy)).toEqual(before);
}, 600_000);
