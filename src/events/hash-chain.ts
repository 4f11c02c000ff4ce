import { createHash } from 'node:crypto';

/**
 * The chain at a link: SHA-256 (hex) of `"PREVIOUS\nSTEP\nHASH"` in UTF-8, PREVIOUS the chain before (empty
 * for the first link), STEP the number of steps done, HASH the weights hash in hex.
 */
export function nextChain(previousChain: string, step: number, hash: string): string {
  return createHash('sha256').update(`${previousChain}\n${step}\n${hash}`).digest('hex');
}
