/** How far each run's event log has been read into the database. */
import type { Database } from '../database';

export interface Cursor {
  /** Bytes of the log that are in the database; -1 once the log contradicted itself and is no longer read. */
  readonly offset: number;
  /** Sequence number of the last record applied; -1 before the first. */
  readonly lastSeq: number;
}

export class CursorsTable {
  readonly #get;
  readonly #set;

  constructor(database: Database) {
    this.#get = database.prepare<[number], { byte_offset: number; last_seq: number }>('SELECT byte_offset, last_seq FROM cursors WHERE run = ?');
    this.#set = database.prepare<[number, number, number]>('INSERT OR REPLACE INTO cursors (run, byte_offset, last_seq) VALUES (?, ?, ?)');
  }

  get(run: number): Cursor {
    const row = this.#get.get(run);
    return row === undefined ? { offset: 0, lastSeq: -1 } : { offset: row.byte_offset, lastSeq: row.last_seq };
  }

  set(run: number, cursor: Cursor): void {
    this.#set.run(run, cursor.offset, cursor.lastSeq);
  }
}
