/** `app://`: the window's files, from out/renderer and nowhere else, and the crash page. */
import { randomBytes } from 'node:crypto';
import { readFile, realpath } from 'node:fs/promises';
import { protocol, type Session } from 'electron';
import { crashPageFiles } from './crash-page';
import { APP_SCHEME, contentSecurityPolicy, fileVerdict, isInside, RESPONSE_HEADERS, withNonce } from './policies';

// Node loads its web classes when the first of them is named: better now, while Chromium gets ready, than with the page.
const { Response } = globalThis;

/** Must be called before the app is ready. */
export function registerAppScheme(): void {
  protocol.registerSchemesAsPrivileged([{ scheme: APP_SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true } }]);
}

function answer(body: string | Uint8Array<ArrayBuffer> | null, mime: string, options: { readonly status?: number; readonly nonce?: string } = {}): Response {
  const headers = { ...RESPONSE_HEADERS, 'content-security-policy': contentSecurityPolicy(options.nonce ?? null), 'content-type': mime };
  return new Response(body, { status: options.status ?? 200, headers });
}

function refuse(status: number, reason: string): Response {
  return answer(reason, 'text/plain; charset=utf-8', { status });
}

/** Serves the files below `root`. */
export function serveApp(session: Session, root: string): void {
  session.protocol.handle(APP_SCHEME, async (request) => {
    const verdict = fileVerdict(request, root);
    if (!verdict.allowed) return refuse(verdict.status, verdict.reason);
    const body = (content: string | Uint8Array<ArrayBuffer>): typeof content | null => (request.method === 'HEAD' ? null : content);
    const crashFile = crashPageFiles.get(verdict.path.slice(root.length + 1));
    if (crashFile !== undefined) return answer(body(crashFile), verdict.mime);
    try {
      if (!isInside(await realpath(verdict.path), await realpath(root))) return refuse(403, 'the address leaves the app');
      const content = await readFile(verdict.path);
      if (!verdict.mime.startsWith('text/html')) return answer(body(new Uint8Array(content)), verdict.mime);
      const nonce = randomBytes(16).toString('base64');
      return answer(body(withNonce(content.toString('utf8'), nonce)), verdict.mime, { nonce });
    } catch {
      return refuse(404, 'no such file');
    }
  });
}
