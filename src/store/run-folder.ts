/** Makes the folder of a run. */
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RUN_FILES } from '../events/manifest';
import { syncFolder } from '../files/atomic-write';
import { runFolderOf, WORKSPACE_FILES } from './layout';

/**
 * Makes the folder of a run with its manifest, aside and renamed: a run folder never lacks its manifest, and a crash
 * leaves no half-made run.
 * @returns false where there is such a folder already
 */
export async function writeRunFolder(workspace: string, runId: string, manifest: string): Promise<boolean> {
  const folder = runFolderOf(workspace, runId);
  const aside = join(workspace, WORKSPACE_FILES.runs, `.new-${runId}-${process.pid}`);
  try {
    await rm(aside, { recursive: true, force: true });
    await mkdir(aside);
    const handle = await open(join(aside, RUN_FILES.manifest), 'wx');
    try {
      await handle.writeFile(manifest);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await syncFolder(aside);
    await rename(aside, folder);
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    if (await isThere(folder)) return false;
    throw error;
  }
  await syncFolder(join(workspace, WORKSPACE_FILES.runs));
  return true;
}

export async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
