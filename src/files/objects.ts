/** The content-addressed store of a workspace: `objects/ab/abcdef…`, named by SHA-256. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { RepriseError } from '../errors/errors';
import { atomicWrite, atomicWriteWith, syncFolder } from './atomic-write';
import { sha256Bytes, sha256File } from './hash';

export interface StoredObject {
  /** SHA-256, hex. */
  readonly sha256: string;
  /** Absolute path, if the workspace's is. */
  readonly path: string;
  readonly bytes: number;
}

/** Path of an object relative to its workspace, with forward slashes. @throws RepriseError OBJECT_NAME_INVALID */
export function objectName(sha256: string): string {
  if (!/^[0-9a-f]{64}$/.test(sha256)) {
    throw new RepriseError('OBJECT_NAME_INVALID', `"${sha256}" is not a SHA-256 in lower-case hex.`, { kind: 'system' });
  }
  return `objects/${sha256.slice(0, 2)}/${sha256}`;
}

/** Path of an object; it may not exist. @throws RepriseError OBJECT_NAME_INVALID */
export function objectPath(workspace: string, sha256: string): string {
  return path.join(workspace, ...objectName(sha256).split('/'));
}

async function sizeOf(file: string): Promise<number | null> {
  try {
    const { size } = await stat(file);
    return size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Whether an object is there and is what its name says. */
export async function hasObject(workspace: string, sha256: string): Promise<boolean> {
  const file = objectPath(workspace, sha256);
  return (await sizeOf(file)) !== null && (await sha256File(file)) === sha256;
}

async function makeFolder(folder: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true });
  if (made !== undefined) await syncFolder(path.dirname(made));
}

/**
 * Puts bytes or a copy of a file into the store, atomically; an object that is there already and
 * intact is left alone, a damaged one is replaced.
 * @throws RepriseError OBJECT_HASH_MISMATCH when the content is not what `expectedSha256` says
 */
export async function putObject(
  workspace: string,
  source: Uint8Array | { readonly file: string },
  expectedSha256?: string,
): Promise<StoredObject> {
  const sha256 = source instanceof Uint8Array ? sha256Bytes(source) : await sha256File(source.file);
  if (expectedSha256 !== undefined && sha256 !== expectedSha256) {
    const what = source instanceof Uint8Array ? 'The content' : `The file ${source.file}`;
    throw new RepriseError('OBJECT_HASH_MISMATCH', `${what} has the SHA-256 ${sha256}, expected ${expectedSha256}.`, {
      kind: 'system',
      hint: 'It was changed or damaged after it was made.',
    });
  }
  const file = objectPath(workspace, sha256);
  if (!(await hasObject(workspace, sha256))) {
    await makeFolder(path.dirname(file));
    if (source instanceof Uint8Array) await atomicWrite(file, source);
    else await copyChecked(source.file, file, sha256);
  }
  const bytes = source instanceof Uint8Array ? source.byteLength : await sizeOf(file);
  return { sha256, path: file, bytes: bytes ?? 0 };
}

/** Copies, hashing what is really written: the source might change between hash and copy. */
async function copyChecked(from: string, to: string, sha256: string): Promise<void> {
  await atomicWriteWith(to, async (handle) => {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(from, { highWaterMark: 1 << 20 })) {
      hash.update(chunk as Uint8Array);
      await handle.writeFile(chunk as Uint8Array);
    }
    if (hash.digest('hex') !== sha256) {
      throw new RepriseError('OBJECT_HASH_MISMATCH', `The file ${from} changed while it was copied.`, { kind: 'system' });
    }
  });
}
