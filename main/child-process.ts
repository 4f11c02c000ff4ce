/** What the engine's process and the workers' have in common. */
import type { UtilityProcess } from 'electron';

/** Takes what a process prints, for the app's own log. */
export type KeepOutput = (text: string) => void;

export function killNow(child: UtilityProcess): void {
  // UtilityProcess.kill() sends SIGTERM, which a busy process may answer late.
  if (child.pid === undefined) return;
  try {
    process.kill(child.pid, 'SIGKILL');
  } catch {
    // Gone already: its exit event is on the way.
  }
}
