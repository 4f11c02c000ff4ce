import type { Provenance } from '../events/provenance';

/** What a user should know before trusting a run: mismatches of the environment spec and what was not captured. */
export function warningsOf(provenance: Provenance): string[] {
  const mismatches = provenance.environmentCheck.filter((entry) => !entry.ok).map((entry) => `The config asks for ${entry.item} ${entry.required}; this machine has ${entry.actual}.`);
  return [...mismatches, ...provenance.problems];
}
