/** The main process once there is a window: it watches over the engine's process and the workers, and does no work itself. */
import { join, resolve } from 'node:path';
import { app, ipcMain, MessageChannelMain, nativeTheme, type BrowserWindow, type MessagePortMain } from 'electron';
import { z } from 'zod';
import { commandIds, type CommandId } from '../src/api/commands';
import type { OpenedFile } from '../src/api/shell';
import { toErrorReport, type Result } from '../src/errors/errors';
import { unpacked } from './arguments';
import { WorkerBroker } from './broker';
import { channels } from './channels';
import type { KeepOutput } from './child-process';
import { ChosenPaths } from './chosen-paths';
import { EngineSupervisor, type EngineNews, type EngineProcess } from './engine-supervisor';
import { guarded, guardedWith, type IpcOptions } from './ipc';
import { Lifetime } from './lifetime';
import type { LogFile } from './log-file';
import { enableCommands } from './menu';
import { notifyStudyEnded, showProgress } from './outside';
import type { InvokeEvent } from './sender';
import { SettingsFile } from './settings';
import { serveShell } from './shell';
import { TrayIcon } from './tray';
import { watchUtilityProcesses, workerFork } from './utility-process';
import { NO_WORK, workWithout, type Work } from './work';

/** What the entry has made ready. */
export interface Started {
  /** Files to open, from the command line or a Mac's Finder. */
  readonly files: readonly string[];
  readonly window: BrowserWindow;
  /** Makes the window anew where it was closed. */
  readonly makeWindow: () => BrowserWindow;
  readonly workspace: string;
  /** The folder of the built app. */
  readonly out: string;
  readonly settingsFile: string;
  readonly forkEngine: () => EngineProcess<MessagePortMain>;
  readonly keepOutput: KeepOutput;
  readonly log: (text: string) => void;
  readonly logFile: LogFile;
}

const handedOver = z.object({ files: z.array(z.string().max(4096)).max(100) });

export interface Opened {
  /** Answers the first word of a page. `hasPort`: the entry has given it a port to the engine. */
  readonly connect: (event: InvokeEvent, hasPort: boolean, ...given: unknown[]) => Promise<Result<null>>;
  /** Another start of the app came to this one, with what it handed over. */
  readonly secondInstance: (data: unknown) => void;
  /** Carries out a command of the menu. */
  readonly run: (command: CommandId) => void;
}

export function open({ files: firstFiles, window: firstWindow, makeWindow, workspace, out, settingsFile, forkEngine, keepOutput, log, logFile }: Started): Opened {
  const resources = join(app.getAppPath(), 'resources');

  let window: BrowserWindow | null = null;
  /** Whether the page's preload listens: from its `connect` until the page goes. */
  let listening = false;
  /** Whether the page has a port to the present engine. */
  let connected = false;
  /** For a page that does not listen yet. */
  const unsent: (readonly [channel: string, value: unknown])[] = [];
  let work: Work = NO_WORK;

  const tell = (channel: string, value: unknown): void => {
    if (window !== null && listening) window.webContents.send(channel, value);
    else unsent.push([channel, value]);
  };
  const settings = new SettingsFile(settingsFile, (changed) => {
    nativeTheme.themeSource = changed.theme;
    if (listening) window?.webContents.send(channels.settings, changed);
  });

  const handOver = (): void => {
    if (window === null || !listening || connected) return;
    const { port1, port2 } = new MessageChannelMain();
    connected = supervisor.connect(port1);
    if (connected) window.webContents.postMessage(channels.enginePort, null, [port2]);
  };
  const supervisor = new EngineSupervisor<MessagePortMain>({
    fork: forkEngine,
    broker: new WorkerBroker(workspace, workerFork(unpacked(join(out, 'worker.js')), keepOutput)),
    log,
    onState: (state) => {
      if (state.status !== 'ready') {
        connected = false;
        changeWork(workWithout(state, work));
      } else if (settings.current.trackingServer) supervisor.track();
      if (window === null || !listening) return;
      window.webContents.send(channels.engineState, state);
      if (state.status === 'ready') handOver();
    },
    onNews: (news) => hear(news),
  });
  const chosen = new ChosenPaths(workspace, (grant) => supervisor.grant(grant));

  const adopt = (made: BrowserWindow): void => {
    window = made;
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
  const show = (): void => {
    if (window !== null) {
      if (window.isMinimized()) window.restore();
      window.show();
      window.focus();
      return;
    }
    adopt(makeWindow());
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

  watchUtilityProcesses();
  if (!firstWindow.isDestroyed()) adopt(firstWindow);
  supervisor.start();

  const ipc: IpcOptions = { contentsId: () => window?.webContents.id ?? null, log };
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
    samples: { training: join(resources, 'samples', 'mnist-ablation.yaml'), command: unpacked(join(resources, 'samples', 'command', 'ablation.yaml')) },
    logFile: logFile.file,
    restartEngine: () => supervisor.start(),
  });
  lifetime.watch();

  app.on('open-file', (event, path) => {
    event.preventDefault();
    show();
    void openFiles([path]);
  });
  app.on('activate', show);
  void openFiles(firstFiles);

  const listen = (hasPort: boolean): null => {
    listening = true;
    // The port of an engine that has died since is of no use.
    connected = hasPort && (supervisor.state.status === 'starting' || supervisor.state.status === 'ready');
    window?.webContents.send(channels.engineState, supervisor.state);
    handOver();
    for (const [channel, value] of unsent.splice(0)) tell(channel, value);
    return null;
  };
  return {
    run,
    connect: (event, hasPort, ...given) => guarded(channels.connect, ipc, () => listen(hasPort))(event, ...given),
    secondInstance: (data) => {
      show();
      const given = handedOver.safeParse(data);
      if (given.success) void openFiles(given.data.files.map((file) => resolve(file)));
    },
  };
}
