/** What the queue does now, told as it changes. */
import type { QueueView } from '../api/long-work';
import { hasEnded } from '../execution/run-status';
import type { RunRow, Store } from '../store/types';
import { Pace } from './pace';
import type { CoresOf } from './spread';

/** Five times a second. */
const SHORTEST_PAUSE_MS = 200;

export interface QueueOptions {
  readonly store: Store;
  readonly coresOf: CoresOf;
  readonly isHeld: (runId: string) => boolean;
  /** Called with every view that differs from the one before. */
  readonly onChange: (view: QueueView) => void;
}

/** Runs that are held count only while they still run. */
export class QueueMonitor {
  readonly pace: Pace;
  readonly #options: QueueOptions;
  /** Runs that waited or ran since the queue was last empty, with whether they are at an end. */
  readonly #batch = new Map<string, boolean>();
  #lastError: QueueView['lastError'] = null;
  #told = '';
  /** Of a clock that nobody sets back. */
  #toldAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.pace = new Pace(options.store);
  }

  /** A run changed. */
  see(row: RunRow): void {
    this.pace.see(row);
    if (row.status === 'finished') this.#lastError = null;
    if (row.status === 'failed') this.#lastError = { run: row.runId, message: row.errorMessage ?? row.errorCode ?? 'The run failed.' };
    if (row.status === 'queued' || row.status === 'running' || this.#batch.has(row.runId)) this.#batch.set(row.runId, hasEnded(row.status));
    this.look();
  }

  /** Tells of the queue soon, if it changed. */
  look(): void {
    if (this.#timer !== null || this.#closed) return;
    this.#timer = setTimeout(() => this.#tell(), Math.max(0, this.#toldAt + SHORTEST_PAUSE_MS - performance.now()));
    this.#timer.unref();
  }

  view(): QueueView {
    const { store, coresOf } = this.#options;
    const pending = this.#pending();
    if (pending.length === 0) this.#batch.clear();
    const ended = [...this.#batch.values()].filter(Boolean).length;
    const done = pending.reduce((sum, row) => sum + (row.totalSteps === null ? 0 : row.stepsDone / row.totalSteps), ended);
    const seconds = store.readOnly ? null : this.pace.secondsLeftOfAll(pending, coresOf);
    return {
      running: pending.filter((row) => row.status === 'running').length,
      queued: pending.filter((row) => row.status === 'queued').length,
      share: pending.length === 0 ? null : done / (ended + pending.length),
      secondsLeft: seconds === null ? null : Math.ceil(seconds),
      lastError: this.#lastError,
    };
  }

  /** Estimated seconds until these runs are done, as if nothing else were in the queue; held ones are left out. */
  secondsLeft(rows: readonly RunRow[]): number | null {
    const pending = rows.filter((row) => this.#isPending(row));
    const seconds = this.pace.secondsLeftOfAll(pending, this.#options.coresOf);
    return seconds === null ? null : Math.ceil(seconds);
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #pending(): RunRow[] {
    return this.#options.store.listRuns({ status: ['queued', 'running'] }).filter((row) => row.kind !== 'logged' && this.#isPending(row));
  }

  #isPending(row: RunRow): boolean {
    return row.status === 'running' || (row.status === 'queued' && !this.#options.isHeld(row.runId));
  }

  #tell(): void {
    this.#timer = null;
    this.#toldAt = performance.now();
    let view: QueueView;
    try {
      view = this.view();
    } catch {
      // What is wrong with the store shows where it is asked for; a timer must not end the host. The next change asks again.
      return;
    }
    const text = JSON.stringify(view);
    if (text === this.#told) return;
    this.#told = text;
    this.#options.onChange(view);
  }
}
