/** Values in a line for a shell: whatever a value holds, the shell takes it as one word that is itself. */
import type { CommandConfig } from './command';

export type ShellName = Extract<CommandConfig['task']['command'], { shell: string }>['shell'];

/** Words that no shell reads anything into. */
const PLAIN = /^[A-Za-z0-9_@%+=:,./-]+$/u;
/** `%` is a variable's mark there. */
const PLAIN_CMD = /^[A-Za-z0-9_@+=:./-]+$/u;

/** The value as a word of that shell; null where it has no safe way to write it (cmd, or a value with a zero character). */
export function quoteFor(shell: ShellName, value: string): string | null {
  if (value.includes('\0')) return null;
  switch (shell) {
    case 'sh':
    case 'bash':
    case 'zsh':
      return PLAIN.test(value) ? value : `'${value.replaceAll("'", String.raw`'\''`)}'`;
    case 'pwsh':
      return PLAIN_CMD.test(value) && !value.startsWith('@') ? value : `'${value.replaceAll(/['‘’‚‛]/gu, '$&$&')}'`;
    case 'cmd':
      return PLAIN_CMD.test(value) ? value : null;
  }
}
