/** All processes of a program that was started as the leader of a group: its group, their descendants, and those that carry a mark. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A variable of the environment that only this program's processes have. */
export interface Mark {
  readonly name: string;
  readonly value: string;
}

interface Listed {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
}

const LOOK_AGAIN_MS = 20;
/** How long processes that were killed may take to be gone. */
const KILLED_WITHIN_MS = 2000;

function listLinux(): Listed[] {
  const listed: Listed[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/u.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const [state, parent, group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (state !== 'Z' && state !== 'X') listed.push({ pid: Number(name), parent: Number(parent), group: Number(group) });
    } catch {
      // Gone while it was looked at.
    }
  }
  return listed;
}

function listPosix(): Listed[] {
  try {
    const text = execFileSync('ps', ['-axo', 'pid=,ppid=,pgid=,stat='], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 5000 });
    return text.split('\n').flatMap((line) => {
      const [pid, parent, group, state] = line.trim().split(/\s+/u);
      return pid === undefined || pid === '' || state?.startsWith('Z') === true ? [] : [{ pid: Number(pid), parent: Number(parent), group: Number(group) }];
    });
  } catch {
    return [];
  }
}

function carries(pid: number, { name, value }: Mark): boolean {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`.includes(`\0${name}=${value}\0`);
  } catch {
    return false;
  }
}

/**
 * The living processes of the program. On Linux those that left its group are found by their mark; elsewhere by who
 * started them, as long as that one lives.
 * @param leader null where it is not known any more
 */
export function processesOf(leader: number | null, mark: Mark): number[] {
  if (process.platform === 'win32') return [];
  const listed = process.platform === 'linux' ? listLinux() : listPosix();
  const found = new Set<number>();
  for (const { pid, group } of listed) {
    if (pid === process.pid) continue;
    if ((leader !== null && (group === leader || pid === leader)) || (process.platform === 'linux' && carries(pid, mark))) found.add(pid);
  }
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const { pid, parent } of listed) if (found.has(parent) && pid !== process.pid) found.add(pid);
  }
  return [...found];
}

function send(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // Gone, or another user's.
    }
  }
}

/** Windows knows no groups; its own tool follows parents. */
function endOnWindows(leader: number): void {
  try {
    execFileSync('taskkill', ['/PID', String(leader), '/T', '/F'], { stdio: 'ignore', timeout: 10_000, windowsHide: true });
  } catch {
    // Gone already.
  }
}

/**
 * Asks all processes of the program to end (SIGTERM) and kills those that have not when the grace is over. Nothing of it
 * is left when this resolves, but what the system would not let be ended.
 * @param graceMs 0: at once
 * @returns how many processes there were
 */
export async function endProcesses(leader: number | null, mark: Mark, graceMs: number): Promise<number> {
  if (process.platform === 'win32') {
    if (leader !== null) endOnWindows(leader);
    return 0;
  }
  let left = processesOf(leader, mark);
  const count = left.length;
  // Of a clock that nobody sets back.
  const killAt = performance.now() + graceMs;
  if (graceMs > 0) send(left, 'SIGTERM');
  while (left.length > 0 && performance.now() < killAt + KILLED_WITHIN_MS) {
    // Again and again: one that is being ended may have started another.
    if (performance.now() >= killAt) send(left, 'SIGKILL');
    await sleep(LOOK_AGAIN_MS);
    left = processesOf(leader, mark);
  }
  return count;
}
