/** The one door to better-sqlite3: opens database files and turns SQLite's errors into Reprise's. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type BetterSqlite3 from 'better-sqlite3';
import { RepriseError } from '../errors/errors';

/** Required, not imported: to import a CommonJS module Node first loads a parser for its exports, which takes 8 ms of an engine's start. */
const Sqlite = createRequire(import.meta.url)('better-sqlite3') as typeof BetterSqlite3;

export type Database = BetterSqlite3.Database;
export type Statement<P extends unknown[], R = unknown> = BetterSqlite3.Statement<P, R>;

/** Marks a database file as one of Reprise: 'RPRS' in ASCII, kept in SQLite's application_id. */
export const APPLICATION_ID = 0x52505253;

/** Milliseconds a statement waits for another process' write. */
export const BUSY_TIMEOUT_MS = 5000;

/** A package made with an older Electron carries the addon beside its archive. */
function packagedBinding(): string | undefined {
  const resources = (process as { resourcesPath?: string }).resourcesPath;
  const file = resources === undefined ? undefined : join(resources, 'better_sqlite3.node');
  return file !== undefined && existsSync(file) ? file : undefined;
}

/**
 * The prebuilt addon needs Node-API 10 (Node ≥ 22.14, Electron ≥ 36). Older runtimes crash on it,
 * so there an addon built from source is named by the environment.
 */
function nativeBinding(): string | undefined {
  if (Number(process.versions['napi']) >= 10) return undefined;
  const binding = process.env['REPRISE_SQLITE_BINDING'] ?? packagedBinding();
  if (binding === undefined || binding === '') {
    throw new RepriseError(
      'SQLITE_BINDING_MISSING',
      `This runtime (Node ${process.versions.node}, Node-API ${String(process.versions['napi'])}) cannot load the prebuilt SQLite addon, and REPRISE_SQLITE_BINDING names no other.`,
      { kind: 'system', hint: 'Start Reprise through `npm start` or `npm run reprise`: they build the addon once and set the variable.' },
    );
  }
  return binding;
}

/**
 * Opens a database file. A writable one is created when missing and set to WAL with foreign keys on.
 * @throws RepriseError STORE_CORRUPT, STORE_BUSY, STORE_UNREADABLE, SQLITE_BINDING_MISSING
 */
export function openDatabase(file: string, options: { readonly readonly: boolean }): Database {
  const binding = nativeBinding();
  return guard(file, () => {
    const database = new Sqlite(file, {
      readonly: options.readonly,
      fileMustExist: options.readonly,
      timeout: BUSY_TIMEOUT_MS,
      ...(binding === undefined ? {} : { nativeBinding: binding }),
    });
    try {
      if (!options.readonly) {
        database.pragma('journal_mode = WAL');
        // The event logs are the truth: after a power cut the index may miss its last transactions and reads them again.
        database.pragma('synchronous = NORMAL');
      }
      database.pragma('foreign_keys = ON');
      // Reads the first page, so that a file that is no database is known here and not later.
      database.pragma('user_version');
    } catch (error) {
      database.close();
      throw error;
    }
    return database;
  });
}

/**
 * Opens a copy in memory of a database that lies where nothing may be written: there SQLite cannot make the index file
 * that reading a WAL database needs. Right only while the file has no write-ahead log, so null where it has one.
 */
export function openCopy(file: string): Database | null {
  if (existsSync(`${file}-wal`) && statSync(`${file}-wal`).size > 0) return null;
  const binding = nativeBinding();
  return guard(file, () => {
    const content = readFileSync(file);
    // Read and write version of the file format (sqlite.org/fileformat2.html, offsets 18 and 19): 2 is WAL, 1 is not.
    content[18] = 1;
    content[19] = 1;
    const database = new Sqlite(content, { readonly: true, ...(binding === undefined ? {} : { nativeBinding: binding }) });
    database.pragma('user_version');
    return database;
  });
}

/** Runs `work`; an SQLite error inside it becomes a RepriseError that names the file. */
export function guard<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw fromSqlite(file, error);
  }
}

function fromSqlite(file: string, error: unknown): unknown {
  if (!(error instanceof Sqlite.SqliteError)) return error;
  const code = error.code;
  if (code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT')) return corrupt(file, error.message, error);
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return new RepriseError('STORE_BUSY', `The database ${file} is locked by another program.`, {
      kind: 'system',
      hint: 'Close the program that has the file open (a database browser, a backup) and try again.',
      cause: error,
    });
  }
  if (code === 'SQLITE_FULL') {
    return new RepriseError('STORE_DISK_FULL', `The disk is full: the database ${file} could not be written.`, {
      kind: 'system',
      hint: 'Free some space and try again; nothing acknowledged was lost.',
      cause: error,
    });
  }
  if (code.startsWith('SQLITE_CANTOPEN') || code.startsWith('SQLITE_READONLY') || code.startsWith('SQLITE_IOERR') || code === 'SQLITE_PERM') {
    return new RepriseError('STORE_UNREADABLE', `The database ${file} could not be read or written (${error.message}).`, {
      kind: 'system',
      hint: 'Check the permissions of the workspace folder and the state of the disk.',
      cause: error,
    });
  }
  return error;
}

/** Whether SQLite refused a value for what it is: trying again is no use, and nothing is wrong with the file. */
export function isUnstorable(error: unknown): error is Error {
  return error instanceof Sqlite.SqliteError && (error.code.startsWith('SQLITE_CONSTRAINT') || error.code === 'SQLITE_MISMATCH' || error.code === 'SQLITE_TOOBIG');
}

/** The error for a database that cannot be used, with the way out. */
export function corrupt(file: string, what: string, cause?: unknown): RepriseError {
  return new RepriseError('STORE_CORRUPT', `The database ${file} is damaged (${what}).`, {
    kind: 'system',
    hint: 'Run `reprise workspace rebuild`: it makes the database again from the run folders and keeps the damaged file.',
    cause,
  });
}

/** Names the problems SQLite's own check finds in the file; empty when it is sound. */
export function integrityProblems(database: Database, mode: 'quick_check' | 'integrity_check'): string[] {
  const rows = database.pragma(`${mode}(20)`) as Record<string, string>[];
  return rows.map((row) => Object.values(row)[0] ?? '').filter((text) => text !== 'ok');
}
