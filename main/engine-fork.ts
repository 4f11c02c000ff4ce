/** Forks the engine's process. */
import { utilityProcess, type MessagePortMain } from 'electron';
import { killNow, type KeepOutput } from './child-process';
import type { EngineProcess } from './engine-supervisor';

/** Forks `entry WORKSPACE`. What it says before anybody listens is kept for the first who does. */
export function engineFork(entry: string, workspace: string, env: Record<string, string>, keep: KeepOutput): () => EngineProcess<MessagePortMain> {
  return () => {
    const child = utilityProcess.fork(entry, [workspace], { serviceName: 'reprise-engine', env, execArgv: [], stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr?.on('data', (data: Buffer) => keep(data.toString()));
    const exited = new Promise<number>((resolve) => child.once('exit', resolve));
    const early: unknown[] = [];
    const keepEarly = (message: unknown): void => void early.push(message);
    child.on('message', keepEarly);
    return {
      postMessage: (message, transfer) => child.postMessage(message, transfer),
      on: (event, listener) => {
        child.off('message', keepEarly);
        for (const message of early.splice(0)) listener(message);
        child.on(event, listener);
      },
      once: (_event, listener) => void exited.then(listener),
      kill: () => killNow(child),
    };
  };
}

/** The same fork, whose first process begins now and waits to be asked for. */
export function forkedAhead<P>(fork: () => P): { readonly first: P; readonly fork: () => P } {
  const first = fork();
  let unasked = true;
  return {
    first,
    fork: () => {
      if (!unasked) return fork();
      unasked = false;
      return first;
    },
  };
}
