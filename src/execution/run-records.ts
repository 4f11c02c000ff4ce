/** What a host writes down of its runs: records of their logs, and the database's rows after them. */
import { join } from 'node:path';
import { RUN_FILES } from '../events/manifest';
import type { NewRecord } from '../events/records';
import { whenThereIsRoom } from '../files/when-there-is-room';
import type { RunRow, Store } from '../store/types';
import { appendAsHost } from './host-log';

export class RunRecords {
  readonly #store: Store;
  readonly #goesOn: (runId: string, error: unknown) => boolean;

  /** @param goesOn is told when the disk is full, again and again; whether to wait for room */
  constructor(store: Store, goesOn: (runId: string, error: unknown) => boolean) {
    this.#store = store;
    this.#goesOn = goesOn;
  }

  /** Adds records to a log that no worker has: of a command run by the writer that its store keeps open. */
  async append(runId: string, ...records: readonly NewRecord[]): Promise<void> {
    const isTraining = this.#store.getRun(runId).kind === 'training';
    await this.whenRoom(runId, () => (isTraining ? appendAsHost(join(this.#store.runFolder(runId), RUN_FILES.events), ...records) : this.#store.append(runId, records)));
  }

  /** Takes the log into the database. */
  ingest(runId: string): Promise<RunRow> {
    return this.whenRoom(runId, () => this.#store.ingest(runId));
  }

  /** Does something that writes; while the disk is full again and again. */
  whenRoom<T>(runId: string, write: () => T | Promise<T>): Promise<T> {
    return whenThereIsRoom(write, (error) => this.#goesOn(runId, error));
  }
}
