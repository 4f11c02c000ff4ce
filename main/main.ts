/**
 * The entry of the main process. The window and the engine's process come first, from few and small modules: they do not
 * wait for the rest of the app, which is loaded when the page shows what it begins with.
 */
import { existsSync } from 'node:fs';
import module from 'node:module';
import { join } from 'node:path';
import { app, ipcMain, MessageChannelMain, nativeTheme, session, type BrowserWindow, type MessagePortMain } from 'electron';
import { toErrorReport } from '../src/errors/errors';
import type { Opened } from './app';
import { engineEnvironment, filesIn, workspaceFolder } from './arguments';
import { channels } from './channels';
import { engineFork, forkedAhead } from './engine-fork';
import { readJsonFile, writeJsonFileNow } from './json-file';
import { LogFile } from './log-file';
import { setMenu } from './menu';
import { sandboxVerdict } from './policies';
import { registerAppScheme, serveApp } from './protocol';
import { checkSender, type InvokeEvent } from './sender';
import { readSettings } from './settings';
import { guardContents, guardSession, openWindow } from './window';
import { FIRST_STATE, isWindowState, type WindowState } from './window-state';

const userData = app.getPath('userData');
// Compiled code is kept between starts where this Node can: it has it since 22.1. It lies in the user's data folder, so it
// goes with the app's other caches.
const keepCompiled = (module as { enableCompileCache?: (folder: string) => unknown }).enableCompileCache;
keepCompiled?.(join(userData, 'Compile Cache'));

const logFile = new LogFile(join(userData, 'logs', 'reprise.log'));
const keepOutput = (text: string): void => {
  process.stderr.write(text);
  logFile.write(text);
};
const log = (text: string): void => keepOutput(`[reprise ${new Date().toISOString()}] ${text}\n`);

/** The rest of the app waits no longer for the page: one that does not come must not keep the engine unwatched. */
const PATIENCE_MS = 1500;

/** Sandboxed unless the user is root, for whom Chromium's sandbox does not work. */
const sandbox = sandboxVerdict(process.getuid?.()).allowed && !app.commandLine.hasSwitch('no-sandbox');

const out = join(app.getAppPath(), 'out');
const settingsFile = join(userData, 'settings.json');
const stateFile = join(userData, 'window.json');

/** A packaged app whose Electron cannot load the prebuilt SQLite addon brings another. */
function bundledSqlite(): string | null {
  const file = join(process.resourcesPath, 'better_sqlite3.node');
  return app.isPackaged && existsSync(file) ? file : null;
}

function keepWindowState(state: WindowState): void {
  try {
    writeJsonFileNow(stateFile, state);
  } catch (error) {
    log(`Where the window was could not be kept: ${String(error)}`);
  }
}

function makeWindow(): BrowserWindow {
  const state = readJsonFile(stateFile, isWindowState, FIRST_STATE);
  return openWindow({ preload: join(out, 'preload', 'preload.cjs'), sandbox, log, state, onState: keepWindowState });
}

/** The first instance opens the window; every other one hands its files to it. */
function begin(): void {
  const files = filesIn(process.argv, { cwd: process.cwd(), appPath: app.getAppPath() });
  if (!app.requestSingleInstanceLock({ files })) {
    app.quit();
    return;
  }
  // A Mac's Finder may ask before the app is there.
  const keepFile = (event: { preventDefault(): void }, path: string): void => {
    event.preventDefault();
    files.push(path);
  };
  app.on('open-file', keepFile);
  registerAppScheme();
  if (sandbox) app.enableSandbox();
  app.setAppUserModelId('org.reprise.app');
  app.on('web-contents-created', (_event, contents) => guardContents(contents, log));
  void app.whenReady().then(() => {
    const workspace = workspaceFolder({ argv: process.argv, environment: process.env, userData });
    const engines = forkedAhead(engineFork(join(out, 'engine-host.js'), workspace, engineEnvironment(process.env, bundledSqlite()), keepOutput));
    const { port1, port2 } = new MessageChannelMain();
    engines.first.postMessage({ type: 'client' }, [port1]);
    guardSession(session.defaultSession, log);
    serveApp(session.defaultSession, join(out, 'renderer'));
    nativeTheme.themeSource = readSettings(settingsFile).theme;
    setMenu((command) => void opened().then(({ run }) => run(command)));
    const window = makeWindow();

    let rest: Promise<Opened> | null = null;
    /** The rest of the app, loaded with the first call. */
    const opened = (): Promise<Opened> => {
      rest ??= import('./app').then(({ open }) => {
        app.off('open-file', keepFile);
        app.off('before-quit', quitLater);
        app.off('window-all-closed', quit);
        return open({ files, window, makeWindow, workspace, out, settingsFile, forkEngine: engines.fork, keepOutput, log, logFile });
      });
      return rest;
    };
    // Until then it would take the processor from engine and page.
    const painted = new Promise<void>((resolve) => {
      ipcMain.once(channels.painted, () => resolve());
      engines.first.once('exit', () => resolve());
      setTimeout(resolve, PATIENCE_MS);
      // Who brings a file wants to see that.
      if (files.length > 0) resolve();
    });
    void painted.then(opened);

    let firstPort: MessagePortMain | null = port2;
    /** The first page asks the engine before the rest of the app is there. @throws RepriseError SENDER_REFUSED */
    const giveFirstPort = (event: InvokeEvent): boolean => {
      if (firstPort === null || window.isDestroyed() || event.sender.id !== window.webContents.id) return false;
      checkSender(event, window.webContents.id, false);
      window.webContents.postMessage(channels.enginePort, null, [firstPort]);
      firstPort = null;
      return true;
    };
    ipcMain.handle(channels.connect, async (event, ...given: unknown[]) => {
      try {
        const hasPort = giveFirstPort(event);
        await painted;
        return (await opened()).connect(event, hasPort, ...given);
      } catch (error) {
        return { ok: false, error: toErrorReport(error) };
      }
    });
    // It tells nobody anything.
    ipcMain.handle(channels.whole, async () => void (await opened()));
    app.on('second-instance', (_event, _argv, _cwd, data) => void opened().then(({ secondInstance }) => secondInstance(data)));
    // Somebody may close the app before all of it is there: its rest ends the engine as it should.
    const quit = (): void => {
      if (process.platform !== 'darwin') app.quit();
    };
    const quitLater = (event: { preventDefault(): void }): void => {
      event.preventDefault();
      void opened().then(() => app.quit());
    };
    app.on('window-all-closed', quit);
    app.on('before-quit', quitLater);
  });
}

begin();
