/** Attempts of runs from the turn in the queue to their end, whoever carries them out. */
import { join } from 'node:path';
import { RUN_FILES } from '../events/manifest';
import { eachRecord } from '../events/reader';
import type { NewRecord, PlaceRecord } from '../events/records';
import type { Store } from '../store/types';
import type { CommandTurns } from './command-turns';
import type { Attempt, AttemptEnd, CommandOrder, Executor, Executors, Order } from './executor';
import { forgetWorker, noteWorker } from './host-log';
import { localExecutor } from './local/executor';
import type { Spawn } from './local/spawn';
import type { Lease } from './machine-budget';
import { nodeDifference } from './node-difference';
import type { RunRecords } from './run-records';

export interface AttemptsOptions {
  readonly store: Store;
  readonly spawn: Spawn;
  /** Those for other places than this machine; null where there are none. */
  readonly executors: Executors | null;
  readonly commands: CommandTurns;
  readonly records: RunRecords;
  /** Something of a run changed besides its log. */
  readonly onChange: (runId: string) => void;
}

/** A run's turn. */
export interface Turn {
  readonly runId: string;
  readonly isCommand: boolean;
  /** What it has of this machine; null where it runs elsewhere. */
  readonly lease: Lease | null;
  /** Fires when nobody wants the attempt any more before it is under way. */
  readonly signal: AbortSignal;
  /** Called as soon as the attempt is under way. */
  readonly onStart: (attempt: Attempt) => void;
}

export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #local: Executor;

  constructor(options: AttemptsOptions) {
    this.#options = options;
    this.#local = localExecutor(options.spawn);
  }

  /** Carries out the next attempt, or takes up the one that an earlier host left, to its end. @throws RepriseError why it cannot be started */
  async carryOut(turn: Turn): Promise<AttemptEnd | 'detached'> {
    const { runId } = turn;
    const executor = await this.#executorOf(runId);
    if (executor.kind === 'local') return this.#start(turn, executor);
    let end: AttemptEnd | 'detached' | null = null;
    try {
      const left = openPlace(this.#log(runId));
      end = left === null ? await this.#start(turn, executor) : await this.#takeUp(turn, executor, left);
      return end;
    } finally {
      // Nothing is left there to go back to, unless the host closes.
      const open = end === 'detached' || turn.signal.reason === 'detached' ? null : openPlace(this.#log(runId));
      if (open !== null) await this.#options.records.append(runId, { type: 'place', event: 'collected', attempt: open.attempt, executor: executor.kind, machine: executor.machine });
    }
  }

  async #start(turn: Turn, executor: Executor): Promise<AttemptEnd | 'detached'> {
    const { store, commands, records, onChange } = this.#options;
    const { runId, isCommand, lease } = turn;
    if (executor.kind === 'local') {
      await records.whenRoom(runId, () => store.setStatus(runId, 'running'));
      onChange(runId);
    }
    const attempt = store.getRun(runId).attempts + 1;
    const command = isCommand ? await commands.prepare(runId, attempt, { ...executor, environment: lease?.environment ?? {} }) : null;
    return this.#follow(turn, await executor.start(this.#order(turn, attempt, command)));
  }

  async #takeUp(turn: Turn, executor: Executor, left: PlaceRecord): Promise<AttemptEnd | 'detached'> {
    const { commands } = this.#options;
    // The host before may have ended right after it told of the start.
    if (turn.isCommand) await (left.event === 'started' ? commands.begin(turn.runId, left.attempt) : commands.adopt(turn.runId));
    const attempt = await executor.attach(this.#order(turn, left.attempt, null), left);
    return attempt === null ? { exitCode: null, signal: null, problem: null } : this.#follow(turn, attempt);
  }

  #log(runId: string): string {
    return join(this.#options.store.runFolder(runId), RUN_FILES.events);
  }

  async #executorOf(runId: string): Promise<Executor> {
    const { store, executors } = this.#options;
    const manifest = store.manifest(runId);
    if (manifest.kind === 'logged' || manifest.config.executor.kind === 'local') return this.#local;
    if (executors === null) throw new Error('This queue has no executors but this machine.');
    return executors.find(manifest.config.executor);
  }

  #order({ runId, isCommand, lease, signal }: Turn, attempt: number, command: CommandOrder | null): Order {
    const { store } = this.#options;
    const manifest = store.manifest(runId);
    if (manifest.kind === 'logged') throw new Error('A logged run is not carried out.');
    return {
      runId,
      attempt,
      manifest,
      workspace: store.workspace,
      runFolder: store.runFolder(runId),
      dataFile: manifest.kind === 'command' ? null : join(store.workspace, manifest.data.file),
      lease,
      command,
      signal,
      tell: (...records) => this.#tell(runId, isCommand, records),
    };
  }

  /** Appends what an executor learned, with what follows from it. */
  async #tell(runId: string, isCommand: boolean, told: readonly NewRecord[]): Promise<void> {
    let plain: NewRecord[] = [];
    for (const record of told) {
      if (record.type !== 'place') plain.push(record);
      else {
        if (plain.length > 0) await this.#options.records.append(runId, ...plain);
        plain = [];
        await this.#tellPlace(runId, isCommand, record);
      }
    }
    if (plain.length > 0) await this.#options.records.append(runId, ...plain);
    if (plain.length < told.length) this.#options.onChange(runId);
  }

  async #tellPlace(runId: string, isCommand: boolean, record: PlaceRecord): Promise<void> {
    const { store, commands, records } = this.#options;
    switch (record.event) {
      case 'requeued':
        // What the attempt before wrote is taken in first, and the attempt closed.
        if (isCommand) await commands.settle(runId);
        await records.append(runId, ...(isCommand ? [] : [{ type: 'exit', attempt: record.attempt, exitCode: null, signal: null } as const]), record, { type: 'requeued' });
        break;
      case 'started':
        await records.append(runId, record);
        // An attempt of this machine is opened before, or by its worker.
        if (record.executor === 'local') break;
        if (isCommand) await commands.begin(runId, record.attempt);
        store.setStatus(runId, 'running');
        await this.#warnOfNode(runId, record);
        break;
      case 'submitted':
      case 'lost':
      case 'found':
      case 'ended':
      case 'collected':
        await records.append(runId, record);
    }
  }

  /** A cluster gives a run to whatever node is free. */
  async #warnOfNode(runId: string, { facts }: PlaceRecord): Promise<void> {
    const { store, records } = this.#options;
    const manifest = store.manifest(runId);
    const difference = manifest.kind === 'logged' ? null : nodeDifference(manifest, facts);
    if (difference !== null) await records.append(runId, { type: 'message', level: 'warning', text: difference });
  }

  /** Waits for the end; a process of this machine is noted until then. */
  async #follow({ runId, onStart }: Turn, attempt: Attempt): Promise<AttemptEnd | 'detached'> {
    const folder = this.#options.store.runFolder(runId);
    try {
      if (attempt.pid !== null) noteWorker(folder, attempt.pid);
    } catch (error) {
      attempt.kill();
      await attempt.end;
      throw error;
    }
    onStart(attempt);
    const end = await attempt.end;
    if (attempt.pid !== null) forgetWorker(folder);
    return end;
  }
}

/** What is known of an attempt that was handed over and is not known to be over, the newest of each fact; null where there is none. One of a worker of this machine ends with its host. */
export function openPlace(log: string): PlaceRecord | null {
  let open: PlaceRecord | null = null as PlaceRecord | null;
  for (const record of eachRecord(log)) {
    if (record.type === 'place' && record.executor !== 'local') open = record.event === 'collected' ? null : { ...open, ...record, facts: { ...open?.facts, ...record.facts } };
    // The requeued of a cluster follows its exit.
    else if (record.type === 'exit') open = null;
  }
  return open;
}
