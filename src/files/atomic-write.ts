import { randomUUID } from 'node:crypto';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';

/** Makes a rename in a folder durable. Windows cannot sync a folder, and needs not. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A name beside `file` that no other writer uses. */
export function temporaryName(file: string): string {
  return path.join(path.dirname(file), `.${path.basename(file)}.${process.pid}.${randomUUID()}.tmp`);
}

/**
 * Lets `fill` write a temporary file beside `file`, then puts it in place: after a crash the file has
 * its old content or its new one, never part of it.
 */
export async function atomicWriteWith(file: string, fill: (handle: FileHandle) => Promise<void>): Promise<void> {
  const temporary = temporaryName(file);
  try {
    const handle = await open(temporary, 'wx');
    try {
      await fill(handle);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(path.dirname(file));
}

/** Writes a whole file atomically and durably. Its folder must exist. */
export async function atomicWrite(file: string, data: Uint8Array | string): Promise<void> {
  await atomicWriteWith(file, async (handle) => {
    await handle.writeFile(data);
  });
}
