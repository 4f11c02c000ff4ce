/** Fingerprints of data that a run reads: files and folders, however large, read once as long as they do not change. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { InputRef } from '../events/manifest';
import { declaredLicense } from '../files/declared-license';
import { FileCache } from '../files/file-cache';
import { filesBelow, type FoundFile } from '../files/files-below';
import { inParallel } from './parallel';

const READERS = 4;
const CACHE_VERSION = 1;

export interface FingerprintOptions {
  /** The workspace's `cache/`. */
  readonly cacheFolder: string;
  /** As the config declares it; looked for beside the data where it is left out or `unknown`. */
  readonly license?: string;
  readonly signal?: AbortSignal;
  /** How bytes are read; from disk when left out. */
  readonly read?: (file: string) => AsyncIterable<Uint8Array>;
}

/** What an input is now. The name it goes by in the config is the caller's. */
export type InputFingerprint = Omit<InputRef, 'path'>;

interface FileFacts {
  readonly sha256: string;
  /** Lines of a text table, rows of a Parquet file; null for other files. */
  readonly rows: number | null;
}

const factsShape = z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/u), rows: z.number().nullable() });

const countsLines = (file: string): boolean => /\.(?:csv|tsv|jsonl|ndjson|txt)$/iu.test(file);

const fromDisk = (file: string): AsyncIterable<Uint8Array> => createReadStream(file, { highWaterMark: 1 << 20 });

async function factsOf(file: string, { read = fromDisk, signal }: FingerprintOptions): Promise<FileFacts> {
  const hash = createHash('sha256');
  const counting = countsLines(file);
  let lines = 0;
  let last = 0x0a;
  for await (const chunk of read(file)) {
    signal?.throwIfAborted();
    hash.update(chunk);
    if (!counting || chunk.length === 0) continue;
    for (let at = chunk.indexOf(0x0a); at !== -1; at = chunk.indexOf(0x0a, at + 1)) lines += 1;
    last = chunk[chunk.length - 1] ?? last;
  }
  // The last line may lack its end.
  const total = lines + (last === 0x0a ? 0 : 1);
  const rows = counting ? Math.max(0, total - (/\.(?:csv|tsv)$/iu.test(file) ? 1 : 0)) : null;
  return { sha256: hash.digest('hex'), rows };
}

/** Rows of a Parquet file, from its footer; null where it is none. */
async function parquetRows(file: string): Promise<number | null> {
  if (!/\.parquet$/iu.test(file)) return null;
  try {
    const { asyncBufferFromFile, parquetMetadataAsync } = await import('hyparquet');
    return Number((await parquetMetadataAsync(await asyncBufferFromFile(file))).num_rows);
  } catch {
    return null;
  }
}

/**
 * Size, hash, number of files, rows and licence of a file or folder. A file's fingerprint is its SHA-256; a folder's
 * that of the sorted list `PATH\0SHA-256\n` of its files. Unchanged files (size, times to the nanosecond, inode) are
 * not read again. Where nothing lies, the fingerprint is null.
 * @throws the system's error for a file that cannot be read; the signal's reason
 */
export async function fingerprintInput(input: string, options: FingerprintOptions): Promise<InputFingerprint> {
  const license = options.license === undefined || options.license === 'unknown' ? null : options.license;
  const info = await stat(input, { bigint: true }).catch(() => null);
  if (info === null) return { fingerprint: null, bytes: 0, files: 0, license: license ?? 'unknown' };
  const root = await realpath(input);
  const cache = await FileCache.open(options.cacheFolder, `input ${root}`, CACHE_VERSION, factsShape);
  const found: FoundFile[] = info.isDirectory() ? await filesBelow(root) : [{ name: '', file: root, info }];
  try {
    const facts = await inParallel(found, READERS, async ({ name, file, info: before }): Promise<FileFacts> => {
      options.signal?.throwIfAborted();
      const known = cache.get(name, before);
      if (known !== undefined) return known;
      const now = Date.now();
      const read = await factsOf(file, options);
      const complete = { ...read, rows: read.rows ?? (await parquetRows(file)) };
      const after = await stat(file, { bigint: true });
      // What changed meanwhile is neither the old nor the new: it is read again next time.
      if (after.size === before.size && after.mtimeNs === before.mtimeNs) cache.set(name, before, complete, now);
      return complete;
    });
    const rows = facts.some((entry) => entry.rows !== null) ? facts.reduce((sum, entry) => sum + (entry.rows ?? 0), 0) : null;
    const list = createHash('sha256');
    for (const [index, { name }] of found.entries()) list.update(`${name}\0${facts[index]?.sha256 ?? ''}\n`);
    return {
      fingerprint: info.isDirectory() ? list.digest('hex') : (facts[0]?.sha256 ?? null),
      bytes: found.reduce((sum, entry) => sum + Number(entry.info.size), 0),
      files: found.length,
      license: license ?? (await declaredLicense(info.isDirectory() ? root : path.dirname(root))) ?? 'unknown',
      ...(rows === null ? {} : { rows }),
    };
  } finally {
    await cache.save();
  }
}
