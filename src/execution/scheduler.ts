/** The queue: starts workers as there is room, follows their logs, and takes up what died. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RepriseError, toErrorReport } from '../errors/errors';
import { RUN_FILES } from '../events/manifest';
import type { RunRow, RunStatus, Store } from '../store/types';
import { Attempts, openPlace } from './attempts';
import { CommandTurns } from './command-turns';
import { NO_COMMANDS, type CommandRunner } from './commands';
import type { Attempt, AttemptEnd, Executors } from './executor';
import { Holds } from './holds';
import { Line, type Placed } from './line';
import type { Spawn } from './local/spawn';
import { MachineBudget } from './machine-budget';
import { ProgressGuard } from './progress-guard';
import { refuseLogged, runHeld, runInterrupted, schedulerStopped } from './refusals';
import { RowTeller } from './row-teller';
import { RunEnds } from './run-ends';
import { RunRecords } from './run-records';
import { hasEnded, RECOVERABLE } from './run-status';
import { Waiters } from './waiters';

export interface SchedulerOptions {
  readonly store: Store;
  readonly spawn: Spawn;
  /** What all running workers together never exceed: threads, or a budget that is shared with other schedulers. */
  readonly cores: number | MachineBudget;
  /** Milliseconds between two looks at the event logs; 100 by default. */
  readonly pollMs?: number;
  /** Milliseconds a worker has to stop when asked to; 10,000 by default. */
  readonly cancelGraceMs?: number;
  /** Who carries out runs elsewhere; nobody by default. */
  readonly executors?: Executors;
  /** Who carries out command runs; none by default. */
  readonly commands?: CommandRunner;
  /** Called with every row that changed: status, progress, throughput. */
  readonly onRun?: (row: RunRow) => void;
}

interface Job extends Placed {
  readonly runId: string;
  readonly isCommand: boolean;
  readonly abort: AbortController;
  attempt: Attempt | null;
  /** Settles when the run has left the scheduler's hands, whatever became of it. */
  done: Promise<void>;
}

/**
 * The queue is the store's runs with status `queued`, so it survives the host. Whose turn it is, `Line` says: on this
 * machine as cores, memory and GPUs allow (a run that asks for more threads than there are cores runs alone), elsewhere
 * as many at once as the place takes; everywhere turn by turn over the experiments, in each the oldest first. A run that
 * waits in the queue of a cluster is `queued`, too. Runs that are held keep their place but do not start; they belong to
 * the host, which says so again after a restart.
 */
export class Scheduler {
  readonly #store: Store;
  readonly #executors: Executors | null;
  readonly #attempts: Attempts;
  readonly #ends: RunEnds;
  readonly #commands: CommandTurns;
  readonly #budget: MachineBudget;
  readonly #line: Line;
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
    this.#executors = options.executors ?? null;
    this.#commands = new CommandTurns(options.store, options.commands ?? NO_COMMANDS);
    this.#budget = typeof options.cores === 'number' ? new MachineBudget(options.cores) : options.cores;
    this.#pollMs = options.pollMs ?? 100;
    this.#cancelGraceMs = options.cancelGraceMs ?? 10_000;
    this.#rows = new RowTeller(options.onRun ?? (() => undefined));
    this.#records = new RunRecords(options.store, (runId, error) => this.#waitsForRoom(runId, error));
    this.#waiters = new Waiters((runId) => this.#store.getRun(runId), (row) => hasEnded(row.status), (row) => this.#whyIdle(row));
    const { store, spawn } = options;
    this.#line = new Line({
      store,
      budget: this.#budget,
      executors: this.#executors,
      placed: () => this.#jobs.values(),
      isAway: (runId) => this.#jobs.has(runId) || this.#changing.has(runId) || this.#holds.has(runId),
      begin: (runId, placed) => this.#begin(store.getRun(runId), placed),
      fail: (runId, error) => this.#failWaiting(runId, error),
      wake: () => this.#pump(),
    });
    this.#attempts = new Attempts({ store, spawn, executors: this.#executors, commands: this.#commands, records: this.#records, onChange: (runId) => this.#showAnew(runId) });
    this.#ends = new RunEnds({ store, commands: this.#commands, records: this.#records, rows: this.#rows, holds: this.#holds, guard: this.#guard, isStopped: () => this.#stopped });
  }

  /**
   * Settles what an earlier host left: waits for workers that still live (5 s, then kills them), reads all logs, closes
   * attempts that have no exit record. A run where that is not possible fails with the reason. With `requeue` (the
   * default) interrupted runs and the queue go on at once, but for those that are held, and what still runs elsewhere is
   * taken up.
   * @returns ids of the runs that now wait or run, oldest first; none without `requeue`
   */
  async recover(options: { readonly requeue?: boolean } = {}): Promise<string[]> {
    const requeue = options.requeue ?? true;
    const left = this.#ours(RECOVERABLE).filter((row) => !this.#jobs.has(row.runId));
    const recover = async (row: RunRow): Promise<void> => {
      try {
        if ((await this.#ends.recover(row, requeue)) && requeue) this.#takeUp(row);
      } catch (error) {
        this.#ends.fail(row.runId, error);
      }
    };
    await Promise.all(left.map((row) => this.#change(row.runId, () => recover(row))));
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
      void this.#change(row.runId, () => this.#ends.requeue(row.runId)).then(
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
    for (const runId of runIds) {
      const job = this.#jobs.get(runId);
      this.#holds.hold(runId, job === undefined ? null : this.#log(runId));
      // It waits in another queue, where nobody knows of the hold.
      if (job?.demand.pool === 'there' && job.attempt !== null && this.#store.getRun(runId).status === 'queued') job.attempt.kill();
    }
    this.#waiters.look();
    // The first that is not held may be one that fits beside those that run.
    if (this.#jobs.size > 0) this.#pump();
  }

  isHeld(runId: string): boolean {
    return this.#holds.has(runId);
  }

  /**
   * Cancels a run: a queued or interrupted one at once; a running worker is asked to stop and killed when it does not.
   * One on a machine that does not answer is let go of: nobody could wait for a machine that never comes back.
   * A run at an end stays as it is. @throws RepriseError RUN_NOT_FOUND, RUN_LOGGED
   */
  async cancel(runId: string): Promise<RunRow> {
    const { runId: id } = refuseLogged(this.#store.getRun(runId));
    await this.#changing.get(id);
    for (let job = this.#jobs.get(id); job !== undefined; job = this.#jobs.get(id)) {
      const { done } = job;
      writeFileSync(this.#ends.cancelFile(id), '');
      job.abort.abort('cancelled');
      job.attempt?.cancel();
      const killing = setTimeout(() => this.#jobs.get(id)?.attempt?.kill(), this.#cancelGraceMs);
      const lettingGo = setInterval(() => this.#letGoOfLost(id), 3 * this.#cancelGraceMs);
      await done.finally(() => [clearTimeout(killing), clearInterval(lettingGo)]);
      // A worker that died just before it was asked may have been put back into the queue, and started, already.
    }
    return this.#change(id, () => this.#ends.cancelIdle(id));
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
    const queued = await this.#change(id, () => this.#ends.requeue(id));
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

  /** Kills the workers of this machine and waits for their end; their runs are interrupted and go on with the next host's `recover`. What runs elsewhere goes on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#line.close();
    this.#waiters.failAll(schedulerStopped());
    for (const job of this.#jobs.values()) {
      job.abort.abort('detached');
      job.attempt?.detach();
    }
    await Promise.allSettled([...[...this.#jobs.values()].map((job) => job.done), ...this.#changing.values()]);
    await this.#executors?.close();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  // ——— the queue

  #pump(): void {
    if (this.#stopped) return;
    this.#line.deal();
    this.#poll();
  }

  /** A run that can have no turn fails at once. */
  #failWaiting(runId: string, error: unknown): void {
    const { code, message } = toErrorReport(error);
    this.#store.setStatus(runId, 'failed', { errorCode: code, errorMessage: message });
    this.#rows.show(this.#store.getRun(runId));
    this.#waiters.look();
  }

  /** Goes on with a run that an earlier host left at work: it has what it takes. */
  #takeUp(row: RunRow): void {
    const demand = this.#line.demandOf(row.runId);
    const gpus = openPlace(this.#log(row.runId))?.facts?.['gpus']?.split(',') ?? [];
    this.#begin(row, { experiment: row.experiment, demand, lease: demand.pool === 'here' ? this.#budget.claim(demand.share, gpus) : null });
  }

  /** Gives a run its turn; what it takes is taken. */
  #begin(row: RunRow, placed: Placed): void {
    const job: Job = { ...placed, runId: row.runId, isCommand: row.kind === 'command', abort: new AbortController(), attempt: null, done: Promise.resolve() };
    this.#jobs.set(row.runId, job);
    job.done = this.#work(job, row);
    void job.done.catch((error: unknown) => this.#waiters.fail(row.runId, error));
    this.#poll();
  }

  async #work(job: Job, row: RunRow): Promise<void> {
    const { runId, isCommand, lease } = job;
    try {
      this.#guard.begin(runId, row.stepsDone);
      const { end, problem } = await this.#carryOut(job, row);
      // It goes on elsewhere, and the next host takes it up.
      if (end === 'detached') return;
      if (isCommand) await this.#records.whenRoom(runId, () => this.#commands.settle(runId, problem ?? end.problem));
      else if (problem !== null) await this.#records.append(runId, { type: 'failed', ...problem });
      await this.#ends.settle(runId, end);
    } catch (error) {
      await this.#records.whenRoom(runId, () => this.#ends.fail(runId, error));
    } finally {
      this.#jobs.delete(runId);
      this.#holds.stopped(runId);
      if (lease !== null) this.#budget.free(lease);
      this.#waiters.look();
      this.#pump();
    }
  }

  /** @returns how the attempt ended, and why it could not be started where it could not */
  async #carryOut(job: Job, row: RunRow): Promise<{ readonly end: AttemptEnd | 'detached'; readonly problem: { readonly code: string; readonly message: string } | null }> {
    const { runId, isCommand, lease } = job;
    const nothing: AttemptEnd = { exitCode: null, signal: null, problem: null };
    const onStart = (attempt: Attempt): void => {
      job.attempt = attempt;
      // What it would do until the hold is noticed is lost either way: it has only just begun.
      if (this.#stopped) attempt.detach();
      else if (existsSync(this.#ends.cancelFile(runId))) attempt.cancel();
      else if (this.#holds.has(runId) && row.status === 'queued') attempt.kill();
    };
    try {
      // A run that is taken up may have been cancelled while nobody looked.
      if (row.status === 'queued') rmSync(this.#ends.cancelFile(runId), { force: true });
      const end = await this.#attempts.carryOut({ runId, isCommand, lease, signal: job.abort.signal, onStart });
      // Where the host does not close, it was let go of.
      return { end: end === 'detached' && !this.#stopped ? nothing : end, problem: null };
    } catch (error) {
      // Nothing went wrong: it was no longer wanted before it was handed over.
      if (job.abort.signal.aborted) return { end: this.#stopped ? 'detached' : nothing, problem: null };
      const { code, message, hint } = toErrorReport(error);
      return { end: nothing, problem: { code, message: hint === undefined || !isCommand ? message : `${message} ${hint}` } };
    }
  }

  // ——— runs without a worker

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
    for (const { runId, isCommand, attempt } of this.#jobs.values()) {
      if (attempt === null) continue;
      try {
        // Its metrics are no part of its row.
        if (isCommand && (await this.#commands.follow(runId))) this.#rows.forget(runId);
        this.#rows.show(await this.#store.ingest(runId));
        if (this.#holds.mayStop(runId, this.#log(runId))) attempt.kill();
      } catch {
        // The end of the worker reads the log again and reports what is wrong.
      }
    }
  }

  /** Of a run that is cancelled on a machine that does not answer. */
  #letGoOfLost(runId: string): void {
    const attempt = this.#jobs.get(runId)?.attempt ?? null;
    const place = attempt === null ? null : openPlace(this.#log(runId));
    if (place?.event !== 'lost') return;
    const text = `${place.machine ?? 'Docker Engine'} did not answer when the run was cancelled: what it does there may go on.`;
    void this.#records.append(runId, { type: 'message', level: 'warning', text }).then(() => attempt?.detach(), () => undefined);
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

  #showAnew(runId: string): void {
    this.#rows.forget(runId);
    this.#rows.show(this.#store.getRun(runId));
  }

  #refuseStopped(): void {
    if (this.#stopped) throw schedulerStopped();
  }
}
