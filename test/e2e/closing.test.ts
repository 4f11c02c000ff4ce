/** What the app shows of its work outside the window, and how it ends while work goes on. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { smallConfig } from '../helpers/cli';
import { answerBoxes, chooseFile, engineReady, getRun, isAlive, scene, startRun, until, type RepriseApp, type Scene } from './reprise-app';

const LIMIT = 60_000;
const LONG = smallConfig({ experiment: 'long', epochs: 3000, samples: 3000, checkpointEvery: 150 });

let here: Scene;
beforeEach(async () => {
  here = await scene();
});
afterEach(() => here.end());

/** Starts a run that goes on for minutes and waits until it does. */
async function busy(page: Page): Promise<string> {
  await engineReady(page);
  const run = await startRun(page, await here.folder.write('long.yaml', LONG));
  await until('the first steps', async () => ((await getRun(page, run))?.stepsDone ?? 0) > 0);
  return run;
}

async function untilGone(app: RepriseApp): Promise<void> {
  await until('the end of the app', async () => !isAlive(app.pid));
  expect(isAlive(app.pid)).toBe(false);
}

describe('a study that goes on', () => {
  it('shows in the taskbar, and its end is told where nobody looks at the window', async () => {
    const { app, page } = await here.open();
    await engineReady(page);
    await app.evaluate(({ BrowserWindow, Notification }) => {
      const told: { progress: number[]; notes: string[] } = { progress: [], notes: [] };
      (globalThis as { outside?: typeof told }).outside = told;
      const [window] = BrowserWindow.getAllWindows();
      if (window === undefined) throw new Error('no window');
      window.setProgressBar = (value) => void told.progress.push(value);
      window.isFocused = () => false;
      Notification.isSupported = () => true;
      Notification.prototype.show = function show(this: { title: string; body: string; emit: (event: string) => void }) {
        told.notes.push(`${this.title} | ${this.body}`);
        window.hide();
        this.emit('click');
      };
    });
    const study = await here.folder.write('study.yaml', `experiment: quick\ndesign: one-at-a-time\nseeds: [1, 2]\nbaseline:\n${smallConfig().replace(/^experiment.*\n/u, '').replace(/^/gmu, '  ').trimEnd()}\nfactors:\n  - path: model.dropout\n    levels: [0]\n`);
    await chooseFile(page, study);
    expect(await page.evaluate((path) => window.reprise.studiesStart({ study: path }), study)).toMatchObject({ ok: true });
    const outside = (): Promise<{ progress: number[]; notes: string[] } | undefined> => app.evaluate(() => (globalThis as { outside?: { progress: number[]; notes: string[] } }).outside);
    const { notes } = await until('the notification', async () => {
      const told = await outside();
      return told !== undefined && told.notes.length > 0 && told.progress.at(-1) === -1 ? told : null;
    });
    expect(notes).toEqual(['quick ended | 4 runs: 4 finished.']);
    const { progress } = (await outside()) ?? { progress: [] };
    const shares = progress.filter((share) => share >= 0 && share <= 1);
    expect(shares.length).toBeGreaterThan(1);
    expect(Math.max(...shares)).toBeGreaterThan(0.3);
    // The click has brought the window back.
    expect(await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.isVisible())).toBe(true);
  }, LIMIT);
});

describe('closing', () => {
  it('without work quits', async () => {
    const app = await here.open();
    await engineReady(app.page);
    await app.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.close());
    await untilGone(app);
  }, LIMIT);

  it('with runs going on asks where no icon would show them; left, it stays open', async () => {
    const app = await here.open();
    const run = await busy(app.page);
    await app.app.evaluate(({ dialog, BrowserWindow }) => {
      const asked: unknown[] = [];
      (globalThis as { asked?: unknown[] }).asked = asked;
      dialog.showMessageBox = ((_window: unknown, options: unknown) => {
        asked.push(options);
        return Promise.resolve({ response: 2, checkboxChecked: false });
      }) as never;
      BrowserWindow.getAllWindows()[0]?.close();
    });
    const asked = await until('the question', () => app.app.evaluate(() => ((globalThis as { asked?: unknown[] }).asked?.length === 1 ? (globalThis as { asked?: unknown[] }).asked : null)));
    expect(asked).toMatchObject([{ message: '1 run is running.', buttons: ['Quit', 'Keep running in background', 'Cancel'] }]);
    expect(JSON.stringify(asked)).toContain('go on from their last checkpoint');
    expect(await getRun(app.page, run)).toMatchObject({ status: 'running' });
  }, LIMIT);

  it('can leave the runs to go on, and a second start brings the window back', async () => {
    const app = await here.open();
    const run = await busy(app.page);
    await answerBoxes(app.app, 1);
    await app.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.close());
    await until('no window', () => app.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length === 0));
    expect(await app.pids('reprise-worker')).toHaveLength(1);
    await app.app.evaluate(({ app: electron }) => electron.emit('second-instance', {}, [], '/', { files: [] }));
    const page = await until('a window again', async () => app.app.windows().find((window) => window !== app.page));
    await page.waitForSelector('main');
    await engineReady(page);
    expect(await getRun(page, run)).toMatchObject({ status: 'running' });
    await answerBoxes(app.app, 0);
  }, LIMIT);

  it('asks nothing where an icon in the tray shows the runs', async () => {
    // Stands in for the program that asks the session bus who shows such icons.
    const programs = join(here.folder.path, 'programs');
    await mkdir(programs);
    await writeFile(join(programs, 'dbus-send'), '#!/bin/sh\necho "   boolean true"\n', { mode: 0o755 });
    const app = await here.open({ env: { PATH: `${programs}:${process.env['PATH'] ?? ''}`, DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nowhere' } });
    const run = await busy(app.page);
    await app.app.evaluate(({ BrowserWindow, Tray, dialog }) => {
      const tips: string[] = [];
      (globalThis as { tips?: string[] }).tips = tips;
      Tray.prototype.setToolTip = (text) => void tips.push(text);
      dialog.showMessageBox = () => {
        tips.push('asked');
        return Promise.resolve({ response: 2, checkboxChecked: false });
      };
      BrowserWindow.getAllWindows()[0]?.close();
    });
    await until('no window', () => app.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length === 0));
    expect(await app.app.evaluate(() => (globalThis as { tips?: string[] }).tips)).toEqual(['Reprise: 1 run is running.']);
    await app.app.evaluate(({ app: electron }) => electron.emit('activate', {}, false));
    const page = await until('a window again', async () => app.app.windows().find((window) => window !== app.page));
    await page.waitForSelector('main');
    await engineReady(page);
    expect(await getRun(page, run)).toMatchObject({ status: 'running' });
  }, LIMIT);

  it('in the background ends the app when nothing is left to do', async () => {
    const app = await here.open();
    const run = await busy(app.page);
    await answerBoxes(app.app, 1);
    await app.page.evaluate((id) => {
      setTimeout(() => void window.reprise.runsCancel({ run: id }), 0);
    }, run);
    await app.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.close());
    await untilGone(app);
  }, LIMIT);

  it('by a signal asks nobody', async () => {
    const app = await here.open();
    await busy(app.page);
    await answerBoxes(app.app, 2);
    process.kill(app.pid, 'SIGTERM');
    await untilGone(app);
  }, LIMIT);
});
