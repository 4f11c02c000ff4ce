/** What goes into a bundle and what is read out of one. Paths inside a bundle use `/` and start with `data/`. */
import type { MetricNumbers } from '../config/metrics';
import type { ArtifactName } from '../events/records';
import type { CommandManifest, DataRef, InputRef, TrainingManifest } from '../events/manifest';
import type { RunStatus } from '../store/types';
import type { CommandTolerance } from './command-tolerance';
import type { Redact } from './redact';
import type { Tolerance } from './tolerance';

/** What a run came to, as its event log says. */
export interface RunOutcome {
  readonly status: RunStatus;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly totalSteps: number;
  readonly finalLoss: number | null;
  readonly bestLoss: number | null;
  /** SHA-256 over the final weights, hex. */
  readonly weightsHash: string | null;
  /** Steps done at the selected checkpoint. */
  readonly selectedStep: number | null;
  /** On the test split, at the selected checkpoint. */
  readonly metrics: MetricNumbers | null;
}

export interface TrainingRunInput extends RunOutcome {
  readonly kind?: 'training';
  readonly manifest: TrainingManifest;
  /** Absolute path of each artifact. */
  readonly files: Readonly<Partial<Record<ArtifactName, string>>>;
  /** Absolute path of the event log. */
  readonly eventLog: string;
  readonly tolerance: Tolerance;
}

/** More files than that are no output of one run. */
export const MAX_KEPT_FILES = 100_000;

/** How a command run ended; what it came to is in its event log. */
export interface CommandOutcome {
  readonly status: RunStatus;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
}

/** A metric series in short. */
export interface SeriesSummary {
  readonly key: string;
  readonly points: number;
  /** Value at the greatest step, the last logged of several. */
  readonly last: number;
}

/** A file that a command run kept. */
export interface KeptFile {
  /** As the run names it, with `/`, relative. */
  readonly path: string;
  /** Hex. */
  readonly sha256: string;
  readonly bytes: number;
}

export interface CommandRunInput extends CommandOutcome {
  readonly kind: 'command';
  readonly manifest: CommandManifest;
  /** Absolute path of each file's bytes; null leaves it out: then only its hash goes in. */
  readonly files: readonly (KeptFile & { readonly file: string | null })[];
  /** Absolute path of the event log. */
  readonly eventLog: string;
  /** Absolute paths of what the program wrote to its output, JSON lines, one file an attempt. */
  readonly output: readonly string[];
  readonly tolerance: CommandTolerance;
}

export type BundleRunInput = TrainingRunInput | CommandRunInput;

/** A code state that commands ran in: its list and the objects that the list names. */
export interface BundleCodeInput {
  /** SHA-256 of the list (`Snapshot`), hex. */
  readonly snapshot: string;
  /** Absolute path of the list. */
  readonly list: string;
  readonly objects: readonly { readonly sha256: string; readonly file: string }[];
}

/** An input of commands. */
export interface BundleInputInput {
  readonly ref: InputRef;
  /** Its files, by path below it (empty for an input that is a file itself); null leaves them out: then only the fingerprint goes in. */
  readonly members: readonly (KeptFile & { readonly file: string })[] | null;
}

export interface BundleDataInput {
  readonly ref: DataRef;
  /** Absolute path of the prepared file, or null to leave it out: then only fingerprint and source go in. */
  readonly file: string | null;
}

/** What a bundle says about itself as a whole, on the way in and on the way out. */
export interface BundleHeader {
  readonly name: string;
  readonly description: string;
  /** SPDX expression (`CC-BY-4.0`, `MIT OR Apache-2.0`); whoever exports must choose one. */
  readonly license: string;
  /** Milliseconds since 1970, UTC. */
  readonly createdAt: number;
  /** May be empty. */
  readonly author: string;
  /** Version of Reprise that exports. */
  readonly reprise: string;
  /** YAML of the study, or null for single runs. */
  readonly study: string | null;
}

export interface BundleInput extends BundleHeader {
  readonly runs: readonly BundleRunInput[];
  readonly data: readonly BundleDataInput[];
  readonly code?: readonly BundleCodeInput[];
  readonly inputs?: readonly BundleInputInput[];
  /** Takes secrets out of text that goes in, beyond what `privatePaths` names. */
  readonly scrub?: Redact;
  /** Data files larger than this are left out. Bytes; no limit when not given. */
  readonly maxDataBytes?: number;
  readonly report: { readonly markdown: string; readonly html: string };
  /** Folders whose absolute paths must not show in the bundle: workspace, the config's folder. Home folder and host name never do. */
  readonly privatePaths?: readonly string[];
}

export interface WriteOptions {
  /** Replace `outFile` if it is there. */
  readonly overwrite?: boolean;
  /** Bytes written so far, of the payload. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops the writing; nothing is left behind. */
  readonly signal?: AbortSignal;
}

export interface WrittenBundle {
  readonly file: string;
  /** SHA-256 (hex) of the bag's tagmanifest: names every byte of the bundle, and is what trust is granted to. */
  readonly digest: string;
  readonly bytes: number;
  /** Data sets left out, by fingerprint. */
  readonly omittedData: readonly string[];
}

/** A training as a bundle holds it. */
export interface TrainingBundleRun extends RunOutcome {
  readonly kind?: 'training' | undefined;
  readonly manifest: TrainingManifest;
  /** Path in the bundle of each artifact. */
  readonly files: Readonly<Partial<Record<ArtifactName, string>>>;
  readonly eventLog: string;
  /** Path in the bundle of the config as YAML. */
  readonly configFile: string;
  readonly tolerance: Tolerance;
}

/** A command run as a bundle holds it. */
export interface CommandBundleRun extends CommandOutcome {
  readonly kind: 'command';
  readonly manifest: CommandManifest;
  /** Path in the bundle of each file; null where only its hash is there. */
  readonly files: readonly (KeptFile & { readonly file: string | null })[];
  readonly series: readonly SeriesSummary[];
  readonly eventLog: string;
  /** Path in the bundle of the config as YAML. */
  readonly configFile: string;
  /** Path in the bundle of the program's output, or null. */
  readonly output: string | null;
  readonly tolerance: CommandTolerance;
}

export type BundleRun = TrainingBundleRun | CommandBundleRun;

export interface BundleCode {
  readonly snapshot: string;
  /** Path in the bundle of the list of files. Their objects lie beside it, in `objects/SHA-256`. */
  readonly list: string;
}

export interface BundleInputData extends InputRef {
  /** Path in the bundle of each of its files, or null where it was left out. */
  readonly members: readonly (KeptFile & { readonly file: string })[] | null;
}

export interface BundleData {
  readonly fingerprint: string;
  /** Path in the bundle, or null when it was left out. */
  readonly file: string | null;
  readonly bytes: number;
  readonly source: string;
  readonly license: string;
}

/** A bundle's content, checked against the schemas. */
export interface BundleContent extends BundleHeader {
  readonly runs: readonly BundleRun[];
  readonly data: readonly BundleData[];
  readonly code: readonly BundleCode[];
  readonly inputs: readonly BundleInputData[];
}

export function isTrainingRun(run: BundleRun): run is TrainingBundleRun {
  return run.kind !== 'command';
}

export function isCommandRun(run: BundleRun): run is CommandBundleRun {
  return run.kind === 'command';
}

/** Training steps of a run; 0 for a command, which has none that anybody counts. */
export function stepsOf(run: BundleRun): number {
  return isTrainingRun(run) ? run.totalSteps : 0;
}
