/** The spawn port: how a host starts a worker. Plain Node forks; Electron's engine asks main to. */

/** All that a host may say of a worker's environment: which GPUs it has. */
export const GPU_VARIABLES: readonly string[] = ['CUDA_DEVICE_ORDER', 'CUDA_VISIBLE_DEVICES', 'HIP_VISIBLE_DEVICES', 'ZE_AFFINITY_MASK'];

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
   * @param environment of `GPU_VARIABLES`, set besides what every worker gets
   * @throws RepriseError WORKER_SPAWN_FAILED
   */
  (runFolder: string, dataFile: string | null, environment: Readonly<Record<string, string>>): Promise<WorkerProcess>;
}
