/** What a process and all it started use, sampled while they run. */
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { nvidiaSmi, outputOf } from './machine';

export interface ResourceSample {
  /** Milliseconds since 1970, UTC. */
  readonly time: number;
  /**
   * Series key → value. Of the process tree: `system/cpu` (percent of one core), `system/memory` (bytes in RAM),
   * `system/processes`, `system/threads`, `system/disk.read` and `system/disk.written` (bytes a second, storage
   * only). Of the whole machine: `system/network.received`, `system/network.sent` (bytes a second, without
   * loopback); of each GPU N `system/gpu.N` (percent of the time), `system/gpu.N.memory` (bytes),
   * `system/gpu.N.power` (watts), `system/gpu.N.temperature` (°C).
   */
  readonly values: Readonly<Record<string, number>>;
}

export interface SampleOptions {
  /** Milliseconds between two samples. */
  readonly intervalMs: number;
  /** Ends the sampling. */
  readonly signal: AbortSignal;
}

/** Linux counts processor time in ticks of 1/100 s on every architecture that runs Node. */
const TICKS_PER_SECOND = 100;
/** nvidia-smi takes up to a second of one core: it is not asked more often than this. */
const GPU_INTERVAL_MS = 5000;
const SMI_LIMIT_MS = 4000;

/** One process as the system shows it. */
export interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  /** Tells processes that share a number one after the other apart. */
  readonly start: string;
  /** Seconds of processor time so far; null where the system tells a share instead. */
  readonly cpuSeconds: number | null;
  /** Percent of one core, where the system tells it. */
  readonly cpuPercent: number | null;
}

/** The processes that `root` started, itself included: by descent, or by its process group where a parent has ended. */
export function treeOf(root: number, all: readonly ProcessFacts[]): ProcessFacts[] {
  const children = new Map<number, ProcessFacts[]>();
  for (const process of all) children.set(process.parent, [...(children.get(process.parent) ?? []), process]);
  const waiting = all.filter((process) => process.pid === root || process.group === root);
  const tree: ProcessFacts[] = [];
  const taken = new Set<number>();
  for (const process of waiting) {
    if (taken.has(process.pid)) continue;
    taken.add(process.pid);
    tree.push(process);
    waiting.push(...(children.get(process.pid) ?? []));
  }
  return tree;
}

/** Fields of /proc/PID/stat (proc_pid_stat(5)); the name may hold spaces and parentheses. */
export function parseStat(text: string): ProcessFacts | null {
  const end = text.lastIndexOf(')');
  const pid = Number.parseInt(text, 10);
  const fields = text.slice(end + 2).split(' ');
  const [, parent, group] = fields;
  const [user, system] = [Number(fields[11]), Number(fields[12])];
  const start = fields[19];
  if (end === -1 || !Number.isInteger(pid) || parent === undefined || group === undefined || start === undefined || !Number.isFinite(user + system)) return null;
  return { pid, parent: Number(parent), group: Number(group), start, cpuSeconds: (user + system) / TICKS_PER_SECOND, cpuPercent: null };
}

const numberAfter = (text: string, key: string): number => Number(new RegExp(`^${key}:\\s*(\\d+)`, 'mu').exec(text)?.[1] ?? 0);

/** Bytes received and sent by all interfaces but loopback, in the text of /proc/net/dev. */
export function networkOf(text: string): { readonly received: number; readonly sent: number } {
  let received = 0;
  let sent = 0;
  for (const line of text.split('\n')) {
    const match = /^\s*([^:\s]+):\s*(.*)$/u.exec(line);
    if (match === null || match[1] === 'lo') continue;
    const numbers = (match[2] ?? '').trim().split(/\s+/u).map(Number);
    received += numbers[0] ?? 0;
    sent += numbers[8] ?? 0;
  }
  return { received, sent };
}

/** Values of `nvidia-smi --query-gpu=index,utilization.gpu,memory.used,power.draw,temperature.gpu --format=csv,noheader,nounits`. */
export function gpuValues(text: string): Record<string, number> {
  const values: Record<string, number> = {};
  for (const line of text.split('\n')) {
    const [index, busy, memory, power, temperature] = line.split(',').map((part) => part.trim());
    if (index === undefined || !/^\d+$/u.test(index)) continue;
    const put = (key: string, value: string | undefined, factor = 1): void => {
      // `[N/A]` where the GPU does not tell.
      if (value !== undefined && value !== '' && Number.isFinite(Number(value))) values[`system/gpu.${index}${key}`] = Number(value) * factor;
    };
    put('', busy);
    put('.memory', memory, 2 ** 20);
    put('.power', power);
    put('.temperature', temperature);
  }
  return values;
}

/** Totals of one member, which only grow while it lives. */
interface Totals {
  cpuSeconds: number;
  read: number;
  written: number;
}

interface Reading {
  /** Values that are what they are now. */
  readonly values: Record<string, number>;
  /** Totals by process; null where the system tells none. */
  readonly totals: ReadonlyMap<string, Totals> | null;
}

const textOf = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');

async function readLinux(root: number): Promise<Reading | null> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/u.test(name));
  const all = (await Promise.all(pids.map(async (pid) => parseStat(await textOf(`/proc/${pid}/stat`))))).filter((process) => process !== null);
  const tree = treeOf(root, all);
  if (tree.length === 0) return null;
  const totals = new Map<string, Totals>();
  let [memory, threads] = [0, 0];
  for (const process of tree) {
    const [status, io] = await Promise.all([textOf(`/proc/${process.pid}/status`), textOf(`/proc/${process.pid}/io`)]);
    memory += numberAfter(status, 'VmRSS') * 1024;
    threads += numberAfter(status, 'Threads');
    totals.set(`${process.pid} ${process.start}`, { cpuSeconds: process.cpuSeconds ?? 0, read: numberAfter(io, 'read_bytes'), written: numberAfter(io, 'write_bytes') });
  }
  return { values: { 'system/memory': memory, 'system/processes': tree.length, 'system/threads': threads }, totals };
}

/** Lines of `ps -A -o pid=,ppid=,pgid=,pcpu=,rss=`; rss in KiB. */
export function parsePs(text: string): { readonly process: ProcessFacts; readonly rss: number }[] {
  return text.split('\n').flatMap((line) => {
    const [pid, parent, group, cpu, rss] = line.trim().split(/\s+/u).map((field) => Number(field.replace(',', '.')));
    if (pid === undefined || parent === undefined || group === undefined || cpu === undefined || rss === undefined || !Number.isFinite(pid + parent + group + cpu + rss)) return [];
    return [{ process: { pid, parent, group, start: '', cpuSeconds: null, cpuPercent: cpu }, rss: rss * 1024 }];
  });
}

async function readMac(root: number): Promise<Reading | null> {
  const rows = parsePs((await outputOf('/bin/ps', ['-A', '-o', 'pid=,ppid=,pgid=,pcpu=,rss='])) ?? '');
  const members = new Set(treeOf(root, rows.map(({ process }) => process)).map(({ pid }) => pid));
  if (members.size === 0) return null;
  const tree = rows.filter(({ process }) => members.has(process.pid));
  return {
    values: {
      'system/cpu': tree.reduce((sum, { process }) => sum + (process.cpuPercent ?? 0), 0),
      'system/memory': tree.reduce((sum, { rss }) => sum + rss, 0),
      'system/processes': tree.length,
    },
    totals: null,
  };
}

/** What the members used between two readings; a new one counts from its start. */
function growth(before: ReadonlyMap<string, Totals>, now: ReadonlyMap<string, Totals>): Totals {
  const sum: Totals = { cpuSeconds: 0, read: 0, written: 0 };
  for (const [key, totals] of now) {
    const old = before.get(key);
    for (const name of ['cpuSeconds', 'read', 'written'] as const) sum[name] += Math.max(0, totals[name] - (old?.[name] ?? 0));
  }
  return sum;
}

/**
 * Samples at an interval until the signal is given or no process of the tree is left. The first sample comes after one
 * interval, because rates need two readings. Linux; macOS without disk and network; other systems yield nothing.
 * Never rejects: what cannot be read is left out.
 * @param pid the first process, which leads a process group of its own
 */
export async function* sampleResources(pid: number, { intervalMs, signal }: SampleOptions): AsyncGenerator<ResourceSample> {
  const read = process.platform === 'linux' ? readLinux : process.platform === 'darwin' ? readMac : null;
  if (read === null) return;
  const smi = nvidiaSmi();
  let gpuAsked = -Infinity;
  let before: { readonly at: number; readonly reading: Reading; readonly network: ReturnType<typeof networkOf> } | null = null;
  while (!signal.aborted) {
    const at = performance.now();
    const reading = await read(pid).catch(() => null);
    if (reading === null) return;
    const network = networkOf(process.platform === 'linux' ? await textOf('/proc/net/dev') : '');
    if (before !== null) {
      const seconds = (at - before.at) / 1000;
      const values: Record<string, number> = { ...reading.values };
      if (reading.totals !== null && before.reading.totals !== null) {
        const used = growth(before.reading.totals, reading.totals);
        values['system/cpu'] = (100 * used.cpuSeconds) / seconds;
        values['system/disk.read'] = used.read / seconds;
        values['system/disk.written'] = used.written / seconds;
        values['system/network.received'] = Math.max(0, network.received - before.network.received) / seconds;
        values['system/network.sent'] = Math.max(0, network.sent - before.network.sent) / seconds;
      }
      if (smi !== null && at - gpuAsked >= GPU_INTERVAL_MS) {
        gpuAsked = at;
        Object.assign(values, gpuValues((await outputOf(smi, ['--query-gpu=index,utilization.gpu,memory.used,power.draw,temperature.gpu', '--format=csv,noheader,nounits'], SMI_LIMIT_MS)) ?? ''));
      }
      yield { time: Date.now(), values };
    }
    before = { at, reading, network };
    await sleep(intervalMs, undefined, { signal, ref: false }).catch(() => undefined);
  }
}
