/** The one window, and the rules that hold for it and for any web contents that should ever come to be. */
import { app, BrowserWindow, nativeTheme, type Session, type WebContents } from 'electron';
import { APP_PAGE, navigationVerdict, permissionVerdict, requestVerdict, webviewVerdict, windowOpenVerdict, type Verdict } from './policies';

export type Log = (text: string) => void;

/** Background of light and dark before the page has painted; as in renderer/theme.css. */
const BACKGROUND = { light: '#ffffff', dark: '#18191b' } as const;

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

/** Opens the window; it shows itself when its page is painted. */
export function openWindow(preload: string, sandbox: boolean): BrowserWindow {
  const window = new BrowserWindow({
    width: 1280,
    height: 800,
    minWidth: 720,
    minHeight: 480,
    useContentSize: true,
    show: false,
    title: 'Reprise',
    backgroundColor: nativeTheme.shouldUseDarkColors ? BACKGROUND.dark : BACKGROUND.light,
    webPreferences: {
      preload,
      contextIsolation: true,
      sandbox,
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
  window.once('ready-to-show', () => window.show());
  void window.loadURL(APP_PAGE);
  return window;
}
