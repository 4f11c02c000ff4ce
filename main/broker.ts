/** The main process' side of the spawn port: checks what the engine asks for, forks workers, and ends them with the engine. */
import { realpath } from 'node:fs/promises';
import type { WorkerExit } from '../src/execution/local/spawn';
import type { EngineMessage, MainMessage } from './messages';
import { isInside, workerVerdict } from './policies';

export interface Worker {
  /** Settles when the process runs. @throws where it cannot be started */
  readonly started: Promise<number>;
  /** Settles when the process is gone; never rejects, and never settles where it was not started. */
  readonly exit: Promise<WorkerExit>;
  /** Ends the process: a training at once, the supervisor of a command after what it started. */
  kill(): void;
}

/** Forks the one worker entry with a run folder and a data file, or without one to supervise a command; `environment` tells of its GPUs. */
export type ForkWorker = (runFolder: string, dataFile: string | null, environment: Readonly<Record<string, string>>) => Worker;

type Request = Extract<EngineMessage, { type: 'spawn' | 'kill' }>;

export class WorkerBroker {
  private readonly workers = new Map<number, Worker>();
  /** Raised when an engine goes: what its requests are still waiting for must not become a worker. */
  private generation = 0;

  constructor(
    private readonly workspace: string,
    private readonly fork: ForkWorker,
  ) {}

  /** Does what the engine asks; `reply` brings messages to that engine. */
  async handle(request: Request, reply: (message: MainMessage) => void): Promise<void> {
    if (request.type === 'kill') {
      this.workers.get(request.id)?.kill();
      return;
    }
    const { id, runFolder, dataFile, environment } = request;
    const { generation } = this;
    try {
      await this.check(runFolder, dataFile);
      if (generation !== this.generation) return;
      if (this.workers.has(id)) throw new Error(`the id ${id} is taken`);
      const worker = this.fork(runFolder, dataFile, environment);
      this.workers.set(id, worker);
      const leave = (): void => {
        if (this.workers.get(id) === worker) this.workers.delete(id);
      };
      void worker.exit.then(leave);
      const pid = await worker.started.catch((error: unknown) => {
        leave();
        throw error;
      });
      reply({ type: 'spawned', id, pid });
      void worker.exit.then((exit) => reply({ type: 'exited', id, ...exit }));
    } catch (error) {
      reply({ type: 'spawn-failed', id, message: error instanceof Error ? error.message : String(error) });
    }
  }

  private async check(runFolder: string, dataFile: string | null): Promise<void> {
    const verdict = workerVerdict({ runFolder, dataFile }, this.workspace);
    if (!verdict.allowed) throw new Error(verdict.reason);
    // A link inside the workspace may lead out of it.
    const base = await realpath(this.workspace);
    for (const path of dataFile === null ? [runFolder] : [runFolder, dataFile]) {
      if (!isInside(await realpath(path), base)) throw new Error(`${path} leads out of the workspace`);
    }
  }

  /** Ends every worker and waits until all are gone. */
  async stopAll(): Promise<void> {
    this.generation += 1;
    const workers = [...this.workers.values()];
    this.workers.clear();
    await Promise.all(
      workers.map(async (worker) => {
        // One that is just being started is there to be ended only when it runs.
        const runs = await worker.started.then(
          () => true,
          () => false,
        );
        if (!runs) return;
        worker.kill();
        await worker.exit;
      }),
    );
  }
}
