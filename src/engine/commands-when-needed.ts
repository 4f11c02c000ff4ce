/** Loads what carries out commands with the first of them: most sessions have none, and readers of other programs' files are large. */
import type { CommandRunner } from '../execution/commands';
import type { Commands, CommandsOptions } from './commands';

export function commandsWhenNeeded(options: CommandsOptions): CommandRunner {
  let loaded: Promise<Commands> | null = null;
  const commands = (): Promise<Commands> => {
    loaded ??= import('./commands').then((module) => new module.Commands(options));
    return loaded;
  };
  return {
    prepare: async (runId, attempt, place) => (await commands()).prepare(runId, attempt, place),
    adopt: async (runId, attempt) => (await commands()).adopt(runId, attempt),
    follow: async (runId) => (await commands()).follow(runId),
    settle: async (runId, attempt) => (await commands()).settle(runId, attempt),
  };
}
