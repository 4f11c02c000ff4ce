/** Who may write an event log: a file beside it names the process. */
import { RepriseError } from '../errors/errors';
import { claimFileSync, holderHint, holderOf, type Claim } from '../files/claim';
import { isAlive, type ProcessIdentity } from '../files/process-identity';

/** Logs that this very process has open. */
const openHere = new Map<string, Claim>();

export function ownerFile(log: string): string {
  return `${log}.owner`;
}

/** The error for a log that another process writes, or may write. `files` say so. */
export function logOwned(log: string, owner: ProcessIdentity, files: readonly string[]): RepriseError {
  return new RepriseError('EVENT_LOG_OWNED', `The event log ${log} is being written by process ${owner.pid}.`, {
    kind: 'system',
    hint: holderHint(owner, files, 'Wait until that process has ended, or end it.'),
  });
}

/**
 * Claims a log for this process. An owner that no longer lives is replaced.
 * @throws RepriseError EVENT_LOG_OWNED when another process that may live, or another writer of this one, has it
 */
export function claimLog(log: string): void {
  const outcome = claimFileSync(ownerFile(log));
  if (!outcome.ok) throw logOwned(log, outcome.holder.process, [outcome.file]);
  openHere.set(log, outcome.claim);
}

/** Gives a claimed log back. */
export function releaseLog(log: string): void {
  const claim = openHere.get(log);
  openHere.delete(log);
  claim?.release();
}

/** The process that writes this log, as far as it lives or may live, or null. */
export function logOwner(log: string): ProcessIdentity | null {
  const owner = holderOf(ownerFile(log))?.process ?? null;
  return owner !== null && isAlive(owner) ? owner : null;
}
