/** Lines for a shell on another machine that come before a program: one place that quotes. */
import type { ExecutorOf } from '../../config/executor';
import { quoteFor } from '../../config/shell';
import { RepriseError } from '../../errors/errors';

/** A word of a line. @throws RepriseError SCRIPT_VALUE_INVALID */
export function quoted(word: string): string {
  const text = quoteFor('bash', word);
  if (text === null) throw new RepriseError('SCRIPT_VALUE_INVALID', `${JSON.stringify(word)} cannot stand in a script, because of the zero character in it.`, { hint: 'Take it out.' });
  return text;
}

/** A path, which may begin in the home folder. */
export function quotedPath(path: string): string {
  return path.startsWith('~/') ? `~/${quoted(path.slice(2))}` : quoted(path);
}

/** What a config wants to be done before: environment modules, a virtual environment, lines of its own. */
export function prologueOf({ modules = [], venv, prologue = [] }: Pick<ExecutorOf<'ssh' | 'slurm'>, 'modules' | 'venv' | 'prologue'>): string[] {
  return [
    // Of a shell that nobody logged in to.
    ...(modules.length === 0 ? [] : ['command -v module > /dev/null || . /etc/profile']),
    ...modules.map((name) => `module load ${quoted(name)}`),
    ...(venv === undefined ? [] : [`. ${quotedPath(venv)}/bin/activate`]),
    ...prologue,
  ];
}
