/** Which commands can be used now, and what they do: views say so while they are shown. */
import { useEffect } from 'react';
import { create } from 'zustand';
import { commandIds, commands, type Command, type CommandId } from '../../src/api/commands';
import { shell } from '../client';

export type Action = () => void;

/** Newest last: the view shown last has the word. */
export const useCommands = create<{ readonly actions: ReadonlyMap<CommandId, readonly Action[]> }>(() => ({ actions: new Map() }));

let announcing = false;

/** Tells the menus, once for all that one change of view changes. */
function announce(): void {
  if (announcing) return;
  announcing = true;
  setTimeout(() => {
    announcing = false;
    shell.enableCommands([...useCommands.getState().actions.keys()]);
  });
}

/** Makes a command usable until the returned function is called. */
export function offer(id: CommandId, action: Action): () => void {
  useCommands.setState(({ actions }) => ({ actions: new Map(actions).set(id, [...(actions.get(id) ?? []), action]) }));
  announce();
  return () => {
    useCommands.setState(({ actions }) => {
      const next = new Map(actions);
      const left = (next.get(id) ?? []).filter((other) => other !== action);
      if (left.length === 0) next.delete(id);
      else next.set(id, left);
      return { actions: next };
    });
    announce();
  };
}

/** Offers a command while the component is shown; null: it cannot be used now. */
export function useCommand(id: CommandId, action: Action | null): void {
  useEffect(() => (action === null ? undefined : offer(id, action)), [id, action]);
}

/** Does a command; false where it cannot be used now. */
export function run(id: CommandId): boolean {
  const action = useCommands.getState().actions.get(id)?.at(-1);
  if (action === undefined) return false;
  action();
  return true;
}

export function command(id: CommandId): Command {
  return commands[id];
}

const isMac = navigator.platform.startsWith('Mac');

interface Keys {
  readonly key: string;
  readonly ctrl: boolean;
  readonly meta: boolean;
  readonly shift: boolean;
  readonly alt: boolean;
}

const NAMED: Readonly<Record<string, string>> = { Comma: ',', Left: 'ArrowLeft', Right: 'ArrowRight' };

/** Electron's notation as what a keyboard event says. */
export function keysOf(shortcut: string, mac = isMac): Keys {
  const parts = shortcut.split('+');
  const last = parts.at(-1) ?? '';
  const command = parts.includes('CmdOrCtrl');
  return { key: (NAMED[last] ?? last).toLowerCase(), ctrl: command && !mac, meta: command && mac, shift: parts.includes('Shift'), alt: parts.includes('Alt') };
}

/** A shortcut as people read it: `Ctrl K`, `⌘K`. */
export function shortcutText(shortcut: string, mac = isMac): string {
  const signs: Readonly<Record<string, string>> = mac ? { CmdOrCtrl: '⌘', Shift: '⇧', Alt: '⌥' } : { CmdOrCtrl: 'Ctrl' };
  const names: Readonly<Record<string, string>> = { Comma: ',', Left: '←', Right: '→', Enter: mac ? '↩' : 'Enter' };
  return shortcut.split('+').map((part) => signs[part] ?? names[part] ?? part).join(mac ? '' : ' ');
}

const shortcuts: readonly { readonly id: CommandId; readonly keys: Keys }[] = commandIds.flatMap((id) => {
  const { shortcut } = command(id);
  return shortcut === undefined ? [] : [{ id, keys: keysOf(shortcut) }];
});

/** Whether typing goes into this element, which then undoes by itself. */
function isEditor(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement);
}

function onKeyDown(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return;
  const pressed = shortcuts.find(({ keys }) => keys.key === event.key.toLowerCase() && keys.ctrl === event.ctrlKey && keys.meta === event.metaKey && keys.shift === event.shiftKey && keys.alt === event.altKey);
  if (pressed === undefined) return;
  if ((pressed.id === 'edit.undo' || pressed.id === 'edit.redo') && isEditor(event.target)) return;
  if (run(pressed.id)) event.preventDefault();
}

/** Listens to shortcuts and menus; called once. @returns the function that ends it */
export function listen(): () => void {
  window.addEventListener('keydown', onKeyDown);
  const end = shell.onCommand((id) => void run(id));
  return () => {
    window.removeEventListener('keydown', onKeyDown);
    end();
  };
}
