/** Tells of rows that changed, each content once. */
import type { RunRow } from '../store/types';

export class RowTeller {
  /** Rows as they were last told of, or found. */
  readonly #shown = new Map<string, string>();
  readonly #listener: (row: RunRow) => void;
  /** Whether a failing listener was reported: once is enough, it is called many times a second. */
  #complained = false;

  constructor(listener: (row: RunRow) => void) {
    this.#listener = listener;
  }

  /** Takes a row as known, unless it is. */
  know(row: RunRow): void {
    if (!this.#shown.has(row.runId)) this.#shown.set(row.runId, JSON.stringify(row));
  }

  /** Has the row told of again, though it is the same: something beside it changed. */
  forget(runId: string): void {
    this.#shown.delete(runId);
  }

  show(row: RunRow): void {
    const content = JSON.stringify(row);
    if (this.#shown.get(row.runId) === content) return;
    this.#shown.set(row.runId, content);
    queueMicrotask(() => this.#tell(row));
  }

  #tell(row: RunRow): void {
    try {
      this.#listener(row);
    } catch (error) {
      // What a listener does wrong must not end the host.
      if (this.#complained) return;
      this.#complained = true;
      process.stderr.write(`Reprise could not tell of run ${row.runId}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    }
  }
}
