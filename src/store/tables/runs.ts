/** Runs: identity from the manifest, state from the event log. Other tables refer to a run by its number, the row's `id`. */
import type { RunKind } from '../../events/manifest';
import type { Database } from '../database';
import type { ExperimentRow, RunRow, RunStatus } from '../types';
import { toStored, type StoredNumber } from './numbers';
import { initialState, toMore, toRow, type RunIdentity, type RunMore, type RunState, type StoredRun } from './run-row';

type Bound = string | number | null;

export interface RunFilter {
  readonly kind?: readonly RunKind[];
  readonly experiment?: string;
  readonly status?: readonly RunStatus[];
  readonly studyId?: string;
  /** Only runs of other places than this machine. */
  readonly elsewhere?: true;
}

export class RunsTable {
  readonly #insert;
  readonly #exact;
  readonly #number;
  readonly #byNumber;
  readonly #byReproductionId;
  readonly #byPrefix;
  readonly #byIds;
  readonly #bySource;
  readonly #byComputeHash;
  readonly #sameComputeHash;
  readonly #stepTime;
  readonly #experiments;
  readonly #executable;
  readonly #state;
  readonly #setStatus;
  readonly #ids;
  readonly #unfilled;
  readonly #fill;
  readonly #filled;
  readonly #setSeed;
  readonly #setDeleted;
  readonly #deleteOfExperiment;
  readonly #restoreOfExperiment;
  readonly #deleted;
  readonly #rename;
  readonly #ofExperiment;
  readonly #remove;
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
    this.#insert = database.prepare<Bound[]>(
      'INSERT INTO runs (run_id, kind, source, author, reproduction_id, experiment_id, experiment, study_id, variant, seed, config_hash, compute_hash, calibration, created_at, manifest_sha256, updated_at, ' +
        "variant_hash, group_hash, training_graph_hash, threads, place, started_at, filled, status, log_status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, 'queued', 'queued')",
    );
    this.#exact = database.prepare<[string], StoredRun>('SELECT * FROM runs WHERE run_id = ?');
    this.#number = database.prepare<[string], { id: number }>('SELECT id FROM runs WHERE run_id = ?');
    this.#byNumber = database.prepare<[number], StoredRun>('SELECT * FROM runs WHERE id = ?');
    this.#byReproductionId = database.prepare<[string], StoredRun>('SELECT * FROM runs WHERE reproduction_id = ? AND deleted_at IS NULL ORDER BY created_at DESC, id DESC LIMIT 1');
    this.#byPrefix = database.prepare<[string, string], StoredRun>('SELECT * FROM runs WHERE run_id >= ? AND run_id < ? || char(0x10ffff) AND deleted_at IS NULL ORDER BY run_id LIMIT 2');
    this.#byIds = database.prepare<[string], StoredRun>('SELECT * FROM runs WHERE run_id IN (SELECT value FROM json_each(?)) ORDER BY created_at, id');
    this.#bySource = database.prepare<[string], StoredRun>('SELECT * FROM runs WHERE source = ? AND deleted_at IS NULL ORDER BY created_at DESC, id DESC LIMIT 1');
    this.#byComputeHash = database.prepare<[string, string], StoredRun>(
      'SELECT * FROM runs WHERE compute_hash = ? AND deleted_at IS NULL AND calibration = 0 AND status IN (SELECT value FROM json_each(?)) ORDER BY created_at DESC, id DESC LIMIT 1',
    );
    this.#sameComputeHash = database.prepare<[string, number], StoredRun>('SELECT * FROM runs WHERE compute_hash = ? AND deleted_at IS NULL ORDER BY created_at DESC, id DESC LIMIT ?');
    this.#stepTime = database.prepare<[string, number], { ms: number; steps: number }>(
      "SELECT ended_at - started_at AS ms, steps_done AS steps FROM runs WHERE training_graph_hash = ? AND threads = ? AND deleted_at IS NULL AND ended_at IS NOT NULL AND started_at IS NOT NULL AND status = 'finished' " +
        'AND attempts = 1 AND steps_done > 0 ORDER BY ended_at DESC LIMIT 1',
    );
    this.#experiments = database.prepare<[], { experiment: string; status: RunStatus; n: number; updated_at: number }>(
      'SELECT experiment, status, count(*) AS n, max(updated_at) AS updated_at FROM runs WHERE deleted_at IS NULL GROUP BY experiment, status',
    );
    // A run that was logged belongs to no group.
    this.#executable = database.prepare<[string], { 1: number }>('SELECT 1 FROM runs INDEXED BY runs_listing WHERE experiment = ? AND group_hash IS NOT NULL AND deleted_at IS NULL LIMIT 1');
    this.#state = database.prepare<Bound[]>(
      'UPDATE runs SET name = ?, status = ?, log_status = ?, exit_code = ?, signal = ?, started_at = ?, ended_at = ?, updated_at = ?, attempts = ?, steps_done = ?, total_steps = ?, ' +
        'throughput = ?, final_loss = ?, best_loss = ?, weights_hash = ?, selected_step = ?, error_code = ?, error_message = ?, metric = ?, attempt_started_at = ?, attempt_from_step = ? WHERE id = ?',
    );
    this.#setStatus = database.prepare<Bound[]>('UPDATE runs SET status = ?, error_code = ?, error_message = ? WHERE id = ?');
    this.#ids = database.prepare<[], { run_id: string; manifest_sha256: string; deleted_at: number | null }>('SELECT run_id, manifest_sha256, deleted_at FROM runs ORDER BY run_id');
    this.#unfilled = database.prepare<[], { run_id: string }>('SELECT run_id FROM runs WHERE filled = 0 ORDER BY id');
    this.#fill = database.prepare<Bound[]>('UPDATE runs SET author = ?, variant_hash = ?, group_hash = ?, training_graph_hash = ?, threads = ? WHERE run_id = ?');
    this.#filled = database.prepare<[string]>('UPDATE runs SET filled = 1 WHERE run_id = ?');
    this.#setSeed = database.prepare<[number | null, number]>('UPDATE runs SET seed = ? WHERE id = ?');
    this.#setDeleted = database.prepare<[number | null, string]>('UPDATE runs SET deleted_at = ? WHERE run_id = ?');
    this.#deleteOfExperiment = database.prepare<[number, number]>('UPDATE runs SET deleted_at = ? WHERE experiment_id = ? AND deleted_at IS NULL');
    this.#restoreOfExperiment = database.prepare<[number, string]>('UPDATE runs SET deleted_at = NULL WHERE experiment_id = ? AND deleted_at IS NOT NULL AND run_id NOT IN (SELECT value FROM json_each(?))');
    this.#deleted = database.prepare<[], { run_id: string; deleted_at: number }>('SELECT run_id, deleted_at FROM runs WHERE deleted_at IS NOT NULL ORDER BY deleted_at, id');
    this.#rename = database.prepare<[string, number]>('UPDATE runs SET experiment = ? WHERE experiment_id = ?');
    this.#ofExperiment = database.prepare<[number], { run_id: string }>('SELECT run_id FROM runs WHERE experiment_id = ? ORDER BY run_id');
    this.#remove = database.prepare<[string]>('DELETE FROM runs WHERE run_id = ?');
  }

  /** @param experiment the one that the run belongs to, with the name it has now */
  insert(run: RunIdentity, experiment: { readonly id: number; readonly name: string }): number {
    const { startedAt } = initialState(run.kind, run.createdAt);
    return Number(this.#insert.run(
      run.runId, run.kind, run.source, run.author, run.reproductionId, experiment.id, experiment.name, run.studyId, run.variant, run.seed, run.configHash, run.computeHash,
      run.calibration ? 1 : 0, run.createdAt, run.manifestSha256, run.createdAt,
      run.variantHash, run.groupHash, run.trainingGraphHash, run.threads, run.place, startedAt,
    ).lastInsertRowid);
  }

  /** The number by which other tables refer to a run, or null. */
  number(runId: string): number | null {
    return this.#number.get(runId)?.id ?? null;
  }

  get(runId: string): RunRow | null {
    return rowOrNull(this.#exact.get(runId));
  }

  byReproductionId(reproductionId: string): RunRow | null {
    return rowOrNull(this.#byReproductionId.get(reproductionId));
  }

  /** Up to two runs whose id starts with the prefix. */
  byPrefix(prefix: string): RunRow[] {
    return this.#byPrefix.all(prefix, prefix).map(toRow);
  }

  /** Oldest first. */
  list(filter: RunFilter): RunRow[] {
    const conditions = [
      'deleted_at IS NULL',
      ...(filter.kind === undefined ? [] : ['kind IN (SELECT value FROM json_each(@kinds))']),
      ...(filter.experiment === undefined ? [] : ['experiment = @experiment']),
      ...(filter.studyId === undefined ? [] : ['study_id = @studyId']),
      ...(filter.elsewhere === undefined ? [] : ["place <> 'local'"]),
      ...(filter.status === undefined ? [] : ['status IN (SELECT value FROM json_each(@statuses))']),
    ];
    return this.#database
      .prepare<[Record<string, Bound>], StoredRun>(`SELECT * FROM runs WHERE ${conditions.join(' AND ')} ORDER BY created_at, id`)
      .all({ kinds: JSON.stringify(filter.kind ?? []), experiment: filter.experiment ?? null, studyId: filter.studyId ?? null, statuses: JSON.stringify(filter.status ?? []) })
      .map(toRow);
  }

  /** Those of the runs that there are and that are not deleted, oldest first. */
  byIds(runIds: readonly string[]): RunRow[] {
    return this.#byIds.all(JSON.stringify(runIds)).filter((row) => row.deleted_at === null).map(toRow);
  }

  /** Those of the runs that there are, deleted ones too, with their numbers. */
  withMore(runIds: readonly string[]): { readonly number: number; readonly run: RunRow; readonly more: RunMore }[] {
    return this.#byIds.all(JSON.stringify(runIds)).map((row) => ({ number: row.id, run: toRow(row), more: toMore(row) }));
  }

  /** The newest run that came from there. @param source `SYSTEM:ID` */
  bySource(source: string): RunRow | null {
    return rowOrNull(this.#bySource.get(source));
  }

  /** Every run with this compute hash, newest first. */
  sameComputeHash(computeHash: string, most: number): RunRow[] {
    return this.#sameComputeHash.all(computeHash, most).map(toRow);
  }

  /** How long the newest finished run of a training graph took, in milliseconds, and how many steps it did; null where none finished in one attempt. */
  stepTime(trainingGraphHash: string, threads: number): { readonly ms: number; readonly steps: number } | null {
    return this.#stepTime.get(trainingGraphHash, threads) ?? null;
  }

  /** Runs of an older schema whose files have not been read since. */
  unfilled(): string[] {
    return this.#unfilled.all().map((row) => row.run_id);
  }

  /** Gives a row of an older schema what its manifest says. */
  fill(run: RunIdentity): void {
    this.#fill.run(run.author, run.variantHash, run.groupHash, run.trainingGraphHash, run.threads, run.runId);
  }

  setFilled(runId: string): void {
    this.#filled.run(runId);
  }

  setSeed(run: number, seed: number | null): void {
    this.#setSeed.run(seed, run);
  }

  /** @param at null brings the run back */
  setDeleted(runId: string, at: number | null): void {
    this.#setDeleted.run(at, runId);
  }

  /** Deletes all runs of an experiment that are not deleted yet. */
  deleteOfExperiment(experimentId: number, at: number): void {
    this.#deleteOfExperiment.run(at, experimentId);
  }

  /** Brings the runs of an experiment back, but for those that were deleted by themselves. */
  restoreOfExperiment(experimentId: number, deletedThemselves: readonly string[]): void {
    this.#restoreOfExperiment.run(experimentId, JSON.stringify(deletedThemselves));
  }

  /** First deleted first. */
  deleted(): { readonly runId: string; readonly deletedAt: number }[] {
    return this.#deleted.all().map((row) => ({ runId: row.run_id, deletedAt: row.deleted_at }));
  }

  /** Shows the new name of an experiment at its runs. */
  renameExperiment(experimentId: number, name: string): void {
    this.#rename.run(name, experimentId);
  }

  /** Ids of all runs of an experiment, deleted ones too. */
  ofExperiment(experimentId: number): string[] {
    return this.#ofExperiment.all(experimentId).map((row) => row.run_id);
  }

  /** Removes a run with all that belongs to it, but for the chunks of its series. */
  remove(runId: string): void {
    this.#remove.run(runId);
  }

  byComputeHash(computeHash: string, statuses: readonly RunStatus[]): RunRow | null {
    return rowOrNull(this.#byComputeHash.get(computeHash, JSON.stringify(statuses)));
  }

  /** Last touched first. */
  experiments(): ExperimentRow[] {
    const found = new Map<string, { runs: number; byStatus: Record<RunStatus, number>; updatedAt: number }>();
    for (const row of this.#experiments.all()) {
      const entry = found.get(row.experiment) ?? {
        runs: 0,
        byStatus: { queued: 0, running: 0, finished: 0, failed: 0, cancelled: 0, interrupted: 0 },
        updatedAt: 0,
      };
      entry.runs += row.n;
      entry.byStatus[row.status] += row.n;
      entry.updatedAt = Math.max(entry.updatedAt, row.updated_at);
      found.set(row.experiment, entry);
    }
    return [...found]
      .map(([name, entry]) => ({ name, ...entry, executable: this.#executable.get(name) !== undefined }))
      .sort((a, b) => b.updatedAt - a.updatedAt || (a.name < b.name ? -1 : 1));
  }

  /** The state as stored, to be changed and given to `putState`. */
  state(run: number): RunState | null {
    const row = this.#byNumber.get(run);
    if (row === undefined) return null;
    const { runId: _run, kind: _kind, reproductionId: _id, experiment: _e, studyId: _s, variant: _v, seed: _seed, configHash: _c, computeHash: _h, createdAt: _t, ...state } = toRow(row);
    return { ...state, logStatus: row.log_status, updatedAt: row.updated_at, metric: row.metric, attemptStartedAt: row.attempt_started_at, attemptFromStep: row.attempt_from_step };
  }

  putState(run: number, s: RunState): void {
    this.#state.run(
      s.name, s.status, s.logStatus, s.exitCode, s.signal, s.startedAt, s.endedAt, s.updatedAt, s.attempts, s.stepsDone, s.totalSteps,
      s.throughput, stored(s.finalLoss), stored(s.bestLoss), s.weightsHash, s.selectedStep, s.errorCode, s.errorMessage,
      s.metric, s.attemptStartedAt, s.attemptFromStep, run,
    );
  }

  setStatus(run: number, status: RunStatus, errorCode: string | null, errorMessage: string | null): void {
    this.#setStatus.run(status, errorCode, errorMessage, run);
  }

  /** Every run with the hash of its manifest, by id; deleted ones too. */
  ids(): { readonly runId: string; readonly manifestSha256: string; readonly deletedAt: number | null }[] {
    return this.#ids.all().map((row) => ({ runId: row.run_id, manifestSha256: row.manifest_sha256, deletedAt: row.deleted_at }));
  }
}

function stored(value: number | null): StoredNumber | null {
  return value === null ? null : toStored(value);
}

function rowOrNull(row: StoredRun | undefined): RunRow | null {
  return row === undefined ? null : toRow(row);
}
