/** Puts what comes in pieces into the content-addressed store, without holding it in memory. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from './atomic-write';
import { objectPath, type StoredObject } from './objects';

/**
 * Atomic and durable. What was there under the same hash is replaced by the same content, so a damaged object is mended.
 * Nothing is left where the source ends with an error.
 */
export async function putObjectFrom(workspace: string, source: AsyncIterable<Uint8Array>): Promise<StoredObject> {
  const folder = path.join(workspace, 'objects');
  await mkdir(folder, { recursive: true });
  const temporary = path.join(folder, `.new.${process.pid}.${randomUUID()}.tmp`);
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    const handle = await open(temporary, 'wx');
    try {
      for await (const chunk of source) {
        hash.update(chunk);
        bytes += chunk.byteLength;
        await handle.writeFile(chunk);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    const sha256 = hash.digest('hex');
    const file = objectPath(workspace, sha256);
    const made = await mkdir(path.dirname(file), { recursive: true });
    if (made !== undefined) await syncFolder(folder);
    await rename(temporary, file);
    await syncFolder(path.dirname(file));
    return { sha256, path: file, bytes };
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
