/**
 * The port of executors: who carries out an attempt of a run, on this machine or elsewhere. Each has a folder of its own
 * in this room. What an executor learns it tells as records of the run's log; what the run writes it brings into the
 * run's folder. So the log is all that a later host needs to find again what still runs.
 */
import type { ExecutorConfig, ExecutorKind } from '../config/executor';
import type { Launch } from '../events/command-run';
import type { CommandManifest, TrainingManifest } from '../events/manifest';
import type { NewRecord, PlaceRecord } from '../events/records';
import type { Lease, Share } from './machine-budget';

/** What a run takes while it is under way: a share of this machine, or one of the places that an executor has elsewhere. */
export type Demand =
  | { readonly pool: 'here'; readonly share: Share }
  | { readonly pool: 'there'; /** Unique among all that executors name. */ readonly name: string; /** Runs of this pool that may be under way at once. */ readonly most: number };

/** How the program of a command is started. */
export interface CommandOrder extends Pick<Launch, 'command' | 'timeLimitMs' | 'graceMs' | 'outputLimit'> {
  /** Folder it starts in, from the top of the code, with `/`; empty for the top. */
  readonly cwd: string;
  /** Where its inputs lie on this machine, by the path that the config names them by. */
  readonly inputs: Readonly<Record<string, string>>;
  /** A file that is written with all parameters, from the folder of the config. */
  readonly parameterFile: { readonly path: string; readonly text: string } | null;
  /** All that Reprise and the config's task set, but for paths that differ from place to place (REPRISE_METRICS, WANDB_DIR). */
  readonly env: Readonly<Record<string, string>>;
}

/** An attempt to be carried out. */
export interface Order {
  readonly runId: string;
  /** Counts from 1. */
  readonly attempt: number;
  readonly manifest: TrainingManifest | CommandManifest;
  /** Of this machine, absolute; its object store holds code, data and models. */
  readonly workspace: string;
  readonly runFolder: string;
  /** The prepared data of a training; null for a command. */
  readonly dataFile: string | null;
  /** What it has of this machine: ids of its GPUs and the variables that tell a program of them. An executor of this machine tells `facts.gpus` when it starts. Null where it runs elsewhere. */
  readonly lease: Lease | null;
  /** Null for a training, and where the attempt was begun by an earlier host. */
  readonly command: CommandOrder | null;
  /** Fires when the host closes (`detached`) or nobody wants the run any more (`cancelled`): what is not handed over yet need not be. */
  readonly signal: AbortSignal;
  /**
   * Appends to the run's log, in order; durable once it resolves. A `started` opens the attempt of a command, a
   * `requeued` closes the one before, and `collected` follows the end: no executor writes these records itself.
   */
  readonly tell: (...records: readonly NewRecord[]) => Promise<void>;
}

/** How an attempt ended. */
export interface AttemptEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Why, where what the run itself wrote cannot tell: the run has failed then. Null: its own records tell, or it was interrupted and goes on. */
  readonly problem: { readonly code: string; readonly message: string } | null;
}

/** An attempt under way. */
export interface Attempt {
  /** Process of this machine that must be noted; null where there is none. */
  readonly pid: number | null;
  /** Settles once the attempt is over there and all that it wrote is in the run's folder; `detached` after `detach`, where it goes on. Never rejects. */
  readonly end: Promise<AttemptEnd | 'detached'>;
  /** Asked for after the `cancel` file was made in the run's folder. */
  cancel(): void;
  /** Ends it; the run can go on with its next attempt. */
  kill(): void;
  /** The host closes: lets go of it. What runs elsewhere goes on; what cannot is ended. */
  detach(): void;
}

export interface Executor {
  readonly kind: ExecutorKind;
  /** Name of the machine; null for this one. */
  readonly machine: string | null;
  /** Whether the working copy of a command is made in the run's folder, or by the executor at its place. */
  readonly copies: 'here' | 'there';
  /**
   * Prepares and starts an attempt; long parts (an image, data) are told of as messages.
   * @throws RepriseError why it cannot be started
   */
  start(order: Order): Promise<Attempt>;
  /** Takes up an attempt that an earlier host started. @param place the newest record of it; @returns null where nothing is known of it there any more */
  attach(order: Order, place: PlaceRecord): Promise<Attempt | null>;
}

/** The executors that a host has. */
export interface Executors {
  /** What a run takes; all runs of one `placeOf` wait for the same pool. */
  demand(executor: ExecutorConfig): Demand;
  /** @throws RepriseError MACHINE_UNKNOWN, MACHINE_KIND for a machine of another kind */
  find(executor: ExecutorConfig): Promise<Executor>;
  /** Lets go of connections, once all attempts are over or detached. */
  close(): Promise<void>;
}
