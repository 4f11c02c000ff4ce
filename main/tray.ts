/** The icon that stands for the app while its window is closed and runs go on. */
import { execFile } from 'node:child_process';
import { Menu, nativeImage, Tray } from 'electron';
import { workSentence, type Work } from './work';

export interface TrayOptions {
  readonly icon: string;
  readonly open: () => void;
  readonly quit: () => void;
}

const ASK_LIMIT_MS = 1000;
/** Pixels; what the systems' bars are made for. */
const ICON_SIZE = process.platform === 'linux' ? 22 : 16;

/** Whether the desktop shows such icons. On Linux one that does owns a name on the session bus; without a bus there is none. */
export function trayAvailable(environment: NodeJS.ProcessEnv = process.env, platform: NodeJS.Platform = process.platform): Promise<boolean> {
  if (platform !== 'linux') return Promise.resolve(true);
  // The program that asks would start a bus of its own where there is none.
  if ((environment['DBUS_SESSION_BUS_ADDRESS'] ?? '') === '') return Promise.resolve(false);
  const ask = ['--session', '--dest=org.freedesktop.DBus', '--print-reply', '/org/freedesktop/DBus', 'org.freedesktop.DBus.NameHasOwner', 'string:org.kde.StatusNotifierWatcher'];
  return new Promise((resolve) => {
    execFile('dbus-send', ask, { timeout: ASK_LIMIT_MS, env: environment }, (error, stdout) => resolve(error === null && /boolean true/u.test(stdout)));
  });
}

export class TrayIcon {
  private tray: Tray | null = null;
  private said = '';

  constructor(private readonly options: TrayOptions) {}

  get shown(): boolean {
    return this.tray !== null;
  }

  show(work: Work): void {
    if (this.tray === null) {
      this.tray = new Tray(nativeImage.createFromPath(this.options.icon).resize({ width: ICON_SIZE, height: ICON_SIZE }));
      this.tray.on('click', this.options.open);
    }
    this.update(work);
  }

  update(work: Work): void {
    const state = workSentence(work);
    if (this.tray === null || state === this.said) return;
    this.said = state;
    this.tray.setToolTip(`Reprise: ${state}`);
    // A menu that is there already does not change on every desktop: a new one does.
    this.tray.setContextMenu(
      Menu.buildFromTemplate([{ label: state, enabled: false }, { type: 'separator' }, { label: 'Open Reprise', click: this.options.open }, { label: 'Quit', click: this.options.quit }]),
    );
  }

  hide(): void {
    this.tray?.destroy();
    this.tray = null;
    this.said = '';
  }
}
