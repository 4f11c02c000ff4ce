/** Runs that are not to run for now, and the place in its log from which a running one waits for its next checkpoint. */
import { readEvents } from '../events/reader';

export class Holds {
  readonly #held = new Set<string>();
  /** Bytes of the log that were read, of runs that are to stop. */
  readonly #stopping = new Map<string, number>();

  /** @param log event log of the run where a worker is at it, else null */
  hold(runId: string, log: string | null): void {
    this.#held.add(runId);
    if (log !== null && !this.#stopping.has(runId)) this.#stopping.set(runId, endOf(log));
  }

  release(runId: string): void {
    this.#held.delete(runId);
    this.#stopping.delete(runId);
  }

  has(runId: string): boolean {
    return this.#held.has(runId);
  }

  /** The worker has ended. */
  stopped(runId: string): void {
    this.#stopping.delete(runId);
  }

  /** Whether a run that is to stop has recorded a checkpoint since. @throws RepriseError EVENT_LOG_CORRUPT */
  mayStop(runId: string, log: string): boolean {
    const from = this.#stopping.get(runId);
    if (from === undefined) return false;
    const { records, offset } = readEvents(log, from);
    this.#stopping.set(runId, offset);
    return records.some((record) => record.type === 'checkpoint');
  }
}

/** Where the records end that a log has now; 0 where it is damaged, of which the end of the worker tells. */
function endOf(log: string): number {
  try {
    return readEvents(log, 0).offset;
  } catch {
    return 0;
  }
}
