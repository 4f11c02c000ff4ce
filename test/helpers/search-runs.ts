/** Runs as plain documents, put into a database by SQL: what a filter's answers are judged by. */
import type { AttributeName } from '../../src/filter/ast';
import type { RunDocument } from '../../src/filter/evaluate';
import type { Database } from '../../src/store/database';
import { numberIn } from '../../src/filter/literals';

export interface StoredDocument extends RunDocument {
  readonly deletedAt: number | null;
}

/** Seconds that a run lasted by its columns, as `attributes.duration` says. */
export function durationOf(status: string, startedAt: number | null, endedAt: number | null, now: number): number | null {
  const until = status === 'running' ? now : endedAt;
  // A clock that was set back makes no run last less than nothing.
  return startedAt === null || until === null ? null : Math.max(0, until - startedAt) / 1000;
}

/** The columns of `runs` that a document's attributes are made of. */
export interface RunColumns {
  readonly run_id: string;
  readonly kind: string;
  readonly author: string;
  readonly reproduction_id: string;
  readonly experiment: string;
  readonly study_id: string | null;
  readonly variant: string | null;
  readonly seed: number | null;
  readonly config_hash: string | null;
  readonly compute_hash: string | null;
  readonly created_at: number;
  readonly name: string | null;
  readonly status: string;
  readonly exit_code: number | null;
  readonly started_at: number | null;
  readonly ended_at: number | null;
  readonly attempts: number;
  readonly steps_done: number;
  readonly weights_hash: string | null;
  readonly error_code: string | null;
}

/** @param experimentId the number of the experiment in the database */
export function attributesOf(row: RunColumns, experimentId: number, now: number): Record<AttributeName, string | number | null> {
  return {
    run_id: row.run_id,
    reproduction_id: row.reproduction_id,
    name: row.name ?? row.variant ?? row.reproduction_id,
    experiment: row.experiment,
    study: row.study_id,
    variant: row.variant,
    user: row.author === '' ? null : row.author,
    status: row.status,
    kind: row.kind,
    seed: row.seed,
    created: row.created_at,
    started: row.started_at ?? row.created_at,
    ended: row.ended_at,
    duration: durationOf(row.status, row.started_at, row.ended_at, now),
    steps: row.steps_done,
    attempts: row.attempts,
    exit_code: row.exit_code,
    error: row.error_code,
    config_hash: row.config_hash,
    compute_hash: row.compute_hash,
    weights_hash: row.weights_hash,
    artifact_uri: `mlflow-artifacts:/${experimentId}/${row.run_id}/artifacts`,
  };
}

/** Puts runs into an empty database of the latest schema; their ids are 1, 2, 3 and so on. @returns the documents, in that order */
export function putRuns(
  database: Database,
  runs: readonly { readonly columns: RunColumns; readonly document: Pick<RunDocument, 'metrics' | 'params' | 'tags' | 'datasets'>; readonly deletedAt: number | null }[],
  now: number,
): StoredDocument[] {
  const keys = new Map<string, number>();
  const keyOf = (name: string): number => {
    const known = keys.get(name);
    if (known !== undefined) return known;
    const id = Number(database.prepare('INSERT INTO keys (name) VALUES (?)').run(name).lastInsertRowid);
    keys.set(name, id);
    return id;
  };
  const experiments = new Map<string, number>();
  const experimentOf = (name: string): number => {
    const known = experiments.get(name);
    if (known !== undefined) return known;
    const id = Number(database.prepare('INSERT INTO experiments (name, created_at, updated_at) VALUES (?, 0, 0)').run(name).lastInsertRowid);
    experiments.set(name, id);
    return id;
  };
  const putLatest = database.prepare('INSERT INTO latest (run, key, value, step, time, points, min, max) VALUES (?, ?, ?, 1, 1, 1, ?, ?)');
  const putText = { params: database.prepare('INSERT INTO params VALUES (?, ?, ?, ?)'), tags: database.prepare('INSERT INTO tags VALUES (?, ?, ?, ?)') };
  const putDataset = database.prepare("INSERT OR REPLACE INTO datasets (run, name, digest, source_type, source, tags) VALUES (?, ?, ?, '', '', ?)");
  return runs.map(({ columns, document, deletedAt }, index) => {
    const run = index + 1;
    const experimentId = experimentOf(columns.experiment);
    const row: Record<string, string | number | null> = {
      id: run,
      ...columns,
      experiment_id: experimentId,
      calibration: 0,
      manifest_sha256: '',
      log_status: columns.status,
      updated_at: columns.created_at,
      deleted_at: deletedAt,
      filled: 1,
    };
    const names = Object.keys(row);
    database.prepare(`INSERT INTO runs (${names.join(', ')}) VALUES (${names.map((name) => `@${name}`).join(', ')})`).run(row);
    for (const [name, { last, min, max }] of document.metrics) putLatest.run(run, keyOf(name), Number.isNaN(last) ? null : last, min, max);
    for (const table of ['params', 'tags'] as const) for (const [name, value] of document[table]) putText[table].run(run, keyOf(name), value, numberIn(value));
    for (const { name, digest, context } of document.datasets) putDataset.run(run, name, digest, JSON.stringify(context === null ? {} : { 'mlflow.data.context': context }));
    return { ...document, attributes: attributesOf(columns, experimentId, now), deletedAt };
  });
}
