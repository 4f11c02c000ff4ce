/** A folder of files that another program kept for a run. */
import { lstat, readdir, realpath } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { filePath } from '../tail/file-path';
import type { ImportSink, Lots } from '../import-sink';

/** Puts all files of a folder into the object store. Links are not followed: they may lead anywhere. */
export async function keepFolder(folder: string, under: string, sink: ImportSink, runId: string, lots: Lots): Promise<void> {
  if (await isLink(folder)) {
    await sink.problem(runId, folder, 'It is a link; links are not followed.');
    return;
  }
  let entries;
  try {
    entries = await readdir(folder, { recursive: true, withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isSymbolicLink()) await sink.problem(runId, path, 'It is a link; links are not followed.');
    if (!entry.isFile()) continue;
    const stored = await sink.put({ file: path });
    await lots.add({ type: 'file', path: filePath(under, relative(folder, path).replaceAll(sep, '/')), sha256: stored.sha256, bytes: stored.bytes });
  }
}

/** Whether a path is itself a link; not where nothing lies. */
export async function isLink(path: string): Promise<boolean> {
  return lstat(path).then((info) => info.isSymbolicLink(), () => false);
}

/** Whether a path lies in a folder, also when links are followed. */
export async function liesIn(path: string, folder: string): Promise<boolean> {
  try {
    const [inner, outer] = await Promise.all([realpath(path), realpath(folder)]);
    return inner === outer || inner.startsWith(`${outer}${sep}`);
  } catch {
    return false;
  }
}
