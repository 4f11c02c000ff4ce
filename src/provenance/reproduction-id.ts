/** The name of a run that people quote. */

const SLUG_LENGTH = 40;

/** A name in lower-case ASCII letters, digits and single hyphens, at most 40 characters; `run` where nothing is left. */
function slug(name: string): string {
  const plain = name.normalize('NFKD').replace(/\p{Mark}/gu, '').toLowerCase().replace(/[^a-z0-9]+/gu, '-').replace(/^-/u, '');
  return plain.slice(0, SLUG_LENGTH).replace(/-$/u, '') || 'run';
}

/**
 * `EXPERIMENT-SEED-XXXXXXXX`: the experiment as a slug, the run's seed, and the first eight hex digits of its compute
 * hash in capitals. Two runs share one only if they compute the same thing (or their hashes agree in 32 bits).
 * @param computeHash SHA-256, hex
 */
export function reproductionId(experiment: string, seed: number, computeHash: string): string {
  return `${slug(experiment)}-${seed}-${computeHash.slice(0, 8).toUpperCase()}`;
}
