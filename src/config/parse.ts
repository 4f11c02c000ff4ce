import { RepriseError, type Problem } from '../errors/errors';
import { commandConfigSchema, isCommandConfig, type CommandConfig, type RunConfig } from './command';
import { problemsOf } from './problems';
import { configSchema, type Config } from './schema';
import { taskProblems, unusedParameters } from './task';

function isCommand(input: unknown): boolean {
  return typeof input === 'object' && input !== null && Object.hasOwn(input, 'task');
}

function invalid(source: string, problems: readonly Problem[]): RepriseError {
  const first = problems[0];
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return new RepriseError('CONFIG_INVALID', `${source}: ${first?.path ?? '(document)'} ${first?.message ?? 'is not a config'}${more}`, {
    kind: 'input',
    hint: 'Correct the values listed and try again; nothing was written.',
    problems,
  });
}

function parseCommandConfig(input: unknown, source: string): CommandConfig {
  const parsed = commandConfigSchema.safeParse(input);
  const problems = parsed.success ? taskProblems(parsed.data) : problemsOf(commandConfigSchema, input, parsed.error);
  if (!parsed.success || problems.length > 0) throw invalid(source, problems);
  return parsed.data;
}

/**
 * Checks the config of a training and fills in its defaults.
 * @param source what the input is called in messages: a file's path, `bundle run 3f2a…`.
 * @throws RepriseError CONFIG_INVALID with every problem at once
 */
export function parseTrainingConfig(input: unknown, source = 'config'): Config {
  const parsed = configSchema.safeParse(input);
  if (!parsed.success) throw invalid(source, problemsOf(configSchema, input, parsed.error));
  return parsed.data;
}

/** The same for a config of either kind: one that has a `task` runs a command. */
export function parseConfig(input: unknown, source = 'config'): RunConfig {
  return isCommand(input) ? parseCommandConfig(input, source) : parseTrainingConfig(input, source);
}

/** What a person should know of a config that is valid all the same, a sentence each. */
export function configWarnings(config: RunConfig): string[] {
  if (!isCommandConfig(config)) return [];
  return unusedParameters(config).map((name) => `params.${name} is used by nothing: no {${name}} stands in the task, and no parameter file is written.`);
}
