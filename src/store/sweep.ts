/** Removes what nobody needs any more: what killed processes left in temporary folders of a workspace. */
import { readdir, rm, rmdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { holderOf } from '../files/claim';
import { lifeOf, ownIdentity } from '../files/process-identity';
import { WORKSPACE_FILES } from './layout';

/** Folders of a workspace whose subfolders are temporary, each of one process. */
const TEMPORARY = ['apart', 'reproduce'] as const;

/** In a temporary folder: the process that made it. */
const OWNER_FILE = '.owner';

/** A folder that names no process is nobody's after this time. */
const ABANDONED_MS = 24 * 3_600_000;

/** Notes in a temporary folder that it is this process's, so that it is removed once that is gone. */
export async function markTemporary(folder: string): Promise<void> {
  await writeFile(join(folder, OWNER_FILE), JSON.stringify(ownIdentity()));
}

/**
 * Removes the subfolders of `apart/` and `reproduce/` whose process is dead, and those that name none (by their note or
 * by a host lock) and are older than a day. What a living process uses, or one that cannot be looked at from here, is
 * left alone. What cannot be removed now is left to the next time.
 * @returns absolute paths of what was removed
 */
export async function sweepLeftovers(workspace: string): Promise<string[]> {
  const removed: string[] = [];
  for (const name of TEMPORARY) {
    const parent = join(workspace, name);
    let found = false;
    for (const folder of await subfolders(parent)) {
      found = true;
      if (!(await isLeftover(folder))) continue;
      try {
        await rm(folder, { recursive: true, force: true });
        removed.push(folder);
      } catch {
        // A file in it is still open: the next host tries again.
      }
    }
    // Fails while others are at work beside it.
    if (found) await rmdir(parent).catch(() => undefined);
  }
  return removed;
}

async function subfolders(parent: string): Promise<string[]> {
  try {
    const entries = await readdir(parent, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => join(parent, entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function isLeftover(folder: string): Promise<boolean> {
  const owners = [OWNER_FILE, WORKSPACE_FILES.lock].flatMap((name) => holderOf(join(folder, name)) ?? []);
  if (owners.length > 0) return owners.every((owner) => lifeOf(owner.process) === 'dead');
  try {
    return Date.now() - (await stat(folder)).mtimeMs > ABANDONED_MS;
  } catch {
    // Its process has removed it just now.
    return false;
  }
}
