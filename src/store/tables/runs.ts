/** Runs: identity from the manifest, state from the event log. */
import type { Database } from '../database';
import type { ExperimentRow, RunRow, RunStatus } from '../types';
import { fromStored, toStored, type StoredNumber } from './numbers';

/** What an event log alone can say; that a worker is alive is not in it. */
export type LogStatus = Exclude<RunStatus, 'running'>;

/** The columns that follow from the manifest. */
export interface RunIdentity {
  readonly runId: string;
  readonly reproductionId: string;
  readonly experiment: string;
  readonly studyId: string | null;
  readonly variant: string | null;
  readonly seed: number;
  readonly configHash: string;
  readonly computeHash: string;
  /** A re-run with perturbed weights that calibrates a tolerance: never reused. */
  readonly calibration: boolean;
  readonly createdAt: number;
  readonly manifestSha256: string;
  readonly variantHash: string;
  /** Equal for runs that differ in nothing but the seed: variant, data and training graph. */
  readonly groupHash: string;
  readonly trainingGraphHash: string;
  readonly threads: number;
}

/** The columns that follow from the event log, plus the status. */
export interface RunState {
  status: RunStatus;
  logStatus: LogStatus;
  exitCode: number | null;
  signal: string | null;
  startedAt: number | null;
  endedAt: number | null;
  updatedAt: number;
  attempts: number;
  stepsDone: number;
  totalSteps: number | null;
  throughput: number | null;
  finalLoss: number | null;
  bestLoss: number | null;
  weightsHash: string | null;
  selectedStep: number | null;
  errorCode: string | null;
  errorMessage: string | null;
  /** The declared test metric of a finished run whose test loss is a finite number. */
  metric: number | null;
  /** The attempt that is under way; null when none is, as far as the log knows. */
  attemptStartedAt: number | null;
  attemptFromStep: number | null;
}

/** The state of a run whose log is empty. */
export function initialState(createdAt: number): RunState {
  return {
    status: 'queued',
    logStatus: 'queued',
    exitCode: null,
    signal: null,
    startedAt: null,
    endedAt: null,
    updatedAt: createdAt,
    attempts: 0,
    stepsDone: 0,
    totalSteps: null,
    throughput: null,
    finalLoss: null,
    bestLoss: null,
    weightsHash: null,
    selectedStep: null,
    errorCode: null,
    errorMessage: null,
    metric: null,
    attemptStartedAt: null,
    attemptFromStep: null,
  };
}

export interface StoredRun {
  readonly run_id: string;
  readonly reproduction_id: string;
  readonly experiment: string;
  readonly study_id: string | null;
  readonly variant: string | null;
  readonly seed: number;
  readonly config_hash: string;
  readonly compute_hash: string;
  readonly created_at: number;
  readonly manifest_sha256: string;
  readonly status: RunStatus;
  readonly log_status: LogStatus;
  readonly exit_code: number | null;
  readonly signal: string | null;
  readonly started_at: number | null;
  readonly ended_at: number | null;
  readonly updated_at: number;
  readonly attempts: number;
  readonly steps_done: number;
  readonly total_steps: number | null;
  readonly throughput: number | null;
  readonly final_loss: StoredNumber | null;
  readonly best_loss: StoredNumber | null;
  readonly weights_hash: string | null;
  readonly selected_step: number | null;
  readonly error_code: string | null;
  readonly error_message: string | null;
  readonly variant_hash: string | null;
  readonly metric: number | null;
  readonly attempt_started_at: number | null;
  readonly attempt_from_step: number | null;
}

type Bound = string | number | null;

export interface RunFilter {
  readonly experiment?: string;
  readonly status?: readonly RunStatus[];
  readonly studyId?: string;
}

export class RunsTable {
  readonly #insert;
  readonly #exact;
  readonly #byReproductionId;
  readonly #byPrefix;
  readonly #byIds;
  readonly #byComputeHash;
  readonly #sameComputeHash;
  readonly #stepTime;
  readonly #experiments;
  readonly #state;
  readonly #setStatus;
  readonly #ids;
  readonly #unfilled;
  readonly #fill;
  readonly #setMetric;
  readonly #remove;
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
    this.#insert = database.prepare<Bound[]>(
      'INSERT INTO runs (run_id, reproduction_id, experiment, study_id, variant, seed, config_hash, compute_hash, calibration, created_at, manifest_sha256, updated_at, ' +
        "variant_hash, group_hash, training_graph_hash, threads, status, log_status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', 'queued')",
    );
    this.#exact = database.prepare<[string], StoredRun>('SELECT * FROM runs WHERE run_id = ?');
    this.#byReproductionId = database.prepare<[string], StoredRun>('SELECT * FROM runs WHERE reproduction_id = ? ORDER BY created_at DESC, rowid DESC LIMIT 1');
    this.#byPrefix = database.prepare<[string, string], StoredRun>('SELECT * FROM runs WHERE run_id >= ? AND run_id < ? || char(0x10ffff) ORDER BY run_id LIMIT 2');
    this.#byIds = database.prepare<[string], StoredRun>('SELECT * FROM runs WHERE run_id IN (SELECT value FROM json_each(?)) ORDER BY created_at, rowid');
    this.#byComputeHash = database.prepare<[string, string], StoredRun>(
      'SELECT * FROM runs WHERE compute_hash = ? AND calibration = 0 AND status IN (SELECT value FROM json_each(?)) ORDER BY created_at DESC, rowid DESC LIMIT 1',
    );
    this.#sameComputeHash = database.prepare<[string, number], StoredRun>('SELECT * FROM runs WHERE compute_hash = ? ORDER BY created_at DESC, rowid DESC LIMIT ?');
    this.#stepTime = database.prepare<[string, number], { ms: number; steps: number }>(
      "SELECT ended_at - started_at AS ms, steps_done AS steps FROM runs WHERE training_graph_hash = ? AND threads = ? AND ended_at IS NOT NULL AND started_at IS NOT NULL AND status = 'finished' " +
        'AND attempts = 1 AND steps_done > 0 ORDER BY ended_at DESC LIMIT 1',
    );
    this.#experiments = database.prepare<[], { experiment: string; status: RunStatus; n: number; updated_at: number }>(
      'SELECT experiment, status, count(*) AS n, max(updated_at) AS updated_at FROM runs GROUP BY experiment, status',
    );
    this.#state = database.prepare<Bound[]>(
      'UPDATE runs SET status = ?, log_status = ?, exit_code = ?, signal = ?, started_at = ?, ended_at = ?, updated_at = ?, attempts = ?, steps_done = ?, total_steps = ?, ' +
        'throughput = ?, final_loss = ?, best_loss = ?, weights_hash = ?, selected_step = ?, error_code = ?, error_message = ?, metric = ?, attempt_started_at = ?, attempt_from_step = ? WHERE run_id = ?',
    );
    this.#setStatus = database.prepare<Bound[]>('UPDATE runs SET status = ?, error_code = ?, error_message = ? WHERE run_id = ?');
    this.#ids = database.prepare<[], { run_id: string; manifest_sha256: string }>('SELECT run_id, manifest_sha256 FROM runs ORDER BY run_id');
    this.#unfilled = database.prepare<[], { run_id: string }>('SELECT run_id FROM runs WHERE variant_hash IS NULL ORDER BY run_id');
    this.#fill = database.prepare<Bound[]>('UPDATE runs SET variant_hash = ?, group_hash = ?, training_graph_hash = ?, threads = ? WHERE run_id = ?');
    this.#setMetric = database.prepare<[number | null, string]>('UPDATE runs SET metric = ? WHERE run_id = ?');
    this.#remove = database.prepare<[string]>('DELETE FROM runs WHERE run_id = ?');
  }

  insert(run: RunIdentity): void {
    this.#insert.run(
      run.runId, run.reproductionId, run.experiment, run.studyId, run.variant, run.seed, run.configHash, run.computeHash,
      run.calibration ? 1 : 0, run.createdAt, run.manifestSha256, run.createdAt,
      run.variantHash, run.groupHash, run.trainingGraphHash, run.threads,
    );
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
      ...(filter.experiment === undefined ? [] : ['experiment = @experiment']),
      ...(filter.studyId === undefined ? [] : ['study_id = @studyId']),
      ...(filter.status === undefined ? [] : ['status IN (SELECT value FROM json_each(@statuses))']),
    ];
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')} `;
    return this.#database
      .prepare<[Record<string, Bound>], StoredRun>(`SELECT * FROM runs ${where}ORDER BY created_at, rowid`)
      .all({ experiment: filter.experiment ?? null, studyId: filter.studyId ?? null, statuses: JSON.stringify(filter.status ?? []) })
      .map(toRow);
  }

  /** Those of the runs that there are, oldest first. */
  byIds(runIds: readonly string[]): RunRow[] {
    return this.#byIds.all(JSON.stringify(runIds)).map(toRow);
  }

  /** Every run with this compute hash, newest first. */
  sameComputeHash(computeHash: string, most: number): RunRow[] {
    return this.#sameComputeHash.all(computeHash, most).map(toRow);
  }

  /** How long the newest finished run of a training graph took, in milliseconds, and how many steps it did; null where none finished in one attempt. */
  stepTime(trainingGraphHash: string, threads: number): { readonly ms: number; readonly steps: number } | null {
    return this.#stepTime.get(trainingGraphHash, threads) ?? null;
  }

  /** Runs of an older schema that lack what their manifest says. */
  unfilled(): string[] {
    return this.#unfilled.all().map((row) => row.run_id);
  }

  fill(run: RunIdentity): void {
    this.#fill.run(run.variantHash, run.groupHash, run.trainingGraphHash, run.threads, run.runId);
  }

  setMetric(runId: string, metric: number | null): void {
    this.#setMetric.run(metric, runId);
  }

  /** Removes a run with all that belongs to it. */
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
      .map(([name, entry]) => ({ name, ...entry }))
      .sort((a, b) => b.updatedAt - a.updatedAt || (a.name < b.name ? -1 : 1));
  }

  /** The state as stored, to be changed and given to `putState`. */
  state(runId: string): RunState | null {
    const row = this.#exact.get(runId);
    if (row === undefined) return null;
    const { runId: _run, reproductionId: _id, experiment: _e, studyId: _s, variant: _v, seed: _seed, configHash: _c, computeHash: _h, createdAt: _t, ...state } = toRow(row);
    return { ...state, logStatus: row.log_status, updatedAt: row.updated_at, metric: row.metric, attemptStartedAt: row.attempt_started_at, attemptFromStep: row.attempt_from_step };
  }

  putState(runId: string, s: RunState): void {
    this.#state.run(
      s.status, s.logStatus, s.exitCode, s.signal, s.startedAt, s.endedAt, s.updatedAt, s.attempts, s.stepsDone, s.totalSteps,
      s.throughput, stored(s.finalLoss), stored(s.bestLoss), s.weightsHash, s.selectedStep, s.errorCode, s.errorMessage,
      s.metric, s.attemptStartedAt, s.attemptFromStep, runId,
    );
  }

  setStatus(runId: string, status: RunStatus, errorCode: string | null, errorMessage: string | null): void {
    this.#setStatus.run(status, errorCode, errorMessage, runId);
  }

  manifestSha256(runId: string): string | null {
    return this.#exact.get(runId)?.manifest_sha256 ?? null;
  }

  /** Every run with the hash of its manifest, by id. */
  ids(): { readonly runId: string; readonly manifestSha256: string }[] {
    return this.#ids.all().map((row) => ({ runId: row.run_id, manifestSha256: row.manifest_sha256 }));
  }
}

function stored(value: number | null): StoredNumber | null {
  return value === null ? null : toStored(value);
}

function loaded(value: StoredNumber | null): number | null {
  return value === null ? null : fromStored(value);
}

function rowOrNull(row: StoredRun | undefined): RunRow | null {
  return row === undefined ? null : toRow(row);
}

export function toRow(row: StoredRun): RunRow {
  return {
    runId: row.run_id,
    reproductionId: row.reproduction_id,
    experiment: row.experiment,
    studyId: row.study_id,
    variant: row.variant,
    seed: row.seed,
    status: row.status,
    exitCode: row.exit_code,
    signal: row.signal,
    configHash: row.config_hash,
    computeHash: row.compute_hash,
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    attempts: row.attempts,
    stepsDone: row.steps_done,
    totalSteps: row.total_steps,
    throughput: row.throughput,
    finalLoss: loaded(row.final_loss),
    bestLoss: loaded(row.best_loss),
    weightsHash: row.weights_hash,
    selectedStep: row.selected_step,
    errorCode: row.error_code,
    errorMessage: row.error_message,
  };
}
