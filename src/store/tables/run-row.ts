/** A run as its row has it, and what is read of it. */
import type { RunKind } from '../../events/manifest';
import type { RunRow, RunStatus } from '../types';
import { fromStored, type StoredNumber } from './numbers';

/** What an event log alone says. That a worker is alive is not in it: `running` is said by the author of a logged run only. */
export type LogStatus = RunStatus;

/** The columns that follow from the manifest. */
export interface RunIdentity {
  readonly runId: string;
  readonly kind: RunKind;
  /** Of a logged run that had an id where it comes from: `SYSTEM:ID`. */
  readonly source: string | null;
  readonly author: string;
  readonly reproductionId: string;
  /** As the manifest has it. */
  readonly experiment: string;
  readonly studyId: string | null;
  readonly variant: string | null;
  readonly seed: number | null;
  readonly configHash: string | null;
  readonly computeHash: string | null;
  /** A re-run with perturbed weights that calibrates a tolerance: never reused. */
  readonly calibration: boolean;
  readonly createdAt: number;
  readonly manifestSha256: string;
  readonly variantHash: string | null;
  /** Equal for runs that differ in nothing but the seed: variant, data and training graph, or variant, code and inputs. */
  readonly groupHash: string | null;
  readonly trainingGraphHash: string | null;
  readonly threads: number | null;
  /** Where it is to be carried out: see `placeOf`. A logged run is of nowhere, which stands as `local`. */
  readonly place: string;
}

/** What a row says of a run besides what the contract shows. */
export interface RunMore {
  readonly experimentId: number;
  readonly author: string;
  readonly deletedAt: number | null;
  readonly manifestSha256: string;
  readonly calibration: boolean;
}

/** The columns that follow from the event log, plus the status. */
export interface RunState {
  /** Of a logged run, as its author said. */
  name: string | null;
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

/** The state of a run whose log is empty. A logged run began when it was made. */
export function initialState(kind: RunKind, createdAt: number): RunState {
  return {
    name: null,
    status: 'queued',
    logStatus: 'queued',
    exitCode: null,
    signal: null,
    startedAt: kind === 'logged' ? createdAt : null,
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
  readonly id: number;
  readonly run_id: string;
  readonly kind: RunKind;
  readonly author: string;
  readonly reproduction_id: string;
  readonly experiment_id: number;
  readonly experiment: string;
  readonly study_id: string | null;
  readonly variant: string | null;
  readonly seed: number | null;
  readonly config_hash: string | null;
  readonly compute_hash: string | null;
  readonly calibration: 0 | 1;
  readonly created_at: number;
  readonly manifest_sha256: string;
  readonly name: string | null;
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
  readonly deleted_at: number | null;
}

export function toRow(row: StoredRun): RunRow {
  return {
    runId: row.run_id,
    kind: row.kind,
    name: row.name,
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

export function toMore(row: StoredRun): RunMore {
  return { experimentId: row.experiment_id, author: row.author, deletedAt: row.deleted_at, manifestSha256: row.manifest_sha256, calibration: row.calibration === 1 };
}

function loaded(value: StoredNumber | null): number | null {
  return value === null ? null : fromStored(value);
}
