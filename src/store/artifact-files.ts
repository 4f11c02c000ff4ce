/** Moves the files a run announces into the content-addressed store. */
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ArtifactRecord } from '../events/records';
import { syncFolder } from '../files/atomic-write';
import { sha256File } from '../files/hash';
import { hasObject, objectPath } from '../files/objects';

/**
 * Moves one announced file, if it is what the record says. Idempotent: with the object in place a file that is
 * left over is removed. A file that is missing or differs stays as it is; `workspace check` names it.
 */
export async function moveArtifact(workspace: string, runFolder: string, artifact: ArtifactRecord): Promise<void> {
  // The record names a file inside the run folder; anything else is not followed.
  if (basename(artifact.file) !== artifact.file || artifact.file === '' || artifact.file === '..') return;
  const source = join(runFolder, artifact.file);
  if (!(await isFile(source)) || (await sha256File(source)) !== artifact.sha256) return;
  if (await hasObject(workspace, artifact.sha256)) {
    await rm(source, { force: true });
    return;
  }
  const target = objectPath(workspace, artifact.sha256);
  await mkdir(dirname(target), { recursive: true });
  const handle = await open(source, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(source, target);
  await syncFolder(dirname(target));
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
