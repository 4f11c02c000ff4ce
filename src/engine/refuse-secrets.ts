/** Keeps secrets out of configs: a config is stored with each run, shown in reports and handed on in bundles. */
import { isCommandConfig, type RunConfig } from '../config/command';
import { RepriseError, type Problem } from '../errors/errors';
import { redactArguments, redactNamed } from '../provenance/secrets';

const MESSAGE = 'looks like a secret';

/** Path → text of every text in a value, lists included. */
function* textsIn(value: unknown, path: string): Generator<readonly [path: string, text: string]> {
  if (typeof value === 'string') yield [path, value];
  if (typeof value !== 'object' || value === null) return;
  for (const [key, entry] of Object.entries(value)) yield* textsIn(entry, path === '' ? key : `${path}.${key}`);
}

/** Every text of the config that shows a secret, has one under a telling name, or follows an option with such a name. */
function secretsOf(config: RunConfig): Problem[] {
  const paths = [...textsIn(config, '')].filter(([path, text]) => redactNamed(path, text) !== text).map(([path]) => path);
  const command = isCommandConfig(config) && Array.isArray(config.task.command) ? (config.task.command as readonly string[]) : [];
  const redacted = redactArguments(command);
  const options = command.flatMap((argument, index) => (redacted[index] === argument ? [] : [`task.command.${index}`]));
  return [...new Set([...paths, ...options])].map((path) => ({ path, message: MESSAGE }));
}

/** @throws RepriseError CONFIG_HOLDS_SECRET */
export function refuseSecrets(config: RunConfig): void {
  const problems = secretsOf(config);
  const [first] = problems;
  if (first === undefined) return;
  throw new RepriseError('CONFIG_HOLDS_SECRET', `${first.path} ${MESSAGE}; a config is stored with its runs and goes into reports and bundles.`, {
    kind: 'input',
    hint: 'Set it as a variable of the environment that Reprise is started in: commands inherit it, and it is not recorded.',
    problems,
  });
}
