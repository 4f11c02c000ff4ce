/** This machine as an executor: a worker process for each attempt. */
import type { Attempt, Executor } from '../executor';
import type { Spawn } from './spawn';

/** The worker writes the log itself; an attempt ends with its host, so there is never one to take up. */
export function localExecutor(spawn: Spawn): Executor {
  return {
    kind: 'local',
    machine: null,
    copies: 'here',
    async start({ attempt, runFolder, dataFile, lease, tell }): Promise<Attempt> {
      // Before the worker has the log.
      if (lease !== null && lease.gpus.length > 0) await tell({ type: 'place', event: 'started', attempt, executor: 'local', machine: null, facts: { gpus: lease.gpus.join(',') } });
      const worker = await spawn(runFolder, dataFile, lease?.environment ?? {});
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
