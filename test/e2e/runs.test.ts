/** The window over a real engine: it lists, trains, and survives the death of any of its processes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunResult } from '../../src/api/rows';
import { RUN_FILES } from '../../src/events/manifest';
import { cliJson, projectRoot, smallConfig, startCli } from '../helpers/cli';
import { ended, engineReady, getRun, isAlive, lossSteps, scene, startRun, until, type Scene } from './reprise-app';

const LIMIT = 120_000;
/** Trains for some seconds: long enough to be hit in the middle. */
const LONG = { experiment: 'long', epochs: 60, samples: 3000, dropout: 0.2, checkpointEvery: 150 } as const;

let here: Scene;
beforeEach(async () => {
  here = await scene();
});
afterEach(() => here.end());

/** A row of the table of runs; its head is none. */
const ROW = '.grid-row[data-index]';

/** The shown rows of the table of runs, cell by cell under the names of the columns. */
function table(page: Page): Promise<Record<string, string>[]> {
  return page.evaluate((selector) => {
    const text = (element: Element): string => (element as HTMLElement).innerText.trim();
    const heads = [...document.querySelectorAll('[role=columnheader]')].map((head) => text(head));
    const rows = [...document.querySelectorAll<HTMLElement>(selector)].sort((a, b) => Number(a.dataset['index']) - Number(b.dataset['index']));
    return rows.map((row) => Object.fromEntries([...row.querySelectorAll('[role=gridcell]')].map((cell, place) => [heads[place] ?? '', text(cell)])));
  }, ROW);
}

/** The same config under plain Node, in a workspace of its own. */
function underNode(config: string): Promise<RunResult> {
  return cliJson<RunResult>(['run', config, '--workspace', join(here.folder.path, 'under-node')]);
}

describe('the list', () => {
  it('shows the runs of a workspace made by the command line', async () => {
    const config = await here.folder.write('small.yaml', smallConfig({ experiment: 'two by hand' }));
    const first = await cliJson<RunResult>(['run', config, '--workspace', here.workspace]);
    const second = await cliJson<RunResult>(['run', config, '--seed', '2', '--workspace', here.workspace]);

    const { page } = await here.open();
    await page.waitForSelector(ROW);
    // The metric is the declared one of the test split.
    await page.getByRole('columnheader', { name: 'Test accuracy' }).waitFor();
    const rows = await table(page);
    expect(rows).toHaveLength(2);
    // Newest first.
    for (const [row, result] of [[rows[0], second], [rows[1], first]] as const) {
      expect(row).toMatchObject({ State: 'Finished', Seed: String(result.seed), 'Test accuracy': result.metrics?.['accuracy']?.toFixed(4), 'Final loss': result.finalLoss?.toFixed(4), Weights: result.weightsHash?.slice(0, 8) });
    }
    expect(await page.locator('footer.status').innerText()).toContain(here.workspace);
  }, LIMIT);

  it('is walked with the arrow keys, and a click copies a hash', async () => {
    const config = await here.folder.write('small.yaml', smallConfig());
    const runs: RunResult[] = [];
    for (const seed of ['1', '2', '3']) runs.unshift(await cliJson<RunResult>(['run', config, '--seed', seed, '--workspace', here.workspace]));
    const { app, page } = await here.open();
    await page.waitForSelector(ROW);
    await page.locator(ROW).first().focus();
    const focused = (): Promise<string | undefined> => page.evaluate(() => (document.activeElement as HTMLElement | null)?.dataset['index']);
    const seen: (string | undefined)[] = [await focused()];
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowUp', 'End', 'Home']) {
      await page.keyboard.press(key);
      seen.push(await focused());
    }
    expect(seen).toEqual(['0', '1', '2', '2', '1', '2', '0']);
    await page.locator(ROW).first().locator('button.hash').click();
    await page.getByText(/copied$/u).waitFor();
    expect(await app.evaluate(({ clipboard }) => clipboard.readText())).toBe(runs[0]?.weightsHash);
  }, LIMIT);

  it('puts deleted runs back by undo, and deletes them again by redo', async () => {
    const config = await here.folder.write('small.yaml', smallConfig());
    for (const seed of ['1', '2', '3']) await cliJson(['run', config, '--seed', seed, '--workspace', here.workspace]);
    const { page } = await here.open();
    const count = (): Promise<number> => page.locator(ROW).count();
    await page.waitForSelector(ROW);
    await page.locator(ROW).nth(1).click();
    await page.keyboard.press('Delete');
    await until('two runs', async () => (await count()) === 2);
    expect((await table(page)).map((row) => row['Seed'])).toEqual(['3', '1']);
    await page.keyboard.press('Control+z');
    await until('three runs again', async () => (await count()) === 3);
    expect((await table(page)).map((row) => row['Seed'])).toEqual(['3', '2', '1']);
    await page.keyboard.press('Control+Shift+Z');
    await until('two runs once more', async () => (await count()) === 2);
  }, LIMIT);
});

describe('training', () => {
  it('runs in utility processes and gives the bits of plain Node', async () => {
    const config = await here.folder.write('long.yaml', smallConfig({ ...LONG, epochs: 20 }));
    const expected = await underNode(config);
    const { page, pids } = await here.open();
    await engineReady(page);
    const run = await startRun(page, config);
    const [worker] = await until('a worker process', async () => {
      const found = await pids('reprise-worker');
      return found.length > 0 ? found : null;
    });
    expect(worker).toBeGreaterThan(0);
    const row = await ended(page, run);
    expect(row).toMatchObject({ status: 'finished', attempts: 1, exitCode: 0, signal: null, weightsHash: expected.weightsHash, computeHash: expected.computeHash, configHash: expected.configHash });
    await page.waitForSelector('.state.finished');
    const { steps } = await lossSteps(page, run);
    expect(steps).toHaveLength(row.totalSteps ?? -1);
    await until('the end of the worker', async () => (await pids('reprise-worker')).length === 0);
  }, LIMIT);

  it('starts from the empty state: one action runs the sample', async () => {
    const { page } = await here.open();
    await page.getByRole('button', { name: 'Run 15' }).click();
    await page.getByRole('heading', { level: 1, name: 'mnist-ablation' }).waitFor({ timeout: 60_000 });
    await page.getByRole('grid').getByText('running').first().waitFor({ timeout: 30_000 });
    const study = await page.evaluate(() => window.reprise.studiesGet({ studyId: 'mnist-ablation' }));
    expect(study).toMatchObject({ ok: true, value: { variants: 5, seeds: 3, missing: 0 } });
  }, LIMIT);
});

describe('kill -9', () => {
  it('of the engine in the middle of a training loses nothing', async () => {
    const config = await here.folder.write('long.yaml', smallConfig(LONG));
    const expected = await underNode(config);
    const { page, pids } = await here.open();
    await engineReady(page);
    await page.evaluate(() => {
      const states: typeof window.states = [];
      window.states = states;
      window.reprise.onEngineState((state) => void states.push(state));
    });
    const run = await startRun(page, config);
    await until('some steps', async () => ((await getRun(page, run))?.stepsDone ?? 0) > 300);
    const [engine] = await pids('reprise-engine');
    const [worker] = await pids('reprise-worker');
    if (engine === undefined || worker === undefined) throw new Error('no engine or worker to kill');

    const inFlight = page.evaluate((id) => window.reprise.runsWait({ runs: [id] }), run);
    await page.waitForTimeout(100);
    process.kill(engine, 'SIGKILL');
    expect(await inFlight).toMatchObject({ ok: false, error: { code: 'ENGINE_RESTARTED' } });
    await page.waitForSelector('text=The engine stopped and is being restarted');
    await until('another engine', async () => {
      const [now] = await pids('reprise-engine');
      return now !== undefined && now !== engine;
    });
    expect(isAlive(worker)).toBe(false);
    await page.waitForFunction(() => window.states?.at(-1)?.status === 'ready');
    expect(await page.evaluate(() => window.states?.map((state) => state.status))).toEqual(['ready', 'restarting', 'ready']);

    const row = await ended(page, run);
    expect(row).toMatchObject({ status: 'finished', weightsHash: expected.weightsHash });
    expect(row.attempts).toBeGreaterThan(1);
    const { steps } = await lossSteps(page, run);
    expect(steps).toEqual(steps.map((_step, index) => (steps[0] ?? 0) + index));
    expect(steps).toHaveLength(row.totalSteps ?? -1);
    await page.waitForSelector('.state.finished');
  }, LIMIT);

  it('of a worker lets its run go on to the same bits, and the log names the signal', async () => {
    const config = await here.folder.write('long.yaml', smallConfig(LONG));
    const expected = await underNode(config);
    const { page, pids } = await here.open();
    await engineReady(page);
    const run = await startRun(page, config);
    await until('some steps', async () => ((await getRun(page, run))?.stepsDone ?? 0) > 300);
    const [worker] = await pids('reprise-worker');
    if (worker === undefined) throw new Error('no worker to kill');
    process.kill(worker, 'SIGKILL');
    const row = await ended(page, run);
    expect(row).toMatchObject({ status: 'finished', attempts: 2, weightsHash: expected.weightsHash });
    const log = await readFile(join(here.workspace, 'runs', run, RUN_FILES.events), 'utf8');
    expect(log).toMatch(/"exitCode":null,"signal":"SIGKILL"/u);
  }, LIMIT);

  it('of the main process takes engine and workers with it, and the next start goes on', async () => {
    const config = await here.folder.write('long.yaml', smallConfig(LONG));
    const expected = await underNode(config);
    const first = await here.open();
    await engineReady(first.page);
    const run = await startRun(first.page, config);
    await until('some steps', async () => ((await getRun(first.page, run))?.stepsDone ?? 0) > 300);
    const children = [...(await first.pids('reprise-engine')), ...(await first.pids('reprise-worker'))];
    expect(children).toHaveLength(2);
    process.kill(first.pid, 'SIGKILL');
    await until('the end of all processes', async () => children.every((pid) => !isAlive(pid)));

    const second = await here.open();
    await engineReady(second.page);
    expect(await ended(second.page, run)).toMatchObject({ status: 'finished', weightsHash: expected.weightsHash });
  }, LIMIT);

  it('again and again ends in a clear error with a way back', async () => {
    const { page, pids } = await here.open();
    await engineReady(page);
    let killed = -1;
    for (let crash = 0; crash < 5; crash += 1) {
      const engine = await until('an engine', async () => (await pids('reprise-engine')).find((pid) => pid !== killed));
      process.kill(engine, 'SIGKILL');
      killed = engine;
    }
    await page.waitForSelector('text=ENGINE_CRASHED');
    expect(await page.evaluate(() => window.reprise.appInfo({}))).toMatchObject({ ok: false, error: { code: 'ENGINE_CRASHED' } });
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('button', { name: 'Run 15' }).waitFor();
    expect(await page.evaluate(() => window.reprise.appInfo({}))).toMatchObject({ ok: true, value: { workspace: here.workspace, readOnly: false } });
  }, LIMIT);
});

describe('quitting', () => {
  it('stops the workers; the next start goes on to the same bits', async () => {
    const config = await here.folder.write('long.yaml', smallConfig(LONG));
    const expected = await underNode(config);
    const first = await here.open();
    await engineReady(first.page);
    const run = await startRun(first.page, config);
    await until('some steps', async () => ((await getRun(first.page, run))?.stepsDone ?? 0) > 300);
    const children = [...(await first.pids('reprise-engine')), ...(await first.pids('reprise-worker'))];
    await first.close();
    expect(children.some((pid) => isAlive(pid))).toBe(false);
    // The command line can look at the workspace: nobody holds it any more.
    const listed = await cliJson<{ runs?: unknown } | unknown[]>(['runs', '--workspace', here.workspace]);
    expect(JSON.stringify(listed)).toContain('interrupted');

    const second = await here.open();
    await engineReady(second.page);
    expect(await ended(second.page, run)).toMatchObject({ status: 'finished', weightsHash: expected.weightsHash });
  }, LIMIT);

  it('happens on SIGTERM as well', async () => {
    const { page, pid, pids } = await here.open();
    await engineReady(page);
    const children = await pids('reprise-engine');
    process.kill(pid, 'SIGTERM');
    await until('the end of the app', async () => ![pid, ...children].some((one) => isAlive(one)), 8000);
  }, LIMIT);
});

describe('a second start', () => {
  it('with the same data folder shows the first window and ends', async () => {
    const { app, page } = await here.open();
    await engineReady(page);
    const executable = await app.evaluate(() => process.execPath);
    const root = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
    const second = spawn(executable, [...root, projectRoot, `--user-data-dir=${join(here.folder.path, 'user-data')}`, '--workspace', join(here.folder.path, 'other')], { stdio: 'ignore' });
    const [code] = (await once(second, 'exit')) as [number | null];
    expect(code).toBe(0);
    expect(await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(1);
    expect(existsSync(join(here.folder.path, 'other'))).toBe(false);
  }, LIMIT);
});

describe('a workspace that cannot be opened', () => {
  it('held by another host says who holds it, and opens when asked again later', async () => {
    const config = await here.folder.write('long.yaml', smallConfig({ ...LONG, epochs: 2000 }));
    const { child, done } = startCli(['run', config, '--workspace', here.workspace]);
    await until('the command line holds the workspace', () => stat(join(here.workspace, 'host.lock')).then(() => true, () => false));
    const { page } = await here.open();
    await page.waitForSelector('text=WORKSPACE_IN_USE');
    expect(await page.locator('main').innerText()).toContain(String(child.pid));
    child.kill('SIGINT');
    await done;
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.waitForSelector(ROW);
    const list = await page.evaluate(() => window.reprise.runsList({}));
    expect(list).toMatchObject({ ok: true, value: [{ experiment: 'long' }] });
  }, LIMIT);
});
