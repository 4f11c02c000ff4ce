/**
 * The window under load, and how fast it is there: ratios and counts taken in one run, so that a slow machine changes
 * both sides alike. `npm run bench -- window`.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { _electron, type ElectronApplication, type Page } from 'playwright';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { engineReady, environment, openApp, scene, until, type RepriseApp, type Scene } from '../e2e/reprise-app';
import { smallConfig } from '../helpers/cli';
import { fillRuns } from '../helpers/many-runs';

const RUNS = 100_000;
const LAUNCHES = 7;
const LIMIT = 600_000;

let here: Scene;
beforeEach(async () => {
  here = await scene();
});
afterEach(() => here.end());

const median = (values: readonly number[]): number => values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;

/** An Electron app that does nothing but open a window with one word, sandboxed as ours is. */
async function emptyApp(): Promise<string> {
  const folder = join(here.folder.path, 'empty');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'empty', version: '1.0.0', type: 'module', main: 'main.js' }));
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>Empty</title><main>Empty</main>');
  await writeFile(
    join(folder, 'main.js'),
    `import { app, BrowserWindow } from 'electron';
void app.whenReady().then(() => {
  const window = new BrowserWindow({ width: 1280, height: 800, show: false, webPreferences: { sandbox: true } });
  window.once('ready-to-show', () => window.show());
  void window.loadFile(new URL('index.html', import.meta.url).pathname);
});
`,
  );
  return folder;
}

async function emptyLaunch(folder: string, number: number): Promise<number> {
  const start = performance.now();
  const app = await _electron.launch({ args: [folder, `--user-data-dir=${join(here.folder.path, `empty-${number}`)}`], env: environment(), chromiumSandbox: process.getuid?.() !== 0 });
  const page = await app.firstWindow();
  await page.waitForSelector('main');
  const took = performance.now() - start;
  await app.close();
  return took;
}

/** Until the list of runs is there with a row that can be selected. */
async function ourLaunch(): Promise<number> {
  const start = performance.now();
  const app = await here.open();
  await app.page.waitForSelector('[role=row][aria-rowindex]');
  const took = performance.now() - start;
  await app.close();
  return took;
}

it('launch to usable takes at most 1.5 times an empty window', async () => {
  await fillRuns(here.workspace, 200);
  const folder = await emptyApp();
  // The first of each fills caches that later starts find.
  await emptyLaunch(folder, 0);
  await ourLaunch();
  const empty: number[] = [];
  const ours: number[] = [];
  for (let launch = 1; launch <= LAUNCHES; launch += 1) {
    empty.push(await emptyLaunch(folder, launch % 2));
    ours.push(await ourLaunch());
  }
  const ratio = median(ours) / median(empty);
  console.log(`launch: empty ${Math.round(median(empty))} ms, Reprise ${Math.round(median(ours))} ms, ratio ${ratio.toFixed(2)} (medians of ${LAUNCHES})`);
  expect(ratio).toBeLessThanOrEqual(1.5);
}, LIMIT);

interface Delay {
  readonly p99: number;
  readonly max: number;
}

/** Event loop delay of the main process, in milliseconds over what the timer itself waits. */
async function watchMain(app: ElectronApplication): Promise<() => Promise<Delay>> {
  await app.evaluate(() => {
    const { monitorEventLoopDelay } = process.getBuiltinModule('node:perf_hooks');
    const histogram = monitorEventLoopDelay({ resolution: 1 });
    histogram.enable();
    (globalThis as unknown as { delays: typeof histogram }).delays = histogram;
  });
  return () =>
    app.evaluate(() => {
      const { delays } = globalThis as unknown as { delays: { percentile(p: number): number; max: number; disable(): void } };
      delays.disable();
      return { p99: delays.percentile(99) / 1e6, max: delays.max / 1e6 };
    });
}

interface LongTask {
  readonly start: number;
  readonly duration: number;
}

async function watchPage(page: Page): Promise<(since: number) => Promise<LongTask[]>> {
  await page.evaluate(() => {
    const found: LongTask[] = [];
    (window as unknown as { longTasks: LongTask[] }).longTasks = found;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) found.push({ start: entry.startTime, duration: entry.duration });
    }).observe({ type: 'longtask', buffered: true });
  });
  return (since) => page.evaluate((start) => (window as unknown as { longTasks: LongTask[] }).longTasks.filter((task) => task.start >= start), since);
}

async function scrollThrough(page: Page): Promise<void> {
  const box = await page.locator('.runs-scroller').boundingBox();
  if (box === null) throw new Error('the list of runs is not shown');
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  for (let turn = 0; turn < 60; turn += 1) {
    await page.mouse.wheel(0, 1200);
    await page.waitForTimeout(16);
  }
  // And to places far away, as dragging the scroll bar does.
  for (const share of [0.25, 0.9, 0.5, 1, 0]) {
    await page.locator('.runs-scroller').evaluate((element, to) => element.scrollTo(0, element.scrollHeight * to), share);
    await page.waitForTimeout(250);
  }
}

async function trainInBackground({ app, page }: RepriseApp): Promise<void> {
  const config = await here.folder.write('long.yaml', smallConfig({ experiment: 'training', epochs: 5000, samples: 3000 }));
  for (const seed of [1, 2]) {
    await app.evaluate(({ dialog }, file) => {
      dialog.showOpenDialog = () => Promise.resolve({ canceled: false, filePaths: [file] });
    }, config);
    await page.evaluate(() => window.reprise.shell.chooseFile({ kind: 'study' }));
    const started = await page.evaluate((input) => window.reprise.runsStart(input), { config, seed });
    if (!started.ok) throw new Error(`${started.error.code}: ${started.error.message}`);
  }
  await until('training', async () => ((await page.evaluate(() => window.reprise.queueStatus({}))) as { value?: { running: number } }).value?.running === 2);
}

it(`${RUNS} runs and a training study: no long task, and a main process that answers`, async () => {
  await fillRuns(here.workspace, RUNS);
  const app = await openApp({ workspace: here.workspace, userData: join(here.folder.path, 'user-data') });
  try {
    const { page } = app;
    await engineReady(page);
    await trainInBackground(app);
    const longTasks = await watchPage(page);
    const delay = await watchMain(app.app);
    await page.getByRole('button', { name: 'Machines' }).click();
    await page.waitForTimeout(1000);
    const start = await page.evaluate(() => performance.now());
    await page.getByRole('button', { name: 'Experiments' }).click();
    await page.waitForSelector('[role=row][aria-rowindex]');
    await page.getByRole('button', { name: /^All runs/u }).click().catch(() => undefined);
    await page.waitForTimeout(500);
    for (const column of ['Seed', 'Duration', 'State']) {
      await page.getByRole('columnheader', { name: column }).getByRole('button').first().click();
      await page.waitForTimeout(400);
    }
    await scrollThrough(page);
    const tasks = (await longTasks(start)).filter((task) => task.duration > 50);
    const { p99, max } = await delay();
    console.log(`${RUNS} runs: ${tasks.length} long tasks over 50 ms${tasks.length === 0 ? '' : ` (longest ${Math.round(Math.max(...tasks.map((task) => task.duration)))} ms)`}; main's event loop delay p99 ${p99.toFixed(1)} ms, max ${max.toFixed(1)} ms`);
    expect(tasks).toEqual([]);
    expect(p99).toBeLessThan(16);
  } finally {
    await app.close();
  }
}, LIMIT);
