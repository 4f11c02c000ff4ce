/**
 * The entry of the main process. The window and the engine's process come first, from few and small modules: they do not
 * wait for the rest of the app.
 */
import { existsSync } from 'node:fs';
import module from 'node:module';
import { join } from 'node:path';
import { app, ipcMain, nativeTheme, session, type BrowserWindow } from 'electron';
import { engineEnvironment, filesIn, workspaceFolder } from './arguments';
import { channels } from './channels';
import { engineFork, forkedAhead } from './engine-fork';
import { readJsonFile, writeJsonFileNow } from './json-file';
import { LogFile } from './log-file';
import { sandboxVerdict } from './policies';
import { registerAppScheme, serveApp } from './protocol';
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
    const forkEngine = forkedAhead(engineFork(join(out, 'engine-host.js'), workspace, engineEnvironment(process.env, bundledSqlite()), keepOutput));
    guardSession(session.defaultSession, log);
    const served = serveApp(session.defaultSession, join(out, 'renderer'));
    nativeTheme.themeSource = readSettings(settingsFile).theme;
    const window = makeWindow();
    // Not before: the page would wait for its first file until all of this is loaded.
    const opened = served.then(() => import('./app')).then(({ open }) => {
      app.off('open-file', keepFile);
      return open({ files, window, makeWindow, workspace, out, settingsFile, forkEngine, keepOutput, log, logFile });
    });
    // The page may come sooner than the rest of the app: it waits for its answer.
    ipcMain.handle(channels.connect, async (event, ...given: unknown[]) => (await opened).connect(event, ...given));
  });
}

begin();
