import { RepriseError } from '../errors/errors';
import type { EnvironmentCheck, Provenance } from '../events/provenance';

/** What a user should know before trusting a run: mismatches of the environment spec and what was not captured. */
export function warningsOf(provenance: Provenance): string[] {
  const mismatches = provenance.environmentCheck.filter((entry) => !entry.ok && entry.level !== 'ignore').map(sentenceOf);
  return [...mismatches, ...provenance.problems];
}

function sentenceOf({ item, required, actual }: EnvironmentCheck): string {
  return `The config asks for ${item} ${required}; ${actual.startsWith('not ') ? `it is ${actual}` : `this machine has ${actual}`}.`;
}

/** Lets nothing start in surroundings that the config's environment spec calls an error. @throws RepriseError ENVIRONMENT_MISMATCH */
export function refuseEnvironment(provenance: Provenance): void {
  const problems = provenance.environmentCheck.filter((entry) => !entry.ok && entry.level === 'error').map((entry) => ({ path: `environment.${entry.item}`, message: sentenceOf(entry) }));
  if (problems.length === 0) return;
  throw new RepriseError('ENVIRONMENT_MISMATCH', problems.map(({ message }) => message).join(' '), {
    kind: 'input',
    hint: 'Nothing was started. Use the environment that the config asks for, correct its environment section, or lower the item under environment.levels to warning.',
    problems,
  });
}
