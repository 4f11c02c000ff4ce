/** The workspace's host lock: names the one process that may write. */
import { setTimeout as sleep } from 'node:timers/promises';
import { RepriseError } from '../errors/errors';
import { claimFile, holderHint, type Claim, type Holder } from '../files/claim';

export type HostLock = Claim;

/** How long a host waits by default for another that is about to let go: a quick command beside it. */
const WAIT_MS = 2000;
const LOOK_AGAIN_MS = 50;

/**
 * Takes the lock file.
 * @param waitMs how long a living owner may take to let go
 * @throws RepriseError WORKSPACE_IN_USE naming the owner, where it lives or may live
 */
export async function takeHostLock(file: string, workspace: string, waitMs: number = WAIT_MS): Promise<HostLock> {
  // Of a clock that nobody sets back.
  const deadline = performance.now() + waitMs;
  for (;;) {
    const outcome = await claimFile(file);
    if (outcome.ok) return outcome.claim;
    if (performance.now() >= deadline) throw inUse(workspace, outcome.holder, outcome.file);
    await sleep(LOOK_AGAIN_MS);
  }
}

function inUse(workspace: string, { process: owner, since }: Holder, file: string): RepriseError {
  const when = since === null ? '' : ` since ${new Date(since).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  return new RepriseError('WORKSPACE_IN_USE', `The workspace ${workspace} is in use by process ${owner.pid}${when}.`, {
    kind: 'system',
    hint: holderHint(owner, [file], 'Close that Reprise (the app or a command), or use another workspace with --workspace DIR.'),
  });
}
