/** MLflow beside us, for the same work on the same machine in the same run. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { projectRoot } from '../helpers/cli';

/** The Python that has MLflow; null where it could not be had. */
export const peerPython = process.env['REPRISE_PYTHON_PEERS'] ?? null;

/** Runs a command of `mlflow_peer.py`. */
export async function askPeer<T>(...args: readonly (string | number)[]): Promise<T> {
  if (peerPython === null) throw new Error('there is no MLflow to measure beside');
  const { stdout } = await promisify(execFile)(peerPython, [join(projectRoot, 'test', 'bench', 'mlflow_peer.py'), ...args.map(String)], { maxBuffer: 1 << 26 });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? 'null') as T;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

export interface PeerServer {
  readonly uri: string;
  stop(): Promise<void>;
}

/** A server that does nothing: what a client takes to speak to it is the client's own. */
export async function startIdle(): Promise<PeerServer> {
  // Enough for a client to believe that there is a run.
  const answer = JSON.stringify({ run: { info: { run_id: 'none' }, data: {} } });
  const server = createHttpServer((request, response) => {
    request.resume().once('end', () => response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(answer) }).end(answer));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    uri: `http://127.0.0.1:${port}`,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** MLflow's server over a SQLite file, answering. */
export async function startPeer(file: string): Promise<PeerServer> {
  if (peerPython === null) throw new Error('there is no MLflow to measure beside');
  const port = await freePort();
  const server = spawn(peerPython, ['-m', 'mlflow', 'server', '--backend-store-uri', `sqlite:///${file}`, '--default-artifact-root', `${file}.artifacts`, '--host', '127.0.0.1', '--port', String(port), '--workers', '1'], {
    stdio: 'ignore',
    detached: true,
  });
  const ended = once(server, 'exit');
  const uri = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    if (server.exitCode === null && server.pid !== undefined) process.kill(-server.pid, 'SIGKILL');
    await ended;
  };
  const limit = Date.now() + 120_000;
  for (;;) {
    const healthy = await fetch(`${uri}/health`).then((answer) => answer.ok, () => false);
    if (healthy) return { uri, stop };
    if (Date.now() > limit || server.exitCode !== null) {
      await stop();
      throw new Error('the server of MLflow did not start');
    }
    await sleep(100);
  }
}
