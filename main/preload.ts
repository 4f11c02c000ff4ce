/** The sandboxed preload: puts one function per method of the contract and of the shell on `window.reprise`. */
import { contextBridge, ipcRenderer, webUtils } from 'electron';
import { bridgeName, methodNames, shellMethodNames, type EngineState, type RepriseBridge, type ShellBridge } from '../src/api/bridge';
import type { CommandId } from '../src/api/commands';
import { opening } from '../src/api/opening';
import type { EventName, EventOf, Input, Method } from '../src/api/contract';
import type { OpenedFile, Settings } from '../src/api/shell';
import type { Result } from '../src/errors/errors';
import { channels, shellChannel } from './channels';
import { PortClient } from './port-client';

/** Tells listeners what the main process sends; what comes before the first one is kept for it. */
class Inbox<T> {
  private readonly listeners = new Set<(value: T) => void>();
  private readonly early: T[] = [];

  constructor(channel: string) {
    ipcRenderer.on(channel, (_event, value: T) => {
      if (this.listeners.size === 0) this.early.push(value);
      for (const listener of this.listeners) listener(value);
    });
  }

  readonly subscribe = (listener: (value: T) => void): (() => void) => {
    this.listeners.add(listener);
    for (const value of this.early.splice(0)) listener(value);
    return () => this.listeners.delete(listener);
  };
}

/** Empty for what did not come from a disk; the main process says so in words. */
function pathOf(file: unknown): string {
  return file instanceof File ? webUtils.getPathForFile(file) : '';
}

/** @param connected when the main process answers calls */
function shellBridge(connected: Promise<void>): ShellBridge {
  const invoke = async (channel: string, input: unknown): Promise<unknown> => {
    await connected;
    return ipcRenderer.invoke(channel, input);
  };
  const functions = Object.fromEntries(shellMethodNames.map((method) => [method, (input: unknown) => invoke(shellChannel(method), input)]));
  return {
    ...(functions as Pick<ShellBridge, (typeof shellMethodNames)[number]>),
    droppedFile: (file) => invoke(channels.droppedFile, pathOf(file)) as Promise<Result<OpenedFile>>,
    onCommand: new Inbox<CommandId>(channels.command).subscribe,
    onOpenFile: new Inbox<Result<OpenedFile>>(channels.openFile).subscribe,
    onSettings: new Inbox<Settings>(channels.settings).subscribe,
    enableCommands: (commands) => void invoke(channels.enableCommands, commands),
  };
}

function bridge(): RepriseBridge {
  const client = new PortClient();
  ipcRenderer.on(channels.engineState, (_event, state: EngineState) => client.setState(state));
  ipcRenderer.on(channels.enginePort, (event) => {
    const port = event.ports[0];
    if (port !== undefined) client.setPort(port);
  });
  // Not at once: while the main process loads the rest of itself it passes on neither pictures nor keys.
  void client.askAhead('runs.opening', opening).then(() => setTimeout(() => ipcRenderer.send(channels.painted), SETTLE_MS));
  const call = <M extends Method>(method: M): [string, unknown] => [bridgeName(method), (input: Input<M>) => client.call(method, input)];
  const on = <E extends EventName>(event: E) => (listener: (value: EventOf<E>) => void): (() => void) => client.on(event, listener);
  return {
    ...(Object.fromEntries(methodNames.map((method) => call(method))) as unknown as RepriseBridge),
    onRun: on('run'),
    onProgress: on('progress'),
    onTask: on('task'),
    onQueue: on('queue'),
    onChanged: on('changed'),
    onStudyEnded: on('studyEnded'),
    onEngineState: (listener) => client.onState(listener),
    shell: shellBridge(connect()),
  };
}

/** From the first answer until it is on the screen, and can be used. */
const SETTLE_MS = 200;
const CONNECT_AGAIN_MS = 5;
const CONNECT_TRIES = 1000;

/**
 * Tells the main process that this page listens. A preload may run before the main process has heard that the frame is
 * on this page, and is refused until it has. Settles when it is not: from then on the main process answers calls.
 */
async function connect(): Promise<void> {
  for (let tries = 0; tries < CONNECT_TRIES; tries += 1) {
    const answer = (await ipcRenderer.invoke(channels.connect)) as Result<null>;
    if (answer.ok) return;
    await new Promise((resolve) => setTimeout(resolve, CONNECT_AGAIN_MS));
  }
}

if (location.pathname === '/crash.html') {
  contextBridge.exposeInMainWorld('reprise', {
    showLogs: async () => {
      // A page may crash before the rest of main is there.
      await ipcRenderer.invoke(channels.whole);
      return (await ipcRenderer.invoke(shellChannel('showLogs'), {})) as unknown;
    },
  });
} else {
  contextBridge.exposeInMainWorld('reprise', bridge());
}
