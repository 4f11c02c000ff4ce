import { RepriseError } from '../errors/errors';
import { problemsOf } from './problems';
import { configSchema, type Config } from './schema';

/**
 * Checks a config and fills in its defaults.
 * @param source what the input is called in messages: a file's path, `bundle run 3f2a…`.
 * @throws RepriseError CONFIG_INVALID with every problem at once
 */
export function parseConfig(input: unknown, source = 'config'): Config {
  const parsed = configSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const problems = problemsOf(configSchema, input, parsed.error);
  const first = problems[0];
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  throw new RepriseError('CONFIG_INVALID', `${source}: ${first?.path ?? '(document)'} ${first?.message ?? 'is not a config'}${more}`, {
    kind: 'input',
    hint: 'Correct the values listed and try again; nothing was written.',
    problems,
  });
}
