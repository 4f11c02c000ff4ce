/** The database's schema as an ordered, gapless list of migrations; `user_version` counts those applied. */
import { copyFileSync, rmSync } from 'node:fs';
import { RepriseError } from '../errors/errors';
import { APPLICATION_ID, corrupt, type Database } from './database';

export interface Migration {
  /** Counts from 1 without gaps. */
  readonly version: number;
  readonly sql: string;
}

/**
 * Losses may be NaN, which SQLite would turn into NULL: such columns are ANY and hold the text 'NaN'.
 * A run's columns from `status` on are derived from its event log, the others from its manifest.
 */
const FIRST = `
CREATE TABLE runs (
  run_id TEXT NOT NULL PRIMARY KEY,
  reproduction_id TEXT NOT NULL,
  experiment TEXT NOT NULL,
  study_id TEXT,
  variant TEXT,
  seed INTEGER NOT NULL,
  config_hash TEXT NOT NULL,
  compute_hash TEXT NOT NULL,
  calibration INTEGER NOT NULL CHECK (calibration IN (0, 1)),
  created_at INTEGER NOT NULL,
  manifest_sha256 TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'finished', 'failed', 'cancelled', 'interrupted')),
  -- What the log alone says; 'running' is never among it.
  log_status TEXT NOT NULL CHECK (log_status IN ('queued', 'finished', 'failed', 'cancelled', 'interrupted')),
  exit_code INTEGER,
  signal TEXT,
  started_at INTEGER,
  ended_at INTEGER,
  updated_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  steps_done INTEGER NOT NULL DEFAULT 0,
  total_steps INTEGER,
  throughput REAL,
  final_loss ANY,
  best_loss ANY,
  weights_hash TEXT,
  selected_step INTEGER,
  error_code TEXT,
  error_message TEXT
) STRICT;
CREATE INDEX runs_by_experiment ON runs (experiment, created_at);
CREATE INDEX runs_by_status ON runs (status, created_at);
CREATE INDEX runs_by_compute_hash ON runs (compute_hash, created_at);
CREATE INDEX runs_by_study ON runs (study_id);
CREATE INDEX runs_by_reproduction_id ON runs (reproduction_id);

CREATE TABLE cursors (
  run_id TEXT NOT NULL PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
  -- Bytes of the event log that are in the database; -1 once the log contradicted itself.
  byte_offset INTEGER NOT NULL,
  last_seq INTEGER NOT NULL
) STRICT;

CREATE TABLE metrics (
  run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
  split TEXT NOT NULL CHECK (split IN ('train', 'validation', 'test')),
  step INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  loss ANY NOT NULL,
  accuracy ANY NOT NULL,
  PRIMARY KEY (run_id, split, step)
) STRICT, WITHOUT ROWID;

-- A row holds up to 4096 points of a series: Float64 little-endian columns of equal length.
CREATE TABLE series (
  run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
  key TEXT NOT NULL,
  block INTEGER NOT NULL,
  first_step INTEGER NOT NULL,
  last_step INTEGER NOT NULL,
  points INTEGER NOT NULL,
  steps BLOB NOT NULL,
  vals BLOB NOT NULL,
  PRIMARY KEY (run_id, key, block)
) STRICT;

CREATE TABLE hashes (
  run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
  step INTEGER NOT NULL,
  hash TEXT NOT NULL,
  chain TEXT NOT NULL,
  PRIMARY KEY (run_id, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE artifacts (
  run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
  name TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (run_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE studies (
  study_id TEXT NOT NULL PRIMARY KEY,
  experiment TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  -- The whole study as JSON, the same text as in studies/STUDY_ID.json.
  document TEXT NOT NULL
) STRICT;
CREATE INDEX studies_by_experiment ON studies (experiment, created_at);
`;

/**
 * What lists of many runs need. Few distinct configs serve many runs, so each is kept once. Rows that were there before
 * get their new columns from `run.json` when a host opens the workspace (`fillIdentities`).
 */
const SECOND = `
CREATE TABLE variants (
  variant_hash TEXT NOT NULL PRIMARY KEY,
  -- The config without seed and labels, as JSON.
  config TEXT NOT NULL
) STRICT;

ALTER TABLE runs ADD COLUMN variant_hash TEXT REFERENCES variants;
-- Equal for runs that differ in nothing but the seed: variant, data and training graph.
ALTER TABLE runs ADD COLUMN group_hash TEXT;
ALTER TABLE runs ADD COLUMN training_graph_hash TEXT;
ALTER TABLE runs ADD COLUMN threads INTEGER;
-- The declared test metric; NULL where the run is not finished or its test loss is no finite number.
ALTER TABLE runs ADD COLUMN metric REAL;
-- The attempt that is under way; NULL when none is, as far as the log knows.
ALTER TABLE runs ADD COLUMN attempt_started_at INTEGER;
ALTER TABLE runs ADD COLUMN attempt_from_step INTEGER;

CREATE INDEX runs_by_created ON runs (created_at);
CREATE INDEX runs_by_experiment_and_status ON runs (experiment, status, updated_at);
CREATE INDEX runs_by_variant ON runs (variant_hash);
CREATE INDEX runs_by_training_graph ON runs (training_graph_hash, threads, ended_at);
-- All that lists are filtered, sorted, counted and grouped by, so that they need not read the rows themselves.
CREATE INDEX runs_listing ON runs (
  experiment, group_hash, seed, created_at, status, variant_hash, variant, study_id, calibration, steps_done, total_steps, metric, final_loss, started_at, ended_at, updated_at
);
`;

export const MIGRATIONS: readonly Migration[] = [
  { version: 1, sql: FIRST },
  { version: 2, sql: SECOND },
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
  for (const migration of migrations.slice(from)) {
    database.transaction(() => {
      database.exec(migration.sql);
      if (migration.version === 1) database.pragma(`application_id = ${APPLICATION_ID}`);
      database.pragma(`user_version = ${migration.version}`);
    }).immediate();
  }
}
