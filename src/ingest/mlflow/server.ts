/** The server that MLflow's clients speak to: on loopback, one token a workspace, no pages of other origins. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { Store } from '../../store/types';
import { admit, decoded, type Address } from './access';
import { deleteArtifact, getArtifact, listProxied, listProxiedRequest, putArtifact } from './artifacts';
import type { MlflowContext } from './context';
import { invalid, MlflowError, toMlflowError } from './errors';
import { notFound, routeOf } from './routes';
import { RUN_PAGE, RUN_PAGE_HEADERS } from './run-page';
import { Turns } from './turns';

export interface MlflowServerOptions {
  readonly store: Store;
  readonly token: string;
  /** Tried first; 0 for any. Where it is taken, any other is. */
  readonly port: number;
  /** What `/version` says. */
  readonly version: string;
  readonly onRun: (runId: string) => void;
  readonly onRuns: () => void;
}

export interface MlflowServer {
  readonly port: number;
  /** Ends what is under way within moments, then every connection. */
  close(): Promise<void>;
}

const ARTIFACTS = '/api/2.0/mlflow-artifacts/artifacts';
const HEADERS_MS = 10_000;
/** A connection on which nothing moves; longer than clients keep theirs, so that none is closed as it is used. */
const IDLE_MS = 120_000;
const CLOSE_MS = 2000;
/** So much of a body that nobody wants is read for so long, so that the answer arrives. */
const UNWANTED = 256 * 1024 * 1024;
const UNWANTED_MS = 30_000;

/** Of the newest client generation: it asks what a server can do. */
const SERVER_INFO = { store_type: 'SqlStore', workspaces_enabled: false, multipart_uploads_enabled: false, multipart_downloads_enabled: false };

/** @throws where no port of loopback can be had */
export async function startMlflowServer(options: MlflowServerOptions): Promise<MlflowServer> {
  const turns = new Turns();
  const underWay = new Set<Promise<void>>();
  const server = createServer({ headersTimeout: HEADERS_MS, requestTimeout: 0, keepAliveTimeout: IDLE_MS }, (request, response) => {
    const work = serve({ ...options, turns, port: (server.address() as AddressInfo).port }, request, response).finally(() => underWay.delete(work));
    underWay.add(work);
  });
  server.timeout = IDLE_MS;
  const port = await listen(server, options.port);
  return {
    port,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      await Promise.race([Promise.allSettled(underWay), new Promise((resolve) => setTimeout(resolve, CLOSE_MS))]);
      server.closeAllConnections();
      await closed;
    },
  };
}

async function listen(server: Server, preferred: number): Promise<number> {
  const attempt = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
        server.off('error', reject);
        resolve();
      });
    });
  try {
    await attempt(preferred);
  } catch (error) {
    if (preferred === 0) throw error;
    await attempt(0);
  }
  return (server.address() as AddressInfo).port;
}

type Serving = MlflowServerOptions & { readonly turns: Turns };

async function serve(serving: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    await answer(serving, request, response);
  } catch (error) {
    if (response.headersSent) {
      // Too late for words: the client sees that the answer is not whole.
      response.destroy();
      return;
    }
    const known = toMlflowError(error);
    if (await drained(request)) sendJson(response, known.status, known.body, known.status === 401 || known.status === 403);
    else response.destroy();
  }
}

async function answer(serving: Serving, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = 'GET' } = request;
  const address = admit(request, serving.port, serving.token);
  const { path, commandRun } = address;
  const context: MlflowContext = { store: serving.store, turns: serving.turns, commandRun, onRun: serving.onRun, onRuns: serving.onRuns };
  if (path === ARTIFACTS || path.startsWith(`${ARTIFACTS}/`)) {
    await answerArtifacts(context, address, request, response);
    return;
  }
  if (method === 'GET') {
    switch (path) {
      case '/health':
        return send(response, 'text/plain; charset=utf-8', 'OK');
      case '/version':
        return send(response, 'text/plain; charset=utf-8', serving.version);
      case '/api/3.0/mlflow/server-info':
        return sendJson(response, 200, SERVER_INFO);
      case '/':
        response.writeHead(200, { ...COMMON_HEADERS, ...RUN_PAGE_HEADERS, 'Content-Length': Buffer.byteLength(RUN_PAGE) }).end(RUN_PAGE);
        return;
    }
  }
  const { route, named } = routeOf(method, path);
  const input = method === 'GET' ? fromQuery(address.query) : await readJson(request, route.limit);
  sendJson(response, 200, await route.answer(context, { ...input, ...named }));
}

async function answerArtifacts(context: MlflowContext, { path, query }: Address, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const proxied = decoded(path.slice(ARTIFACTS.length + 1));
  switch (request.method) {
    case 'GET':
      if (proxied === '') return sendJson(response, 200, listProxied(context, listProxiedRequest.parse({ path: query.get('path') ?? '' })));
      return sendArtifact(context, proxied, response);
    case 'PUT':
      return sendJson(response, 200, await putArtifact(context, proxied, request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>));
    case 'DELETE':
      return sendJson(response, 200, await deleteArtifact(context, proxied));
    default:
      throw notFound(request.method ?? '', path);
  }
}

async function sendArtifact(context: MlflowContext, proxied: string, response: ServerResponse): Promise<void> {
  const { bytes, content } = getArtifact(context, proxied);
  // Only with the first bytes it is known whether there is anything to send.
  const first = await content.next();
  response.writeHead(200, { ...COMMON_HEADERS, 'Content-Type': 'application/octet-stream', 'Content-Disposition': 'attachment', 'Content-Length': bytes });
  if (first.done === true) {
    response.end();
    return;
  }
  await pipeline(async function* () {
    yield first.value;
    yield* content;
  }, response);
}

/** A name that comes more than once is a list. */
function fromQuery(query: URLSearchParams): Record<string, string | string[]> {
  return Object.fromEntries(
    [...new Set(query.keys())].map((name) => {
      const [first = '', ...others] = query.getAll(name);
      return [name, others.length === 0 ? first : [first, ...others]];
    }),
  );
}

/** @throws MlflowError INVALID_PARAMETER_VALUE where it is longer than `limit`, BAD_REQUEST where it is no JSON object */
async function readJson(request: IncomingMessage, limit: number): Promise<Record<string, unknown>> {
  const tooLong = (bytes: number | string): MlflowError => invalid(`API requests must be at most ${limit} bytes, got a request of size ${bytes}.`);
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limit) throw tooLong(announced);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > limit) throw tooLong(`${bytes} or more`);
    chunks.push(chunk);
  }
  if (bytes === 0) return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (error) {
    throw new MlflowError('BAD_REQUEST', `The body of the request is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new MlflowError('BAD_REQUEST', 'The body of the request is not a JSON object.');
  return parsed as Record<string, unknown>;
}

/** A client that is still sending does not read: takes in what it has, up to a limit, before it is answered. */
async function drained(request: IncomingMessage): Promise<boolean> {
  if (request.readableEnded || request.destroyed) return !request.destroyed || request.complete;
  const timer = setTimeout(() => request.destroy(), UNWANTED_MS);
  let bytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.byteLength;
      if (bytes > UNWANTED) return false;
    }
    return true;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

const COMMON_HEADERS = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' } as const;

function send(response: ServerResponse, type: string, body: string): void {
  response.writeHead(200, { ...COMMON_HEADERS, 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }).end(body);
}

function sendJson(response: ServerResponse, status: number, value: object, close = false): void {
  const body = JSON.stringify(value);
  response
    .writeHead(status, { ...COMMON_HEADERS, 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), ...(close ? { Connection: 'close' } : {}) })
    .end(body);
}
