/** The SQL of the fourth migration: see `migrations`. Text that was released never changes. */

/** Any metric of a split, not loss and accuracy alone. */
export const FOURTH = `
CREATE TABLE metrics_4 (
  run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE,
  split TEXT NOT NULL CHECK (split IN ('train', 'validation', 'test')),
  step INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  metric TEXT NOT NULL,
  value ANY NOT NULL,
  PRIMARY KEY (run, split, step, metric)
) STRICT, WITHOUT ROWID;
INSERT INTO metrics_4 SELECT run, split, step, epoch, 'loss', loss FROM metrics;
INSERT INTO metrics_4 SELECT run, split, step, epoch, 'accuracy', accuracy FROM metrics;
DROP TABLE metrics;
ALTER TABLE metrics_4 RENAME TO metrics;
`;
