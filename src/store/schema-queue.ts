/** The SQL of the fifth migration: see `migrations`. Text that was released never changes. */

/** Where a run is to be carried out, and the queue as lines of one experiment and one place. */
export const FIFTH = `
-- 'local', else KIND:MACHINE; from the manifest. All runs of older schemas are of this machine.
ALTER TABLE runs ADD COLUMN place TEXT NOT NULL DEFAULT 'local';
-- Holds what waits alone, so that a turn costs the same however many runs there are and wait. The last columns spare a
-- look at the row, for SQLite asks again for what the index is of.
CREATE INDEX runs_queued ON runs (place, experiment, created_at, id, run_id, status, kind, deleted_at) WHERE status = 'queued' AND kind <> 'logged' AND deleted_at IS NULL;
`;
