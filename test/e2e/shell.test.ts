/** The application around the window, by its own functions: files, settings, menus, closing. The systems' dialogs are answered by the test. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { APP_PAGE, CRASH_PAGE } from '../../main/policies';
import { commands } from '../../src/api/commands';
import type { OpenedFile, Settings } from '../../src/api/shell';
import type { Result } from '../../src/errors/errors';
import { projectRoot, smallConfig } from '../helpers/cli';
import { violations } from './axe';
import { answerDialogs, chooseFile, ended, engineReady, scene, startRun, until, type Scene } from './reprise-app';

const LIMIT = 60_000;
const ZIP = Buffer.concat([Buffer.from('PK\u0003\u0004', 'latin1'), Buffer.alloc(30)]);

declare global {
  interface Window {
    told?: unknown[];
  }
}

let here: Scene;
beforeEach(async () => {
  here = await scene();
});
afterEach(() => here.end());

describe('files', () => {
  it('are told by their content', async () => {
    const { page } = await here.open();
    const study = await here.folder.write('study.yaml', smallConfig());
    const noName = await here.folder.write('study.txt', `# mine\n${smallConfig()}`);
    const table = await here.folder.write('table.csv', 'a,b\n1,2\n');
    const broken = await here.folder.write('broken.yaml', 'a: [');
    const bundle = join(here.folder.path, 'bundle.bin');
    await writeFile(bundle, ZIP);
    const folder = here.folder.path;
    expect(await chooseFile(page, study)).toEqual({ ok: true, value: { kind: 'study', path: study, folder, text: smallConfig() } });
    expect(await chooseFile(page, noName)).toMatchObject({ ok: true, value: { kind: 'study' } });
    // Its errors are shown where it is edited.
    expect(await chooseFile(page, broken)).toMatchObject({ ok: true, value: { kind: 'study', text: 'a: [' } });
    expect(await chooseFile(page, bundle)).toEqual({ ok: true, value: { kind: 'bundle', path: bundle } });
    expect(await chooseFile(page, table, 'data')).toEqual({ ok: true, value: { kind: 'data', path: table } });
    expect(await chooseFile(page, study, 'data')).toMatchObject({ ok: false, error: { code: 'FILE_NOT_DATA' } });
    expect(await chooseFile(page, table)).toMatchObject({ ok: false, error: { code: 'FILE_NOT_STUDY' } });
    expect(await chooseFile(page, join(folder, 'nowhere.yaml'))).toMatchObject({ ok: false, error: { code: 'FILE_NOT_FOUND' } });
    expect(await chooseFile(page, folder)).toMatchObject({ ok: false, error: { code: 'FILE_NOT_STUDY' } });
    expect(await chooseFile(page, folder, 'runs-folder')).toEqual({ ok: true, value: { kind: 'runs', path: folder } });
    expect(await chooseFile(page, table, 'runs')).toEqual({ ok: true, value: { kind: 'data', path: table } });
    expect(await chooseFile(page, study, 'runs')).toMatchObject({ ok: false, error: { code: 'FILE_NOT_RUNS' } });
    expect(await chooseFile(page, await here.folder.write('image.yaml', '\0\u0001'))).toMatchObject({ ok: false, error: { code: 'FILE_UNKNOWN' } });
    await answerDialogs(page, null);
    expect(await page.evaluate(() => window.reprise.shell.chooseFile({ kind: 'study' }))).toEqual({ ok: true, value: null });
  }, LIMIT);

  it('that were chosen may be used: a study, the folder it lies in, a target once', async () => {
    const { page } = await here.open();
    await engineReady(page);
    const path = await here.folder.write('small.yaml', smallConfig());
    const run = await startRun(page, path);
    await ended(page, run);
    const plan = await page.evaluate(async (folder) => window.reprise.studiesPlan({ study: { text: 'no study', folder } }), here.folder.path);
    expect(plan.ok ? 'ok' : plan.error.code).not.toBe('PATH_NOT_CHOSEN');

    const target = join(here.folder.path, 'report.md');
    await answerDialogs(page, target);
    expect(await page.evaluate(() => window.reprise.shell.chooseTarget({ kind: 'report-md', suggestion: 'report' }))).toEqual({ ok: true, value: target });
    // A call that fails leaves the permission; one that writes takes it.
    const write = (of: string): Promise<Result<unknown>> => page.evaluate(([id, out]) => window.reprise.reportWrite({ target: id as string, format: 'md', out: out as string, overwrite: true }), [of, target]);
    expect(await write('nothing')).toMatchObject({ ok: false, error: { code: expect.not.stringMatching(/PATH/u) as string } });
    expect(await write(run)).toMatchObject({ ok: true, value: { file: target } });
    expect((await stat(target)).size).toBeGreaterThan(100);
    expect(await write(run)).toMatchObject({ ok: false, error: { code: 'PATH_NOT_CHOSEN' } });
  }, LIMIT);

  it('are still known to an engine that came back', async () => {
    const { page, pids } = await here.open();
    await engineReady(page);
    const path = await here.folder.write('small.yaml', smallConfig());
    await chooseFile(page, path);
    const [engine] = await pids('reprise-engine');
    process.kill(engine ?? -1, 'SIGKILL');
    await until('another engine', async () => (await pids('reprise-engine')).some((pid) => pid !== engine));
    await engineReady(page);
    expect(await page.evaluate((config) => window.reprise.runsStart({ config }), path)).toMatchObject({ ok: true });
  }, LIMIT);

  it('are saved where a person says, and a study again without asking', async () => {
    const { app, page } = await here.open();
    const path = join(here.folder.path, 'mine.yaml');
    await answerDialogs(page, join(here.folder.path, 'mine'));
    const save = (input: Parameters<typeof window.reprise.shell.saveFile>[0]): Promise<Result<string | null>> => page.evaluate((given) => window.reprise.shell.saveFile(given), input);
    expect(await save({ kind: 'study', suggestion: 'a/b: c', content: 'first' })).toEqual({ ok: true, value: path });
    expect(await page.evaluate((file) => window.reprise.shell.saveStudy({ path: file, text: 'second' }), path)).toEqual({ ok: true, value: null });
    expect(await readFile(path, 'utf8')).toBe('second');

    const picture = join(here.folder.path, 'chart.png');
    await answerDialogs(page, picture);
    expect(await page.evaluate(() => window.reprise.shell.saveFile({ kind: 'png', suggestion: 'chart', content: new Uint8Array([137, 80, 78, 71]) }))).toEqual({ ok: true, value: picture });
    expect([...(await readFile(picture))]).toEqual([137, 80, 78, 71]);
    await answerDialogs(page, join(here.folder.path, 'no such folder', 'x.csv'));
    expect(await save({ kind: 'csv', suggestion: 'x', content: 'a' })).toMatchObject({ ok: false, error: { code: 'FILE_NOT_WRITTEN' } });

    await app.evaluate(({ dialog }) => {
      dialog.showSaveDialog = ((_window: unknown, options: { defaultPath: string }) => Promise.resolve({ canceled: true, filePath: options.defaultPath })) as never;
    });
    expect(await save({ kind: 'svg', suggestion: 'x', content: 'a' })).toEqual({ ok: true, value: null });
    expect(existsSync(join(here.folder.path, 'x.svg'))).toBe(false);
  }, LIMIT);

  it('and folders of the workspace are shown in the file manager, and text goes to the clipboard', async () => {
    const { app, page } = await here.open();
    await engineReady(page);
    await app.evaluate(({ shell }) => {
      const shown: string[] = [];
      (globalThis as { shown?: string[] }).shown = shown;
      shell.showItemInFolder = (path) => void shown.push(path);
    });
    const runs = join(here.workspace, 'runs');
    await mkdir(runs, { recursive: true });
    expect(await page.evaluate((path) => window.reprise.shell.showInFolder({ path }), runs)).toEqual({ ok: true, value: null });
    expect(await page.evaluate(() => window.reprise.shell.showLogs({}))).toEqual({ ok: true, value: null });
    const log = join(here.folder.path, 'user-data', 'logs', 'reprise.log');
    expect(await app.evaluate(() => (globalThis as { shown?: string[] }).shown)).toEqual([runs, log]);
    await page.evaluate(() => window.reprise.shell.copyText({ text: 'α & β' }));
    expect(await app.evaluate(({ clipboard }) => clipboard.readText())).toBe('α & β');
    // The refusal is in the log, and the sample comes with the app.
    await page.evaluate(() => window.reprise.shell.showInFolder({ path: '/etc/passwd' }));
    await until('the refusal in the log', async () => (await readFile(log, 'utf8').catch(() => '')).includes('/etc/passwd'));
    const sample = await page.evaluate(() => window.reprise.shell.sample({}));
    expect(sample).toMatchObject({ ok: true, value: { folder: join(projectRoot, 'resources', 'samples') } });
    const plan = await page.evaluate(async () => {
      const file = await window.reprise.shell.sample({});
      return file.ok ? window.reprise.studiesPlan({ study: { text: file.value.text, folder: file.value.folder } }) : file;
    });
    expect(plan).toMatchObject({ ok: true });
  }, LIMIT);

  it('come by the command line and from a second instance', async () => {
    const first = await here.folder.write('first.yaml', smallConfig());
    const second = await here.folder.write('second.yaml', smallConfig());
    const { page } = await here.open({ files: [first] });
    await engineReady(page);
    expect(await page.evaluate((config) => window.reprise.runsStart({ config }), first)).toMatchObject({ ok: true });
    await page.evaluate(() => {
      const files: unknown[] = [];
      window.told = files;
      window.reprise.shell.onOpenFile((file) => void files.push(file));
    });
    const electron = join(process.env['ELECTRON_OVERRIDE_DIST_PATH'] ?? join(projectRoot, 'node_modules', 'electron', 'dist'), 'electron');
    const noSandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
    spawn(electron, [...noSandbox, projectRoot, `--user-data-dir=${join(here.folder.path, 'user-data')}`, '--workspace', here.workspace, second, join(here.folder.path, 'nowhere.zip')], { stdio: 'ignore' });
    await page.waitForFunction(() => (window.told?.length ?? 0) >= 2, null, { timeout: 30_000 });
    const files = (await page.evaluate(() => window.told)) as Result<OpenedFile>[];
    expect(files.slice(-2)).toMatchObject([{ ok: true, value: { kind: 'study', path: second } }, { ok: false, error: { code: 'FILE_NOT_FOUND' } }]);
  }, LIMIT);
});

describe('paths that nobody chose', () => {
  it('are refused by every method that takes one', async () => {
    const { page } = await here.open();
    await engineReady(page);
    const config = await here.folder.write('small.yaml', smallConfig());
    const answers = await page.evaluate(async ({ file, folder }) => {
      const { reprise } = window;
      const results = {
        config: await reprise.runsStart({ config: file }),
        studyPlan: await reprise.studiesPlan({ study: file }),
        studyStart: await reprise.studiesStart({ study: file }),
        studyFolder: await reprise.studiesPlan({ study: { text: 'name: x', folder } }),
        report: await reprise.reportWrite({ target: 'x', format: 'md', out: `${folder}/report.md` }),
        bundle: await reprise.bundleExport({ target: 'x', out: `${folder}/x.zip`, license: 'MIT' }),
        inspect: await reprise.bundleInspect({ file }),
        verify: await reprise.bundleVerify({ file }),
        bundlePlan: await reprise.bundlePlan({ file }),
        reproduce: await reprise.bundleReproduce({ file, trust: 'x' }),
        save: await reprise.shell.saveStudy({ path: file, text: 'gone' }),
        show: await reprise.shell.showInFolder({ path: file }),
        outOfWorkspace: await reprise.bundleInspect({ file: `${folder}/workspace/../small.yaml` }),
      };
      return Object.fromEntries(Object.entries(results).map(([name, result]) => [name, result.ok ? 'allowed' : result.error.code]));
    }, { file: config, folder: here.folder.path });
    for (const [name, code] of Object.entries(answers)) expect(code, name).toBe('PATH_NOT_CHOSEN');
    expect(await readFile(config, 'utf8')).toBe(smallConfig());
  }, LIMIT);

  it('are also those that a page makes up as dropped files', async () => {
    const { page } = await here.open();
    const answer = await page.evaluate(async () => window.reprise.shell.droppedFile(new File(['x'], '/etc/passwd')));
    expect(answer).toMatchObject({ ok: false, error: { code: 'FILE_UNKNOWN' } });
  }, LIMIT);
});

describe('settings', () => {
  it('are kept, reach the system and the page, and survive a damaged file', async () => {
    const first = await here.open();
    expect(await first.page.evaluate(() => window.reprise.shell.getSettings({}))).toEqual({ ok: true, value: { theme: 'system', notifications: true, trackingServer: false } });
    // Playwright shows pages in light unless told otherwise.
    await first.page.emulateMedia({ colorScheme: null });
    const changed = await first.page.evaluate(async () => {
      const heard: Settings[] = [];
      window.reprise.shell.onSettings((settings) => void heard.push(settings));
      await window.reprise.shell.setSettings({ theme: 'dark' });
      const answer = await window.reprise.shell.setSettings({ notifications: false });
      return { heard, answer, dark: matchMedia('(prefers-color-scheme: dark)').matches };
    });
    expect(changed).toEqual({ heard: [{ theme: 'dark', notifications: true, trackingServer: false }, { theme: 'dark', notifications: false, trackingServer: false }], answer: { ok: true, value: { theme: 'dark', notifications: false, trackingServer: false } }, dark: true });
    expect(await first.page.evaluate(() => window.reprise.shell.setSettings({ theme: 'pink' } as never))).toMatchObject({ ok: false, error: { code: 'INPUT_INVALID' } });
    await first.close();

    const second = await here.open();
    expect(await second.page.evaluate(() => window.reprise.shell.getSettings({}))).toEqual({ ok: true, value: { theme: 'dark', notifications: false, trackingServer: false } });
    expect(await second.app.evaluate(({ nativeTheme }) => nativeTheme.shouldUseDarkColors)).toBe(true);
    await second.close();

    await writeFile(join(here.folder.path, 'user-data', 'settings.json'), '{"theme":7');
    await writeFile(join(here.folder.path, 'user-data', 'window.json'), '{"bounds":{"x":1e9}}');
    const third = await here.open();
    expect(await third.page.evaluate(() => window.reprise.shell.getSettings({}))).toEqual({ ok: true, value: { theme: 'system', notifications: true, trackingServer: false } });
  }, LIMIT);
});

describe('the window', () => {
  it('comes back where and how large it was, with its zoom', async () => {
    const place = { x: 60, y: 80, width: 900, height: 600 };
    const first = await here.open();
    await first.app.evaluate(({ BrowserWindow }, bounds) => {
      const [window] = BrowserWindow.getAllWindows();
      window?.setBounds(bounds);
      window?.webContents.setZoomLevel(1);
    }, place);
    await until('its new size', () => first.page.evaluate(() => window.innerWidth < 800));
    await first.close();
    const second = await here.open();
    const found = await second.app.evaluate(({ BrowserWindow }) => {
      const [window] = BrowserWindow.getAllWindows();
      return { bounds: window?.getBounds(), zoom: window?.webContents.getZoomLevel() };
    });
    expect(found).toEqual({ bounds: place, zoom: 1 });
    await second.page.reload();
    await second.page.waitForSelector('main');
    expect(await second.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.webContents.getZoomLevel())).toBe(1);
  }, LIMIT);

  it('has every command in a menu; a click tells the page, and what cannot be used is grey', async () => {
    const { app, page } = await here.open();
    const items = await app.evaluate(({ Menu }, ids) => {
      const menu = Menu.getApplicationMenu();
      return ids.map((id) => menu?.getMenuItemById(id)?.label ?? null);
    }, Object.keys(commands));
    expect(items).toEqual(Object.values(commands).map((command) => command.title));
    await page.evaluate(() => {
      const told: unknown[] = [];
      window.told = told;
      window.reprise.shell.onCommand((command) => void told.push(command));
    });
    await app.evaluate(({ Menu }) => Menu.getApplicationMenu()?.getMenuItemById('go.compare')?.click());
    await page.waitForFunction(() => window.told?.[0] === 'go.compare');
    await page.evaluate(() => window.reprise.shell.enableCommands(['go.compare']));
    const enabled = (): Promise<(boolean | undefined)[]> => app.evaluate(({ Menu }) => ['go.compare', 'study.run'].map((id) => Menu.getApplicationMenu()?.getMenuItemById(id)?.enabled));
    await until('the greyed item', async () => (await enabled())[1] === false);
    expect(await enabled()).toEqual([true, false]);
  }, LIMIT);

  it('whose page dies again and again gives way to a page that says so', async () => {
    const { app, page } = await here.open();
    for (let crash = 0; crash < 5; crash += 1) {
      await app.evaluate(async ({ BrowserWindow }) => {
        const contents = BrowserWindow.getAllWindows()[0]?.webContents;
        const died = new Promise<void>((resolve) => contents?.once('render-process-gone', () => resolve()));
        contents?.forcefullyCrashRenderer();
        await died;
      });
      await until('a page again', () => app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.webContents.isLoading() === false && BrowserWindow.getAllWindows()[0]?.webContents.isCrashed() === false));
    }
    const url = await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.webContents.getURL());
    expect(url).toBe(CRASH_PAGE);
    // The window goes on, and so does the app: the page can be loaded again.
    const back = await app.evaluate(async ({ BrowserWindow }) => {
      const contents = BrowserWindow.getAllWindows()[0]?.webContents;
      await contents?.executeJavaScript("document.querySelector('a').click()");
      await new Promise<void>((resolve) => contents?.once('did-finish-load', () => resolve()));
      return contents?.getURL();
    });
    expect(back).toBe(APP_PAGE);
    expect(page.isClosed()).toBe(false);
  }, LIMIT);
});

describe('the crash page', () => {
  it('may show the logs and load the page again, and nothing more', async () => {
    const { app, page } = await here.open();
    await app.evaluate(async ({ BrowserWindow, shell }, url) => {
      shell.showItemInFolder = () => {};
      await BrowserWindow.getAllWindows()[0]?.loadURL(url);
    }, CRASH_PAGE);
    await page.waitForURL(CRASH_PAGE);
    expect(await page.evaluate(() => Object.keys(window.reprise))).toEqual(['showLogs']);
    expect(await page.evaluate(() => (window.reprise as unknown as { showLogs: () => Promise<unknown> }).showLogs())).toEqual({ ok: true, value: null });
    await page.getByRole('link', { name: 'Reload' }).click();
    await page.waitForURL(APP_PAGE);
    expect(await page.evaluate(() => 'runsList' in window.reprise)).toBe(true);
  }, LIMIT);

  it('also stands in for a page that does not load', async () => {
    const { app, page } = await here.open();
    await app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.loadURL('app://reprise/missing.html').catch(() => {}));
    await page.waitForURL(CRASH_PAGE);
    expect(await page.getByRole('heading').innerText()).toBe('This window stopped working');
  }, LIMIT);

  it('is not brought again and again by what breaks it too', async () => {
    const { app, page } = await here.open();
    const breakPreload = (): Promise<unknown> => app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.webContents.emit('preload-error', {}, 'preload.cjs', new Error('broken')));
    await breakPreload();
    await page.waitForURL(CRASH_PAGE);
    await page.waitForLoadState();
    await page.evaluate(() => document.body.setAttribute('data-kept', ''));
    await breakPreload();
    await page.waitForTimeout(500);
    expect(await page.evaluate(() => document.body.hasAttribute('data-kept'))).toBe(true);
  }, LIMIT);

  it('can be read by everybody', async () => {
    const { app, page } = await here.open();
    await app.evaluate(({ BrowserWindow }, url) => BrowserWindow.getAllWindows()[0]?.loadURL(url), CRASH_PAGE);
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await violations(page)).toEqual([]);
    }
  }, LIMIT);
});
