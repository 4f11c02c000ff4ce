/** A command run's turns in the queue, told to its log: the host writes it, since the program knows nothing of it. */
import { join } from 'node:path';
import { RUN_FILES } from '../events/manifest';
import { eachRecord } from '../events/reader';
import type { EventBody, EventRecord } from '../events/records';
import type { Store } from '../store/types';
import type { CommandEnd, CommandPlace, CommandRunner } from './commands';
import type { CommandOrder } from './executor';
import { freeLog } from './host-log';

export class CommandTurns {
  readonly #store: Store;
  readonly #runner: CommandRunner;
  /** What is under way of each run. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(store: Store, runner: CommandRunner) {
    this.#store = store;
    this.#runner = runner;
  }

  /** Makes all ready for an attempt. @throws RepriseError why it cannot be; the attempt is in the log then too */
  async prepare(runId: string, attempt: number, place: CommandPlace): Promise<CommandOrder> {
    // Before anything of it is made here, so that what is left of it can be found.
    if (place.kind === 'local') await this.#append(runId, opening(attempt, process.pid));
    const { order, records } = await this.#runner.prepare(runId, attempt, place);
    if (records.length > 0) await this.#append(runId, ...records);
    return order;
  }

  /** An attempt elsewhere has started. */
  begin(runId: string, attempt: number): Promise<void> {
    return this.#inTurn(runId, async () => {
      if (this.#attemptIn(runId).number !== attempt) await this.#append(runId, opening(attempt, 0));
      await this.#runner.adopt(runId, attempt);
    });
  }

  /** Follows an attempt that an earlier host left, if it has started. */
  adopt(runId: string): Promise<void> {
    return this.#inTurn(runId, async () => {
      const { number, isOpen } = this.#attemptIn(runId);
      if (isOpen) await this.#runner.adopt(runId, number);
    });
  }

  /** @returns whether there is something new of it */
  follow(runId: string): Promise<boolean> {
    return this.#inTurn(runId, () => this.#runner.follow(runId));
  }

  /**
   * What became of the attempt that was under way, if there is one that no exit record closes. A failed run that has
   * attempts left waits for its next one; an interrupted one is left to the caller.
   * @param problem why it could not be started
   */
  settle(runId: string, problem: { readonly code: string; readonly message: string } | null = null): Promise<void> {
    return this.#inTurn(runId, () => this.#settle(runId, problem));
  }

  async #settle(runId: string, problem: { readonly code: string; readonly message: string } | null): Promise<void> {
    await freeLog(join(this.#store.runFolder(runId), RUN_FILES.events));
    const { run, attempt } = this.#store.listedRun(runId);
    const { isOpen, number } = this.#attemptIn(runId);
    // A program may have said by itself that it is done.
    if (attempt === null && !isOpen) {
      if (problem === null) return;
      // It came to its end elsewhere before it started.
      await this.#append(runId, opening(number + 1, 0));
    }
    const { attempts } = isOpen || attempt !== null ? run : this.#store.getRun(runId);
    const end = await this.#runner.settle(runId, attempts);
    const ended: CommandEnd = problem === null ? end : { status: 'failed', exitCode: null, signal: null, ...problem, retries: 0 };
    // With the failure that is told of now.
    const again = ended.status === 'failed' && ended.retries > 0 && this.#failures(runId) + 1 <= ended.retries;
    await this.#append(runId, recordOf(ended), { type: 'exit', attempt: attempts, exitCode: ended.exitCode, signal: ended.signal }, ...(again ? [{ type: 'requeued' } as const] : []));
  }

  /** One thing after another: two that read the same lines would tell of them twice. */
  #inTurn<T>(runId: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(runId) ?? Promise.resolve()).then(work, work);
    this.#turns.set(runId, turn);
    const over = (): void => {
      if (this.#turns.get(runId) === turn) this.#turns.delete(runId);
    };
    turn.then(over, over);
    return turn;
  }

  /** The newest attempt in the log, 0 where there is none, and whether no exit record closes it. */
  #attemptIn(runId: string): { readonly number: number; readonly isOpen: boolean } {
    let number = 0;
    let isOpen = false;
    for (const record of this.#records(runId)) {
      if (record.type === 'attempt') [number, isOpen] = [record.attempt, true];
      else if (record.type === 'exit' || record.type === 'requeued') isOpen = false;
    }
    return { number, isOpen };
  }

  /** Attempts that failed, of all there were. */
  #failures(runId: string): number {
    let failures = 0;
    for (const { type } of this.#records(runId)) if (type === 'failed') failures += 1;
    return failures;
  }

  #records(runId: string): Iterable<EventRecord> {
    return eachRecord(join(this.#store.runFolder(runId), RUN_FILES.events));
  }

  async #append(runId: string, ...records: readonly EventBody[]): Promise<void> {
    await this.#store.append(runId, records);
  }
}

function opening(attempt: number, pid: number): EventBody {
  return { type: 'attempt', attempt, fromStep: 0, totalSteps: 0, stepsPerEpoch: 0, pid };
}

function recordOf(end: CommandEnd): EventBody {
  switch (end.status) {
    case 'finished':
      return { type: 'state', status: 'finished' };
    case 'failed':
      return { type: 'failed', code: end.code, message: end.message };
    case 'cancelled':
      return { type: 'cancelled', step: 0 };
    case 'interrupted':
      return { type: 'orphaned', step: 0 };
  }
}
