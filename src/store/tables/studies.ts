/** Studies: the document is the same text as in the workspace's studies folder. */
import type { Database } from '../database';

export interface StoredStudy {
  readonly studyId: string;
  readonly experiment: string;
  readonly createdAt: number;
  readonly document: string;
}

export class StudiesTable {
  readonly #put;
  readonly #get;
  readonly #latest;
  readonly #all;
  readonly #withText;

  constructor(database: Database) {
    this.#put = database.prepare<[string, string, number, string]>('INSERT OR REPLACE INTO studies (study_id, experiment, created_at, document) VALUES (?, ?, ?, ?)');
    this.#get = database.prepare<[string], { document: string }>('SELECT document FROM studies WHERE study_id = ?');
    this.#latest = database.prepare<[string], { document: string }>(
      'SELECT document FROM studies WHERE experiment = ? ORDER BY created_at DESC, study_id DESC LIMIT 1',
    );
    this.#withText = database.prepare<[string], { document: string }>('SELECT document FROM studies WHERE instr(document, ?) > 0 ORDER BY created_at DESC, study_id DESC');
    this.#all = database.prepare<[], { study_id: string; document: string }>('SELECT study_id, document FROM studies ORDER BY study_id');
  }

  put(study: StoredStudy): void {
    this.#put.run(study.studyId, study.experiment, study.createdAt, study.document);
  }

  document(studyId: string): string | null {
    return this.#get.get(studyId)?.document ?? null;
  }

  latestDocument(experiment: string): string | null {
    return this.#latest.get(experiment)?.document ?? null;
  }

  /** Documents that hold a text, newest first. */
  withText(text: string): string[] {
    return this.#withText.all(text).map((row) => row.document);
  }

  all(): { readonly studyId: string; readonly document: string }[] {
    return this.#all.all().map((row) => ({ studyId: row.study_id, document: row.document }));
  }
}
