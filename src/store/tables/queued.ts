/** The queue: runs that Reprise starts and that wait, in lines of one experiment and one place. Read from an index that holds these alone. */
import type { Database } from '../database';
import type { QueuedRun } from '../types';

const QUEUED = "SELECT id AS number, run_id AS runId, place, experiment, created_at AS createdAt FROM runs INDEXED BY runs_queued WHERE status = 'queued' AND kind <> 'logged' AND deleted_at IS NULL";

export class QueuedTable {
  readonly #nextPlace;
  readonly #nextExperiment;
  readonly #behind;

  constructor(database: Database) {
    // Two statements: one that compares both columns at once walks over all runs of the line before.
    this.#nextPlace = database.prepare<[string], QueuedRun>(`${QUEUED} AND place > ? ORDER BY place, experiment, created_at, id LIMIT 1`);
    this.#nextExperiment = database.prepare<[string, string], QueuedRun>(`${QUEUED} AND place = ? AND experiment > ? ORDER BY experiment, created_at, id LIMIT 1`);
    this.#behind = database.prepare<[string, string, number, number, number], QueuedRun>(`${QUEUED} AND place = ? AND experiment = ? AND (created_at, id) > (?, ?) ORDER BY created_at, id LIMIT ?`);
  }

  /** The oldest run of each line. */
  heads(): QueuedRun[] {
    const heads: QueuedRun[] = [];
    for (let head = this.#nextPlace.get(''); head !== undefined; head = this.#nextExperiment.get(head.place, head.experiment) ?? this.#nextPlace.get(head.place)) heads.push(head);
    return heads;
  }

  /** Runs of the same line that came later, oldest first. */
  behind({ place, experiment, createdAt, number }: QueuedRun, most: number): QueuedRun[] {
    return this.#behind.all(place, experiment, createdAt, number, most);
  }
}
