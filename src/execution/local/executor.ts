/** This machine as an executor: a worker process for each attempt. */
import type { Attempt, Executor } from '../executor';
import type { Spawn } from './spawn';

/** The worker writes the log itself; an attempt ends with its host, so there is never one to take up. */
export function localExecutor(spawn: Spawn): Executor {
  return {
    kind: 'local',
    machine: null,
    copies: 'here',
    async start({ runFolder, dataFile }): Promise<Attempt> {
      const worker = await spawn(runFolder, dataFile);
      const kill = (): void => worker.kill();
      return {
        pid: worker.pid,
        end: worker.exit.then((exit) => ({ ...exit, problem: null })),
        // Workers look for the file themselves.
        cancel: () => undefined,
        kill,
        detach: kill,
      };
    },
    attach: () => Promise.resolve(null),
  };
}
