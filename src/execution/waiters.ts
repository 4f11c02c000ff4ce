/** Those who wait for runs to come to their end. */
import type { RepriseError } from '../errors/errors';
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
  readonly #whyIdle: (row: RunRow) => RepriseError | null;

  /** @param whyIdle why nobody will take a run up, so that waiting for it would be in vain; null where it has its turn */
  constructor(rowOf: (runId: string) => RunRow, ended: (row: RunRow) => boolean, whyIdle: (row: RunRow) => RepriseError | null) {
    this.#rowOf = rowOf;
    this.#ended = ended;
    this.#whyIdle = whyIdle;
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
        for (const row of rows) {
          const reason = this.#whyIdle(row);
          if (reason !== null) throw reason;
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
