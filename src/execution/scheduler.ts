/** The queue: starts workers as cores allow, follows their logs, and takes up what died. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RepriseError, toErrorReport } from '../errors/errors';
import { RUN_FILES } from '../events/manifest';
import type { RunRow, RunStatus, Store } from '../store/types';
import { CommandTurns } from './command-turns';
import { NO_COMMANDS, type CommandRunner } from './commands';
import { CoreBudget, type Claimant } from './core-budget';
import { forgetWorker, freeLog, noteWorker, standingOf } from './host-log';
import { Holds } from './holds';
import { ProgressGuard } from './progress-guard';
import { refuseLogged, runHeld, runInterrupted, schedulerStopped, workerDied } from './refusals';
import { RowTeller } from './row-teller';
import { RunRecords } from './run-records';
import { hasEnded, RECOVERABLE } from './run-status';
import type { Spawn, WorkerExit, WorkerProcess } from './spawn';
import { Waiters } from './waiters';

export interface SchedulerOptions {
  readonly store: Store;
  readonly spawn: Spawn;
  /** The threads of all running workers together never exceed this; a budget is shared with other schedulers. */
  readonly cores: number | CoreBudget;
  /** Milliseconds between two looks at the event logs; 100 by default. */
  readonly pollMs?: number;
  /** Milliseconds a worker has to stop when asked to; 10,000 by default. */
  readonly cancelGraceMs?: number;
  /** Who carries out command runs; none by default. */
  readonly commands?: CommandRunner;
  /** Called with every row that changed: status, progress, throughput. */
  readonly onRun?: (row: RunRow) => void;
}

interface Job {
  readonly runId: string;
  readonly isCommand: boolean;
  readonly threads: number;
  process: WorkerProcess | null;
  /** Settles when the run has left the scheduler's hands, whatever became of it. */
  done: Promise<void>;
}

/**
 * The queue is the store's runs with status `queued`, oldest first, so it survives the host. The first of them starts
 * as soon as its threads fit; none overtakes it. A run that asks for more threads than there are cores runs alone.
 * Runs that are held keep their place but do not start; they belong to the host, which says so again after a restart.
 */
export class Scheduler {
  readonly #store: Store;
  readonly #spawn: Spawn;
  readonly #commands: CommandTurns;
  readonly #budget: CoreBudget;
  readonly #claimant: Claimant = { wake: () => this.#pump() };
  readonly #pollMs: number;
  readonly #cancelGraceMs: number;
  readonly #rows: RowTeller;
  readonly #records: RunRecords;
  readonly #jobs = new Map<string, Job>();
  readonly #holds = new Holds();
  /** Runs whose log the host is changing. */
  readonly #changing = new Map<string, Promise<unknown>>();
  readonly #guard = new ProgressGuard();
  readonly #waiters: Waiters;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(options: SchedulerOptions) {
    this.#store = options.store;
    this.#spawn = options.spawn;
    this.#commands = new CommandTurns(options.store, options.commands ?? NO_COMMANDS);
    this.#budget = typeof options.cores === 'number' ? new CoreBudget(options.cores) : options.cores;
    this.#pollMs = options.pollMs ?? 100;
    this.#cancelGraceMs = options.cancelGraceMs ?? 10_000;
    this.#rows = new RowTeller(options.onRun ?? (() => undefined));
    this.#records = new RunRecords(options.store, (runId, error) => this.#waitsForRoom(runId, error));
    this.#waiters = new Waiters((runId) => this.#store.getRun(runId), (row) => hasEnded(row.status), (row) => this.#whyIdle(row));
  }

  /**
   * Settles what an earlier host left: waits for workers that still live (5 s, then kills them), reads all logs, closes
   * attempts that have no exit record. A run where that is not possible fails with the reason. With `requeue` (the
   * default) interrupted runs and the queue go on at once, but for those that are held.
   * @returns ids of the runs that now wait or run, oldest first; none without `requeue`
   */
  async recover(options: { readonly requeue?: boolean } = {}): Promise<string[]> {
    const requeue = options.requeue ?? true;
    const left = this.#ours(RECOVERABLE).filter((row) => !this.#jobs.has(row.runId));
    await Promise.all(left.map((row) => this.#change(row.runId, () => this.#recoverRun(row, requeue).catch((error: unknown) => this.#fail(row.runId, error)))));
    if (!requeue) return [];
    this.#pump();
    return this.#pending();
  }

  /** Lets a queued or interrupted run have its turn, held or not. One that runs or is at an end is left alone. @throws RepriseError RUN_NOT_FOUND, RUN_LOGGED */
  enqueue(runId: string): void {
    this.#refuseStopped();
    const row = refuseLogged(this.#store.getRun(runId));
    this.#holds.release(row.runId);
    const job = this.#jobs.get(row.runId);
    if (row.status === 'interrupted' && job !== undefined) {
      // It was held until just now, and its worker is being seen off.
      void job.done.finally(() => this.#stopped || this.enqueue(row.runId)).catch(() => undefined);
      return;
    }
    if (row.status === 'interrupted' && !this.#changing.has(row.runId)) {
      void this.#change(row.runId, () => this.#requeue(row.runId)).then(
        () => this.#pump(),
        (error: unknown) => this.#waiters.fail(row.runId, error),
      );
      return;
    }
    this.#pump();
  }

  /**
   * Holds runs until `enqueue` or `retry` names them: waiting ones stay `queued`, running ones stop right after their
   * next checkpoint and are `interrupted` (one that comes to its end first is finished), so that they go on to the same
   * bits and nothing is trained twice; a command, which has no checkpoint, comes to its end. Those who wait for such a run are told RUN_HELD.
   */
  hold(runIds: readonly string[]): void {
    for (const runId of runIds) this.#holds.hold(runId, this.#jobs.has(runId) ? this.#log(runId) : null);
    this.#waiters.look();
    // The first that is not held may be one that fits beside those that run.
    if (this.#jobs.size > 0) this.#pump();
  }

  isHeld(runId: string): boolean {
    return this.#holds.has(runId);
  }

  /**
   * Cancels a run: a queued or interrupted one at once; a running worker is asked to stop and killed when it does not.
   * A run at an end stays as it is. @throws RepriseError RUN_NOT_FOUND, RUN_LOGGED
   */
  async cancel(runId: string): Promise<RunRow> {
    const { runId: id } = refuseLogged(this.#store.getRun(runId));
    await this.#changing.get(id);
    for (let job = this.#jobs.get(id); job !== undefined; job = this.#jobs.get(id)) {
      const { done } = job;
      writeFileSync(this.#cancelFile(id), '');
      const timer = setTimeout(() => this.#jobs.get(id)?.process?.kill(), this.#cancelGraceMs);
      await done.finally(() => clearTimeout(timer));
      // A worker that died just before it was asked may have been put back into the queue, and started, already.
    }
    return this.#change(id, () => this.#cancelIdle(id));
  }

  /**
   * Puts a failed, cancelled or interrupted run back into the queue; it resumes from its last checkpoint.
   * @throws RepriseError RUN_NOT_FOUND, RUN_ENDED for a finished run, RUN_NOT_RETRYABLE where its log cannot be used
   */
  async retry(runId: string): Promise<RunRow> {
    this.#refuseStopped();
    const { runId: id } = refuseLogged(this.#store.getRun(runId));
    await this.#changing.get(id);
    await this.#jobs.get(id)?.done.catch(() => undefined);
    const row = this.#store.getRun(id);
    switch (row.status) {
      case 'finished':
        throw new RepriseError('RUN_ENDED', `Run ${id} is finished; there is nothing to retry.`, { kind: 'input', hint: 'Start the config again for a fresh run.' });
      case 'queued':
      case 'running':
        this.enqueue(id);
        return row;
      case 'failed':
      case 'cancelled':
      case 'interrupted':
        break;
    }
    this.#guard.forget(id);
    this.#holds.release(id);
    const queued = await this.#change(id, () => this.#requeue(id));
    if (queued.status !== 'queued') {
      throw new RepriseError('RUN_NOT_RETRYABLE', `Run ${id} cannot be retried: ${queued.errorMessage ?? `it is ${queued.status}`}`, { kind: 'system', hint: 'Start the config again for a fresh run.' });
    }
    this.#pump();
    return this.#store.getRun(id);
  }

  /**
   * Resolves with the rows of these runs (of all that wait or run now, when none are named) once they are at an end.
   * @throws RepriseError RUN_NOT_FOUND; RUN_INTERRUPTED for one that is in nobody's hands; RUN_HELD; SCHEDULER_STOPPED
   */
  drain(runIds?: readonly string[]): Promise<RunRow[]> {
    const ids = runIds?.map((id) => this.#store.getRun(id).runId) ?? this.#pending();
    if (!this.#stopped) this.#pump();
    const result = this.#waiters.add(ids);
    if (this.#stopped) this.#waiters.failAll(schedulerStopped());
    return result;
  }

  /** Kills the workers and waits for their end; their runs are interrupted and go on with the next host's `recover`. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#budget.leave(this.#claimant);
    this.#waiters.failAll(schedulerStopped());
    for (const job of this.#jobs.values()) job.process?.kill();
    await Promise.allSettled([...[...this.#jobs.values()].map((job) => job.done), ...this.#changing.values()]);
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  // ——— the queue

  #pump(): void {
    if (this.#stopped) return;
    let waits = false;
    for (const row of this.#ours(['queued'])) {
      if (this.#jobs.has(row.runId) || this.#changing.has(row.runId) || this.#holds.has(row.runId)) continue;
      const threads = this.#threadsOf(row.runId);
      if (threads === null) continue;
      if (!this.#budget.take(this.#claimant, threads)) {
        waits = true;
        break;
      }
      const job: Job = { runId: row.runId, isCommand: row.kind === 'command', threads, process: null, done: Promise.resolve() };
      this.#jobs.set(row.runId, job);
      job.done = this.#work(job, row);
      void job.done.catch((error: unknown) => this.#waiters.fail(row.runId, error));
    }
    if (!waits) this.#budget.leave(this.#claimant);
    this.#poll();
  }

  /** Threads a run takes, or null where its manifest cannot be read: then it fails at once. */
  #threadsOf(runId: string): number | null {
    try {
      const manifest = this.#store.manifest(runId);
      return manifest.kind === 'logged' ? null : manifest.config.executor.threads;
    } catch (error) {
      const { code, message } = toErrorReport(error);
      this.#store.setStatus(runId, 'failed', { errorCode: code, errorMessage: message });
      this.#rows.show(this.#store.getRun(runId));
      return null;
    }
  }

  async #work(job: Job, row: RunRow): Promise<void> {
    const { runId } = job;
    try {
      this.#guard.begin(runId, row.stepsDone);
      rmSync(this.#cancelFile(runId), { force: true });
      await this.#records.whenRoom(runId, () => this.#store.setStatus(runId, 'running'));
      this.#rows.show(this.#store.getRun(runId));
      let exit: WorkerExit;
      let problem: { readonly code: string; readonly message: string } | null = null;
      try {
        exit = await this.#execute(job);
      } catch (error) {
        const { code, message, hint } = toErrorReport(error);
        problem = { code, message: hint === undefined || !job.isCommand ? message : `${message} ${hint}` };
        exit = { exitCode: null, signal: null };
      }
      const failure = problem;
      if (job.isCommand) await this.#records.whenRoom(runId, () => this.#commands.settle(runId, failure));
      else if (failure !== null) await this.#records.append(runId, { type: 'failed', ...failure });
      await this.#settle(runId, exit);
    } catch (error) {
      await this.#records.whenRoom(runId, () => this.#fail(runId, error));
    } finally {
      this.#jobs.delete(runId);
      this.#holds.stopped(runId);
      this.#budget.free(job.threads);
      this.#waiters.look();
      this.#pump();
    }
  }

  /** Starts the worker and waits for its end. */
  async #execute(job: Job): Promise<WorkerExit> {
    const folder = this.#store.runFolder(job.runId);
    const worker = job.isCommand ? await this.#commands.start(job.runId, this.#spawn) : await this.#spawn(folder, join(this.#store.workspace, this.#store.trainingManifest(job.runId).data.file));
    job.process = worker;
    try {
      noteWorker(folder, worker.pid);
    } catch (error) {
      worker.kill();
      await worker.exit;
      throw error;
    }
    // What it would do until the hold is noticed is lost either way: it has only just begun.
    if (this.#stopped || this.#holds.has(job.runId)) worker.kill();
    const exit = await worker.exit;
    forgetWorker(folder);
    return exit;
  }

  /**
   * Sets a run whose log can no longer be read or written to `failed`, so that the others go on; one that had finished
   * stays so. While the host stops it is left to the next one.
   */
  #fail(runId: string, error: unknown): void {
    if (this.#store.getRun(runId).status === 'finished') return;
    if (this.#stopped) this.#store.setStatus(runId, 'interrupted');
    else {
      const { code, message, hint } = toErrorReport(error);
      this.#store.setStatus(runId, 'failed', { errorCode: code, errorMessage: hint === undefined ? message : `${message} ${hint}` });
    }
    this.#rows.show(this.#store.getRun(runId));
  }

  /** After the end of a worker's process: what became of its run. */
  async #settle(runId: string, exit: WorkerExit): Promise<void> {
    const log = this.#log(runId);
    await freeLog(log);
    let row = await this.#records.ingest(runId);
    if (row.status === 'running') {
      await this.#records.append(runId, { type: 'exit', attempt: row.attempts, ...exit });
      row = await this.#records.ingest(runId);
    }
    if (hasEnded(row.status)) this.#guard.forget(runId);
    else if (existsSync(this.#cancelFile(runId))) await this.#records.append(runId, { type: 'cancelled', step: row.stepsDone });
    else if (!this.#stopped && !this.#holds.has(runId)) {
      const { checkpointStep } = standingOf(log);
      if (this.#guard.died(runId, row.stepsDone, checkpointStep)) await this.#records.append(runId, { type: 'failed', code: 'WORKER_DIED', message: workerDied(this.#store.runFolder(runId), exit) });
      else if (row.status === 'interrupted') await this.#records.append(runId, { type: 'requeued' });
    }
    this.#rows.show(await this.#records.ingest(runId));
  }

  // ——— runs without a worker

  async #recoverRun(row: RunRow, requeue: boolean): Promise<void> {
    const { runId } = row;
    this.#rows.know(row);
    const log = this.#log(runId);
    if (row.status === 'running' || row.status === 'interrupted') await freeLog(log);
    if (row.kind === 'command') await this.#commands.settle(runId);
    let now = await this.#store.ingest(runId);
    if (now.status === 'running' || now.status === 'interrupted') {
      if (standingOf(log).exitMissing) {
        await this.#records.append(runId, { type: 'exit', attempt: now.attempts, exitCode: null, signal: null });
        now = await this.#store.ingest(runId);
      }
      // The host died between taking the run from the queue and its worker's first word.
      if (now.status === 'running') this.#store.setStatus(runId, 'queued');
      now = this.#store.getRun(runId);
    }
    if (!hasEnded(now.status)) {
      if (existsSync(this.#cancelFile(runId))) now = await this.#cancelIdle(runId);
      else if (requeue && now.status === 'interrupted' && !this.#holds.has(runId)) now = await this.#requeue(runId);
    }
    this.#rows.show(now);
  }

  async #requeue(runId: string): Promise<RunRow> {
    rmSync(this.#cancelFile(runId), { force: true });
    await this.#records.append(runId, { type: 'requeued' });
    const row = await this.#store.ingest(runId);
    this.#rows.show(row);
    return row;
  }

  async #cancelIdle(runId: string): Promise<RunRow> {
    const row = this.#store.getRun(runId);
    if (hasEnded(row.status)) return row;
    await this.#records.append(runId, { type: 'cancelled', step: row.stepsDone });
    rmSync(this.#cancelFile(runId), { force: true });
    const cancelled = await this.#store.ingest(runId);
    this.#rows.show(cancelled);
    this.#waiters.look();
    return cancelled;
  }

  /** Does something to a run's log; until it is done the run is not started, nor changed by another call. */
  async #change<T>(runId: string, work: () => Promise<T>): Promise<T> {
    const before = this.#changing.get(runId) ?? Promise.resolve();
    const change = before.then(work, work);
    this.#changing.set(runId, change);
    try {
      return await change;
    } finally {
      if (this.#changing.get(runId) === change) this.#changing.delete(runId);
      this.#waiters.look();
    }
  }

  #poll(): void {
    if (this.#timer !== null || this.#jobs.size === 0) return;
    this.#timer = setTimeout(() => {
      void this.#follow().finally(() => {
        this.#timer = null;
        this.#poll();
      });
    }, this.#pollMs);
  }

  async #follow(): Promise<void> {
    for (const { runId, isCommand, process: worker } of this.#jobs.values()) {
      if (worker === null) continue;
      try {
        // Its metrics are no part of its row.
        if (isCommand && (await this.#commands.follow(runId))) this.#rows.forget(runId);
        this.#rows.show(await this.#store.ingest(runId));
        if (this.#holds.mayStop(runId, this.#log(runId))) worker.kill();
      } catch {
        // The end of the worker reads the log again and reports what is wrong.
      }
    }
  }

  /** Runs that Reprise starts: what other programs tell of is theirs. */
  #ours(status: readonly RunStatus[]): RunRow[] {
    return this.#store.listRuns({ status }).filter((row) => row.kind !== 'logged');
  }

  /** Runs that will come to an end by themselves, oldest first. */
  #pending(): string[] {
    return this.#ours(['queued', 'running'])
      .map((row) => row.runId)
      .filter((runId) => !this.#holds.has(runId));
  }

  /** Why nobody will take a run up, or null. */
  #whyIdle(row: RunRow): RepriseError | null {
    if (hasEnded(row.status) || this.#jobs.has(row.runId) || this.#changing.has(row.runId)) return null;
    if (this.#holds.has(row.runId)) return runHeld(row.runId);
    return row.status === 'interrupted' ? runInterrupted(row.runId) : null;
  }

  /** Those who wait for a run are told why it does not go on. What is no job fails at once: somebody asked for it. */
  #waitsForRoom(runId: string, error: unknown): boolean {
    this.#waiters.fail(runId, error);
    return this.#jobs.has(runId) && !this.#stopped;
  }

  #log(runId: string): string {
    return join(this.#store.runFolder(runId), RUN_FILES.events);
  }

  #cancelFile(runId: string): string {
    return join(this.#store.runFolder(runId), RUN_FILES.cancel);
  }

  #refuseStopped(): void {
    if (this.#stopped) throw schedulerStopped();
  }
}
