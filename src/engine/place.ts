/** Where runs are carried out, as far as it decides what they compute and is recorded: asked before a run is made. */
import type { TaskConfig } from '../config/command';
import type { ExecutorConfig } from '../config/executor';
import type { RuntimeIdentity } from '../events/manifest';
import type { ImageRef } from '../events/provenance';
import type { CapturedInterpreter } from '../provenance/interpreter';
import { processorRuntime } from '../provenance/runtime';
import type { Check } from './checks';
import type { PlaceFacts } from './place-facts';

/** A place other than this machine. What it answers is remembered for the session. */
export interface Place {
  /** For people. */
  readonly name: string;
  /** @throws RepriseError where it cannot be reached or can carry out no run */
  facts(): Promise<PlaceFacts>;
  /** What the image that the executor names is now; null where it names none. @throws RepriseError IMAGE_MISSING */
  image(): Promise<ImageRef | null>;
  /** The Python that a command starts there with these variables; null where a digest stands for all that is in its image. */
  interpreter(command: TaskConfig['command'], env: Readonly<Record<string, string>>): Promise<CapturedInterpreter | null>;
}

/** What a look at a machine found. */
export interface Look {
  readonly facts: PlaceFacts;
  /** Rows of its kind: Docker, Slurm, the folder of Reprise there. */
  readonly checks: readonly Check[];
  /** Milliseconds of a question and its answer. */
  readonly latencyMs: number;
  /** Its clock less that of this machine, milliseconds. */
  readonly clockOffsetMs: number;
}

/** The places of a host. */
export interface Places {
  /** Null for this machine. @throws RepriseError MACHINE_UNKNOWN, MACHINE_KIND */
  of(executor: ExecutorConfig): Promise<Place | null>;
  close(): Promise<void>;
}

/** The runtime that a worker has there. */
export function runtimeThere({ versions, os, cpu }: PlaceFacts, threads: number): RuntimeIdentity {
  return processorRuntime({ onnxruntime: versions.onnxruntime, platform: os.platform, arch: os.arch, cpu }, threads);
}
