/** How long the store takes to answer what a window of 100,000 runs asks. Prints one line a question: name, median and worst of several, in milliseconds. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { openStore } from '../../src/store/open';
import type { RunsOrder } from '../../src/store/types';
import { fillRuns } from '../helpers/many-runs';

const RUNS = Number(process.env['REPRISE_BENCH_RUNS'] ?? 100_000);
const REPEATS = 5;
const ROWS = 100;

function timed(name: string, work: () => unknown): void {
  const times = Array.from({ length: REPEATS }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  }).toSorted((left, right) => left - right);
  process.stdout.write(`${name.padEnd(58)} ${(times[REPEATS >> 1] ?? 0).toFixed(1).padStart(8)} ${(times.at(-1) ?? 0).toFixed(1).padStart(8)}\n`);
}

const workspace = mkdtempSync(join(tmpdir(), 'reprise-bench-'));
try {
  const began = performance.now();
  const ids = await fillRuns(workspace, RUNS);
  process.stdout.write(`${RUNS} runs written in ${((performance.now() - began) / 1000).toFixed(1)} s\n${'question'.padEnd(58)} ${'median'.padStart(8)} ${'worst'.padStart(8)}  ms\n`);
  const store = await openStore(workspace, { mode: 'host' });
  const experiment = store.listExperiments()[0]?.name ?? '';
  const deep = Math.floor(RUNS * 0.9);
  const newest: RunsOrder = { by: 'created', descending: true };
  timed('experiments', () => store.listExperiments());
  timed('first page', () => store.listPage({}, newest, 0, ROWS));
  timed('deep page', () => store.listPage({}, newest, deep, ROWS));
  for (const by of ['experiment', 'variant', 'seed', 'status', 'progress', 'metric', 'loss', 'duration'] as const) {
    timed(`by ${by}`, () => store.listPage({}, { by, descending: true }, 0, ROWS));
    timed(`by ${by}, deep`, () => store.listPage({}, { by, descending: false }, deep, ROWS));
  }
  const places = Object.fromEntries([...store.variantConfigs()].map(([hash, config]) => [hash, config.training.learningRate]));
  timed('by a config leaf', () => store.listPage({}, { by: 'place', places, descending: true }, 0, ROWS));
  timed('by a config leaf, deep', () => store.listPage({}, { by: 'place', places, descending: true }, deep, ROWS));
  timed('one experiment by metric', () => store.listPage({ experiment }, { by: 'metric', descending: true }, 0, ROWS));
  for (const text of ['adam', 'adam moons finished', 'c0ffee', 'nothing-has-this', 'bench-000zz', '7']) {
    timed(`text "${text}", page`, () => store.listPage({ text }, newest, 0, ROWS));
    timed(`text "${text}", by metric`, () => store.listPage({ text }, { by: 'metric', descending: true }, 0, ROWS));
  }
  timed('running runs', () => store.listPage({ status: ['running'] }, newest, 0, ROWS));
  timed('failed runs', () => store.listPage({ status: ['failed'] }, newest, 0, ROWS));
  timed('groups', () => store.listGroups({}));
  timed('groups of an experiment', () => store.listGroups({ experiment }));
  timed('variants of an experiment', () => store.variantConfigs(experiment));
  timed('queue', () => store.listRuns({ status: ['queued', 'running'] }));
  timed('one run', () => store.getRun(ids[7] ?? ''));
  timed('training curves of a page', () => ids.slice(-ROWS).map((id) => store.series(id, 'train.loss')));
  store.close();
} finally {
  rmSync(workspace, { recursive: true, force: true });
}
