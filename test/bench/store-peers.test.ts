/**
 * The store beside MLflow: the same work on the same machine in the same run, in turn. `npm run bench -- store`, with
 * `--json` the rows alone. Bars are the project's own; a peer that is not there (no Python, no network) has no number.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { LoggedManifest } from '../../src/events/manifest';
import { openStore } from '../../src/store/open';
import type { Store } from '../../src/store/types';
import { startServing } from '../helpers/serving';
import { fillParams } from '../helpers/many-params';
import { askPeer, peerPython, startIdle, startPeer, type PeerServer } from './peer-server';
import { median, row } from './rows';

const RUNS = 100_000;
const LIMIT = 1_200_000;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reprise-bench-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const peerFile = (): string => join(folder, 'mlflow.db');

async function loggedRun(store: Store, name: string): Promise<string> {
  const manifest: LoggedManifest = { format: 1, kind: 'logged', runId: name, experiment: 'Default', createdAt: Date.now(), source: { system: 'mlflow', id: null, from: null }, user: 'bench' };
  return (await store.createRun(manifest)).runId;
}

const BATCH = 1000;
/** 1,000 points of ten series of one run, the `turn`-th such batch. */
function batch(turn: number) {
  return Array.from({ length: 10 }, (_, key) => ({
    type: 'points' as const,
    key: `m${key}`,
    steps: Array.from({ length: 100 }, (_point, step) => turn * 100 + step),
    times: Array.from({ length: 100 }, () => 1_700_000_000_000 + turn),
    values: Array.from({ length: 100 }, (_point, step) => turn + key * 0.5 + step * 1e-3),
  }));
}

/**
 * Both shapes are usual: few metrics of many steps are what a loop sends that gathers its values, as automatic logging does;
 * many metrics of one step what `log_metrics` sends after an epoch of a large model.
 */
it.each([
  { name: 'log-batch-1000', keys: 10, shape: '10 metrics of 100 steps each' },
  { name: 'log-batch-1000-keys', keys: 1000, shape: '1,000 metrics of one step' },
])('$name: a log_batch of $shape through the real client is at least 30 times as fast', async ({ name, keys, shape }) => {
  if (peerPython === null) return;
  const serving = await startServing(join(folder, 'workspace'));
  const peer = await startPeer(peerFile());
  const idle = await startIdle();
  try {
    const [ours = [], theirs = [], idly = []] = await askPeer<number[][]>('log-batch', 15, keys, serving.uri, peer.uri, idle.uri);
    const own = Math.min(...idly);
    row({ name, ours: median(ours), peer: median(theirs), unit: 'ms', note: `${shape}; of both ${own.toFixed(1)} ms at least are the client's own (before a server that does nothing), so that no server can be more than ${(median(theirs) / own).toFixed(1)} times as fast` });
    expect(median(theirs) / median(ours)).toBeGreaterThanOrEqual(30);
  } finally {
    await idle.stop();
    await peer.stop();
    await serving.stop();
  }
}, LIMIT);

it('500,000 points a second go in, for half a minute, with flat memory', async () => {
  const store = await openStore(join(folder, 'workspace'), { mode: 'host' });
  const run = await loggedRun(store, 'ingest');
  const seconds = 30;
  const memory: number[] = [];
  let points = 0;
  const began = performance.now();
  for (let turn = 0; performance.now() - began < seconds * 1000; turn += 1) {
    await store.append(run, batch(turn));
    points += BATCH;
    if (turn % 1000 === 999) memory.push(process.memoryUsage().rss);
  }
  await store.index(run);
  const rate = points / ((performance.now() - began) / 1000);
  expect(store.latestMetrics(run).reduce((sum, metric) => sum + metric.points, 0)).toBe(points);
  store.close();
  const theirs = peerPython === null ? null : await askPeer<number>('ingest', peerFile(), 10);
  row({ name: 'ingest-in-process', ours: rate, peer: theirs, unit: 'points/s', larger: true });
  const later = memory.slice(Math.floor(memory.length / 3));
  const growth = median(later.slice(-Math.ceil(later.length / 3))) - median(later.slice(0, Math.ceil(later.length / 3)));
  process.stdout.write(`ingestion: ${Math.round(rate)} points/s, resident memory over the last two thirds grew by ${(growth / 2 ** 20).toFixed(0)} MiB\n`);
  expect(rate).toBeGreaterThanOrEqual(500_000);
  expect(growth).toBeLessThan(64 * 2 ** 20);
}, LIMIT);

const FILTER = "metrics.m003 < 0.1 and params.p002 = 'v7'";

/** Milliseconds of the first page of 100 runs, over HTTP as the client asks for it. */
async function searchOnce(uri: string): Promise<number> {
  const start = performance.now();
  const answer = await fetch(`${uri}/api/2.0/mlflow/runs/search`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ experiment_ids: ['0'], filter: FILTER, max_results: 100, order_by: ['metrics.m005 ASC'] }),
  });
  const { runs } = (await answer.json()) as { runs?: unknown[] };
  const took = performance.now() - start;
  if (!answer.ok || runs?.length !== 100) throw new Error(`runs/search answered ${answer.status} with ${runs?.length ?? 0} runs`);
  return took;
}

it('a search over 100,000 runs of 40 params and metrics answers in 50 ms, at least 20 times as fast', async () => {
  const workspace = join(folder, 'workspace');
  await fillParams(workspace, { runs: RUNS, columns: 40 });
  const openings: number[] = [];
  for (let time = 0; time < 5; time += 1) openings.push(await opening(workspace));
  row({ name: 'open-100k', ours: median(openings), peer: null, unit: 'ms' });

  const serving = await startServing(workspace);
  const peer: PeerServer | null = peerPython === null ? null : await fillPeer();
  const ours: number[] = [];
  const theirs: number[] = [];
  try {
    await searchOnce(serving.uri);
    if (peer !== null) await searchOnce(peer.uri);
    for (let time = 0; time < 9; time += 1) {
      ours.push(await searchOnce(serving.uri));
      if (peer !== null && time < 5) theirs.push(await searchOnce(peer.uri));
    }
  } finally {
    await peer?.stop();
    await serving.stop();
  }
  row({ name: 'runs-search-100k', ours: median(ours), peer: peer === null ? null : median(theirs), unit: 'ms' });
  expect(median(openings)).toBeLessThan(300);
  expect(median(ours)).toBeLessThan(50);
  if (peer !== null) expect(median(theirs) / median(ours)).toBeGreaterThanOrEqual(20);
}, LIMIT);

async function fillPeer(): Promise<PeerServer> {
  await askPeer('fill', peerFile(), RUNS, 40);
  return startPeer(peerFile());
}

/** Milliseconds until the workspace is open and its first page there. */
async function opening(workspace: string): Promise<number> {
  const start = performance.now();
  const store = await openStore(workspace, { mode: 'host' });
  store.listPage({}, { by: 'created', descending: true }, 0, 100);
  const took = performance.now() - start;
  store.close();
  return took;
}

it('a window of a series of 10 million points is there in 30 ms', async () => {
  const POINTS = 10_000_000;
  const AT_ONCE = 100_000;
  const store = await openStore(join(folder, 'workspace'), { mode: 'host' });
  const run = await loggedRun(store, 'long');
  for (let from = 0; from < POINTS; from += AT_ONCE) {
    const steps = Array.from({ length: AT_ONCE }, (_, index) => from + index);
    await store.append(run, [{ type: 'points', key: 'loss', steps, times: steps, values: steps.map((step) => ((step * 7919) % 1_000_003) / 1_000_003) }]);
  }
  await store.index(run);
  const times: number[] = [];
  for (const [from, to] of [[0, POINTS], [100_000, 9_900_000], [4_000_001, 6_000_007], [9_500_000, POINTS], [1_234_567, 1_334_567], [5_000_000, 5_003_000]] as const) {
    for (let time = 0; time < 5; time += 1) {
      const start = performance.now();
      const { points } = store.seriesWindow(run, 'loss', from, to, 2000);
      times.push(performance.now() - start);
      expect(points).toBe(Math.min(to, POINTS - 1) - from + 1);
    }
  }
  store.close();
  let theirs: number | null = null;
  if (peerPython !== null) {
    const id = await askPeer<string>('history', peerFile(), POINTS);
    const peer = await startPeer(peerFile());
    try {
      const start = performance.now();
      await fetch(`${peer.uri}/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?run_ids=${id}&metric_key=loss&start_step=100000&end_step=9900000&max_results=2000`).then((answer) => answer.text());
      theirs = performance.now() - start;
    } finally {
      await peer.stop();
    }
  }
  row({ name: 'chart-window-10m', ours: Math.max(...times), peer: theirs, unit: 'ms' });
  process.stdout.write(`chart window: median ${median(times).toFixed(1)} ms, worst ${Math.max(...times).toFixed(1)} ms\n`);
  expect(median(times)).toBeLessThan(30);
}, LIMIT);

it('wider runs, of 200 params and metrics: the first page of a search', async () => {
  const workspace = join(folder, 'workspace');
  await fillParams(workspace, { runs: RUNS, columns: 200 });
  const serving = await startServing(workspace);
  try {
    await searchOnce(serving.uri);
    const times: number[] = [];
    for (let time = 0; time < 9; time += 1) times.push(await searchOnce(serving.uri));
    row({ name: 'runs-search-100k-200', ours: median(times), peer: null, unit: 'ms' });
    expect(median(times)).toBeLessThan(50);
  } finally {
    await serving.stop();
  }
}, LIMIT);
