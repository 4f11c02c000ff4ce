/** Real servers of OpenSSH on loopback: keys and a port of their own, in a temporary folder; they change nothing of this machine's. */
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { SshEndpoint } from '../../../src/config/machine';

const execute = promisify(execFile);

const SSHD = ['/usr/sbin/sshd', '/usr/bin/sshd', '/sbin/sshd'].find((file) => existsSync(file)) ?? null;
/** Makes programs see another time, where it is installed. */
export const FAKETIME = ['x86_64', 'aarch64'].map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`).find((file) => existsSync(file)) ?? null;

/** Why no server can be had here, or null. */
export const noSshd: string | null = process.platform === 'win32' || SSHD === null ? 'this machine lacks sshd (Debian: apt-get install openssh-server)' : null;

export interface SshdOptions {
  /** Variables of every session. */
  readonly env?: Readonly<Record<string, string>>;
  /** A private key that opens it, besides making one of its own. */
  readonly identityFile?: string;
}

export class Sshd {
  readonly port: number;
  /** Everything it logs. */
  readonly log: string;
  /** The private key that opens it. */
  readonly identityFile: string;
  readonly #folder: string;
  #hostKey: string;
  #daemon: ChildProcess | null = null;
  /** Sessions of a daemon that is gone. */
  readonly #orphans: number[] = [];

  private constructor(folder: string, port: number, identityFile: string) {
    this.#folder = folder;
    this.port = port;
    this.log = join(folder, 'log');
    this.identityFile = identityFile;
    this.#hostKey = this.#makeHostKey();
  }

  static async start({ env = {}, identityFile }: SshdOptions = {}): Promise<Sshd> {
    const folder = mkdtempSync(join(tmpdir(), 'reprise-sshd-'));
    // sshd looks at who may write what it reads.
    mkdirSync(join(folder, 'home'), { mode: 0o700 });
    const key = identityFile ?? join(folder, 'id_ed25519');
    if (identityFile === undefined) makeKey(key, '');
    const sshd = new Sshd(folder, await freePort(), key);
    writeFileSync(join(folder, 'authorized_keys'), readFileSync(`${key}.pub`), { mode: 0o600 });
    const setEnv = Object.entries(env).map(([name, value]) => `"${name}=${value}"`);
    writeFileSync(
      join(folder, 'sshd_config'),
      [
        `Port ${sshd.port}`,
        'ListenAddress 127.0.0.1',
        `HostKey ${join(folder, 'host_key')}`,
        `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
        `PidFile ${join(folder, 'pid')}`,
        'StrictModes no',
        'UsePAM no',
        'PasswordAuthentication no',
        'KbdInteractiveAuthentication no',
        'PermitRootLogin prohibit-password',
        'MaxStartups 100',
        'LogLevel VERBOSE',
        ...(setEnv.length > 0 ? [`SetEnv ${setEnv.join(' ')}`] : []),
        '',
      ].join('\n'),
    );
    // Where it is started as root, it wants its empty folder.
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    await sshd.up();
    return sshd;
  }

  /** `TYPE BASE64` */
  get hostKey(): string {
    return this.#hostKey;
  }

  endpoint(more: Partial<SshEndpoint> = {}): SshEndpoint {
    return { host: '127.0.0.1', port: this.port, user: userInfo().username, identityFile: this.identityFile, hostKey: this.#hostKey, jump: [], ...more };
  }

  async up(): Promise<void> {
    if (this.#daemon !== null) return;
    this.#daemon = spawn(SSHD ?? 'sshd', ['-D', '-E', this.log, '-f', join(this.#folder, 'sshd_config')], { stdio: 'ignore' });
    for (const until = Date.now() + 10_000; ; await sleep(20)) {
      if (await listens(this.port)) return;
      if (this.#daemon.exitCode !== null || Date.now() > until) throw new Error(`sshd does not come up:\n${readFileSync(this.log, 'utf8')}`);
    }
  }

  /** Stops listening; sessions go on. */
  async down(): Promise<void> {
    const daemon = this.#daemon;
    this.#orphans.push(...this.#sessions());
    this.#daemon = null;
    if (daemon === null || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const exit = once(daemon, 'exit');
    daemon.kill('SIGTERM');
    await exit;
  }

  /** Cuts all connections, without a word to what was started through them. */
  cut(): void {
    for (const pid of [...this.#sessions(), ...this.#orphans.splice(0)]) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has just ended by itself.
      }
    }
  }

  /** Another host takes its place. */
  async replaceHostKey(): Promise<void> {
    await this.down();
    for (const name of ['host_key', 'host_key.pub']) rmSync(join(this.#folder, name));
    const pinned = this.#hostKey;
    this.#makeHostKey();
    this.#hostKey = pinned;
    await this.up();
  }

  async stop(): Promise<void> {
    this.cut();
    await this.down();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #makeHostKey(): string {
    const file = join(this.#folder, 'host_key');
    makeKey(file, '');
    const [type = '', base64 = ''] = readFileSync(`${file}.pub`, 'utf8').split(' ');
    return `${type} ${base64}`;
  }

  /** Processes of sshd that serve a connection: descendants of the daemon that are sshd themselves. */
  #sessions(): number[] {
    const parents = new Map<number, number>();
    for (const name of readdirSync('/proc').filter((entry) => /^\d+$/u.test(entry))) {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        if (stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')).startsWith('sshd')) parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
      } catch {
        // Gone while it was looked at.
      }
    }
    const daemon = this.#daemon?.pid ?? -1;
    const below = (pid: number): boolean => parents.get(pid) === daemon || (parents.has(parents.get(pid) ?? -1) && below(parents.get(pid)!));
    return [...parents.keys()].filter(below);
  }
}

/** A key pair, `file` and `file.pub`. @param passphrase empty for none */
export function makeKey(file: string, passphrase: string): void {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-C', 'reprise-test', '-f', file]);
}

/** An agent of its own. */
export async function startAgent(folder: string): Promise<{ readonly socket: string; add(file: string): Promise<void>; stop(): void }> {
  const socket = join(folder, 'agent');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  for (const until = Date.now() + 5000; !existsSync(socket) && Date.now() < until; ) await sleep(20);
  return { socket, add: async (file) => void (await execute('ssh-add', ['-q', file], { env: { ...process.env, SSH_AUTH_SOCK: socket } })), stop: () => void agent.kill() };
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    return await new Promise((resolve) => socket.once('connect', () => resolve(true)).once('error', () => resolve(false)));
  } finally {
    socket.destroy();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
