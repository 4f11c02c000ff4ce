import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { CommandConfig, RunConfig } from './command';
import { augmentOf, resolveSeeds } from './facts';
import type { Config } from './schema';

/** JSON with sorted keys and without `undefined`: equal values give equal text on every engine. Numbers must be finite. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError(`canonicalJson: ${value} is not finite`);
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((entry) => canonicalJson(entry)).join(',')}]`;
  if (typeof value === 'object') {
    const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
    entries.sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0));
    return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${canonicalJson(entry)}`).join(',')}}`;
  }
  throw new TypeError(`canonicalJson: cannot write a ${typeof value}`);
}

/** SHA-256 of the canonical JSON, hex. */
export function hashJson(value: unknown): string {
  return bytesToHex(sha256(utf8ToBytes(canonicalJson(value))));
}

type Label = 'experiment' | 'author' | 'description' | 'tags';

/** The config less what only labels it: two runs that differ in their description were asked the same. */
function decidingPart<C extends RunConfig>(config: C): Omit<C, Label> {
  const { experiment: _experiment, author: _author, description: _description, tags: _tags, ...rest } = config;
  return rest;
}

/** What was asked: SHA-256 of the complete config without its labels (experiment, author, description, tags). */
export function configHash(config: RunConfig): string {
  return hashJson(decidingPart(config));
}

export type TrainingVariant = Omit<Config, Label | 'seed'>;
export type CommandVariant = Omit<CommandConfig, Label | 'seed'>;
/** What all runs of one variant have in common: the config without its labels and its seed. */
export type VariantConfig = TrainingVariant | CommandVariant;

export function variantConfig(config: RunConfig): VariantConfig {
  const { seed: _seed, ...rest } = decidingPart<RunConfig>(config);
  return rest as VariantConfig;
}

/** configHash with the seed left open: equal for all runs of one variant. */
export function variantHash(config: RunConfig): string {
  return hashJson(variantConfig(config));
}

/** Runtime facts that can change the numbers of a built-in run. */
export interface ComputeFacts {
  readonly dataFingerprint: string;
  /** Of the user's ONNX file; absent where the model is read from none. */
  readonly modelFile?: string | undefined;
  readonly trainingGraphHash: string;
  readonly runtime: object;
}

/**
 * All that can change the numbers or the trace of them: model, training (with the rhythm of checkpoints and weights
 * hashes), selection, data fingerprint, augmentation and split, the seeds as resolved, the training graph, and the runtime
 * identity with the version of the training code. Only runs with equal compute hashes may stand in for one another.
 */
export function computeHash(config: Config, facts: ComputeFacts): string {
  const { split } = config.data;
  // Where a file lies decides nothing: its hash is among the facts.
  const model = config.model.kind === 'onnx' ? { ...config.model, path: undefined } : config.model;
  return hashJson({ model, training: config.training, selection: config.selection, augment: augmentOf(config.data) ?? undefined, split, seeds: resolveSeeds(config), ...facts });
}

/** Facts besides its config that can change what a command computes. */
export interface CommandFacts {
  /** Of the snapshot of the code; null where there is none. */
  readonly code: string | null;
  /**
   * Keyed digest of the files that the snapshot withholds as secrets, see `CodeSnapshot.withheldDigest`; absent where
   * there are none. It makes the hash one of this workspace: elsewhere these files are not there, and the same code has
   * another hash.
   */
  readonly withheld?: string | undefined;
  /** By path as the config names it. */
  readonly inputs: Readonly<Record<string, string | null>>;
  /** Of the interpreter's packages, or of the image in their place, with all else that is set up elsewhere before the program starts; null where none of it is known. */
  readonly environment: string | null;
  /** Variables of the person's own environment that frameworks read, such as `OMP_NUM_THREADS`. */
  readonly variables: Readonly<Record<string, string>>;
  /** Processor and GPUs. */
  readonly hardware: object;
}

/**
 * All that can change what a command computes and that can be known: the task, its parameters and seed, the code, the
 * inputs, the packages, the variables and the hardware. What only follows the command (metrics, outputs, time limit,
 * retries) is no part.
 */
export function commandComputeHash({ task, params, seed, executor }: CommandConfig, facts: CommandFacts): string {
  const { command, cwd, parameterFile } = task;
  // A variable is the same whether the task sets it or the place where it runs.
  const env = executor.kind === 'local' ? task.env : { ...executor.env, ...task.env };
  return hashJson({ task: { command, env, cwd, parameterFile }, params, seed, ...facts });
}
