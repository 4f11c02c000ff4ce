import { createHash } from 'node:crypto';
import { nextChain } from '../events/hash-chain';
import type { WeightsHashRecord } from '../events/records';
import { tensorsHash, type NamedTensor } from '../tensors/safetensors';

/** SHA-256 over weights, hex. */
export function weightsHashOf(weights: readonly NamedTensor[]): string {
  return tensorsHash(weights, () => createHash('sha256'));
}

/** The next link of the chain, for the weights after `step` steps. */
export function nextLink(previousChain: string, step: number, weights: readonly NamedTensor[]): WeightsHashRecord {
  const hash = weightsHashOf(weights);
  return { type: 'weights-hash', step, hash, chain: nextChain(previousChain, step, hash) };
}
