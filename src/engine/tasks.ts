/** Long work that a user interface watches and cancels: exports and reproductions. */
import type { TaskRunView, TaskView } from '../api/long-work';
import { RepriseError, toErrorReport } from '../errors/errors';

/** Milliseconds between two tellings of a task that moves on: five a second at most. */
const TELL_INTERVAL_MS = 200;
/** Ended tasks that are remembered. */
const REMEMBERED = 20;

/** What the work gets to say how far it is, and to learn that it is no longer wanted. */
export interface TaskHandle {
  readonly signal: AbortSignal;
  /** `total` null: not known. `runs`: where each of the task's runs is; as before where left out. */
  report(done: number, total: number | null, text: string, runs?: TaskRunView[]): void;
}

interface Entry {
  view: TaskView;
  readonly stop: AbortController;
  /** Of a clock that nobody sets back. */
  toldAt: number;
  timer: NodeJS.Timeout | null;
}

export class Tasks {
  readonly #tell: (view: TaskView) => void;
  /** In the order in which they began. */
  readonly #entries = new Map<string, Entry>();
  /** What runs, and when it has stopped; never fails. */
  readonly #working = new Map<AbortController, Promise<void>>();

  constructor(tell: (view: TaskView) => void) {
    this.#tell = tell;
  }

  /** Newest first: all that run, and the last 20 that ended. */
  list(): TaskView[] {
    return [...this.#entries.values()].map(({ view }) => view).toReversed();
  }

  /**
   * Asks a task to stop; it is `cancelled` once it has. One that has ended stays as it is.
   * @throws RepriseError TASK_NOT_FOUND
   */
  cancel(id: string): TaskView {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw new RepriseError('TASK_NOT_FOUND', `There is no task ${id}.`, { kind: 'input', hint: 'It may have ended before this engine started.' });
    if (entry.view.status === 'running') {
      entry.stop.abort();
      this.#change(entry, { text: 'Cancelling…' });
    }
    return entry.view;
  }

  /**
   * Does the work under an id of the caller's; without one it is done all the same, and nobody is told of it.
   * @param resultOf what the task shows as its result
   * @throws RepriseError TASK_EXISTS, and whatever the work throws
   */
  async run<T>(start: { readonly id: string | undefined; readonly kind: TaskView['kind']; readonly subject: string; readonly title: string }, work: (handle: TaskHandle) => Promise<T>, resultOf: (value: T) => string | null): Promise<T> {
    const { id } = start;
    const stop = new AbortController();
    const { signal } = stop;
    if (id === undefined) return this.#follow(stop, work({ signal, report: () => undefined }), () => undefined, () => undefined);
    if (this.#entries.has(id)) throw new RepriseError('TASK_EXISTS', `There is a task ${id} already.`, { kind: 'input', hint: 'Choose a new id for every task.' });
    const view: TaskView = { task: id, kind: start.kind, subject: start.subject, title: start.title, status: 'running', startedAt: Date.now(), endedAt: null, done: 0, total: null, text: '', runs: [], error: null, result: null };
    const entry: Entry = { view, stop, toldAt: Number.NEGATIVE_INFINITY, timer: null };
    this.#entries.set(id, entry);
    this.#change(entry, {});
    return this.#follow(
      stop,
      work({ signal, report: (done, total, text, runs) => this.#change(entry, { done, total, ...(signal.aborted ? {} : { text }), ...(runs === undefined ? {} : { runs }) }) }),
      (value) => this.#end(entry, { status: 'done', result: resultOf(value) }),
      (error) => {
        const { code, message, hint } = toErrorReport(error);
        const cancelled = error instanceof RepriseError && error.kind === 'cancelled';
        this.#end(entry, cancelled ? { status: 'cancelled', text: 'Cancelled.' } : { status: 'failed', error: { code, message, hint: hint ?? null } });
      },
    );
  }

  async #follow<T>(stop: AbortController, working: Promise<T>, onDone: (value: T) => void, onFailed: (error: unknown) => void): Promise<T> {
    const ended = working.then(onDone, onFailed).finally(() => this.#working.delete(stop));
    this.#working.set(stop, ended);
    // Whoever gets the answer finds the task at its end.
    await ended;
    return working;
  }

  /** Cancels all that runs and waits until it has stopped. */
  async stop(): Promise<void> {
    for (const stop of this.#working.keys()) stop.abort();
    await Promise.all(this.#working.values());
  }

  #end(entry: Entry, change: Partial<TaskView>): void {
    this.#change(entry, { ...change, endedAt: Date.now() });
    const old = [...this.#entries.values()].filter(({ view }) => view.status !== 'running').toSorted((a, b) => (a.view.endedAt ?? 0) - (b.view.endedAt ?? 0));
    for (const { view } of old.slice(0, Math.max(0, old.length - REMEMBERED))) this.#entries.delete(view.task);
  }

  #change(entry: Entry, change: Partial<TaskView>): void {
    const before = entry.view.status;
    if (before !== 'running') return;
    entry.view = { ...entry.view, ...change };
    const wait = entry.toldAt + TELL_INTERVAL_MS - performance.now();
    if (entry.view.status !== before || wait <= 0) {
      if (entry.timer !== null) clearTimeout(entry.timer);
      entry.timer = null;
      entry.toldAt = performance.now();
      this.#tell(entry.view);
      return;
    }
    entry.timer ??= setTimeout(() => {
      entry.timer = null;
      entry.toldAt = performance.now();
      this.#tell(entry.view);
    }, wait);
  }
}
