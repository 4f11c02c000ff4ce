/** Who may write an event log: a file beside it that holds process id and start time. */
import { randomUUID } from 'node:crypto';
import { linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { RepriseError } from '../errors/errors';
import { identityOf, isAlive, type ProcessIdentity } from '../files/process-identity';

/** Logs that this very process has open. */
const openHere = new Set<string>();

export function ownerFile(log: string): string {
  return `${log}.owner`;
}

function readOwner(file: string): ProcessIdentity | null {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof value !== 'object' || value === null) return null;
    const { pid, startTime } = value as Partial<ProcessIdentity>;
    return typeof pid === 'number' && typeof startTime === 'string' ? { pid, startTime } : null;
  } catch {
    return null;
  }
}

function owned(log: string, owner: ProcessIdentity): RepriseError {
  return new RepriseError('EVENT_LOG_OWNED', `The event log ${log} is being written by process ${owner.pid}.`, {
    kind: 'system',
    hint: 'Wait until that process has ended, or end it.',
  });
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/**
 * Claims a log for this process. An owner that no longer lives is replaced.
 * @throws RepriseError EVENT_LOG_OWNED when another living process, or another writer of this one, has it
 */
export function claimLog(log: string): void {
  const self = identityOf(process.pid) ?? { pid: process.pid, startTime: 'unknown' };
  if (openHere.has(log)) throw owned(log, self);
  const file = ownerFile(log);
  const mine = `${file}.${process.pid}.${randomUUID()}`;
  writeFileSync(mine, JSON.stringify(self), { flag: 'wx' });
  try {
    for (;;) {
      if (placeOwner(mine, file)) break;
      removeDeadOwner(log, file, self);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  openHere.add(log);
  removeLeftovers(file);
}

/** Deletes what a process that was killed while it claimed this log left beside the owner file. */
function removeLeftovers(file: string): void {
  const folder = path.dirname(file);
  const prefix = `${path.basename(file)}.`;
  for (const name of readdirSync(folder)) {
    const pid = name.startsWith(prefix) ? Number(name.slice(prefix.length).split('.')[0]) : NaN;
    if (Number.isInteger(pid) && identityOf(pid) === null) rmSync(path.join(folder, name), { force: true });
  }
}

/** Puts the owner file in place unless there is one: false then. */
function placeOwner(mine: string, file: string): boolean {
  try {
    // A link appears at once and whole, and fails where a file is there already.
    linkSync(mine, file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP'].includes(codeOf(error) ?? '')) throw error;
  }
  // A file system without links (FAT, some network drives).
  try {
    writeFileSync(file, readFileSync(mine), { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function removeDeadOwner(log: string, file: string, self: ProcessIdentity): void {
  const owner = readOwner(file);
  const ours = owner !== null && owner.pid === self.pid && owner.startTime === self.startTime;
  if (owner !== null && !ours && isAlive(owner)) throw owned(log, owner);
  // Rename before removing: of several processes that saw the same dead owner, one takes it away.
  const aside = `${file}.${process.pid}.${randomUUID()}.old`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw error;
  }
  const taken = readOwner(aside);
  if (taken !== null && (taken.pid !== owner?.pid || taken.startTime !== owner.startTime) && isAlive(taken)) {
    // Another process claimed it in between: give it back.
    try {
      linkSync(aside, file);
    } finally {
      rmSync(aside, { force: true });
    }
    throw owned(log, taken);
  }
  rmSync(aside, { force: true });
}

/** Gives a claimed log back. */
export function releaseLog(log: string): void {
  if (!openHere.delete(log)) return;
  rmSync(ownerFile(log), { force: true });
}

/** The living process that writes this log, or null. */
export function logOwner(log: string): ProcessIdentity | null {
  const owner = readOwner(ownerFile(log));
  return owner !== null && isAlive(owner) ? owner : null;
}
