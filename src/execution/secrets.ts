/** Values that a run elsewhere gets and that are kept nowhere: of this process' own environment, by their names. */
import type { ExecutorConfig } from '../config/executor';
import { RepriseError } from '../errors/errors';

/** @throws RepriseError SECRET_MISSING naming those that are not set */
export function secretsOf(executor: ExecutorConfig, environment: NodeJS.ProcessEnv = process.env): Record<string, string> {
  if (executor.kind === 'local') return {};
  const names = executor.secrets ?? [];
  const missing = names.filter((name) => environment[name] === undefined);
  if (missing.length > 0) {
    throw new RepriseError('SECRET_MISSING', `The run needs ${missing.join(', ')}, which ${missing.length === 1 ? 'is' : 'are'} not set where Reprise was started.`, {
      hint: `Start Reprise with ${missing.length === 1 ? 'it' : 'them'} set, or take ${missing.length === 1 ? 'it' : 'them'} out of \`executor.secrets\`.`,
    });
  }
  return Object.fromEntries(names.map((name) => [name, environment[name] ?? '']));
}
