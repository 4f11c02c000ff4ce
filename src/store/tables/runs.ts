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
  };
}

interface StoredRun {
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
  readonly #list;
  readonly #byComputeHash;
  readonly #experiments;
  readonly #state;
  readonly #setStatus;
  readonly #ids;

  constructor(database: Database) {
    this.#insert = database.prepare<Bound[]>(
      'INSERT INTO runs (run_id, reproduction_id, experiment, study_id, variant, seed, config_hash, compute_hash, calibration, created_at, manifest_sha256, status, log_status, updated_at) ' +
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', 'queued', ?)",
    );
    this.#exact = database.prepare<[string], StoredRun>('SELECT * FROM runs WHERE run_id = ?');
    this.#byReproductionId = database.prepare<[string], StoredRun>('SELECT * FROM runs WHERE reproduction_id = ? ORDER BY created_at DESC, rowid DESC LIMIT 1');
    this.#byPrefix = database.prepare<[string, string], StoredRun>('SELECT * FROM runs WHERE substr(run_id, 1, length(?)) = ? ORDER BY run_id LIMIT 2');
    // One statement for every filter; statuses travel as a JSON array, because their number varies.
    this.#list = database.prepare<[{ experiment: string | null; studyId: string | null; statuses: string | null }], StoredRun>(
      'SELECT * FROM runs WHERE (@experiment IS NULL OR experiment = @experiment) AND (@studyId IS NULL OR study_id = @studyId) ' +
        'AND (@statuses IS NULL OR status IN (SELECT value FROM json_each(@statuses))) ORDER BY created_at, rowid',
    );
    this.#byComputeHash = database.prepare<[string, string], StoredRun>(
      'SELECT * FROM runs WHERE compute_hash = ? AND calibration = 0 AND status IN (SELECT value FROM json_each(?)) ORDER BY created_at DESC, rowid DESC LIMIT 1',
    );
    this.#experiments = database.prepare<[], { experiment: string; status: RunStatus; n: number; updated_at: number }>(
      'SELECT experiment, status, count(*) AS n, max(updated_at) AS updated_at FROM runs GROUP BY experiment, status',
    );
    this.#state = database.prepare<Bound[]>(
      'UPDATE runs SET status = ?, log_status = ?, exit_code = ?, signal = ?, started_at = ?, ended_at = ?, updated_at = ?, attempts = ?, steps_done = ?, total_steps = ?, ' +
        'throughput = ?, final_loss = ?, best_loss = ?, weights_hash = ?, selected_step = ?, error_code = ?, error_message = ? WHERE run_id = ?',
    );
    this.#setStatus = database.prepare<Bound[]>('UPDATE runs SET status = ?, error_code = ?, error_message = ? WHERE run_id = ?');
    this.#ids = database.prepare<[], { run_id: string; manifest_sha256: string }>('SELECT run_id, manifest_sha256 FROM runs ORDER BY run_id');
  }

  insert(run: RunIdentity): void {
    this.#insert.run(
      run.runId, run.reproductionId, run.experiment, run.studyId, run.variant, run.seed, run.configHash, run.computeHash,
      run.calibration ? 1 : 0, run.createdAt, run.manifestSha256, run.createdAt,
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
    const statuses = filter.status === undefined ? null : JSON.stringify(filter.status);
    return this.#list.all({ experiment: filter.experiment ?? null, studyId: filter.studyId ?? null, statuses }).map(toRow);
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
    return { ...state, logStatus: row.log_status, updatedAt: row.updated_at };
  }

  putState(runId: string, s: RunState): void {
    this.#state.run(
      s.status, s.logStatus, s.exitCode, s.signal, s.startedAt, s.endedAt, s.updatedAt, s.attempts, s.stepsDone, s.totalSteps,
      s.throughput, stored(s.finalLoss), stored(s.bestLoss), s.weightsHash, s.selectedStep, s.errorCode, s.errorMessage, runId,
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

function toRow(row: StoredRun): RunRow {
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
