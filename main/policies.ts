/** What the window may do: pure functions that return a verdict, so that they are tested without Electron. */
import { extname, isAbsolute, join, normalize, relative, sep } from 'node:path';

export const APP_SCHEME = 'app';
const APP_HOST = 'reprise';
/** The one page of the app. */
export const APP_PAGE = `${APP_SCHEME}://${APP_HOST}/index.html`;

/** What the window shows where its page cannot live (crash-page.ts). */
export const CRASH_PAGE = `${APP_SCHEME}://${APP_HOST}/crash.html`;

/**
 * Sent with every file: the page loads scripts, styles and images of its own, and nothing else from anywhere.
 *
 * A `<style>` element that a library makes at run time needs the nonce of this load, which the page reads from
 * `<meta name="csp-nonce">`: Mantine takes it by `getStyleNonce`, CodeMirror by `EditorView.cspNonce`. plotly.js knows no
 * nonce, but makes none of its two elements where one of that id is there: before it is loaded, the page puts empty ones
 * with the nonce into its head, `plotly.js-style-global` (to which plotly.js then adds its rules) and the one for maps
 * (its id is a hash in plotly.js' text). What scripts set on an element's `style` is no matter of this policy; attributes
 * in markup are let in, since what they can load is held by the other directives.
 * `blob:` images are charts on their way into a picture file.
 * @param nonce base64, new for every load of a page; none for other files
 */
export function contentSecurityPolicy(nonce: string | null): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `style-src-elem 'self'${nonce === null ? '' : ` 'nonce-${nonce}'`}`,
    "style-src-attr 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "connect-src 'self'",
    "worker-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

const NONCE_META = /<meta name="csp-nonce" content="[^"]*"\s*\/?>/u;

/** A page with this load's nonce where its scripts find it. */
export function withNonce(html: string, nonce: string): string {
  const meta = `<meta name="csp-nonce" content="${nonce}" />`;
  return NONCE_META.test(html) ? html.replace(NONCE_META, meta) : html.replace('<head>', `<head>${meta}`);
}

/**
 * Sent with every file. No `cross-origin-opener-policy`: no page can open ours or be opened by it, so that header would part the
 * window from nobody, and for it Chromium starts a second process for the page when the first is there already.
 */
export const RESPONSE_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

export type Verdict = { readonly allowed: true } | { readonly allowed: false; readonly reason: string };

const allowed: Verdict = { allowed: true };
const refused = (reason: string): Verdict => ({ allowed: false, reason });

function parseUrl(url: string): URL | null {
  try {
    return new URL(url);
  } catch {
    return null;
  }
}

function isAppUrl(url: URL): boolean {
  return url.protocol === `${APP_SCHEME}:` && url.host === APP_HOST && url.username === '' && url.password === '' && url.port === '';
}

const MIME_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
};

export type FileVerdict = { readonly allowed: true; readonly path: string; readonly mime: string } | { readonly allowed: false; readonly status: 400 | 403 | 404 | 405; readonly reason: string };

/** Which file below `root` (absolute) answers a request to `app://`. The caller still has to see through symbolic links. */
export function fileVerdict(request: { readonly method: string; readonly url: string }, root: string): FileVerdict {
  if (request.method !== 'GET' && request.method !== 'HEAD') return { allowed: false, status: 405, reason: `method ${request.method}` };
  const url = parseUrl(request.url);
  if (url === null || !isAppUrl(url)) return { allowed: false, status: 403, reason: 'not a page of this app' };
  let name: string;
  try {
    name = decodeURIComponent(url.pathname);
  } catch {
    return { allowed: false, status: 400, reason: 'the address is not valid UTF-8' };
  }
  if (name.includes('\0') || name.includes('\\')) return { allowed: false, status: 400, reason: 'the address holds a forbidden character' };
  // Only a decoded %2e%2e%2f gets this far: the parser has resolved the plain ones within the host.
  if (name.split('/').includes('..')) return { allowed: false, status: 403, reason: 'the address leaves the app' };
  const path = normalize(join(root, name));
  if (!isInside(path, root)) return { allowed: false, status: 403, reason: 'the address leaves the app' };
  const mime = MIME_TYPES[extname(path).toLowerCase()];
  if (mime === undefined) return { allowed: false, status: 404, reason: 'no such kind of file' };
  return { allowed: true, path, mime };
}

/** Whether `path` lies below `folder`; both absolute and normalised. */
export function isInside(path: string, folder: string): boolean {
  const base = folder.endsWith(sep) ? folder : folder + sep;
  return path.startsWith(base) && path.length > base.length;
}

/** The window stays on its page; a fragment may change. */
export function navigationVerdict(target: string): Verdict {
  const url = parseUrl(target);
  if (url !== null && isAppUrl(url) && url.pathname === '/index.html' && url.search === '') return allowed;
  return refused(`navigation to ${target}`);
}

/** Nothing is loaded but the app's own files; the developer tools of an unpackaged app load theirs. */
export function requestVerdict(target: string, options: { readonly devTools: boolean }): Verdict {
  const url = parseUrl(target);
  if (url === null) return refused('a request without an address');
  // What a data: or blob: URL holds reaches no network; the content security policy lets images use them.
  if (isAppUrl(url) || url.protocol === 'data:' || url.href.startsWith(`blob:${APP_SCHEME}://${APP_HOST}/`) || (options.devTools && url.protocol === 'devtools:')) return allowed;
  return refused(`request to ${target.slice(0, 200)}`);
}

export function windowOpenVerdict(target: string): Verdict {
  return refused(`a window for ${target}`);
}

export function permissionVerdict(permission: string): Verdict {
  return refused(`permission ${permission}`);
}

export function webviewVerdict(): Verdict {
  return refused('a webview');
}

export interface Sender {
  /** Id of the web contents that sent the message. */
  readonly contentsId: number;
  /** Address of the frame that sent it; null when the frame is gone. */
  readonly frameUrl: string | null;
  readonly isMainFrame: boolean;
}

/** Only the main frame of our one window, on our page, may talk to the main process; the crash page where `crashPage` says so. */
export function senderVerdict(sender: Sender, windowContentsId: number | null, crashPage = false): Verdict {
  if (windowContentsId === null || sender.contentsId !== windowContentsId) return refused('the message comes from another window');
  if (!sender.isMainFrame) return refused('the message comes from a frame inside the page');
  const onOurPage = sender.frameUrl !== null && (navigationVerdict(sender.frameUrl).allowed || (crashPage && sender.frameUrl === CRASH_PAGE));
  if (!onOurPage) return refused('the message comes from another page');
  return allowed;
}

/** Chromium's sandbox cannot run as root (containers, CI). */
export function sandboxVerdict(uid: number | undefined): Verdict {
  return uid === 0 ? refused('the user is root') : allowed;
}

/** A store inside the workspace: the workspace itself, or one that was made apart to re-execute a bundle. */
const STORE_PATH = '((?:apart/[^/]+/)?)';
const RUN_FOLDER = new RegExp(`^${STORE_PATH}runs/[^/]+$`, 'u');
const DATA_FILE = new RegExp(`^${STORE_PATH}objects/[0-9a-f]{2}/[0-9a-f]{64}$`, 'u');

/** Whether a worker may be started: in a run's folder of this workspace, on an object of the same store. Paths only; links are the caller's. */
export function workerVerdict(request: { readonly runFolder: string; readonly dataFile: string | null }, workspace: string): Verdict {
  const below = (path: string): string | null => (isAbsolute(path) && normalize(path) === path && isInside(path, workspace) ? relative(workspace, path).split(sep).join('/') : null);
  const runFolder = RUN_FOLDER.exec(below(request.runFolder) ?? '');
  if (runFolder === null) return refused(`${request.runFolder} is no run folder of the workspace`);
  // A command brings its own program, which its config names: only a training has prepared data.
  if (request.dataFile === null) return allowed;
  const dataFile = DATA_FILE.exec(below(request.dataFile) ?? '');
  if (dataFile === null || dataFile[1] !== runFolder[1]) return refused(`${request.dataFile} is no data file of the workspace`);
  return allowed;
}
