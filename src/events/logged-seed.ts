/** Which parameter of a logged run is its seed. */

/** Names that people give it, the surest first. */
const SEED_NAMES = ['seed', 'random_seed', 'random_state', 'rng_seed', 'manual_seed'] as const;

/** The first of the names that has a whole number. @param valueOf the value of a parameter; null or undefined where there is none */
export function loggedSeed(valueOf: (name: string) => string | null | undefined): { readonly name: string; readonly seed: number } | null {
  for (const name of SEED_NAMES) {
    const text = valueOf(name) ?? '';
    const seed = /^\d+$/u.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(seed)) return { name, seed };
  }
  return null;
}
