/** `app://`: the window's files, from out/renderer and nowhere else, and the crash page. */
import { randomBytes } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { protocol, type ProtocolRequest, type ProtocolResponse, type Session } from 'electron';
import { crashPageFiles } from './crash-page';
import { APP_SCHEME, contentSecurityPolicy, fileVerdict, isInside, RESPONSE_HEADERS, withNonce } from './policies';

/** Must be called before the app is ready. */
export function registerAppScheme(): void {
  protocol.registerSchemesAsPrivileged([{ scheme: APP_SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true } }]);
}

function answer(body: string | Buffer, mime: string, options: { readonly status?: number; readonly nonce?: string } = {}): ProtocolResponse {
  const headers = { ...RESPONSE_HEADERS, 'content-security-policy': contentSecurityPolicy(options.nonce ?? null), 'content-type': mime };
  return { statusCode: options.status ?? 200, headers, data: typeof body === 'string' ? Buffer.from(body) : body };
}

function refuse(status: number, reason: string): ProtocolResponse {
  return answer(reason, 'text/plain; charset=utf-8', { status });
}

async function respond(request: ProtocolRequest, root: string): Promise<ProtocolResponse> {
  const verdict = fileVerdict(request, root);
  if (!verdict.allowed) return refuse(verdict.status, verdict.reason);
  const body = (content: string | Buffer): typeof content => (request.method === 'HEAD' ? '' : content);
  const crashFile = crashPageFiles.get(verdict.path.slice(root.length + 1));
  if (crashFile !== undefined) return answer(body(crashFile), verdict.mime);
  try {
    if (!isInside(await realpath(verdict.path), await realpath(root))) return refuse(403, 'the address leaves the app');
    const content = await readFile(verdict.path);
    if (!verdict.mime.startsWith('text/html')) return answer(body(content), verdict.mime);
    const nonce = randomBytes(16).toString('base64');
    return answer(body(withNonce(content.toString('utf8'), nonce)), verdict.mime, { nonce });
  } catch {
    return refuse(404, 'no such file');
  }
}

/**
 * Serves the files below `root`. By a function that Electron deprecates: `protocol.handle` first loads Node's web classes, which
 * takes 33 ms of the main process while the page waits for its files (launch to rows 671 ms by this, 728 ms by that).
 */
export function serveApp(session: Session, root: string): void {
  session.protocol.registerBufferProtocol(APP_SCHEME, (request, callback) => void respond(request, root).then(callback));
}
