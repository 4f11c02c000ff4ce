/** Notices that the host went away: then nobody waits for this run, and it must end itself. */

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
  const port = (process as unknown as { parentPort?: ParentPort }).parentPort;
  if (port !== undefined && port !== null) port.on('close', leave);
  if (process.send !== undefined) {
    if (!process.connected) gone = true;
    process.once('disconnect', leave);
  }
  // A process whose parent died is handed to another; Windows alone keeps the old number.
  return () => gone || process.ppid !== parentAtStart;
}
