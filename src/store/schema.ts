/** The SQL of the migrations: see `migrations`. Text that was released never changes. */

/**
 * Losses may be NaN, which SQLite would turn into NULL: such columns are ANY and hold the text 'NaN'.
 * A run's columns from `status` on are derived from its event log, the others from its manifest.
 */
export const FIRST = `
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
 * get their new columns from `run.json` when a host opens the workspace (`fillRuns`).
 */
export const SECOND = `
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

/**
 * Runs of all kinds, with what their authors named: parameters, tags, metric series, files; and experiments as things of
 * their own. Rows refer to a run and to a name by small numbers, because there are many millions of them. What the files
 * of older runs say of the new columns is filled in when a host opens the workspace (`fillRuns`).
 */
export const THIRD = `
CREATE TABLE keys (
  key_id INTEGER NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE experiments (
  experiment_id INTEGER NOT NULL PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER,
  -- The same text as in experiments/EXPERIMENT_ID.json; NULL where no such file has been written.
  document TEXT
) STRICT;
INSERT INTO experiments (experiment_id, name, created_at, updated_at)
  SELECT 0, 'Default', coalesce(min(created_at), 0), coalesce(min(created_at), 0) FROM runs WHERE experiment = 'Default';
INSERT INTO experiments (experiment_id, name, created_at, updated_at)
  SELECT row_number() OVER (ORDER BY min(created_at), experiment), experiment, min(created_at), min(created_at)
  FROM runs WHERE experiment <> 'Default' GROUP BY experiment;

-- Columns up to manifest_sha256, and from variant_hash to threads, follow from the manifest; the others from the log.
CREATE TABLE runs_3 (
  id INTEGER NOT NULL PRIMARY KEY,
  run_id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('training', 'command', 'logged')),
  -- Of a logged run: SYSTEM:ID where it comes from.
  source TEXT,
  author TEXT NOT NULL,
  reproduction_id TEXT NOT NULL,
  experiment_id INTEGER NOT NULL REFERENCES experiments,
  -- The experiment's name as it is now.
  experiment TEXT NOT NULL,
  study_id TEXT,
  variant TEXT,
  seed INTEGER,
  config_hash TEXT,
  compute_hash TEXT,
  calibration INTEGER NOT NULL CHECK (calibration IN (0, 1)),
  created_at INTEGER NOT NULL,
  manifest_sha256 TEXT NOT NULL,
  name TEXT,
  status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'finished', 'failed', 'cancelled', 'interrupted')),
  -- What the log alone says; 'running' only for a logged run.
  log_status TEXT NOT NULL CHECK (log_status IN ('queued', 'running', 'finished', 'failed', 'cancelled', 'interrupted')),
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
  error_message TEXT,
  variant_hash TEXT REFERENCES variants,
  -- Equal for runs that differ in nothing but the seed: variant, data and training graph, or code and inputs.
  group_hash TEXT,
  training_graph_hash TEXT,
  threads INTEGER,
  -- The declared metric; NULL where the run is not finished or has no such number.
  metric REAL,
  -- The attempt that is under way; NULL when none is, as far as the log knows.
  attempt_started_at INTEGER,
  attempt_from_step INTEGER,
  -- When the run was deleted; NULL while it is not. Its folder lies in the trash, or its experiment is deleted.
  deleted_at INTEGER,
  -- 0 where the row came from an older schema and its files have not been read since.
  filled INTEGER NOT NULL CHECK (filled IN (0, 1))
) STRICT;
INSERT INTO runs_3 (
    id, run_id, kind, author, reproduction_id, experiment_id, experiment, study_id, variant, seed, config_hash, compute_hash, calibration, created_at, manifest_sha256,
    status, log_status, exit_code, signal, started_at, ended_at, updated_at, attempts, steps_done, total_steps, throughput, final_loss, best_loss,
    weights_hash, selected_step, error_code, error_message, variant_hash, group_hash, training_graph_hash, threads, metric, attempt_started_at, attempt_from_step, filled)
  SELECT
    runs.rowid, run_id, 'training', '', reproduction_id, experiment_id, experiment, study_id, variant, seed, config_hash, compute_hash, calibration, runs.created_at, manifest_sha256,
    status, log_status, exit_code, signal, started_at, ended_at, runs.updated_at, attempts, steps_done, total_steps, throughput, final_loss, best_loss,
    weights_hash, selected_step, error_code, error_message, variant_hash, group_hash, training_graph_hash, threads, metric, attempt_started_at, attempt_from_step, 0
  FROM runs JOIN experiments ON experiments.name = runs.experiment;

CREATE TABLE cursors_3 (
  run INTEGER NOT NULL PRIMARY KEY REFERENCES runs ON DELETE CASCADE,
  -- Bytes of the event log that are in the database; -1 once the log contradicted itself.
  byte_offset INTEGER NOT NULL,
  last_seq INTEGER NOT NULL
) STRICT;
INSERT INTO cursors_3 SELECT runs_3.id, byte_offset, last_seq FROM cursors JOIN runs_3 USING (run_id);

CREATE TABLE metrics_3 (
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  split TEXT NOT NULL CHECK (split IN ('train', 'validation', 'test')),
  step INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  loss ANY NOT NULL,
  accuracy ANY NOT NULL,
  PRIMARY KEY (run, split, step)
) STRICT, WITHOUT ROWID;
INSERT INTO metrics_3 SELECT runs_3.id, split, step, epoch, loss, accuracy FROM metrics JOIN runs_3 USING (run_id);

CREATE TABLE hashes_3 (
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  step INTEGER NOT NULL,
  hash TEXT NOT NULL,
  chain TEXT NOT NULL,
  PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;
INSERT INTO hashes_3 SELECT runs_3.id, step, hash, chain FROM hashes JOIN runs_3 USING (run_id);

CREATE TABLE artifacts_3 (
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  name TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;
INSERT INTO artifacts_3 SELECT runs_3.id, artifacts.name, sha256, bytes FROM artifacts JOIN runs_3 USING (run_id);

-- Series of the older schema wait here until the logs have been read again, which alone know the times.
CREATE TABLE old_series (
  run INTEGER NOT NULL,
  key TEXT NOT NULL,
  block INTEGER NOT NULL,
  steps BLOB NOT NULL,
  vals BLOB NOT NULL,
  PRIMARY KEY (run, key, block)
) STRICT;
INSERT INTO old_series SELECT runs_3.id, key, block, steps, vals FROM series JOIN runs_3 USING (run_id);

DROP TABLE series;
DROP TABLE cursors;
DROP TABLE metrics;
DROP TABLE hashes;
DROP TABLE artifacts;
DROP TABLE runs;
ALTER TABLE runs_3 RENAME TO runs;
ALTER TABLE cursors_3 RENAME TO cursors;
ALTER TABLE metrics_3 RENAME TO metrics;
ALTER TABLE hashes_3 RENAME TO hashes;
ALTER TABLE artifacts_3 RENAME TO artifacts;

CREATE TABLE params (
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  key INTEGER NOT NULL,
  value TEXT NOT NULL,
  -- The value where it reads as a finite number.
  number REAL,
  PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX params_by_value ON params (key, number, value);

CREATE TABLE tags (
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  key INTEGER NOT NULL,
  value TEXT NOT NULL,
  number REAL,
  PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_by_value ON tags (key, number, value);

-- Of each series its latest point and what is true of all of them.
CREATE TABLE latest (
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  key INTEGER NOT NULL,
  -- NULL for NaN.
  value REAL,
  step INTEGER NOT NULL,
  time REAL NOT NULL,
  points INTEGER NOT NULL,
  -- Over the points that are no NaN; NULL where there is none.
  min REAL,
  max REAL,
  PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX latest_by_value ON latest (key, value, min, max);

-- A row holds up to 4096 points of a series, sorted by step, then time; the rows are sorted by their place.
CREATE TABLE series (
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  key INTEGER NOT NULL,
  place INTEGER NOT NULL,
  points INTEGER NOT NULL,
  first_step INTEGER NOT NULL,
  first_time REAL NOT NULL,
  last_step INTEGER NOT NULL,
  last_time REAL NOT NULL,
  -- Columns of steps, times and values of a row of few points; the others have theirs in chunks.
  data BLOB,
  -- Buckets of 512 points each.
  summary BLOB,
  chunk INTEGER,
  PRIMARY KEY (run, key, place)
) STRICT, WITHOUT ROWID;

CREATE TABLE chunks (
  chunk_id INTEGER NOT NULL PRIMARY KEY,
  data BLOB NOT NULL,
  -- Buckets of 64 points each.
  summary BLOB NOT NULL
) STRICT;

CREATE TABLE files (
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  path TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  PRIMARY KEY (run, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE datasets (
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  name TEXT NOT NULL,
  digest TEXT NOT NULL,
  source_type TEXT NOT NULL,
  source TEXT NOT NULL,
  schema TEXT,
  profile TEXT,
  -- JSON object of texts.
  tags TEXT NOT NULL,
  PRIMARY KEY (run, name, digest)
) STRICT, WITHOUT ROWID;

-- Objects that the manifest of a run names: its data, its code.
CREATE TABLE refs (
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  sha256 TEXT NOT NULL,
  -- Whether it is a list of the files of a code state, which are objects too.
  is_code INTEGER NOT NULL CHECK (is_code IN (0, 1)),
  PRIMARY KEY (run, sha256)
) STRICT, WITHOUT ROWID;

CREATE INDEX runs_by_created ON runs (created_at) WHERE deleted_at IS NULL;
CREATE INDEX runs_by_experiment ON runs (experiment, created_at) WHERE deleted_at IS NULL;
CREATE INDEX runs_by_experiment_and_status ON runs (experiment, status, updated_at) WHERE deleted_at IS NULL;
CREATE INDEX runs_by_experiment_id ON runs (experiment_id, started_at);
CREATE INDEX runs_by_status ON runs (status, created_at) WHERE deleted_at IS NULL;
CREATE INDEX runs_by_compute_hash ON runs (compute_hash, created_at) WHERE deleted_at IS NULL;
CREATE INDEX runs_by_study ON runs (study_id) WHERE deleted_at IS NULL;
CREATE INDEX runs_by_reproduction_id ON runs (reproduction_id);
CREATE INDEX runs_by_variant ON runs (variant_hash, deleted_at);
CREATE INDEX runs_by_training_graph ON runs (training_graph_hash, threads, ended_at) WHERE deleted_at IS NULL;
CREATE INDEX runs_by_source ON runs (source) WHERE source IS NOT NULL;
CREATE INDEX runs_deleted ON runs (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX runs_unfilled ON runs (id) WHERE filled = 0;
-- All that lists are filtered, sorted, counted and grouped by, so that they need not read the rows themselves.
CREATE INDEX runs_listing ON runs (
  experiment, group_hash, seed, created_at, status, variant_hash, variant, study_id, calibration, steps_done, total_steps, metric, final_loss, started_at, ended_at, updated_at
) WHERE deleted_at IS NULL;
`;
