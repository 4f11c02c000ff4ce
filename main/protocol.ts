/** `app://`: the window's files, from out/renderer and nowhere else. */
import { readFile, realpath } from 'node:fs/promises';
import { protocol, type Session } from 'electron';
import { APP_SCHEME, fileVerdict, isInside, RESPONSE_HEADERS } from './policies';

/** Must be called before the app is ready. */
export function registerAppScheme(): void {
  protocol.registerSchemesAsPrivileged([{ scheme: APP_SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true } }]);
}

function refuse(status: number, reason: string): Response {
  return new Response(reason, { status, headers: { ...RESPONSE_HEADERS, 'content-type': 'text/plain; charset=utf-8' } });
}

/** Serves the files below `root`. */
export function serveApp(session: Session, root: string): void {
  session.protocol.handle(APP_SCHEME, async (request) => {
    const verdict = fileVerdict(request, root);
    if (!verdict.allowed) return refuse(verdict.status, verdict.reason);
    try {
      if (!isInside(await realpath(verdict.path), await realpath(root))) return refuse(403, 'the address leaves the app');
      const body = await readFile(verdict.path);
      return new Response(request.method === 'HEAD' ? null : new Uint8Array(body), { headers: { ...RESPONSE_HEADERS, 'content-type': verdict.mime } });
    } catch {
      return refuse(404, 'no such file');
    }
  });
}
