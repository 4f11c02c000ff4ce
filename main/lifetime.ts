/** When the app ends: never over work that goes on without asking, and never for long without anybody seeing it. */
import { app, dialog, type BrowserWindow, type MessageBoxOptions } from 'electron';
import type { TrayIcon } from './tray';
import { trayAvailable } from './tray-host';
import { isBusy, quitSentence, workSentence, type Work } from './work';

export interface LifetimeOptions {
  readonly window: () => BrowserWindow | null;
  readonly work: () => Work;
  readonly tray: TrayIcon;
  /** Ends the engine; its runs go on at the next start. */
  readonly stop: () => Promise<void>;
}

const QUIT = 0;
const KEEP = 1;
const CANCEL = 2;

export class Lifetime {
  /** Asked and answered, or nobody is there to answer. */
  private mayQuit = false;
  private stopping = false;
  private stopped = false;
  private asking = false;
  /** Whether work goes on while there is no window. */
  private inBackground = false;
  /** Whether a person agreed to that where no icon would show it. */
  private agreed = false;

  constructor(private readonly options: LifetimeOptions) {}

  /** Must be called once, when the app is ready. */
  watch(): void {
    app.on('before-quit', (event) => {
      if (this.stopped) return;
      event.preventDefault();
      if (this.stopping) return;
      if (this.mayQuit || !isBusy(this.options.work())) this.stop();
      else void this.askToQuit();
    });
    app.on('window-all-closed', () => {
      if (process.platform !== 'darwin' && !this.inBackground) app.quit();
    });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => this.quitUnasked());
  }

  /** Watches a window's closing: where work goes on, the app lives on without it. */
  watchWindow(window: BrowserWindow): void {
    window.on('close', (event) => {
      if (this.stopping || this.mayQuit || this.inBackground || process.platform === 'darwin' || !isBusy(this.options.work())) return;
      event.preventDefault();
      void this.closeToBackground();
    });
    // Windows ends the session with or without an answer.
    window.on('session-end', () => this.quitUnasked());
    this.inBackground = false;
    this.options.tray.hide();
  }

  /** Work changed. Where no icon shows the app, it does not stay once there is nothing left to do. */
  workChanged(work: Work): void {
    this.options.tray.update(work);
    if (this.inBackground && !this.options.tray.shown && process.platform !== 'darwin' && !isBusy(work)) app.quit();
  }

  private quitUnasked(): void {
    this.mayQuit = true;
    app.quit();
  }

  private stop(): void {
    this.stopping = true;
    this.options.tray.hide();
    void this.options.stop().finally(() => {
      this.stopped = true;
      app.quit();
    });
  }

  private async closeToBackground(): Promise<void> {
    const withTray = await trayAvailable();
    if (!withTray && !this.agreed) {
      await this.askToQuit();
      return;
    }
    this.goToBackground(withTray);
  }

  private goToBackground(withTray: boolean): void {
    this.inBackground = true;
    if (withTray) this.options.tray.show(this.options.work());
    this.options.window()?.close();
  }

  private async askToQuit(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    try {
      const work = this.options.work();
      const withTray = await trayAvailable();
      const hint = process.platform === 'darwin' || withTray ? '' : ' In the background nothing shows that Reprise runs; start it again to see its window.';
      const question: MessageBoxOptions = {
        type: 'question',
        title: 'Quit Reprise?',
        message: workSentence(work),
        detail: `${quitSentence(work)}${hint}`,
        buttons: ['Quit', 'Keep running in background', 'Cancel'],
        defaultId: KEEP,
        cancelId: CANCEL,
        noLink: true,
      };
      const window = this.options.window();
      const { response } = await (window === null ? dialog.showMessageBox(question) : dialog.showMessageBox(window, question));
      if (response === QUIT) this.quitUnasked();
      else if (response === KEEP) {
        this.agreed = true;
        this.goToBackground(withTray);
      }
    } finally {
      this.asking = false;
    }
  }
}
