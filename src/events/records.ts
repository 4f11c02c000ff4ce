/**
 * The records of a run's event log, the append-only file that its worker writes and the truth
 * about the run. One record a line: `CRC32(hex8) SPACE JSON`, JSON with `seq` counting from 0.
 */
import type { ExecutorKind } from '../config/executor';
import type { MetricValuesOf } from '../config/metrics';

/** What JSON cannot say travels as strings, so that NaN, infinities and −0 survive. */
export type LoggedNumber = number | 'NaN' | 'Infinity' | '-Infinity' | '-0';

export type SplitName = 'train' | 'validation' | 'test';

/** Those that say something of the split's targets; older logs have loss and accuracy alone. */
export type MetricValues = MetricValuesOf<LoggedNumber>;

/** A worker began (or went on with) the run. A reader drops what earlier attempts logged for steps ≥ `fromStep`. */
export interface AttemptRecord {
  readonly type: 'attempt';
  /** Counts from 1. */
  readonly attempt: number;
  /** First step this attempt computes (0-based): 0, or the step a checkpoint resumes at. */
  readonly fromStep: number;
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
  /** Numbers that are trained, and floating-point operations of a step as they are estimated; absent in older logs. */
  readonly parameters?: number;
  readonly flopsPerStep?: number;
  readonly pid: number;
}

/** Losses of consecutive training steps. */
export interface StepsRecord {
  readonly type: 'steps';
  /** 0-based number of the first step. */
  readonly firstStep: number;
  /** Training loss of each step (float32 values). */
  readonly losses: readonly LoggedNumber[];
  /** Learning rate of each step (float32 values). */
  readonly learningRates: readonly number[];
  /** Norm of all gradients of each step, before they are clipped (float32 values); absent where the graph does not tell it. */
  readonly gradientNorms?: readonly LoggedNumber[];
  /** Examples that these steps saw, and their tokens where they are text; absent in older logs. */
  readonly examples?: number;
  readonly tokens?: number;
  /** Memory of the worker after them, bytes in RAM; absent in older logs. */
  readonly memory?: number;
  /** Seconds these steps took. */
  readonly seconds: number;
}

/** Metrics of a split. `step` = number of steps done. For the test split: of the selected checkpoint. */
export interface MetricsRecord {
  readonly type: 'metrics';
  readonly split: SplitName;
  readonly step: number;
  /** Passes over the training split that were complete. */
  readonly epoch: number;
  readonly values: MetricValues;
}

/** A link of the hash chain: `chain = SHA-256(previous chain ‖ step ‖ weights hash)`. */
export interface WeightsHashRecord {
  readonly type: 'weights-hash';
  /** Number of steps done. */
  readonly step: number;
  /** SHA-256 over the weights, hex. */
  readonly hash: string;
  /** Norm of all parameters, summed in float64 in their order; absent in older logs. */
  readonly norm?: LoggedNumber;
  /** SHA-256, hex. */
  readonly chain: string;
}

/** A checkpoint is complete on disk. */
export interface CheckpointRecord {
  readonly type: 'checkpoint';
  /** Number of steps done. */
  readonly step: number;
  /** File name inside the run folder. */
  readonly file: string;
  readonly sha256: string;
}

/** A file the run produced is complete on disk. */
export interface ArtifactRecord {
  readonly type: 'artifact';
  /** Its role, unique in a run. */
  readonly name: ArtifactName;
  /** File name inside the run folder. */
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
}

export const ARTIFACT_NAMES = ['model-file', 'training-graph', 'initial-weights', 'scalars', 'weights', 'inference-graph', 'optimizer-state', 'confusion-matrix'] as const;
/** In the order in which a run makes them. */
export type ArtifactName = (typeof ARTIFACT_NAMES)[number];

/** The worker did all it had to. */
export interface FinishedRecord {
  readonly type: 'finished';
  readonly weightsHash: string;
  /** Number of steps done at the selected checkpoint. */
  readonly selectedStep: number;
  readonly finalLoss: LoggedNumber;
  /** Smallest training loss of a step. */
  readonly bestLoss: LoggedNumber;
  /** Number of steps of the run, where early stopping made them fewer than its attempt had planned. */
  readonly stoppedAfter?: number;
}

export interface FailedRecord {
  readonly type: 'failed';
  readonly code: string;
  readonly message: string;
}

/** The worker stopped because it was asked to. */
export interface CancelledRecord {
  readonly type: 'cancelled';
  readonly step: number;
}

/** The worker stopped because its host went away; the run can be resumed. */
export interface OrphanedRecord {
  readonly type: 'orphaned';
  readonly step: number;
}

/** Appended by the host after the worker's process ended. */
export interface ExitRecord {
  readonly type: 'exit';
  readonly attempt: number;
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/**
 * Appended by the host: the run waits for a free core again (after a retry, or when its worker or
 * host died). Takes back an earlier end; the next attempt resumes from the last checkpoint.
 */
export interface RequeuedRecord {
  readonly type: 'requeued';
}

/** One line for people. */
export interface MessageRecord {
  readonly type: 'message';
  readonly level: 'info' | 'warning' | 'error';
  readonly text: string;
}

/**
 * Points of one metric series of a command or a logged run, in the order in which they were logged; columns of equal
 * length. Times are milliseconds since 1970, UTC. A point whose step, time and value are there already adds nothing.
 * Among points of one key the latest is the one with the greatest (step, time, value), NaN below every number.
 */
export interface PointsRecord {
  readonly type: 'points';
  readonly key: string;
  readonly steps: readonly number[];
  readonly times: readonly number[];
  readonly values: readonly LoggedNumber[];
}

/** Parameters by name. A name never changes its value. */
export interface ParamsRecord {
  readonly type: 'params';
  readonly params: Readonly<Record<string, string>>;
}

/** Tags that were set or, with null, taken away. */
export interface TagsRecord {
  readonly type: 'tags';
  readonly tags: Readonly<Record<string, string | null>>;
}

/** A file of a command or a logged run lies in the object store. `sha256` null: the file of that path was taken away. */
export interface FileRecord {
  readonly type: 'file';
  /** With `/`, relative, without `..`; unique in a run: the newest record of a path holds. */
  readonly path: string;
  readonly sha256: string | null;
  readonly bytes: number;
}

/** A data set that a logged run said it read. All as the client gave it. */
export interface DatasetRecord {
  readonly type: 'dataset';
  readonly name: string;
  readonly digest: string;
  readonly sourceType: string;
  readonly source: string;
  readonly schema: string | null;
  readonly profile: string | null;
  readonly tags: Readonly<Record<string, string>>;
}

/** What a logged run's author says of its state. `name`: what people call it. */
export interface StateRecord {
  readonly type: 'state';
  readonly status?: 'scheduled' | 'running' | 'finished' | 'failed' | 'killed';
  /** Milliseconds since 1970, UTC; null takes an earlier end back. */
  readonly endedAt?: number | null;
  readonly startedAt?: number;
  readonly name?: string;
}

/** How far a source of a command run's metrics has been read (a tailed file), so that nothing is read twice. Opaque to all but its reader. */
export interface SourceRecord {
  readonly type: 'source';
  readonly source: string;
  readonly position: string;
}

/**
 * What an executor learned of an attempt, appended by the host: this is how a later host finds again what still runs.
 * submitted: handed over. started: it computes. requeued: the cluster starts it again. lost, found: out of reach and
 * back. ended: how it ended there, before all it wrote is here. collected: all of it is here, nothing is left there.
 */
export interface PlaceRecord {
  readonly type: 'place';
  readonly event: 'submitted' | 'started' | 'requeued' | 'lost' | 'found' | 'ended' | 'collected';
  readonly attempt: number;
  readonly executor: ExecutorKind;
  /** Name of the machine; null for this one. */
  readonly machine: string | null;
  /** What it is called there, unique among all machines that could be meant by the name: a container's id with its engine's, a job with its cluster's name and start. */
  readonly job?: string;
  /** Host that computes. */
  readonly node?: string;
  readonly exitCode?: number | null;
  readonly signal?: string | null;
  readonly outOfMemory?: boolean;
  /** Why: a sentence, or the engine's own word (`PREEMPTED`, `TIMEOUT`). */
  readonly reason?: string;
  /** What else is to be known: image digest, folder, script, clock offset. No secret. */
  readonly facts?: Readonly<Record<string, string>>;
}

export type EventBody =
  | PlaceRecord
  | PointsRecord
  | ParamsRecord
  | TagsRecord
  | FileRecord
  | DatasetRecord
  | StateRecord
  | SourceRecord
  | AttemptRecord
  | StepsRecord
  | MetricsRecord
  | WeightsHashRecord
  | CheckpointRecord
  | ArtifactRecord
  | FinishedRecord
  | FailedRecord
  | CancelledRecord
  | OrphanedRecord
  | ExitRecord
  | RequeuedRecord
  | MessageRecord;

/** A record to be appended. Without a time it gets that of now; what was written on another machine keeps its own, in this machine's clock. */
export type NewRecord = EventBody & { readonly time?: number };

/** A record as it stands in the log. `time`: milliseconds since 1970, UTC; never enters a number of the run. */
export type EventRecord = EventBody & { readonly seq: number; readonly time: number };

export function toLogged(value: number): LoggedNumber {
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : (String(value) as LoggedNumber);
}

export function fromLogged(value: LoggedNumber): number {
  return Number(value);
}
