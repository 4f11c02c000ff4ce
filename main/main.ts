/** Electron's main process: it manages the window, the engine's process and the workers, and does no work itself. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { app, ipcMain, MessageChannelMain, session, type BrowserWindow, type MessagePortMain } from 'electron';
import { engineEnvironment, unpacked, workspaceFolder } from './arguments';
import { WorkerBroker } from './broker';
import { channels } from './channels';
import { EngineSupervisor } from './engine-supervisor';
import { guarded, type IpcOptions } from './ipc';
import { setMenu } from './menu';
import { sandboxVerdict } from './policies';
import { registerAppScheme, serveApp } from './protocol';
import { restartDecision } from './restart-policy';
import { engineFork, watchUtilityProcesses, workerFork } from './utility-process';
import { guardContents, guardSession, openWindow } from './window';

const log = (text: string): void => {
  process.stderr.write(`[reprise] ${text}\n`);
};

/** Sandboxed unless the user is root, for whom Chromium's sandbox does not work. */
const sandbox = sandboxVerdict(process.getuid?.()).allowed && !app.commandLine.hasSwitch('no-sandbox');

/** A packaged app whose Electron cannot load the prebuilt SQLite addon brings another. */
function bundledSqlite(): string | null {
  const file = join(process.resourcesPath, 'better_sqlite3.node');
  return app.isPackaged && existsSync(file) ? file : null;
}

function start(): void {
  registerAppScheme();
  if (sandbox) app.enableSandbox();
  app.on('web-contents-created', (_event, contents) => guardContents(contents, log));
  watchUtilityProcesses();
  void app.whenReady().then(open);
}

function open(): void {
  const out = join(app.getAppPath(), 'out');
  const workspace = workspaceFolder({ argv: process.argv, environment: process.env, userData: app.getPath('userData') });
  setMenu();
  guardSession(session.defaultSession, log);
  serveApp(session.defaultSession, join(out, 'renderer'));

  let window: BrowserWindow | null = null;
  /** Whether the page's preload listens: from its `connect` until the page goes. */
  let listening = false;
  const pageCrashes: number[] = [];

  const handOver = (): void => {
    if (window === null || !listening) return;
    const { port1, port2 } = new MessageChannelMain();
    if (supervisor.connect(port1)) window.webContents.postMessage(channels.enginePort, null, [port2]);
  };
  const supervisor = new EngineSupervisor<MessagePortMain>({
    fork: engineFork(join(out, 'engine-host.js'), workspace, engineEnvironment(process.env, bundledSqlite())),
    broker: new WorkerBroker(workspace, workerFork(unpacked(join(out, 'worker.js')))),
    log,
    onState: (state) => {
      if (window === null || !listening) return;
      window.webContents.send(channels.engineState, state);
      if (state.status === 'ready') handOver();
    },
  });

  const ipc: IpcOptions = { contentsId: () => window?.webContents.id ?? null, log };
  const answer = <T>(channel: string, handler: () => T): void => ipcMain.handle(channel, guarded(channel, ipc, handler));
  answer(channels.connect, () => {
    listening = true;
    window?.webContents.send(channels.engineState, supervisor.state);
    handOver();
    return null;
  });
  answer(channels.samplePath, () => join(app.getAppPath(), 'resources', 'samples', 'mnist-ablation.yaml'));
  answer(channels.restartEngine, () => {
    supervisor.start();
    return null;
  });

  const show = (): void => {
    if (window !== null) {
      if (window.isMinimized()) window.restore();
      window.focus();
      return;
    }
    window = openWindow(join(out, 'preload', 'preload.cjs'), sandbox);
    window.webContents.on('did-start-navigation', (event) => {
      if (event.isMainFrame && !event.isSameDocument) listening = false;
    });
    window.webContents.on('render-process-gone', (_event, details) => {
      listening = false;
      log(`The window's process ended (${details.reason}).`);
      pageCrashes.push(Date.now());
      // A page that cannot live is not reloaded for ever.
      if (details.reason !== 'clean-exit' && restartDecision(pageCrashes, Date.now()).restart) window?.webContents.reload();
    });
    window.on('closed', () => {
      window = null;
      listening = false;
    });
  };

  app.on('second-instance', show);
  app.on('activate', show);
  app.on('window-all-closed', () => {
    if (process.platform !== 'darwin') app.quit();
  });
  let closed = false;
  let closing = false;
  app.on('before-quit', (event) => {
    if (closed) return;
    event.preventDefault();
    if (closing) return;
    closing = true;
    void supervisor.stop().finally(() => {
      closed = true;
      app.quit();
    });
  });

  supervisor.start();
  show();
}

if (app.requestSingleInstanceLock()) start();
else app.quit();
