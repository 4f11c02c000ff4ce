/** How a host ends the supervisor of a command: by asking, so that nothing the command started is left. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { COMMAND_FILES } from '../../events/command-files';

/** A command's processes have this long to end when they are asked to. */
export const COMMAND_GRACE_MS = 3000;
/** What the supervisor needs besides. */
const SUPERVISOR_MS = 4000;

/**
 * @param exit settles when the supervisor is gone
 * @param kill ends the supervisor alone, when it does not answer
 */
export function endSupervisor(runFolder: string, exit: Promise<unknown>, kill: () => void): void {
  try {
    writeFileSync(join(runFolder, COMMAND_FILES.stop), '');
  } catch {
    // Its folder cannot be written: what the command started is ended by the host, who finds it by its mark.
    kill();
    return;
  }
  const timer = setTimeout(kill, COMMAND_GRACE_MS + SUPERVISOR_MS);
  void exit.then(() => clearTimeout(timer));
}
