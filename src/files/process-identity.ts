/**
 * Which process holds something, in a way that survives crashes: a process id alone can be given to
 * another process, together with the start time it cannot.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque: equal only for the same start on the same boot of the machine. */
  readonly startTime: string;
}

function linuxStartTime(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The command, in parentheses, may itself hold spaces and parentheses; fields count from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  const ticks = fields[19];
  // A zombie runs no more; its parent has only not asked for its exit code yet.
  if (ticks === undefined || state === 'Z' || state === 'X') return null;
  return `${bootId()}-${ticks}`;
}

let knownBootId: string | undefined;

function bootId(): string {
  if (knownBootId === undefined) {
    try {
      knownBootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    } catch {
      knownBootId = 'boot';
    }
  }
  return knownBootId;
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
  if (output === null || output.startsWith('Z')) return null;
  return output.replace(/^\S+\s+/, '').replace(/\s+/g, ' ');
}

function windowsStartTime(pid: number): string | null {
  const script = `(Get-Process -Id ${pid} -ErrorAction Stop).StartTime.ToFileTimeUtc()`;
  return outputOf('powershell.exe', ['-NoProfile', '-NonInteractive', '-Command', script]);
}

function startTimeOf(pid: number): string | null {
  switch (process.platform) {
    case 'linux':
      return linuxStartTime(pid);
    case 'win32':
      return windowsStartTime(pid);
    default:
      return macStartTime(pid);
  }
}

/** The identity of a living process, or null where there is none. Start times come from /proc, ps or PowerShell. */
export function identityOf(pid: number): ProcessIdentity | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  const startTime = startTimeOf(pid);
  return startTime === null ? null : { pid, startTime };
}

/** Whether this very process still lives: same process id and same start time. */
export function isAlive(identity: ProcessIdentity): boolean {
  return identityOf(identity.pid)?.startTime === identity.startTime;
}
