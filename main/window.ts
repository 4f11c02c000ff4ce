/** The one window, and the rules that hold for it and for any web contents that should ever come to be. */
import { app, BrowserWindow, nativeTheme, screen, type Session, type WebContents } from 'electron';
import { APP_PAGE, CRASH_PAGE, navigationVerdict, permissionVerdict, requestVerdict, webviewVerdict, windowOpenVerdict, type Verdict } from './policies';
import { restartDecision } from './restart-policy';
import { MIN_SIZE, placement, ZOOM_LEVELS, type WindowState } from './window-state';

export type Log = (text: string) => void;

/** Background of light and dark before the page has painted; as in renderer/theme.css. */
const BACKGROUND = { light: '#ffffff', dark: '#18191b' } as const;

/** Chromium's code for a load that another load replaced. */
const ABORTED = -3;

/** How long after its load a page may take for its first picture. */
const REVEAL_LIMIT_MS = 1000;

/** Denies what the page never needs: permissions, devices, downloads, the network. */
export function guardSession(session: Session, log: Log): void {
  session.setPermissionRequestHandler((_contents, permission, callback) => callback(permissionVerdict(permission).allowed));
  session.setPermissionCheckHandler((_contents, permission) => permissionVerdict(permission).allowed);
  session.setDevicePermissionHandler((details) => permissionVerdict(details.deviceType).allowed);
  session.setDisplayMediaRequestHandler((_request, callback) => callback({}));
  session.on('will-download', (event) => event.preventDefault());
  session.webRequest.onBeforeRequest((details, callback) => {
    const verdict = requestVerdict(details.url, { devTools: !app.isPackaged });
    if (!verdict.allowed) log(`Refused: ${verdict.reason}`);
    callback({ cancel: !verdict.allowed });
  });
}

/** Holds for every web contents of the app, whoever makes it. */
export function guardContents(contents: WebContents, log: Log): void {
  const enforce = (event: { preventDefault(): void }, verdict: Verdict): void => {
    if (verdict.allowed) return;
    log(`Refused: ${verdict.reason}`);
    event.preventDefault();
  };
  contents.on('will-navigate', (event) => enforce(event, navigationVerdict(event.url)));
  contents.on('will-frame-navigate', (event) => enforce(event, navigationVerdict(event.url)));
  contents.on('will-redirect', (event) => enforce(event, navigationVerdict(event.url)));
  contents.on('will-attach-webview', (event) => enforce(event, webviewVerdict()));
  contents.setWindowOpenHandler(({ url }) => {
    const verdict = windowOpenVerdict(url);
    if (!verdict.allowed) log(`Refused: ${verdict.reason}`);
    return { action: 'deny' };
  });
}

export interface WindowOptions {
  readonly preload: string;
  readonly sandbox: boolean;
  readonly log: Log;
  /** Where it was, as `window-state.ts` reads it. */
  readonly state: WindowState;
  /** Told just before it closes. */
  readonly onState: (state: WindowState) => void;
}

/** Opens the window where it was; it shows itself when its page is painted. */
export function openWindow(options: WindowOptions): BrowserWindow {
  const { state } = options;
  const bounds = placement(state.bounds, screen.getAllDisplays().map((display) => display.workArea));
  const window = new BrowserWindow({
    ...(bounds ?? { width: 1280, height: 800, useContentSize: true }),
    minWidth: MIN_SIZE.width,
    minHeight: MIN_SIZE.height,
    show: false,
    title: 'Reprise',
    backgroundColor: nativeTheme.shouldUseDarkColors ? BACKGROUND.dark : BACKGROUND.light,
    webPreferences: {
      preload: options.preload,
      contextIsolation: true,
      sandbox: options.sandbox,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      webviewTag: false,
      navigateOnDragDrop: false,
      spellcheck: false,
      devTools: !app.isPackaged,
    },
  });
  const reveal = (): void => {
    if (window.isDestroyed() || window.isVisible()) return;
    if (state.maximized) window.maximize();
    else window.show();
  };
  window.once('ready-to-show', reveal);
  // A page that died before its first picture brings no such event.
  window.webContents.once('did-stop-loading', () => setTimeout(reveal, REVEAL_LIMIT_MS));
  keepZoom(window.webContents, state.zoomLevel);
  window.on('close', () => {
    options.onState({ bounds: window.getNormalBounds(), maximized: window.isMaximized(), zoomLevel: inRange(window.webContents.getZoomLevel()) });
  });
  keepPageAlive(window, options.log);
  void window.loadURL(APP_PAGE).catch(() => {
    // `did-fail-load` has told.
  });
  return window;
}

const inRange = (level: number): number => Math.min(ZOOM_LEVELS.max, Math.max(ZOOM_LEVELS.min, level));

/** A page loads at zoom 0; menu and wheel change it from there. */
function keepZoom(contents: WebContents, first: number): void {
  let level = first;
  contents.on('did-start-navigation', (event) => {
    if (event.isMainFrame && !event.isSameDocument && contents.getURL() !== '') level = contents.getZoomLevel();
  });
  contents.on('dom-ready', () => contents.setZoomLevel(inRange(level)));
  contents.on('zoom-changed', (_event, direction) => contents.setZoomLevel(inRange(contents.getZoomLevel() + (direction === 'in' ? 0.5 : -0.5))));
}

/** Brings back a page whose process died; one that cannot live, or does not load, gives way to the crash page. */
function keepPageAlive(window: BrowserWindow, log: Log): void {
  const { webContents } = window;
  const crashes: number[] = [];
  let gaveWay = false;
  const giveWay = (reason: string): void => {
    // What breaks the crash page too (a preload that fails) would bring it again and again.
    if (gaveWay) return log(`The crash page cannot live either: ${reason}.`);
    gaveWay = true;
    log(`The window shows the crash page: ${reason}.`);
    if (!window.isDestroyed()) void webContents.loadURL(CRASH_PAGE).catch((error: unknown) => log(`The crash page did not load: ${String(error)}`));
  };
  webContents.on('did-start-navigation', (event) => {
    if (event.isMainFrame && event.url !== CRASH_PAGE) gaveWay = false;
  });
  webContents.on('render-process-gone', (_event, details) => {
    log(`The window's process ended (${details.reason}).`);
    if (details.reason === 'clean-exit') return;
    crashes.push(Date.now());
    if (restartDecision(crashes, Date.now()).restart) webContents.reload();
    else giveWay('its page died again and again');
  });
  webContents.on('did-fail-load', (_event, code, description, url, isMainFrame) => {
    if (isMainFrame && code !== ABORTED && url !== CRASH_PAGE) giveWay(`its page did not load (${description})`);
  });
  webContents.on('did-navigate', (_event, url, status) => {
    if (status >= 400 && url !== CRASH_PAGE) giveWay(`its page was answered with ${status}`);
  });
  webContents.on('preload-error', (_event, _path, error) => giveWay(`its preload failed (${error.message})`));
}
