/** Notices that the host went away: then nobody waits for this run, and it must end itself. */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RUN_FILES } from '../events/manifest';
import { holderOf } from '../files/claim';

const LOOK_AGAIN_MS = 5;
/** A host notes its worker at once. One that does not is none that another host follows, as in a worker started by hand. */
const NOTE_LIMIT_MS = 2000;

/** Electron's utility process has a port to its parent in place of Node's channel. */
interface ParentPort {
  on(event: 'close', listener: () => void): unknown;
}

/** Starts to watch; the function it returns says whether the parent is gone. */
export function watchParent(): () => boolean {
  const parentAtStart = process.ppid;
  let gone = false;
  const leave = (): void => {
    gone = true;
  };
  const port = parentPort();
  if (port !== null) port.on('close', leave);
  if (process.send !== undefined) {
    if (!process.connected) gone = true;
    process.once('disconnect', leave);
  }
  // A process whose parent died is handed to another; Windows alone keeps the old number.
  return () => gone || process.ppid !== parentAtStart;
}

/**
 * Waits until the host has noted this process in the run's folder. What a worker writes before that, the next host may
 * miss where this one dies: it would have settled the run while it knew of no worker.
 * @returns false where the host is gone already: nothing may be begun then
 */
export async function mayBegin(runFolder: string, parentGone: () => boolean): Promise<boolean> {
  if (process.send === undefined && parentPort() === null) return !parentGone();
  const limit = performance.now() + NOTE_LIMIT_MS;
  while (!parentGone() && performance.now() < limit) {
    if (holderOf(path.join(runFolder, RUN_FILES.worker))?.process.pid === process.pid) break;
    await sleep(LOOK_AGAIN_MS);
  }
  return !parentGone();
}

function parentPort(): ParentPort | null {
  return (process as unknown as { parentPort?: ParentPort | null }).parentPort ?? null;
}
