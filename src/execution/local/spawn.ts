/** The spawn port: how a host starts a worker. Plain Node forks; Electron's engine asks main to. */

export interface WorkerExit {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

export interface WorkerProcess {
  readonly pid: number;
  /** Settles when the process is gone; never rejects. */
  readonly exit: Promise<WorkerExit>;
  /** Ends the process: a training at once (SIGKILL), the supervisor of a command after it has ended what it started. */
  kill(): void;
}

export interface Spawn {
  /**
   * Starts `out/worker.js RUN_FOLDER DATA_FILE` in a process of its own, or with null in place of the data
   * `out/worker.js RUN_FOLDER`, which supervises a command. A worker ends itself when its parent is gone.
   * @throws RepriseError WORKER_SPAWN_FAILED
   */
  (runFolder: string, dataFile: string | null): Promise<WorkerProcess>;
}
