/**
 * How long the queue takes to give a turn where 100,000 runs wait. Prints one line a case: median and worst time of many
 * turns, milliseconds. `npm run bench -- queue`.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { Line, type Placed } from '../../src/execution/line';
import { MachineBudget } from '../../src/execution/machine-budget';
import { sha256Bytes } from '../../src/files/hash';
import { openStore } from '../../src/store/open';
import { sampleManifest } from '../fixtures/sample';
import { fillRuns } from '../helpers/many-runs';

const RUNS = Number(process.env['REPRISE_BENCH_RUNS'] ?? 100_000);
const TURNS = 200;
/** Time that no turn may take, milliseconds: the engine answers the window meanwhile. */
const MOST_MS = 25;
/** Cores; each run takes one. */
const CORES = 4;

let workspace: string;
let ids: readonly string[];
beforeAll(async () => {
  workspace = mkdtempSync(join(tmpdir(), 'reprise-bench-'));
  ids = await fillRuns(workspace, RUNS);
}, 600_000);
afterAll(() => rmSync(workspace, { recursive: true, force: true }));

/** Puts all runs into the queue, in so many experiments, and those that can have a turn soon into folders. */
function queue(experiments: number, from: number): void {
  const database = new Sqlite(join(workspace, 'reprise.db'));
  database.prepare("UPDATE runs SET status = 'queued', experiment = 'experiment ' || (id % ?)").run(experiments);
  const name = database.prepare('UPDATE runs SET manifest_sha256 = ? WHERE run_id = ?');
  database.transaction(() => {
    for (const runId of ids.slice(from, from + 2 * TURNS + 2 * experiments)) {
      const text = JSON.stringify(sampleManifest(runId));
      mkdirSync(join(workspace, 'runs', runId), { recursive: true });
      writeFileSync(join(workspace, 'runs', runId, 'run.json'), text);
      name.run(sha256Bytes(text), runId);
    }
  })();
  database.close();
}

it.each([
  ['of one experiment', 1, 0],
  ['of 1000 experiments', 1000, 0],
  ['of one experiment, of which nine in ten are held', 1, RUNS * 0.9],
])(`${RUNS} waiting runs %s`, async (name, experiments, held) => {
  queue(experiments, held);
  const store = await openStore(workspace, { mode: 'host' });
  onTestFinished(() => store.close());
  const away = new Set(ids.slice(0, held));
  const placed = new Map<string, Placed>();
  const budget = new MachineBudget(CORES);
  const line: Line = new Line({
    store, budget, executors: null,
    placed: () => placed.values(),
    isAway: (runId) => away.has(runId) || placed.has(runId),
    begin: (runId, place) => void placed.set(runId, place),
    fail: (_runId, error) => {
      throw error;
    },
    wake: () => undefined,
  });
  const timed = (work: () => void): number => {
    const start = performance.now();
    work();
    return performance.now() - start;
  };
  const first = timed(() => line.deal());
  const turns: number[] = [];
  for (let turn = 0; turn < TURNS; turn += 1) {
    const [runId, place] = [...placed][0] ?? [];
    if (runId === undefined || place?.lease == null) break;
    store.setStatus(runId, 'running');
    store.setStatus(runId, 'finished');
    placed.delete(runId);
    budget.free(place.lease);
    turns.push(timed(() => line.deal()));
  }
  const full = timed(() => line.deal());
  const sorted = turns.toSorted((left, right) => left - right);
  const middle = sorted[TURNS >> 1] ?? Number.NaN;
  process.stdout.write(`${name.padEnd(50)} first ${first.toFixed(2)}, turn ${middle.toFixed(2)}, worst ${(sorted.at(-1) ?? Number.NaN).toFixed(2)}, no room ${full.toFixed(3)} ms\n`);
  expect(turns).toHaveLength(TURNS);
  expect(placed.size).toBe(CORES);
  expect(middle).toBeLessThan(held > 0 ? 10 * MOST_MS : MOST_MS);
}, 600_000);
