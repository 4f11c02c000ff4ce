/** Short words that come and go: something was copied, saved, deleted, or could not be. */
import { notifications } from '@mantine/notifications';
import { ask, reportOf, shell } from './client';

export function say(message: string): void {
  notifications.show({ message, autoClose: 4000, withBorder: true });
}

/** What went wrong with something the user asked for. */
export function complain(title: string, error: unknown): void {
  const { message, hint, code } = reportOf(error);
  notifications.show({ title, message: `${message}${hint === undefined ? '' : ` ${hint}`} (${code})`, color: 'red', autoClose: 12_000, withBorder: true });
}

/** Copies and says so; `what` names it: `LaTeX table`. */
export async function copy(text: string, what: string): Promise<void> {
  try {
    await ask(shell.copyText({ text }));
    say(`${what.charAt(0).toUpperCase()}${what.slice(1)} copied`);
  } catch (error) {
    complain(`The ${what} could not be copied`, error);
  }
}
