/** The main process: makes the window, watches over the engine's process and the workers, and does no work itself. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { app, ipcMain, MessageChannelMain, nativeTheme, session, type BrowserWindow, type MessagePortMain } from 'electron';
import { z } from 'zod';
import { commandIds, type CommandId } from '../src/api/commands';
import type { OpenedFile } from '../src/api/shell';
import { toErrorReport, type Result } from '../src/errors/errors';
import { engineEnvironment, filesIn, unpacked, workspaceFolder } from './arguments';
import { WorkerBroker } from './broker';
import { channels } from './channels';
import { ChosenPaths } from './chosen-paths';
import { EngineSupervisor, type EngineNews } from './engine-supervisor';
import { guarded, guardedWith, type IpcOptions } from './ipc';
import { readJsonFile, writeJsonFileNow } from './json-file';
import { Lifetime } from './lifetime';
import { LogFile } from './log-file';
import { enableCommands, setMenu } from './menu';
import { notifyStudyEnded, showProgress } from './outside';
import { sandboxVerdict } from './policies';
import { registerAppScheme, serveApp } from './protocol';
import { SettingsFile } from './settings';
import { serveShell } from './shell';
import { TrayIcon } from './tray';
import { engineFork, watchUtilityProcesses, workerFork } from './utility-process';
import { FIRST_STATE, windowState, type WindowState } from './window-state';
import { guardContents, guardSession, openWindow } from './window';
import { NO_WORK, workWithout, type Work } from './work';

const userData = app.getPath('userData');
const logFile = new LogFile(join(userData, 'logs', 'reprise.log'));
const keepOutput = (text: string): void => {
  process.stderr.write(text);
  logFile.write(text);
};
const log = (text: string): void => keepOutput(`[reprise ${new Date().toISOString()}] ${text}\n`);

/** Sandboxed unless the user is root, for whom Chromium's sandbox does not work. */
const sandbox = sandboxVerdict(process.getuid?.()).allowed && !app.commandLine.hasSwitch('no-sandbox');

/** A packaged app whose Electron cannot load the prebuilt SQLite addon brings another. */
function bundledSqlite(): string | null {
  const file = join(process.resourcesPath, 'better_sqlite3.node');
  return app.isPackaged && existsSync(file) ? file : null;
}

/** The first instance opens the window; every other one hands its files to it. */
export function begin(): void {
  const files = filesIn(process.argv, { cwd: process.cwd(), appPath: app.getAppPath() });
  if (!app.requestSingleInstanceLock({ files })) {
    app.quit();
    return;
  }
  // A Mac's Finder may ask before the app is ready.
  const keepFile = (event: { preventDefault(): void }, path: string): void => {
    event.preventDefault();
    files.push(path);
  };
  app.on('open-file', keepFile);
  registerAppScheme();
  if (sandbox) app.enableSandbox();
  app.setAppUserModelId('org.reprise.app');
  app.on('web-contents-created', (_event, contents) => guardContents(contents, log));
  watchUtilityProcesses();
  void app.whenReady().then(() => {
    app.off('open-file', keepFile);
    open(files);
  });
}

const handedOver = z.object({ files: z.array(z.string().max(4096)).max(100) });

function open(firstFiles: readonly string[]): void {
  const out = join(app.getAppPath(), 'out');
  const resources = join(app.getAppPath(), 'resources');
  const workspace = workspaceFolder({ argv: process.argv, environment: process.env, userData });
  const stateFile = join(userData, 'window.json');

  let window: BrowserWindow | null = null;
  /** Whether the page's preload listens: from its `connect` until the page goes. */
  let listening = false;
  /** For a page that does not listen yet. */
  const unsent: (readonly [channel: string, value: unknown])[] = [];
  let work: Work = NO_WORK;

  const tell = (channel: string, value: unknown): void => {
    if (window !== null && listening) window.webContents.send(channel, value);
    else unsent.push([channel, value]);
  };
  const settings = new SettingsFile(join(userData, 'settings.json'), (changed) => {
    nativeTheme.themeSource = changed.theme;
    if (listening) window?.webContents.send(channels.settings, changed);
  });
  nativeTheme.themeSource = settings.current.theme;

  const handOver = (): void => {
    if (window === null || !listening) return;
    const { port1, port2 } = new MessageChannelMain();
    if (supervisor.connect(port1)) window.webContents.postMessage(channels.enginePort, null, [port2]);
  };
  const supervisor = new EngineSupervisor<MessagePortMain>({
    fork: engineFork(join(out, 'engine-host.js'), workspace, engineEnvironment(process.env, bundledSqlite()), keepOutput),
    broker: new WorkerBroker(workspace, workerFork(unpacked(join(out, 'worker.js')), keepOutput)),
    log,
    onState: (state) => {
      if (state.status !== 'ready') changeWork(workWithout(state, work));
      if (window === null || !listening) return;
      window.webContents.send(channels.engineState, state);
      if (state.status === 'ready') handOver();
    },
    onNews: (news) => hear(news),
  });
  const chosen = new ChosenPaths(workspace, (grant) => supervisor.grant(grant));

  const keepWindowState = (state: WindowState): void => {
    try {
      writeJsonFileNow(stateFile, state);
    } catch (error) {
      log(`Where the window was could not be kept: ${String(error)}`);
    }
  };
  const show = (): void => {
    if (window !== null) {
      if (window.isMinimized()) window.restore();
      window.show();
      window.focus();
      return;
    }
    const state: WindowState = readJsonFile(stateFile, windowState, FIRST_STATE);
    window = openWindow({
      preload: join(out, 'preload', 'preload.cjs'),
      sandbox,
      log,
      state,
      onState: keepWindowState,
    });
    lifetime.watchWindow(window);
    window.webContents.on('did-start-navigation', (event) => {
      if (event.isMainFrame && !event.isSameDocument) listening = false;
    });
    window.webContents.on('render-process-gone', () => {
      listening = false;
    });
    window.on('closed', () => {
      window = null;
      listening = false;
    });
    showProgress(window, work);
  };
  const lifetime = new Lifetime({
    window: () => window,
    work: () => work,
    tray: new TrayIcon({ icon: join(resources, 'icon.png'), open: show, quit: () => app.quit() }),
    stop: async () => {
      await supervisor.stop();
      await logFile.flush();
    },
  });

  function changeWork(now: Work): void {
    work = now;
    showProgress(window, work);
    lifetime.workChanged(work);
  }
  function hear(news: EngineNews): void {
    switch (news.type) {
      case 'queue':
        changeWork({ ...work, running: news.queue.running, queued: news.queue.queued, share: news.queue.share });
        return;
      case 'tasks':
        changeWork({ ...work, tasks: news.running });
        return;
      case 'study-ended':
        if (settings.current.notifications && window?.isFocused() !== true) notifyStudyEnded(news.study, show);
    }
  }

  const openFiles = async (files: readonly string[]): Promise<void> => {
    for (const file of files) {
      const result: Result<OpenedFile> = await chosen.open(file).then((value) => ({ ok: true, value }) as const, (error: unknown) => ({ ok: false, error: toErrorReport(error) }) as const);
      tell(channels.openFile, result);
    }
  };
  const run = (command: CommandId): void => {
    show();
    tell(channels.command, command);
  };

  // The window first: its process starts while the rest is made ready.
  guardSession(session.defaultSession, log);
  serveApp(session.defaultSession, join(out, 'renderer'));
  show();
  supervisor.start();

  const ipc: IpcOptions = { contentsId: () => window?.webContents.id ?? null, log };
  ipcMain.handle(
    channels.connect,
    guarded(channels.connect, ipc, () => {
      listening = true;
      window?.webContents.send(channels.engineState, supervisor.state);
      handOver();
      for (const [channel, value] of unsent.splice(0)) tell(channel, value);
      return null;
    }),
  );
  ipcMain.handle(
    channels.enableCommands,
    guardedWith(channels.enableCommands, ipc, z.array(z.enum(commandIds as [CommandId, ...CommandId[]])), (usable) => {
      enableCommands(usable);
      return null;
    }),
  );
  serveShell({
    ipc,
    window: () => window,
    chosen,
    settings,
    documents: app.getPath('documents'),
    sample: join(resources, 'samples', 'mnist-ablation.yaml'),
    logFile: logFile.file,
    restartEngine: () => supervisor.start(),
  });
  setMenu(run);
  lifetime.watch();

  app.on('second-instance', (_event, _argv, _cwd, data) => {
    show();
    const given = handedOver.safeParse(data);
    if (given.success) void openFiles(given.data.files.map((file) => resolve(file)));
  });
  app.on('open-file', (event, path) => {
    event.preventDefault();
    show();
    void openFiles([path]);
  });
  app.on('activate', show);
  void openFiles(firstFiles);
}
