/** The engine's side of the spawn port: only Electron's main process can fork, so it is asked to. */
import { RepriseError } from '../src/errors/errors';
import type { Spawn, WorkerExit } from '../src/execution/local/spawn';
import type { EngineMessage, MainMessage } from './messages';

interface Pending {
  readonly started: (pid: number) => void;
  readonly failed: (message: string) => void;
  readonly exited: (exit: WorkerExit) => void;
}

export interface BrokerSpawn {
  readonly spawn: Spawn;
  /** Takes the main process' answers; true where the message was one. */
  receive(message: MainMessage): boolean;
}

/** @param send brings a message to the main process */
export function brokerSpawn(send: (message: EngineMessage) => void): BrokerSpawn {
  const workers = new Map<number, Pending>();
  let nextId = 0;
  return {
    spawn(runFolder, dataFile, environment) {
      const id = nextId;
      nextId += 1;
      return new Promise((resolve, reject) => {
        const exit = new Promise<WorkerExit>((exited) => {
          workers.set(id, {
            started: (pid) => resolve({ pid, exit, kill: () => workers.has(id) && send({ type: 'kill', id }) }),
            failed: (message) => reject(new RepriseError('WORKER_SPAWN_FAILED', `The worker for ${runFolder} could not be started: ${message}`, { kind: 'system' })),
            exited,
          });
        });
        send({ type: 'spawn', id, runFolder, dataFile, environment });
      });
    },
    receive(message) {
      switch (message.type) {
        case 'spawned':
          workers.get(message.id)?.started(message.pid);
          return true;
        case 'spawn-failed':
          workers.get(message.id)?.failed(message.message);
          workers.delete(message.id);
          return true;
        case 'exited':
          workers.get(message.id)?.exited({ exitCode: message.exitCode, signal: message.signal });
          workers.delete(message.id);
          return true;
        case 'client':
      case 'track':
        case 'grant':
        case 'close':
          return false;
      }
    },
  };
}
