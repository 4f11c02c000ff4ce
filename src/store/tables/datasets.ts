/** Data sets that logged runs said they read. */
import type { Database } from '../database';
import type { DatasetRow } from '../tracking';

interface StoredDataset {
  readonly name: string;
  readonly digest: string;
  readonly source_type: string;
  readonly source: string;
  readonly schema: string | null;
  readonly profile: string | null;
  readonly tags: string;
}

export class DatasetsTable {
  readonly #put;
  readonly #ofRun;
  readonly #clear;

  constructor(database: Database) {
    this.#put = database.prepare<[number, string, string, string, string, string | null, string | null, string]>(
      'INSERT OR REPLACE INTO datasets (run, name, digest, source_type, source, schema, profile, tags) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.#ofRun = database.prepare<[number], StoredDataset>('SELECT name, digest, source_type, source, schema, profile, tags FROM datasets WHERE run = ? ORDER BY name, digest');
    this.#clear = database.prepare<[number]>('DELETE FROM datasets WHERE run = ?');
  }

  put(run: number, row: DatasetRow): void {
    this.#put.run(run, row.name, row.digest, row.sourceType, row.source, row.schema, row.profile, JSON.stringify(row.tags));
  }

  /** By name, then digest. */
  ofRun(run: number): DatasetRow[] {
    return this.#ofRun.all(run).map(({ source_type: sourceType, tags, ...row }) => ({ ...row, sourceType, tags: JSON.parse(tags) as Record<string, string> }));
  }

  clear(run: number): void {
    this.#clear.run(run);
  }
}
