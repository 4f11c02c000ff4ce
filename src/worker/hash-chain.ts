import { createHash } from 'node:crypto';
import type { WeightsHashRecord } from '../events/records';
import { sha256Bytes } from '../files/hash';
import { tensorsHash, type NamedTensor } from '../tensors/safetensors';

/** SHA-256 over weights, hex. */
export function weightsHashOf(weights: readonly NamedTensor[]): string {
  return tensorsHash(weights, () => createHash('sha256'));
}

/**
 * The next link: `chain = SHA-256("PREVIOUS\nSTEP\nHASH")` in UTF-8, PREVIOUS the chain before (empty for
 * the first link), STEP the number of steps done, HASH the weights hash in hex.
 */
export function nextLink(previousChain: string, step: number, weights: readonly NamedTensor[]): WeightsHashRecord {
  const hash = weightsHashOf(weights);
  return { type: 'weights-hash', step, hash, chain: sha256Bytes(`${previousChain}\n${step}\n${hash}`) };
}
