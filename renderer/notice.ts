/** Short words that come and go: something was copied, saved, deleted, or could not be. */
import { createElement } from 'react';
import { Button } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { ask, reportOf, shell } from './client';

const look = { withBorder: true, closeButtonProps: { 'aria-label': 'Close' } } as const;

export function say(message: string): void {
  notifications.show({ message, autoClose: 4000, ...look });
}

/** What came to its end elsewhere, with the way there. */
export function offerNext(message: string, next: { readonly label: string; readonly act: () => void }): void {
  const id = crypto.randomUUID();
  const act = (): void => {
    notifications.hide(id);
    next.act();
  };
  const button = createElement(Button<'button'>, { variant: 'default', size: 'compact-sm', onClick: act, mt: 8 }, next.label);
  notifications.show({ id, message: createElement('div', null, createElement('p', null, message), button), autoClose: 12_000, ...look });
}

/** What went wrong with something the user asked for. */
export function complain(title: string, error: unknown): void {
  const { message, hint, code } = reportOf(error);
  notifications.show({ title, message: `${message}${hint === undefined ? '' : ` ${hint}`} (${code})`, color: 'red', autoClose: 12_000, ...look });
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
