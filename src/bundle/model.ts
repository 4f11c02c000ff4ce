/** What goes into a bundle and what is read out of one. Paths inside a bundle use `/` and start with `data/`. */
import type { ArtifactName } from '../events/records';
import type { DataRef, TrainingManifest } from '../events/manifest';
import type { RunStatus } from '../store/types';
import type { Tolerance } from './tolerance';

export interface TestMetrics {
  /** Share of examples classified correctly, 0..1. */
  readonly accuracy: number;
  /** Mean cross-entropy, nats. */
  readonly loss: number;
}

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
  readonly metrics: TestMetrics | null;
}

export interface BundleRunInput extends RunOutcome {
  readonly manifest: TrainingManifest;
  /** Absolute path of each artifact. */
  readonly files: Readonly<Partial<Record<ArtifactName, string>>>;
  /** Absolute path of the event log. */
  readonly eventLog: string;
  readonly tolerance: Tolerance;
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

/** A run as a bundle holds it. */
export interface BundleRun extends RunOutcome {
  readonly manifest: TrainingManifest;
  /** Path in the bundle of each artifact. */
  readonly files: Readonly<Partial<Record<ArtifactName, string>>>;
  readonly eventLog: string;
  /** Path in the bundle of the config as YAML. */
  readonly configFile: string;
  readonly tolerance: Tolerance;
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
}
