/** Files of runs, which lie in the object store, and objects that their manifests name. */
import type { Database } from '../database';
import type { FileRow } from '../tracking';

/** An object of the workspace that the manifest of a run names. */
export interface ObjectOfManifest {
  readonly sha256: string;
  /** Whether it is a list of the files of a code state, which are objects too. */
  readonly isCode: boolean;
}

export class FilesTable {
  readonly #put;
  readonly #remove;
  readonly #ofRun;
  readonly #clear;
  readonly #putRef;
  readonly #refsOf;
  readonly #all;

  constructor(database: Database) {
    this.#put = database.prepare<[number, string, string, number]>('INSERT OR REPLACE INTO files (run, path, sha256, bytes) VALUES (?, ?, ?, ?)');
    this.#remove = database.prepare<[number, string]>('DELETE FROM files WHERE run = ? AND path = ?');
    this.#ofRun = database.prepare<[number], FileRow>('SELECT path, sha256, bytes FROM files WHERE run = ? ORDER BY path');
    this.#clear = database.prepare<[number]>('DELETE FROM files WHERE run = ?');
    this.#putRef = database.prepare<[number, string, 0 | 1]>('INSERT OR IGNORE INTO refs (run, sha256, is_code) VALUES (?, ?, ?)');
    this.#refsOf = database.prepare<[number], { sha256: string; is_code: 0 | 1 }>('SELECT sha256, is_code FROM refs WHERE run = ? ORDER BY sha256');
    this.#all = database.prepare<[], { run: number; sha256: string; is_code: 0 | 1 }>(
      'SELECT run, sha256, 0 AS is_code FROM files UNION ALL SELECT run, sha256, 0 FROM artifacts UNION ALL SELECT run, sha256, is_code FROM refs',
    );
  }

  put(run: number, file: FileRow): void {
    this.#put.run(run, file.path, file.sha256, file.bytes);
  }

  remove(run: number, path: string): void {
    this.#remove.run(run, path);
  }

  /** By path. */
  ofRun(run: number): FileRow[] {
    return this.#ofRun.all(run);
  }

  clear(run: number): void {
    this.#clear.run(run);
  }

  /** Notes an object that the run's manifest names. */
  refer(run: number, { sha256, isCode }: ObjectOfManifest): void {
    this.#putRef.run(run, sha256, isCode ? 1 : 0);
  }

  refsOf(run: number): ObjectOfManifest[] {
    return this.#refsOf.all(run).map(({ sha256, is_code: isCode }) => ({ sha256, isCode: isCode === 1 }));
  }

  /** Every object that any run refers to, by its files, its artifacts or its manifest; one at a time, for there may be millions. */
  *references(): IterableIterator<ObjectOfManifest & { readonly run: number }> {
    for (const { run, sha256, is_code: isCode } of this.#all.iterate()) yield { run, sha256, isCode: isCode === 1 };
  }
}
