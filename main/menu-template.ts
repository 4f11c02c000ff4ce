/** The native menus as a template, made from the one table of commands, with what each system expects beside them. */
import type { MenuItemConstructorOptions } from 'electron';
import { commandIds, commands, type Command, type CommandId, type Menu as MenuName } from '../src/api/commands';

type Item = MenuItemConstructorOptions;
const separator: Item = { type: 'separator' };

/** Electron writes the comma as itself. */
function accelerator(shortcut: string): string {
  return shortcut.replace(/Comma$/u, ',');
}

/** The commands of a menu; a line between those of different things. */
function itemsOf(menu: MenuName, run: (command: CommandId) => void, without: readonly CommandId[] = []): Item[] {
  const items: Item[] = [];
  let group: string | undefined;
  for (const id of commandIds) {
    const command: Command = commands[id];
    if (command.menu !== menu || without.includes(id)) continue;
    const [thing] = id.split('.');
    if (group !== undefined && group !== thing) items.push(separator);
    group = thing;
    items.push(commandItem(id, run));
  }
  return items;
}

function commandItem(id: CommandId, run: (command: CommandId) => void): Item {
  const { title, shortcut }: Command = commands[id];
  return {
    id,
    label: title,
    click: () => run(id),
    // The page hears the keys itself; on macOS, where a menu always hears them too, it keeps what it has taken.
    ...(shortcut === undefined ? {} : { accelerator: accelerator(shortcut), registerAccelerator: false }),
  };
}

export function menuTemplate(options: { readonly platform: NodeJS.Platform; readonly packaged: boolean; readonly run: (command: CommandId) => void }): Item[] {
  const { run } = options;
  const mac = options.platform === 'darwin';
  const development: Item[] = options.packaged ? [] : [separator, { role: 'reload' }, { role: 'toggleDevTools' }];
  const appMenu: Item = {
    role: 'appMenu',
    submenu: [
      { role: 'about' }, separator, { ...commandItem('go.settings', run), label: 'Settings…' }, separator, { role: 'services' }, separator,
      { role: 'hide' }, { role: 'hideOthers' }, { role: 'unhide' }, separator, { role: 'quit' },
    ],
  };
  const undo: readonly CommandId[] = ['edit.undo', 'edit.redo'];
  return [
    ...(mac ? [appMenu] : []),
    { label: '&File', submenu: [...itemsOf('file', run), separator, mac ? { role: 'close' } : { role: 'quit' }] },
    {
      label: '&Edit',
      submenu: [...undo.map((id) => commandItem(id, run)), separator, { role: 'cut' }, { role: 'copy' }, { role: 'paste' }, { role: 'selectAll' }, separator, ...itemsOf('edit', run, undo)],
    },
    {
      label: '&View',
      submenu: [...itemsOf('view', run), separator, { role: 'resetZoom' }, { role: 'zoomIn' }, { role: 'zoomOut' }, separator, { role: 'togglefullscreen' }, ...development],
    },
    { label: '&Go', submenu: itemsOf('go', run, mac ? ['go.settings'] : []) },
    { label: '&Run', submenu: itemsOf('run', run) },
    ...(mac ? [{ role: 'windowMenu' } satisfies Item] : []),
    { role: 'help', label: '&Help', submenu: [...itemsOf('help', run), ...(mac ? [] : [separator, { role: 'about' } satisfies Item])] },
  ];
}
