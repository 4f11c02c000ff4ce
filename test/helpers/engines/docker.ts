/** A real Docker Engine in a temporary folder, with a socket of its own; images of a few files, and a registry on loopback. */
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chmodSync, constants, copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Debian keeps daemons where ordinary users do not look. */
const PATH = [process.env['PATH'] ?? '', '/usr/sbin', '/sbin'].join(delimiter);
const PROGRAMS = ['dockerd', 'docker', 'containerd', 'runc', 'docker-registry', 'busybox', 'openssl'];
const START_MS = 30_000;

function pathOf(program: string): string | null {
  for (const folder of PATH.split(delimiter)) {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return join(folder, program);
    } catch {
      // Not here.
    }
  }
  return null;
}

/** Why no engine can be had here, or null. */
export const noDocker: string | null = ((): string | null => {
  if (process.platform !== 'linux') return 'an engine of its own can be started on Linux alone';
  if (process.getuid?.() !== 0) return 'an engine of its own can be started by root alone';
  const missing = PROGRAMS.filter((program) => pathOf(program) === null);
  return missing.length === 0 ? null : `this machine lacks ${missing.join(', ')} (Debian: apt-get install docker.io docker-registry busybox-static openssl)`;
})();

/** Programs of busybox that the shell scripts of tests use. */
const APPLETS = ['sh', 'ash', 'cat', 'chown', 'cp', 'dd', 'echo', 'env', 'false', 'head', 'id', 'ip', 'ls', 'mkdir', 'mv', 'printf', 'pwd', 'rm', 'seq', 'sleep', 'sort', 'stat', 'tail', 'test', 'touch', 'tr', 'true', 'wc', 'yes'];

export interface ContentOptions {
  /** Texts by their path in the image. */
  readonly files?: Readonly<Record<string, string>>;
  /** Programs of this machine that are in it, with the libraries that they need. */
  readonly programs?: readonly string[];
  /** Those whose libraries alone are in it, as in any image with a C++ runtime. */
  readonly librariesFor?: readonly string[];
  /** Folders of this machine that are in it, without what a program needs for its tests and documents alone. */
  readonly folders?: readonly string[];
}

/** Parts of Python's library that no script of a test imports, and what is made anew. */
const LEFT_OUT = /(?:^|\/)(?:__pycache__|test|tests|idlelib|tkinter|ensurepip|lib2to3|site-packages|dist-packages|config-[^/]*)$/u;

export class DockerEngine {
  readonly socket: string;
  readonly #folder: string;
  #daemon: ChildProcess | null = null;
  #registry: ChildProcess | null = null;
  readonly #before = process.env['DOCKER_HOST'];
  #options: readonly string[];

  private constructor(folder: string, options: readonly string[]) {
    this.#folder = folder;
    this.#options = options;
    this.socket = join(folder, 'docker.sock');
  }

  /** What this process does with Docker from now on is done there. @param options further ones of dockerd */
  static async start(...options: readonly string[]): Promise<DockerEngine> {
    const engine = new DockerEngine(mkdtempSync(join(tmpdir(), 'reprise-docker-')), options);
    process.env['DOCKER_HOST'] = `unix://${engine.socket}`;
    try {
      await engine.startDaemon();
      return engine;
    } catch (error) {
      await engine.stop();
      throw error;
    }
  }

  async startDaemon(): Promise<void> {
    const inFolder = (name: string): string => join(this.#folder, name);
    const log = inFolder('dockerd.log');
    const args = ['--iptables=false', '--bridge=none', '--storage-driver=vfs', '--insecure-registry=127.0.0.0/8', '--shutdown-timeout=2', `--host=unix://${this.socket}`, `--pidfile=${inFolder('docker.pid')}`, `--data-root=${inFolder('data')}`, `--exec-root=${inFolder('exec')}`];
    const daemon = spawn('sh', ['-c', 'exec dockerd "$@" >>"$0" 2>&1', log, ...args, ...this.#options], { env: { ...process.env, PATH }, stdio: 'ignore' });
    this.#daemon = daemon;
    for (const end = Date.now() + START_MS; ; ) {
      if (daemon.exitCode !== null || Date.now() > end) throw new Error(`dockerd did not start: ${tail(log)}`);
      if ((await this.docker('version').catch(() => null)) !== null) return;
      await sleep(50);
    }
  }

  /** Ends the daemon alone: SIGTERM as a restart of the service does, or SIGKILL. */
  async stopDaemon(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await ended(this.#daemon, signal);
    this.#daemon = null;
    if (signal !== 'SIGKILL') return;
    // It could not end the containerd that it had started; containers go on below their shims.
    const containerd = Number(readFileSync(join(this.#folder, 'exec', 'containerd', 'containerd.pid'), 'utf8'));
    process.kill(containerd, 'SIGKILL');
    rmSync(join(this.#folder, 'docker.pid'), { force: true });
  }

  /** Lets the daemon listen for those with certificates too, from its next start. @returns the address and the client's files */
  async withCertificates(): Promise<{ readonly host: string; readonly tls: { readonly ca: string; readonly cert: string; readonly key: string } }> {
    const port = await freePort();
    const file = (name: string): string => join(this.#folder, name);
    const openssl = (...args: readonly string[]): void => void execFileSync('openssl', args, { cwd: this.#folder, stdio: 'ignore' });
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=Reprise test', '-days', '2');
    for (const [name, usage] of [['server', 'serverAuth'], ['client', 'clientAuth']] as const) {
      writeFileSync(file(`${name}.ext`), `subjectAltName=IP:127.0.0.1\nextendedKeyUsage=${usage}\n`);
      openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
      openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-out', `${name}.pem`, '-days', '2', '-extfile', `${name}.ext`);
    }
    this.#options = [...this.#options, `--host=tcp://127.0.0.1:${port}`, '--tlsverify', `--tlscacert=${file('ca.pem')}`, `--tlscert=${file('server.pem')}`, `--tlskey=${file('server.key')}`];
    return { host: `tcp://127.0.0.1:${port}`, tls: { ca: file('ca.pem'), cert: file('client.pem'), key: file('client.key') } };
  }

  /** Runs Docker's own program. @returns what it prints, without the last line's end */
  async docker(...args: readonly string[]): Promise<string> {
    const { stdout } = await execute('docker', args, { env: { ...process.env, PATH, DOCKER_HOST: `unix://${this.socket}`, DOCKER_BUILDKIT: '0' }, maxBuffer: 1 << 26 });
    return stdout.trimEnd();
  }

  /** Makes an image of busybox and what else is wanted. @returns its id */
  async image(name: string, { files = {}, programs = [], librariesFor = [], folders = [] }: ContentOptions = {}): Promise<string> {
    const root = mkdtempSync(join(this.#folder, 'root-'));
    chmodSync(root, 0o755);
    for (const folder of ['bin', 'etc', 'tmp', 'proc', 'sys', 'dev']) mkdirSync(join(root, folder));
    chmodSync(join(root, 'tmp'), 0o1777);
    copyFileSync(pathOf('busybox') ?? '', join(root, 'bin', 'busybox'));
    for (const applet of APPLETS) symlinkSync('busybox', join(root, 'bin', applet));
    writeFileSync(join(root, 'etc', 'passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), text);
    }
    for (const file of new Set([...programs, ...[...programs, ...librariesFor].flatMap(librariesOf)])) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      copyFileSync(realpathSync(file), join(root, file));
    }
    for (const folder of folders) cpSync(folder, join(root, folder), { recursive: true, verbatimSymlinks: true, filter: (file) => !LEFT_OUT.test(file) });
    execFileSync('tar', ['-C', root, '-cf', `${root}.tar`, '.']);
    rmSync(root, { recursive: true });
    return this.docker('import', `${root}.tar`, name);
  }

  /** Starts a registry, once. @returns `127.0.0.1:PORT` */
  async registry(): Promise<string> {
    const port = await freePort();
    const settings = join(this.#folder, 'registry.yml');
    writeFileSync(settings, JSON.stringify({ version: 0.1, log: { level: 'error' }, storage: { filesystem: { rootdirectory: join(this.#folder, 'registry') } }, http: { addr: `127.0.0.1:${port}` } }));
    this.#registry = spawn('docker-registry', ['serve', settings], { env: { ...process.env, PATH }, stdio: 'ignore' });
    for (const end = Date.now() + START_MS; Date.now() < end; await sleep(50)) if (await fetch(`http://127.0.0.1:${port}/v2/`).then(({ ok }) => ok, () => false)) return `127.0.0.1:${port}`;
    throw new Error('the registry did not start');
  }

  /** Ids of all containers. */
  async containers(): Promise<string[]> {
    return (await this.docker('ps', '--all', '--quiet', '--no-trunc')).split('\n').filter((id) => id !== '');
  }

  /** Ends all of it and leaves nothing. */
  async stop(): Promise<void> {
    if (this.#before === undefined) delete process.env['DOCKER_HOST'];
    else process.env['DOCKER_HOST'] = this.#before;
    if (this.#daemon !== null) {
      for (const id of await this.containers().catch(() => [])) await this.docker('rm', '--force', '--volumes', id).catch(() => '');
    }
    await ended(this.#daemon, 'SIGTERM');
    await ended(this.#registry, 'SIGTERM');
    // One that lets containers outlive it leaves its mounts.
    const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n').map((line) => line.split(' ')[1] ?? '').filter((place) => place.startsWith(`${this.#folder}/`));
    for (const place of mounts.toReversed()) await execute('umount', ['--lazy', place], { env: { ...process.env, PATH } });
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function ended(daemon: ChildProcess | null, signal: NodeJS.Signals): Promise<void> {
  if (daemon === null || daemon.exitCode !== null || daemon.signalCode !== null) return;
  const exit = once(daemon, 'exit');
  daemon.kill(signal);
  const timer = setTimeout(() => daemon.kill('SIGKILL'), 15_000);
  await exit;
  clearTimeout(timer);
}

/** The system's libraries that a program needs, as ldd tells. */
function librariesOf(program: string): string[] {
  const output = execFileSync('ldd', [program], { encoding: 'utf8' });
  return [...output.matchAll(/(?:=> )?(\/\S+) \(0x/gu)].map((match) => match[1] ?? '').filter((file) => /^(?:\/usr)?\/lib(?:64)?\//u.test(file));
}

function tail(file: string): string {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(-10).join('\n');
  } catch {
    return '';
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
