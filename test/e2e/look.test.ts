/** How the window looks: accessible by axe's rules, and without anything cut off, in every state, light and dark. */
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { cliJson, smallConfig, startCli } from '../helpers/cli';
import { engineReady, getRun, scene, startRun, until, type RepriseApp, type Scene } from './reprise-app';

const LIMIT = 120_000;
/** Left there to be looked at; REPRISE_SCREENSHOTS names another folder. */
const SCREENSHOTS = process.env['REPRISE_SCREENSHOTS'] ?? join(tmpdir(), 'reprise-screenshots');

let here: Scene;
beforeEach(async () => {
  here = await scene();
  await mkdir(SCREENSHOTS, { recursive: true });
});
afterEach(() => here.end());

async function violations(page: Page): Promise<string[]> {
  const { violations: found } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
  return found.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html).join(' | ')}`);
}

/** Axe, overflow and a picture, light and dark, in both sizes. */
async function judge({ app, page }: RepriseApp, name: string): Promise<void> {
  for (const [width, height] of [[1280, 800], [1920, 1080]] as const) {
    await app.evaluate(({ BrowserWindow }, size) => BrowserWindow.getAllWindows()[0]?.setContentSize(size.width, size.height), { width, height });
    await page.waitForFunction((size) => innerWidth === size.width && innerHeight === size.height, { width, height });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      await page.waitForTimeout(200);
      expect(await violations(page), `${name}, ${colorScheme}`).toEqual([]);
      const overflow = await page.evaluate(() => [document.documentElement, document.querySelector('main')].map((element) => (element === null ? -1 : element.scrollWidth - element.clientWidth)));
      expect(overflow, `${name} at ${width} is cut off`).toEqual([0, 0]);
      const picture = await page.screenshot({ path: join(SCREENSHOTS, `${name}-${width}x${height}-${colorScheme}.png`) });
      // The size stands in the header of a PNG.
      expect([picture.readUInt32BE(16), picture.readUInt32BE(20)]).toEqual([width, height]);
    }
  }
}

it('the list, with runs in every state', async () => {
  const small = await here.folder.write('small.yaml', smallConfig({ experiment: 'spirals-dropout' }));
  await cliJson(['run', small, '--workspace', here.workspace]);
  await cliJson(['run', small, '--seed', '2', '--workspace', here.workspace]);
  const tooFast = smallConfig({ experiment: 'a learning rate that is far too high for this network and its data' }).replace(/learningRate: [0-9.]+/u, 'learningRate: 900, optimizer: { kind: sgd, momentum: 0.99 }');
  const app = await here.open();
  await engineReady(app.page);
  const diverged = await startRun(app.page, await here.folder.write('diverging.yaml', tooFast));
  await app.page.evaluate((run) => window.reprise.runsWait({ runs: [run] }), diverged);
  const long = await here.folder.write('long.yaml', smallConfig({ experiment: 'spirals-long', epochs: 3000, samples: 3000, checkpointEvery: 150 }));
  const runs: string[] = [];
  for (const seed of [1, 2, 3, 4, 5]) {
    runs.push(await startRun(app.page, long, { seed }));
  }
  // The third waits for a core; what it finds when its turn comes makes it fail.
  await writeFile(join(here.workspace, 'runs', runs[2] ?? '', 'run.json'), 'damaged');
  await until('a step of the second run', async () => ((await getRun(app.page, runs[1] ?? ''))?.stepsDone ?? 0) > 0);
  await app.page.evaluate((run) => window.reprise.runsCancel({ run }), runs[0] ?? '');
  for (const state of ['finished', 'cancelled', 'failed', 'running', 'queued']) await app.page.waitForSelector(`.state.${state}`);
  expect(await app.page.locator('td:nth-child(6)').allInnerTexts()).toContain('NaN');
  await app.page.locator('tbody tr').nth(1).focus();
  await app.page.keyboard.press('ArrowDown');
  await judge(app, 'list');
}, LIMIT);

it('an empty workspace', async () => {
  const app = await here.open();
  await app.page.getByRole('button', { name: 'Run 15' }).waitFor();
  await judge(app, 'empty');
}, LIMIT);

it('an engine that is not running', async () => {
  const { child, done } = startCli(['run', await here.folder.write('long.yaml', smallConfig({ epochs: 5000, samples: 3000 })), '--workspace', here.workspace]);
  try {
    await until('the command line holds the workspace', () => stat(join(here.workspace, 'host.lock')).then(() => true, () => false));
    const app = await here.open();
    await app.page.waitForSelector('text=WORKSPACE_IN_USE');
    await judge(app, 'error');
  } finally {
    child.kill('SIGKILL');
    await done;
  }
}, LIMIT);

it('an engine that is being restarted', async () => {
  const small = await here.folder.write('small.yaml', smallConfig({ experiment: 'spirals-dropout' }));
  await cliJson(['run', small, '--workspace', here.workspace]);
  const app = await here.open();
  await app.page.waitForSelector('tbody tr');
  // The third death within a minute is waited on for seconds: time to look.
  let killed = -1;
  for (let crash = 0; crash < 4; crash += 1) {
    killed = await until('an engine', async () => (await app.pids('reprise-engine')).find((pid) => pid !== killed));
    if (crash < 3) {
      await app.page.waitForFunction(() => document.querySelector('.notice') === null);
      process.kill(killed, 'SIGKILL');
    } else process.kill(killed, 'SIGKILL');
  }
  await app.page.waitForSelector('text=The engine stopped and is being restarted');
  expect(await violations(app.page)).toEqual([]);
  await app.page.screenshot({ path: join(SCREENSHOTS, 'restarting.png') });
  await app.page.waitForFunction(() => document.querySelector('.notice') === null);
  expect(await app.page.locator('tbody tr').count()).toBe(1);
}, LIMIT);
