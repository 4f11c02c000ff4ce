/** The way to a Docker Engine: a socket of this machine, TCP with certificates, or either of them behind SSH. */
import { existsSync, readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { Agent as SecureAgent } from 'node:https';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import Docker from 'dockerode';
import type { MachineOf, SshEndpoint } from '../../config/machine';
import { RepriseError } from '../../errors/errors';
import { dockerProblem } from './problems';

/** An open SSH connection, as far as it is used here. */
export interface Tunnel {
  /** A stream to a Unix socket, or to a port as seen from there. */
  open(to: { readonly socket: string } | { readonly host: string; readonly port: number }): Promise<Duplex>;
  close(): void;
}

export interface DockerOptions {
  /** Name of the machine; null for the engine of this machine. */
  readonly name: string | null;
  readonly machine: MachineOf<'docker'> | null;
  /** The programs that an image for trainings is made of. */
  readonly kit: () => Promise<{ readonly folder: string; /** Over its files. */ readonly hash: string }>;
  /** Opens SSH, with the host's key checked. */
  readonly tunnel: (endpoint: SshEndpoint) => Tunnel;
}

export interface Engine {
  readonly docker: Docker;
  /** For people. */
  readonly address: string;
  /** Whether it sees the files of this machine: its containers get folders by mounts then, else by copies. */
  readonly isHere: boolean;
  close(): void;
}

interface Certificates {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Each request asks whether anybody is there: an engine that is going down still answers where it is connected. */
const ANEW = { keepAlive: false } as const;
/** A request gives up where nobody answers the door. */
const CONNECT_MS = 10_000;

/** Where the engine of this machine listens, unless a person's own settings say otherwise. */
function usualAddress(): string {
  const { DOCKER_HOST: host, XDG_RUNTIME_DIR: runtime } = process.env;
  if (host !== undefined && host !== '') return host;
  if (process.platform === 'win32') return 'unix:////./pipe/docker_engine';
  const own = [join(process.env['HOME'] ?? '/', '.docker', 'run', 'docker.sock'), join(runtime ?? '/run/none', 'docker.sock')];
  return `unix://${['/var/run/docker.sock', ...own].find((socket) => existsSync(socket)) ?? '/var/run/docker.sock'}`;
}

/** Those that Docker's own variables name, for an address that they name. */
function usualCertificates(): MachineOf<'docker'>['tls'] {
  const { DOCKER_CERT_PATH: folder, DOCKER_TLS_VERIFY: verify } = process.env;
  if (folder === undefined || folder === '' || (verify ?? '') === '') return undefined;
  return { ca: join(folder, 'ca.pem'), cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
}

/** @throws RepriseError DOCKER_CERTIFICATES */
function readCertificates(tls: NonNullable<MachineOf<'docker'>['tls']>): Certificates {
  try {
    return { ca: readFileSync(tls.ca), cert: readFileSync(tls.cert), key: readFileSync(tls.key) };
  } catch (error) {
    throw new RepriseError('DOCKER_CERTIFICATES', `The certificates for Docker Engine cannot be read: ${error instanceof Error ? error.message : String(error)}.`, { hint: 'Correct `tls` of the machine: ca, cert and key are files of this machine.', cause: error });
  }
}

type Target = { readonly socket: string } | { readonly host: string; readonly port: number };

/** @throws RepriseError DOCKER_ADDRESS */
function targetOf(address: string): Target {
  if (address.startsWith('unix://')) return { socket: address.slice('unix://'.length) };
  const match = /^tcp:\/\/(?<host>\[[^\]]+\]|[^:/]+):(?<port>\d+)\/?$/u.exec(address);
  if (match?.groups === undefined) {
    throw new RepriseError('DOCKER_ADDRESS', `${address} is no address of a Docker Engine that is known here.`, { hint: 'It is unix:///PATH or tcp://HOST:PORT; one behind SSH is a machine with `ssh` (`reprise machine add`).' });
  }
  return { host: match.groups['host'] ?? '', port: Number(match.groups['port']) };
}

const isLoopback = (host: string): boolean => /^(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])$/u.test(host);

/** Each request has a stream of its own through the one connection. */
function tunnelAgent(tunnel: Tunnel, target: Target): Agent {
  const agent = new Agent(ANEW);
  const createConnection = (_options: unknown, done: (error: Error | null, stream?: Duplex) => void): void => {
    tunnel.open(target).then(
      (stream) => done(null, stream),
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
    );
  };
  return Object.assign(agent, { createConnection });
}

/**
 * Nothing is sent yet.
 * @throws RepriseError DOCKER_ADDRESS, DOCKER_CERTIFICATES, DOCKER_NOT_ENCRYPTED
 */
export function engineOf({ machine, tunnel: connect }: Pick<DockerOptions, 'machine' | 'tunnel'>): Engine {
  const address = machine?.host ?? usualAddress();
  const target = targetOf(address);
  const tls = machine === null ? usualCertificates() : machine.tls;
  // What the client would take from this process' variables is said here, so that they are asked in one place.
  const fixed = { host: undefined, port: undefined, ca: undefined, cert: undefined, key: undefined, sshOptions: undefined, connectionTimeout: CONNECT_MS };
  const client = (options: object): Docker => new Docker({ ...fixed, ...options } as Docker.DockerOptions);
  if (machine?.ssh !== undefined) {
    const tunnel = connect(machine.ssh);
    const docker = client({ protocol: 'http', host: 'docker', port: 80, agent: tunnelAgent(tunnel, target), connectionTimeout: undefined });
    return { docker, address: `${address} on ${machine.ssh.host}`, isHere: false, close: () => tunnel.close() };
  }
  if ('socket' in target) return { docker: client({ protocol: 'http', socketPath: target.socket, agent: new Agent(ANEW) }), address, isHere: true, close: () => undefined };
  if (tls === undefined && !isLoopback(target.host)) {
    throw new RepriseError('DOCKER_NOT_ENCRYPTED', `Docker Engine at ${address} would be spoken to without certificates: whoever is on the way could do everything there.`, { hint: 'Give the machine `tls`, or reach it through `ssh`.' });
  }
  const way = tls === undefined ? { protocol: 'http', agent: new Agent(ANEW) } : { protocol: 'https', agent: new SecureAgent(ANEW), ...readCertificates(tls) };
  const docker = client({ host: target.host, port: target.port, ...way });
  return { docker, address, isHere: false, close: () => undefined };
}

/** What an engine says of itself. */
export interface EngineFacts {
  /** Unique among engines. */
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** Its containers' root is the user who started the engine. */
  readonly isRootless: boolean;
  readonly isRemapped: boolean;
  /** Its clock less that of this machine, milliseconds. */
  readonly clockOffset: number;
}

/** @throws RepriseError DOCKER_UNREACHABLE, DOCKER_DENIED, DOCKER_NOT_LINUX */
export async function engineFacts({ docker, address }: Engine): Promise<EngineFacts> {
  const before = Date.now();
  const info = await docker.info().catch((error: unknown) => {
    throw dockerProblem(error, address, 'The engine did not tell of itself');
  }) as { ID: string; Name: string; ServerVersion: string; OSType: string; SecurityOptions?: string[]; SystemTime: string };
  if (info.OSType !== 'linux') throw new RepriseError('DOCKER_NOT_LINUX', `Docker Engine at ${address} runs containers of ${info.OSType}.`, { kind: 'system', hint: 'Switch Docker to Linux containers.' });
  const options = info.SecurityOptions ?? [];
  const has = (name: string): boolean => options.some((option) => option.startsWith(`name=${name}`));
  const after = Date.now();
  const offset = Date.parse(info.SystemTime) - (before + after) / 2;
  // What the answer's own time on the way can explain is no difference.
  const clockOffset = Math.abs(offset) <= (after - before) / 2 + 1 ? 0 : offset;
  return { id: info.ID, name: info.Name, version: info.ServerVersion, isRootless: has('rootless'), isRemapped: has('userns'), clockOffset };
}
