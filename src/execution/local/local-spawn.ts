/** Starts workers on this machine as child processes of a plain Node (or an Electron that runs as one). */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { RepriseError } from '../../errors/errors';
import { DEVICE_VARIABLES } from '../../events/manifest';
import { endSupervisor } from './end-supervisor';
import type { Spawn, WorkerExit } from './spawn';

interface LocalSpawnOptions {
  /** Set in the worker's environment besides the fixed ones. */
  readonly env?: Readonly<Record<string, string>>;
  /** Node's options for the worker; none by default. */
  readonly execArgv?: readonly string[];
}

/** What a worker prints, in its run folder. */
export const WORKER_LOG = 'worker.log';

/** Variables a process needs to start at all, and those that say on which device it computes, which are recorded; everything else could change what it computes. */
const PASSED_ON = ['PATH', 'Path', 'HOME', 'USERPROFILE', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot', 'SYSTEMROOT', 'windir', 'COMSPEC', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'REPRISE_PROFILES', ...DEVICE_VARIABLES];

/**
 * The spawn port for plain Node. The worker runs in its run folder, with an environment that fixes locale and time
 * zone and says nothing about threads; the supervisor of a command has this process' own, which the command gets too.
 * It notices the end of this process by its channel.
 * @param workerEntry absolute path of the built worker
 */
export function localSpawn(workerEntry: string, options: LocalSpawnOptions = {}): Spawn {
  return async (runFolder, dataFile, environment) => {
    const output = openSync(join(runFolder, WORKER_LOG), 'a');
    let child;
    try {
      child = fork(workerEntry, dataFile === null ? [runFolder] : [runFolder, dataFile], {
        cwd: runFolder,
        env: { ...(dataFile === null ? supervisorEnvironment(process.env) : workerEnvironment(process.env)), ...environment, ...options.env },
        execPath: process.execPath,
        execArgv: [...(options.execArgv ?? [])],
        stdio: ['ignore', output, output, 'ipc'],
      });
    } finally {
      closeSync(output);
    }
    const started = child;
    const exit = new Promise<WorkerExit>((resolve) => started.once('exit', (exitCode, signal) => resolve({ exitCode, signal })));
    try {
      if (started.pid === undefined) await once(started, 'spawn');
    } catch (error) {
      throw spawnFailed(runFolder, error);
    }
    // Errors past the start (a signal that could not be sent) show in how the process exits.
    started.on('error', () => undefined);
    return {
      pid: started.pid ?? 0,
      exit,
      kill: () => (dataFile === null ? endSupervisor(runFolder, exit, () => void started.kill('SIGKILL')) : void started.kill('SIGKILL')),
    };
  };
}

/** The fixed environment of a worker, from the host's. */
export function workerEnvironment(host: NodeJS.ProcessEnv): Record<string, string> {
  // NVIDIA's GPUs would else take 19 bits of each float32 into a product (TF32).
  const environment: Record<string, string> = { LC_ALL: 'C', LANG: 'C', TZ: 'UTC', NVIDIA_TF32_OVERRIDE: '0' };
  for (const name of PASSED_ON) {
    const value = host[name];
    if (value !== undefined) environment[name] = value;
  }
  if (process.versions['electron'] !== undefined) environment['ELECTRON_RUN_AS_NODE'] = '1';
  return environment;
}

/** The environment of a command's supervisor: the host's. */
export function supervisorEnvironment(host: NodeJS.ProcessEnv): Record<string, string> {
  const environment = Object.fromEntries(Object.entries(host).filter((entry): entry is [string, string] => entry[1] !== undefined));
  return process.versions['electron'] === undefined ? environment : { ...environment, ELECTRON_RUN_AS_NODE: '1' };
}

function spawnFailed(runFolder: string, error: unknown): RepriseError {
  const reason = error instanceof Error ? error.message : String(error);
  return new RepriseError('WORKER_SPAWN_FAILED', `The worker for ${runFolder} could not be started: ${reason}`, { kind: 'system', cause: error });
}
