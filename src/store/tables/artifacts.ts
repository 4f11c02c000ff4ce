/** Artifacts of runs: name to object. */
import type { ArtifactName } from '../../events/records';
import type { Database } from '../database';
import type { ArtifactRow } from '../types';

interface StoredArtifact {
  readonly run_id: string;
  readonly name: ArtifactName;
  readonly sha256: string;
  readonly bytes: number;
}

export class ArtifactsTable {
  readonly #put;
  readonly #ofRun;
  readonly #clear;

  constructor(database: Database) {
    this.#put = database.prepare<[string, string, string, number]>('INSERT OR REPLACE INTO artifacts (run_id, name, sha256, bytes) VALUES (?, ?, ?, ?)');
    this.#ofRun = database.prepare<[string], StoredArtifact>('SELECT run_id, name, sha256, bytes FROM artifacts WHERE run_id = ? ORDER BY name');
    this.#clear = database.prepare<[string]>('DELETE FROM artifacts WHERE run_id = ?');
  }

  put(row: ArtifactRow): void {
    this.#put.run(row.runId, row.name, row.sha256, row.bytes);
  }

  /** By name. */
  ofRun(runId: string): ArtifactRow[] {
    return this.#ofRun.all(runId).map((row) => ({ runId: row.run_id, name: row.name, sha256: row.sha256, bytes: row.bytes }));
  }

  clear(runId: string): void {
    this.#clear.run(runId);
  }
}
