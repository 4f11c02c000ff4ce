/**
 * 50,000 points a second come in over HTTP while a page of 100,000 runs is read twice a second, in the real app: what
 * Electron's main process and the pages have to wait. `npm run bench -- store`.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { engineReady, openApp, scene, type Scene } from '../e2e/reprise-app';
import { fillRuns } from '../helpers/many-runs';
import { watchMain } from './main-delay';
import { row } from './rows';

const RUNS = 100_000;
const POINTS_PER_SECOND = 50_000;
const SECONDS = 60;

let here: Scene;
beforeEach(async () => {
  here = await scene();
});
afterEach(() => here.end());

/** Logs from a process of its own, as a training script does. @returns points that were acknowledged a second */
async function logFor(uri: string): Promise<number> {
  const writer = spawn(process.execPath, [join(import.meta.dirname, 'steady-writer.mjs'), uri, String(POINTS_PER_SECOND), String(SECONDS)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let told = '';
  writer.stdout.on('data', (text: Buffer) => (told += text.toString()));
  return new Promise((resolve, reject) => {
    writer.once('error', reject);
    writer.once('close', (code) => (code === 0 ? resolve(Number(told)) : reject(new Error(`the writer ended with ${code}`))));
  });
}

const percentile = (values: readonly number[], share: number): number => values.toSorted((left, right) => left - right)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;

it('main and the pages answer while 50,000 points a second come in', async () => {
  await fillRuns(here.workspace, RUNS);
  const app = await openApp({ workspace: here.workspace, userData: join(here.folder.path, 'user-data') });
  try {
    const { page } = app;
    await engineReady(page);
    const started = await page.evaluate(() => window.reprise.trackingStart({}));
    if (!started.ok || started.value.url === null) throw new Error('the tracking server did not start');
    const delay = await watchMain(app.app);
    const logging = logFor(started.value.url);
    const pages = await page.evaluate(async (seconds) => {
      const took: number[] = [];
      for (let turn = 0; turn < seconds * 2; turn += 1) {
        const start = performance.now();
        const answer = await window.reprise.runsPage({ offset: (turn * 997) % 90_000, limit: 100, sort: { by: 'created', descending: true } });
        if (!answer.ok) throw new Error(answer.error.message);
        took.push(performance.now() - start);
        await new Promise((resolve) => setTimeout(resolve, 500 - Math.min(400, took.at(-1) ?? 0)));
      }
      return took;
    }, SECONDS - 2);
    const rate = await logging;
    const { p99 } = await delay();
    row({ name: 'event-loop-p99', ours: p99, peer: null, unit: 'ms' });
    row({ name: 'page-while-logging-p99', ours: percentile(pages, 0.99), peer: null, unit: 'ms' });
    process.stdout.write(`while ${Math.round(rate)} points/s came in: main's event loop p99 ${p99.toFixed(1)} ms, pages p50 ${percentile(pages, 0.5).toFixed(1)} ms, p99 ${percentile(pages, 0.99).toFixed(1)} ms\n`);
    expect(rate).toBeGreaterThan(0.95 * POINTS_PER_SECOND);
    expect(p99).toBeLessThan(16);
    expect(percentile(pages, 0.99)).toBeLessThan(100);
  } finally {
    await app.close();
  }
}, 600_000);
