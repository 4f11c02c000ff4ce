/** Artifacts of runs: name to object. */
import type { ArtifactName } from '../../events/records';
import type { Database } from '../database';

export interface StoredArtifact {
  readonly name: ArtifactName;
  readonly sha256: string;
  readonly bytes: number;
}

export class ArtifactsTable {
  readonly #put;
  readonly #ofRun;
  readonly #clear;

  constructor(database: Database) {
    this.#put = database.prepare<[number, string, string, number]>('INSERT OR REPLACE INTO artifacts (run, name, sha256, bytes) VALUES (?, ?, ?, ?)');
    this.#ofRun = database.prepare<[number], StoredArtifact>('SELECT name, sha256, bytes FROM artifacts WHERE run = ? ORDER BY name');
    this.#clear = database.prepare<[number]>('DELETE FROM artifacts WHERE run = ?');
  }

  put(run: number, row: StoredArtifact): void {
    this.#put.run(run, row.name, row.sha256, row.bytes);
  }

  /** By name. */
  ofRun(run: number): StoredArtifact[] {
    return this.#ofRun.all(run);
  }

  clear(run: number): void {
    this.#clear.run(run);
  }
}
