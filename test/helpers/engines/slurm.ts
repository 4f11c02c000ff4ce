/** A real cluster of Slurm on this machine: munged, slurmctld and two nodes, in a temporary folder and on free ports. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { hostname, tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Debian keeps daemons where ordinary users do not look. */
const PATH = [process.env['PATH'] ?? '', '/usr/sbin', '/sbin'].join(delimiter);
const PROGRAMS = ['munged', 'slurmctld', 'slurmd', 'sbatch', 'squeue', 'scancel', 'scontrol'];

function isThere(program: string): boolean {
  return PATH.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Why no cluster can be had here, or null. */
export const noSlurm: string | null = ((): string | null => {
  const missing = PROGRAMS.filter((program) => !isThere(program));
  return missing.length === 0 ? null : `this machine lacks ${missing.join(', ')} (Debian: apt-get install slurmctld slurmd slurm-client munge)`;
})();

export interface ClusterOptions {
  readonly name?: string;
  /** Cores that each node says it has. */
  readonly cores?: number;
  /** Further lines of slurm.conf. */
  readonly lines?: readonly string[];
}

interface Node {
  readonly name: string;
  readonly port: number;
  daemon: ChildProcess | null;
}

export class SlurmCluster {
  readonly name: string;
  readonly #folder: string;
  readonly #daemons: ChildProcess[] = [];
  readonly #nodes: Node[];
  readonly #environmentBefore = process.env['SLURM_CONF'];

  private constructor(name: string, folder: string, nodes: Node[]) {
    this.name = name;
    this.#folder = folder;
    this.#nodes = nodes;
  }

  /** Programs that this process starts from now on find the cluster. */
  static async start({ name = 'reprise-test', cores = 8, lines = [] }: ClusterOptions = {}): Promise<SlurmCluster> {
    const folder = mkdtempSync(join(tmpdir(), 'reprise-slurm-'));
    const [controller, ...ports] = (await freePorts(3)) as [number, number, number];
    const host = hostname().split('.')[0] ?? 'localhost';
    // Names under which the nodes of a job find each other, though no name server knows them.
    const cluster = new SlurmCluster(name, folder, ports.map((port, index) => ({ name: `127.0.0.${index + 2}`, port, daemon: null })));
    for (const part of ['munge', 'state', 'spool']) mkdirSync(join(folder, part), { mode: 0o700 });
    writeFileSync(join(folder, 'munge', 'key'), crypto.getRandomValues(new Uint8Array(1024)), { mode: 0o400 });
    writeFileSync(join(folder, 'slurm.conf'), cluster.#configuration(host, controller, cores, lines));
    process.env['SLURM_CONF'] = join(folder, 'slurm.conf');
    try {
      const munge = (file: string): string => join(folder, 'munge', file);
      cluster.#daemon('munged', '--foreground', '--force', `--key-file=${munge('key')}`, `--socket=${munge('socket')}`, `--pid-file=${munge('pid')}`, `--log-file=${munge('log')}`, `--seed-file=${munge('seed')}`);
      await cluster.#until(async () => (await execute('munge', ['--no-input', `--socket=${munge('socket')}`], { env: { ...process.env, PATH } })).stdout.startsWith('MUNGE'), 'munged');
      cluster.startController();
      for (const index of cluster.#nodes.keys()) cluster.startNode(index);
      await cluster.#until(async () => (await cluster.run('sinfo', '--noheader', '--format=%T')).trim() === 'idle', 'idle nodes');
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  get nodes(): readonly string[] {
    return this.#nodes.map(({ name }) => name);
  }

  /** Output of one of Slurm's commands. */
  async run(program: string, ...args: string[]): Promise<string> {
    return (await execute(program, args, { env: { ...process.env, PATH }, maxBuffer: 64 << 20, timeout: 10_000 })).stdout;
  }

  /** The controller with what it knew before. */
  startController(): void {
    this.#daemon('slurmctld', '-D', '-i');
  }

  /** Lets it write down what it knows: one that is killed starts jobs a second time, of whose start it did not. */
  async stopController(): Promise<void> {
    const controller = this.#daemons.findLast(({ spawnfile }) => spawnfile === 'slurmctld');
    if (controller !== undefined) await ended(controller, 'SIGTERM');
  }

  startNode(index: number): void {
    const node = this.#nodes[index];
    if (node !== undefined) node.daemon = this.#daemon('slurmd', '-D', '-N', node.name);
  }

  /** Kills the daemon of a node; its jobs go on, as on a real one. */
  async killNode(index: number): Promise<void> {
    const daemon = this.#nodes[index]?.daemon;
    if (daemon != null) await ended(daemon, 'SIGKILL');
  }

  /** Ends all jobs and daemons. */
  async stop(): Promise<void> {
    await this.run('scancel', '--user', userInfo().username).catch(() => undefined);
    await this.run('scontrol', 'update', 'PartitionName=main', 'State=DOWN').catch(() => undefined);
    await this.#until(async () => (await this.run('squeue', '--noheader')).trim() === '', 'the end of all jobs').catch(() => undefined);
    for (const daemon of [...this.#daemons].reverse()) await ended(daemon, 'SIGTERM');
    for (const pid of this.#left()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It has just ended.
      }
    }
    if (this.#environmentBefore === undefined) delete process.env['SLURM_CONF'];
    else process.env['SLURM_CONF'] = this.#environmentBefore;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Processes of jobs that did not end in time. */
  #left(): number[] {
    const mark = `SLURM_CONF=${this.#folder}/`;
    return readdirSync('/proc').filter((name) => /^\d+$/u.test(name) && Number(name) !== process.pid && contentOf(`/proc/${name}/environ`).includes(mark)).map(Number);
  }

  #daemon(program: string, ...args: string[]): ChildProcess {
    const daemon = spawn(program, args, { env: { ...process.env, PATH }, stdio: 'ignore' });
    this.#daemons.push(daemon);
    return daemon;
  }

  async #until(isSo: () => Promise<boolean>, what: string): Promise<void> {
    let problem: unknown = null;
    for (const until = Date.now() + 20_000; Date.now() < until; await sleep(100)) {
      if (this.#daemons.some(({ spawnfile, exitCode }) => spawnfile !== 'slurmd' && exitCode !== null && exitCode !== 0)) break;
      try {
        if (await isSo()) return;
      } catch (error) {
        problem = error;
      }
    }
    const log = ['slurmctld.log', 'slurmd-127.0.0.2.log'].map((file) => contentOf(join(this.#folder, file)).split('\n').slice(-10).join('\n')).join('\n');
    throw new Error(`The cluster has no ${what}: ${String(problem)}\n${log}`);
  }

  #configuration(host: string, controller: number, cores: number, lines: readonly string[]): string {
    const user = userInfo().username;
    const inFolder = (file: string): string => join(this.#folder, file);
    return [
      `ClusterName=${this.name}`,
      `SlurmctldHost=${host}(127.0.0.1)`,
      `SlurmctldPort=${controller}`,
      `SlurmUser=${user}`,
      `SlurmdUser=${user}`,
      'AuthType=auth/munge',
      // A requeued job waits for as long as a credential is valid, which is two minutes unless told.
      `AuthInfo=socket=${inFolder('munge/socket')},cred_expire=5`,
      `StateSaveLocation=${inFolder('state')}`,
      `SlurmctldPidFile=${inFolder('slurmctld.pid')}`,
      `SlurmctldLogFile=${inFolder('slurmctld.log')}`,
      `SlurmdSpoolDir=${inFolder('spool')}/%n`,
      `SlurmdPidFile=${inFolder('slurmd-%n.pid')}`,
      `SlurmdLogFile=${inFolder('slurmd-%n.log')}`,
      'ProctrackType=proctrack/pgid',
      'TaskPlugin=task/none',
      'MpiDefault=none',
      'AccountingStorageType=accounting_storage/none',
      'JobAcctGatherType=jobacct_gather/none',
      'SelectType=select/cons_tres',
      'SelectTypeParameters=CR_Core',
      'SchedulerParameters=bf_interval=1,sched_interval=1',
      'SlurmdParameters=config_overrides',
      'KillWait=10',
      'MaxArraySize=2001',
      'MailProg=/bin/true',
      'ReturnToService=2',
      'SlurmdTimeout=15',
      `NodeName=127.0.0.[2-3] NodeHostname=${host} NodeAddr=127.0.0.1 Port=[${this.#nodes.map(({ port }) => port).join(',')}] CPUs=${cores} Sockets=${cores} CoresPerSocket=1 ThreadsPerCore=1 RealMemory=1000 State=UNKNOWN`,
      `PartitionName=main Nodes=127.0.0.[2-3] Default=YES MaxTime=INFINITE State=UP`,
      ...lines,
      '',
    ].join('\n');
  }
}

async function ended(daemon: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const exit = once(daemon, 'exit');
  daemon.kill(signal);
  const timer = setTimeout(() => daemon.kill('SIGKILL'), 5000);
  await exit;
  clearTimeout(timer);
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Ports that nobody listens on: all are held until the last is found, so that none comes twice. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
