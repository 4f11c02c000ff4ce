/** Somebody else's SQLite file, read from a copy of its own, so that nothing of it is changed or held up. */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RepriseError } from '../errors/errors';
import { openDatabase, type Database } from './database';

export type ForeignValue = string | number | bigint | Buffer | null;
export type ForeignRow = Readonly<Record<string, ForeignValue>>;

export interface ForeignDatabase {
  /** Names of a table's columns; none where there is no such table. A view counts as none: its query may have no end. */
  columns(table: string): readonly string[];
  rows(sql: string, ...values: readonly ForeignValue[]): ForeignRow[];
  close(): void;
}

async function copy(file: string, to: string): Promise<void> {
  let source: Database | null = null;
  try {
    source = openDatabase(file, { readonly: true });
    // A snapshot, also while another process writes.
    await source.backup(to);
  } catch (error) {
    // One in a folder that cannot be written to, with a write-ahead log, can only be opened elsewhere.
    if (error instanceof RepriseError && error.code === 'STORE_CORRUPT') throw error;
    copyFileSync(file, to);
    if (existsSync(`${file}-wal`)) copyFileSync(`${file}-wal`, `${to}-wal`);
  } finally {
    source?.close();
  }
}

/** @throws RepriseError DATABASE_UNREADABLE */
export async function openForeign(file: string): Promise<ForeignDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'reprise-foreign-'));
  try {
    const own = join(folder, 'copy.db');
    await copy(file, own);
    // Writable, since a log that came with the copy is worked in first.
    const database = openDatabase(own, { readonly: false });
    return {
      columns: (table) => (database.prepare<[string], { name: string }>("SELECT info.name FROM sqlite_schema, pragma_table_info(sqlite_schema.name) AS info WHERE sqlite_schema.type = 'table' AND sqlite_schema.name = ?").all(table)).map(({ name }) => name),
      rows: (sql, ...values) => database.prepare<ForeignValue[], ForeignRow>(sql).all(...values),
      close: () => {
        database.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true });
    throw new RepriseError('DATABASE_UNREADABLE', `${file} cannot be read as an SQLite database: ${(cause as Error).message}`, { hint: 'Name the database that the other program wrote.', cause });
  }
}
