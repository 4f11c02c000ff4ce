/** Those who wait for runs to come to their end. */
import { RepriseError } from '../errors/errors';
import type { RunRow } from '../store/types';

interface Waiter {
  readonly runIds: readonly string[];
  readonly resolve: (rows: RunRow[]) => void;
  readonly reject: (error: unknown) => void;
}

export class Waiters {
  readonly #waiting = new Set<Waiter>();
  readonly #rowOf: (runId: string) => RunRow;
  readonly #ended: (row: RunRow) => boolean;
  readonly #idle: (row: RunRow) => boolean;

  /** @param idle whether nobody will take a run up, so that waiting for it would be in vain */
  constructor(rowOf: (runId: string) => RunRow, ended: (row: RunRow) => boolean, idle: (row: RunRow) => boolean) {
    this.#rowOf = rowOf;
    this.#ended = ended;
    this.#idle = idle;
  }

  add(runIds: readonly string[]): Promise<RunRow[]> {
    const result = new Promise<RunRow[]>((resolve, reject) => this.#waiting.add({ runIds, resolve, reject }));
    this.look();
    return result;
  }

  /** Lets go of those whose runs are at an end, or idle. */
  look(): void {
    for (const waiter of this.#waiting) {
      try {
        const rows = waiter.runIds.map((runId) => this.#rowOf(runId));
        const idle = rows.find((row) => this.#idle(row));
        if (idle !== undefined) {
          throw new RepriseError('RUN_INTERRUPTED', `Run ${idle.runId} is interrupted and not in the queue.`, { kind: 'inconclusive', hint: 'Retry the run.' });
        }
        if (!rows.every((row) => this.#ended(row))) continue;
        this.#waiting.delete(waiter);
        waiter.resolve(rows);
      } catch (error) {
        this.#waiting.delete(waiter);
        waiter.reject(error);
      }
    }
  }

  /** Tells those who wait for a run that it cannot go on. */
  fail(runId: string, error: unknown): void {
    for (const waiter of this.#waiting) {
      if (!waiter.runIds.includes(runId)) continue;
      this.#waiting.delete(waiter);
      waiter.reject(error);
    }
  }

  failAll(error: unknown): void {
    for (const waiter of this.#waiting) waiter.reject(error);
    this.#waiting.clear();
  }
}
