/**
 * Which process holds something, in a way that survives crashes: a process id alone can be given to
 * another process, together with the start time it cannot. Process ids count within one machine and, on
 * Linux, within one PID namespace (a container has its own), so an identity says where it counts too.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Where process ids count. Fields are missing where the system does not tell, and in files of older versions. */
export interface Place {
  /** Host name of the machine or container. */
  readonly host?: string;
  /** Linux: the PID namespace, as /proc/self/ns/pid names it. */
  readonly namespace?: string;
  /** Linux: the boot of the kernel, the same in all containers on it. */
  readonly boot?: string;
}

export interface ProcessIdentity extends Place {
  readonly pid: number;
  /** Opaque: equal only for the same start on the same boot of the machine; `unknown` where it could not be read. */
  readonly startTime: string;
}

/** `unknown`: whether the process lives cannot be told from here. Nothing of it may be touched then. */
export type Life = 'alive' | 'dead' | 'unknown';

const UNKNOWN = 'unknown';

/** The PID namespace a Linux kernel starts with has this fixed number (PROC_PID_INIT_INO in linux/proc_ns.h). */
const FIRST_NAMESPACE = 'pid:[4026531836]';

let knownPlace: Place | undefined;

/** Where this process's process ids count. */
export function ownPlace(): Place {
  knownPlace ??= readPlace();
  return knownPlace;
}

function readPlace(): Place {
  const host = hostname();
  if (process.platform !== 'linux') return { host };
  const namespace = attempt(() => readlinkSync('/proc/self/ns/pid'));
  const boot = attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  return { host, ...(namespace === null ? {} : { namespace }), ...(boot === null ? {} : { boot }) };
}

function attempt(read: () => string): string | null {
  try {
    return read();
  } catch {
    return null;
  }
}

/** Whether a process that was in `there` can be looked up by its process id `here`; `gone` when its machine has started anew. */
function reach(there: Place, here: Place): 'here' | 'elsewhere' | 'gone' {
  if (there.host === undefined) return 'here';
  const sameHost = there.host === here.host;
  const sameNamespace = there.namespace === here.namespace;
  if (there.boot !== undefined && here.boot !== undefined) {
    // On one kernel the namespace decides, whatever the host was called then and is called now.
    if (there.boot === here.boot) return sameNamespace && (sameHost || here.namespace !== undefined) ? 'here' : 'elsewhere';
    return sameHost && sameNamespace && here.namespace === FIRST_NAMESPACE ? 'gone' : 'elsewhere';
  }
  return sameHost && sameNamespace ? 'here' : 'elsewhere';
}

/** Whether there is a process of this id here at all. */
function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

let procIsOurs: boolean | undefined;

function linuxStartTime(pid: number): string | null {
  // A namespace entered without mounting /proc anew shows the process ids of the one outside.
  procIsOurs ??= attempt(() => readlinkSync('/proc/self')) === String(process.pid);
  const stat = procIsOurs ? attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8')) : null;
  if (stat === null) return UNKNOWN;
  // The command, in parentheses, may itself hold spaces and parentheses; fields count from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  const ticks = fields[19];
  // A zombie runs no more; its parent has only not asked for its exit code yet.
  if (state === 'Z' || state === 'X') return null;
  return ticks === undefined ? UNKNOWN : `${ownPlace().boot ?? 'boot'}-${ticks}`;
}

function outputOf(command: string, args: readonly string[]): string | null {
  try {
    const output = execFileSync(command, args, {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'ignore'],
      windowsHide: true,
      timeout: 20_000,
    }).trim();
    return output === '' ? null : output;
  } catch {
    return null;
  }
}

function macStartTime(pid: number): string | null {
  const output = outputOf('ps', ['-o', 'stat=,lstart=', '-p', String(pid)]);
  if (output === null) return UNKNOWN;
  if (output.startsWith('Z')) return null;
  return output.replace(/^\S+\s+/, '').replace(/\s+/g, ' ');
}

function windowsStartTime(pid: number): string {
  const script = `(Get-Process -Id ${pid} -ErrorAction Stop).StartTime.ToFileTimeUtc()`;
  return outputOf('powershell.exe', ['-NoProfile', '-NonInteractive', '-Command', script]) ?? UNKNOWN;
}

/** When a process began, `unknown` where it lives but that cannot be read, null where there is none. */
function startTimeOf(pid: number): string | null {
  if (!exists(pid)) return null;
  const start = readStartTime(pid);
  // It may have ended while it was looked at.
  return start === UNKNOWN && !exists(pid) ? null : start;
}

function readStartTime(pid: number): string | null {
  switch (process.platform) {
    case 'linux':
      return linuxStartTime(pid);
    case 'win32':
      return windowsStartTime(pid);
    default:
      return macStartTime(pid);
  }
}

/** The identity of a living process of this machine and namespace, or null where there is none. Start times come from /proc, ps or PowerShell. */
export function identityOf(pid: number): ProcessIdentity | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  const startTime = startTimeOf(pid);
  return startTime === null ? null : { pid, startTime, ...ownPlace() };
}

let knownSelf: ProcessIdentity | undefined;

export function ownIdentity(): ProcessIdentity {
  knownSelf ??= identityOf(process.pid) ?? { pid: process.pid, startTime: UNKNOWN, ...ownPlace() };
  return knownSelf;
}

/** Whether two identities are of the same process. */
export function isSameProcess(a: ProcessIdentity, b: ProcessIdentity): boolean {
  return a.pid === b.pid && a.startTime === b.startTime && a.namespace === b.namespace && a.boot === b.boot;
}

/**
 * Whether this very process still lives: same process id and same start time, in the same place. A process of another
 * machine or container, and one whose start time is not known while its process id is in use, may live: `unknown`.
 */
export function lifeOf(identity: ProcessIdentity, here: Place = ownPlace()): Life {
  switch (reach(identity, here)) {
    case 'gone':
      return 'dead';
    case 'elsewhere':
      return 'unknown';
    case 'here':
      break;
  }
  if (!Number.isSafeInteger(identity.pid) || identity.pid <= 0) return 'dead';
  const startTime = startTimeOf(identity.pid);
  if (startTime === null) return 'dead';
  if (startTime === UNKNOWN || identity.startTime === UNKNOWN) return 'unknown';
  return startTime === identity.startTime ? 'alive' : 'dead';
}

/** Whether a process lives, or may live for all that can be told from here. */
export function isAlive(identity: ProcessIdentity): boolean {
  return lifeOf(identity) !== 'dead';
}

/** An identity out of a file, or null where the value is none. */
export function identityFrom(value: unknown): ProcessIdentity | null {
  if (typeof value !== 'object' || value === null) return null;
  const { pid, startTime, host, namespace, boot } = value as Partial<Record<keyof ProcessIdentity, unknown>>;
  if (typeof pid !== 'number' || typeof startTime !== 'string') return null;
  return {
    pid,
    startTime,
    ...(typeof host === 'string' ? { host } : {}),
    ...(typeof namespace === 'string' ? { namespace } : {}),
    ...(typeof boot === 'string' ? { boot } : {}),
  };
}
