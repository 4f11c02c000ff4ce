/** The application's native menu. */
import { app, Menu } from 'electron';
import { commandIds, type CommandId } from '../src/api/commands';
import { menuTemplate } from './menu-template';

export function setMenu(run: (command: CommandId) => void): void {
  Menu.setApplicationMenu(Menu.buildFromTemplate(menuTemplate({ platform: process.platform, packaged: app.isPackaged, run })));
}

/** Greys the commands that cannot be used now. */
export function enableCommands(usable: readonly CommandId[]): void {
  const menu = Menu.getApplicationMenu();
  for (const id of commandIds) {
    const item = menu?.getMenuItemById(id);
    if (item !== null && item !== undefined) item.enabled = usable.includes(id);
  }
}
