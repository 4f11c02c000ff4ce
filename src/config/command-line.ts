/** A command on one line, for people. */
import type { TaskConfig } from './command';

function word(text: string): string {
  return /^[\w.@%+=:,/{}-]+$/u.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** As one would type it: templates stay as they are. */
export function lineOf(command: TaskConfig['command']): string {
  return Array.isArray(command) ? command.map(word).join(' ') : `${command.shell} -c ${word(command.script)}`;
}
