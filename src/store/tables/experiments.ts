/** Experiments: the document is the same text as in the workspace's `experiments` folder. */
import type { Database } from '../database';

export interface StoredExperiment {
  readonly experiment_id: number;
  readonly name: string;
  readonly created_at: number;
  readonly updated_at: number;
  readonly deleted_at: number | null;
  /** Null where no file has been written yet. */
  readonly document: string | null;
}

export class ExperimentsTable {
  readonly #put;
  readonly #byId;
  readonly #byName;
  readonly #all;
  readonly #lastId;

  constructor(database: Database) {
    this.#put = database.prepare<[number, string, number, number, number | null, string | null]>(
      'INSERT INTO experiments (experiment_id, name, created_at, updated_at, deleted_at, document) VALUES (?, ?, ?, ?, ?, ?) ' +
        'ON CONFLICT (experiment_id) DO UPDATE SET name = excluded.name, created_at = excluded.created_at, updated_at = excluded.updated_at, deleted_at = excluded.deleted_at, document = excluded.document',
    );
    this.#byId = database.prepare<[number], StoredExperiment>('SELECT * FROM experiments WHERE experiment_id = ?');
    this.#byName = database.prepare<[string], StoredExperiment>('SELECT * FROM experiments WHERE name = ?');
    this.#all = database.prepare<[], StoredExperiment>('SELECT * FROM experiments ORDER BY experiment_id');
    this.#lastId = database.prepare<[], { id: number }>('SELECT max(experiment_id) AS id FROM experiments');
  }

  put(row: StoredExperiment): void {
    this.#put.run(row.experiment_id, row.name, row.created_at, row.updated_at, row.deleted_at, row.document);
  }

  byId(id: number): StoredExperiment | null {
    return this.#byId.get(id) ?? null;
  }

  byName(name: string): StoredExperiment | null {
    return this.#byName.get(name) ?? null;
  }

  /** By id. */
  all(): StoredExperiment[] {
    return this.#all.all();
  }

  nextId(): number {
    return (this.#lastId.get()?.id ?? 0) + 1;
  }
}
