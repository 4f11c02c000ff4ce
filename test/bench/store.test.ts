/**
 * How long the store takes to answer what a window of 100,000 runs asks. Prints one line a question: median and worst
 * time of several, and the median processor time, which other programs on the machine disturb less; milliseconds.
 * `npm run bench -- store`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { expect, it } from 'vitest';
import { openStore } from '../../src/store/open';
import type { RunsOrder } from '../../src/store/types';
import { fillRuns } from '../helpers/many-runs';

const RUNS = Number(process.env['REPRISE_BENCH_RUNS'] ?? 100_000);
const REPEATS = 5;
const ROWS = 100;
/** Processor time that no question may take, milliseconds: the engine follows training runs meanwhile. */
const MOST_MS = 150;

const median = (values: readonly number[]): number => values.toSorted((left, right) => left - right)[values.length >> 1] ?? Number.NaN;
const column = (text: string | number): string => (typeof text === 'number' ? text.toFixed(1) : text).padStart(9);

/** @returns the median processor time, milliseconds */
function measured(name: string, work: () => unknown): number {
  const times: number[] = [];
  const processor: number[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat += 1) {
    const used = process.cpuUsage();
    const start = performance.now();
    work();
    times.push(performance.now() - start);
    const { user, system } = process.cpuUsage(used);
    processor.push((user + system) / 1000);
  }
  process.stdout.write(`${name.padEnd(50)}${column(median(times))}${column(Math.max(...times))}${column(median(processor))}\n`);
  return median(processor);
}

it(`${RUNS} runs: every question of the window is answered in at most ${MOST_MS} ms of processor time`, async () => {
  const workspace = mkdtempSync(join(tmpdir(), 'reprise-bench-'));
  try {
    const began = performance.now();
    const ids = await fillRuns(workspace, RUNS);
    process.stdout.write(`${RUNS} runs written in ${((performance.now() - began) / 1000).toFixed(1)} s\n${'question'.padEnd(50)}${column('median')}${column('worst')}${column('processor')}\n`);
    const slow: string[] = [];
    const timed = (name: string, work: () => unknown): void => {
      if (measured(name, work) > MOST_MS) slow.push(name);
    };
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
    const places = Object.fromEntries([...store.variantConfigs()].map(([hash, config]) => [hash, 'task' in config ? 0 : config.training.learningRate]));
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
    expect(slow).toEqual([]);
  } finally {
    rmSync(workspace, { recursive: true, force: true });
  }
}, 600_000);
