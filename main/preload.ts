/** The sandboxed preload: puts one function per method of the contract on `window.reprise`, and the few below. */
import { contextBridge, ipcRenderer } from 'electron';
import { bridgeName, methodNames, type EngineState, type RepriseBridge } from '../src/api/bridge';
import type { Input, Method } from '../src/api/contract';
import type { Result } from '../src/errors/errors';
import { channels } from './channels';
import { PortClient } from './port-client';

const client = new PortClient();

ipcRenderer.on(channels.engineState, (_event, state: EngineState) => client.setState(state));
ipcRenderer.on(channels.enginePort, (event) => {
  const port = event.ports[0];
  if (port !== undefined) client.setPort(port);
});
void ipcRenderer.invoke(channels.connect);

const call = <M extends Method>(method: M): [string, unknown] => [bridgeName(method), (input: Input<M>) => client.call(method, input)];

const bridge = {
  ...Object.fromEntries(methodNames.map((method) => call(method))),
  onRun: (listener: Parameters<RepriseBridge['onRun']>[0]) => client.on('run', listener),
  onProgress: (listener: Parameters<RepriseBridge['onProgress']>[0]) => client.on('progress', listener),
  onEngineState: (listener: Parameters<RepriseBridge['onEngineState']>[0]) => client.onState(listener),
  samplePath: () => ipcRenderer.invoke(channels.samplePath) as Promise<Result<string>>,
  restartEngine: () => ipcRenderer.invoke(channels.restartEngine) as Promise<Result<null>>,
};

contextBridge.exposeInMainWorld('reprise', bridge);
