/** The database's schema as an ordered, gapless list of migrations; `user_version` counts those applied. */
import { copyFileSync, rmSync } from 'node:fs';
import { RepriseError } from '../errors/errors';
import { APPLICATION_ID, corrupt, type Database } from './database';
import { FIRST, SECOND, THIRD } from './schema';
import { FOURTH } from './schema-metrics';
import { FIFTH } from './schema-queue';

export interface Migration {
  /** Counts from 1 without gaps. */
  readonly version: number;
  readonly sql: string;
}

export const MIGRATIONS: readonly Migration[] = [
  { version: 1, sql: FIRST },
  { version: 2, sql: SECOND },
  { version: 3, sql: THIRD },
  { version: 4, sql: FOURTH },
  { version: 5, sql: FIFTH },
];

/** Newest schema this version of Reprise knows. */
export function latestVersion(migrations: readonly Migration[] = MIGRATIONS): number {
  return migrations.at(-1)?.version ?? 0;
}

/**
 * The schema version of an open database; 0 for an empty one.
 * @throws RepriseError STORE_TOO_NEW where a newer Reprise made it, STORE_CORRUPT where it is no workspace database
 */
export function schemaVersion(database: Database, file: string, migrations: readonly Migration[] = MIGRATIONS): number {
  const version = database.pragma('user_version', { simple: true }) as number;
  const application = database.pragma('application_id', { simple: true }) as number;
  const tables = database.prepare<[], { n: number }>('SELECT count(*) AS n FROM sqlite_schema').get()?.n ?? 0;
  if (application !== APPLICATION_ID && (tables > 0 || version !== 0)) throw corrupt(file, 'it was not made by Reprise');
  const latest = latestVersion(migrations);
  if (version > latest) {
    throw new RepriseError(
      'STORE_TOO_NEW',
      `The database ${file} has schema ${version}; this version of Reprise knows schemas up to ${latest}. It was not touched.`,
      { kind: 'input', hint: 'Use the newer version of Reprise that made this workspace, or another workspace.' },
    );
  }
  return version;
}

/**
 * Brings a writable database to the latest schema, each migration in a transaction of its own.
 * An existing older file is first copied to `FILE.before-schema-N`.
 */
export function migrate(database: Database, file: string, migrations: readonly Migration[] = MIGRATIONS): void {
  migrations.forEach((migration, index) => {
    if (migration.version !== index + 1) throw new Error(`Migration ${migration.version} stands at place ${index + 1}: the list must be gapless.`);
  });
  const from = schemaVersion(database, file, migrations);
  const latest = latestVersion(migrations);
  if (from === latest) return;
  if (from > 0) {
    // The copy must hold all committed pages: fold the write-ahead log into the file first.
    database.pragma('wal_checkpoint(TRUNCATE)');
    const backup = `${file}.before-schema-${latest}`;
    rmSync(backup, { force: true });
    copyFileSync(file, backup);
  }
  // Dropping a table that another refers to would take the rows of that one along (sqlite.org/lang_altertable.html, section 7).
  database.pragma('foreign_keys = OFF');
  try {
    for (const migration of migrations.slice(from)) {
      database.transaction(() => {
        database.exec(migration.sql);
        const [dangling] = database.pragma('foreign_key_check') as { table: string }[];
        if (dangling !== undefined) throw corrupt(file, `a row of the table ${dangling.table} refers to one that is not there`);
        if (migration.version === 1) database.pragma(`application_id = ${APPLICATION_ID}`);
        database.pragma(`user_version = ${migration.version}`);
      }).immediate();
    }
  } finally {
    database.pragma('foreign_keys = ON');
  }
}
