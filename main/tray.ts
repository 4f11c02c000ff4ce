/** The icon that stands for the app while its window is closed and runs go on. */
import { Menu, nativeImage, Tray } from 'electron';
import { workSentence, type Work } from './work';

export interface TrayOptions {
  readonly icon: string;
  readonly open: () => void;
  readonly quit: () => void;
}

/** Pixels; what the systems' bars are made for. */
const ICON_SIZE = process.platform === 'linux' ? 22 : 16;

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
