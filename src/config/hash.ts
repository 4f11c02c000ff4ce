import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Config } from './schema';
import { resolveSeeds } from './schema';

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

/** The config less what only labels it: two runs that differ in their description were asked the same. */
function decidingPart(config: Config): Omit<Config, 'experiment' | 'author' | 'description' | 'tags'> {
  const { experiment: _experiment, author: _author, description: _description, tags: _tags, ...rest } = config;
  return rest;
}

/** What was asked: SHA-256 of the complete config without its labels (experiment, author, description, tags). */
export function configHash(config: Config): string {
  return hashJson(decidingPart(config));
}

/** What all runs of one variant have in common: the config without its labels and its seed. */
export type VariantConfig = Omit<ReturnType<typeof decidingPart>, 'seed'>;

export function variantConfig(config: Config): VariantConfig {
  const { seed: _seed, ...rest } = decidingPart(config);
  return rest;
}

/** configHash with the seed left open: equal for all runs of one variant. */
export function variantHash(config: Config): string {
  return hashJson(variantConfig(config));
}

/** Runtime facts that can change the numbers of a built-in run. */
export interface ComputeFacts {
  readonly dataFingerprint: string;
  readonly trainingGraphHash: string;
  readonly runtime: object;
}

/**
 * All that can change the numbers or the trace of them: model, training (with the rhythm of checkpoints and weights
 * hashes), selection, data fingerprint and split, the seeds as resolved, the training graph, and the runtime identity
 * with the version of the training code. Only runs with equal compute hashes may stand in for one another.
 */
export function computeHash(config: Config, facts: ComputeFacts): string {
  const { split } = config.data;
  return hashJson({ model: config.model, training: config.training, selection: config.selection, split, seeds: resolveSeeds(config), ...facts });
}
