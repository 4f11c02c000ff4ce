/** Forks the workers' processes and says truthfully how they ended. */
import { createWriteStream } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import { app, utilityProcess, type UtilityProcess } from 'electron';
import { endSupervisor } from '../src/execution/local/end-supervisor';
import { supervisorEnvironment, WORKER_LOG, workerEnvironment } from '../src/execution/local/local-spawn';
import type { WorkerExit } from '../src/execution/local/spawn';
import type { ForkWorker } from './broker';
import { killNow, type KeepOutput } from './child-process';

/** How long after a process' end Electron may take to tell that a signal was the cause. */
const REASON_LIMIT_MS = 250;

/** The `exit` event has a number only: on POSIX an exit code or a signal's number. Which one, `child-process-gone` tells, by the name of the service. */
const goneReasons = new Map<string, string>();
const waitingForReason = new Map<string, (reason: string) => void>();

/** Must be called once, before the first worker. */
export function watchUtilityProcesses(): void {
  app.on('child-process-gone', (_event, details) => {
    if (details.name === undefined || !details.name.startsWith('reprise-worker-')) return;
    const waiting = waitingForReason.get(details.name);
    if (waiting === undefined) goneReasons.set(details.name, details.reason);
    else waiting(details.reason);
  });
}

function reasonOf(name: string): Promise<string | null> {
  const known = goneReasons.get(name);
  if (known !== undefined) {
    goneReasons.delete(name);
    return Promise.resolve(known);
  }
  return new Promise((resolve) => {
    const done = (reason: string | null): void => {
      clearTimeout(timer);
      waitingForReason.delete(name);
      resolve(reason);
    };
    const timer = setTimeout(() => done(null), REASON_LIMIT_MS);
    waitingForReason.set(name, done);
  });
}

function signalName(number: number): string | null {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? null;
}

async function workerExit(name: string, code: number): Promise<WorkerExit> {
  const signal = process.platform === 'win32' ? null : signalName(code);
  if (signal === null) return { exitCode: code, signal: null };
  const reason = await reasonOf(name);
  return reason === 'killed' || reason === 'crashed' || reason === 'oom' ? { exitCode: null, signal } : { exitCode: code, signal: null };
}

/** Appends what a worker prints to its log, and what it complains of to the app's. */
function keepWorkerOutput(child: UtilityProcess, file: string, keep: KeepOutput): void {
  const log = createWriteStream(file, { flags: 'a' });
  // What a worker prints is help for people: a full disk must not end the app over it.
  log.on('error', () => {});
  child.stdout?.on('data', (data: Buffer) => log.write(data));
  child.stderr?.on('data', (data: Buffer) => {
    log.write(data);
    keep(data.toString());
  });
  child.once('exit', () => setTimeout(() => log.end(), 100));
}

/** Training takes what is left over: the window answers at once even where workers fill all cores. */
function yieldToWindow(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It has ended already, or the system does not allow it: it trains all the same.
  }
}

let workersStarted = 0;

/** Forks `entry RUN_FOLDER DATA_FILE`, or `entry RUN_FOLDER` for a command, in the run's folder, with the environment the command line gives a worker too. */
export function workerFork(entry: string, keep: KeepOutput): ForkWorker {
  return (runFolder, dataFile, environment) => {
    workersStarted += 1;
    const name = `reprise-worker-${workersStarted}`;
    const env = { ...(dataFile === null ? supervisorEnvironment(process.env) : workerEnvironment(process.env)), ...environment };
    delete env['ELECTRON_RUN_AS_NODE'];
    const child = utilityProcess.fork(entry, dataFile === null ? [runFolder] : [runFolder, dataFile], { serviceName: name, cwd: runFolder, env, execArgv: [], stdio: ['ignore', 'pipe', 'pipe'] });
    keepWorkerOutput(child, join(runFolder, WORKER_LOG), keep);
    const ended = new Promise<number>((resolve) => child.once('exit', resolve));
    const started = new Promise<number>((resolve, reject) => {
      child.once('spawn', () => {
        if (child.pid === undefined) {
          reject(new Error('it has no process id'));
          return;
        }
        yieldToWindow(child.pid);
        resolve(child.pid);
      });
      void ended.then((code) => reject(new Error(`it ended at once (code ${code})`)));
    });
    // The broker awaits `started` as well; a worker that ends later must not count as an unhandled rejection.
    started.catch(() => {});
    return { started, exit: ended.then((code) => workerExit(name, code)), kill: () => (dataFile === null ? endSupervisor(runFolder, ended, () => killNow(child)) : killNow(child)) };
  };
}
