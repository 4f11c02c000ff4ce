/** Puts a code state into the object store: every file as it lies on disk, secrets withheld and named. */
import { constants, type BigIntStats } from 'node:fs';
import { lstat, open, readlink, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { canonicalJson } from '../config/hash';
import { parseSnapshot, type Snapshot, type SnapshotFile, type WithheldFile } from '../events/snapshot';
import { sha256Bytes, sha256File } from '../files/hash';
import { objectPath, putObject } from '../files/objects';
import { RepriseError } from '../errors/errors';
import { FileCache } from '../files/file-cache';
import { staysInside } from './inside';
import { inParallel } from './parallel';
import { isSecretName, redactText, secretsIn, SECRET_RULES } from './secrets';

/** What a snapshot holds at most. What is past it is named, with its hash where that is cheap. */
export interface SnapshotLimits {
  readonly fileBytes: number;
  readonly totalBytes: number;
  readonly files: number;
  /** Bytes of files past a limit that are read to be hashed. */
  readonly hashBytes: number;
}

export const SNAPSHOT_LIMITS: SnapshotLimits = { fileBytes: 32 * 2 ** 20, totalBytes: 512 * 2 ** 20, files: 20_000, hashBytes: 2 ** 30 };

/** Files read at one time: enough to keep a disk busy, few enough that the largest fit into memory. */
const READERS = 8;

export interface SnapshotOptions {
  readonly workspace: string;
  /** Absolute and without links. */
  readonly root: string;
  /** Names of the files, relative to `root`, with `/`. */
  readonly names: readonly string[];
  readonly limits?: SnapshotLimits;
}

export interface CapturedSnapshot {
  /** SHA-256 of the snapshot object. */
  readonly sha256: string;
  readonly snapshot: Snapshot;
  /** Files that had to be read because they were new or had changed. */
  readonly read: number;
}

type Withheld = Omit<WithheldFile, 'path'>;
type Look = { readonly file: Omit<SnapshotFile, 'path'> } | { readonly withheld: Withheld };

const lookShape = z.union([
  z.object({ file: z.object({ mode: z.enum(['file', 'executable', 'link']), sha256: z.string(), bytes: z.number() }) }),
  z.object({ withheld: z.object({ reason: z.enum(['secret', 'size', 'link', 'odd']), note: z.string(), trace: z.string().optional() }) }),
]) as z.ZodType<Look>;

const withhold = (reason: Withheld['reason'], note: string, trace?: string): Look => ({ withheld: { reason, note, ...(trace === undefined ? {} : { trace }) } });

/** In UTF-8, or with one character a byte where it is not. */
function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return bytes.toString('latin1');
  }
}

async function hasObjectOfSize(workspace: string, sha256: string, bytes: number): Promise<boolean> {
  return stat(objectPath(workspace, sha256)).then((info) => info.size === bytes, () => false);
}

class Capture {
  private readonly folders = new Map<string, Promise<boolean>>();
  private toHash: number;
  read = 0;

  constructor(
    private readonly options: SnapshotOptions,
    private readonly limits: SnapshotLimits,
    private readonly cache: FileCache<Look>,
  ) {
    this.toHash = limits.hashBytes;
  }

  /** The file's times and size; null where it is not there (any more). */
  infoOf(name: string): Promise<BigIntStats | null> {
    return lstat(this.pathOf(name), { bigint: true }).catch(() => null);
  }

  /** @param room whether it is among the first files that together are within the limit */
  async look(name: string, info: BigIntStats, room: boolean): Promise<Look> {
    if (isSecretName(name)) return withhold('secret', 'its name says that it holds secrets');
    // A folder on the way may have been replaced by a link to anywhere.
    if (!(await this.liesInside(path.posix.dirname(name)))) return withhold('link', 'lies behind a link that leads elsewhere');
    if (info.isSymbolicLink()) return this.lookAtLink(name);
    if (!info.isFile()) return withhold('odd', info.isDirectory() ? 'is a folder' : 'is no ordinary file');
    const bytes = Number(info.size);
    if (bytes > this.limits.fileBytes) return this.lookAtLarge(name, info, `is larger than ${size(this.limits.fileBytes)}`);
    if (!room) return this.lookAtLarge(name, info, `is past the first ${size(this.limits.totalBytes)}`);
    const known = this.cache.get(name, info);
    if (known !== undefined && ('withheld' in known || (await hasObjectOfSize(this.options.workspace, known.file.sha256, known.file.bytes)))) return known;
    return this.lookInto(name, info);
  }

  private pathOf(name: string): string {
    return path.join(this.options.root, ...name.split('/'));
  }

  private liesInside(folder: string): Promise<boolean> {
    let known = this.folders.get(folder);
    if (known === undefined) {
      const expected = this.pathOf(folder);
      known = realpath(expected).then((real) => real === expected, () => false);
      this.folders.set(folder, known);
    }
    return known;
  }

  private async lookAtLink(name: string): Promise<Look> {
    const target = await readlink(this.pathOf(name)).catch(() => null);
    if (target === null) return withhold('odd', 'cannot be read');
    if (!staysInside(name, target)) return withhold('link', path.isAbsolute(target) ? 'leads to an absolute path' : 'leads outside');
    const { sha256, bytes } = await putObject(this.options.workspace, Buffer.from(target, 'utf8'));
    return { file: { mode: 'link', sha256, bytes } };
  }

  private async lookAtLarge(name: string, info: BigIntStats, note: string): Promise<Look> {
    const known = this.cache.get(name, info);
    if (known !== undefined && 'withheld' in known && known.withheld.reason === 'size') return known;
    if (info.size > this.toHash) return withhold('size', note);
    this.toHash -= Number(info.size);
    try {
      this.read += 1;
      const look = withhold('size', note, await sha256File(this.pathOf(name)));
      this.cache.set(name, info, look, Date.now());
      return look;
    } catch {
      return withhold('odd', 'cannot be read');
    }
  }

  private async lookInto(name: string, info: BigIntStats): Promise<Look> {
    let bytes: Buffer;
    this.read += 1;
    const now = Date.now();
    try {
      // NONBLOCK: a pipe that took the file's place must not hold us up.
      const handle = await open(this.pathOf(name), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
      try {
        bytes = await handle.readFile();
      } finally {
        await handle.close();
      }
    } catch {
      return withhold('odd', 'cannot be read');
    }
    const look = await this.keep(info, bytes);
    // What changed while it was read is read again next time.
    if (bytes.length === Number(info.size)) this.cache.set(name, info, look, now);
    return look;
  }

  private async keep(info: BigIntStats, bytes: Buffer): Promise<Look> {
    const text = textOf(bytes);
    const secret = secretsIn(text)[0];
    if (secret !== undefined) return withhold('secret', `shows ${secret.what}`, sha256Bytes(redactText(text)));
    const { sha256 } = await putObject(this.options.workspace, bytes);
    const executable = process.platform !== 'win32' && (info.mode & 0o100n) !== 0n;
    return { file: { mode: executable ? 'executable' : 'file', sha256, bytes: bytes.length } };
  }
}

const size = (bytes: number): string => (bytes < 2 ** 20 ? `${String(bytes)} bytes` : `${String(Math.round(bytes / 2 ** 20))} MiB`);

/**
 * Stores the named files as they lie on disk now. The same files give the same snapshot on every machine; unchanged
 * ones are not read again.
 * @throws RepriseError of the object store
 */
export async function captureSnapshot(options: SnapshotOptions): Promise<CapturedSnapshot> {
  const limits = options.limits ?? SNAPSHOT_LIMITS;
  const names = [...new Set(options.names)].sort();
  const cache = await FileCache.open(path.join(options.workspace, 'cache'), `code ${options.root}`, SECRET_RULES, lookShape);
  const capture = new Capture(options, limits, cache);
  const found = await inParallel(names.slice(0, limits.files), READERS, async (name) => ({ name, info: await capture.infoOf(name) }));
  let total = 0;
  // Which files are past the limit must not depend on which are read first.
  const present = found.flatMap(({ name, info }) => {
    if (info === null) return [];
    const bytes = info.isFile() && info.size <= limits.fileBytes ? Number(info.size) : 0;
    const room = total + bytes <= limits.totalBytes;
    if (room) total += bytes;
    return [{ name, info, room }];
  });
  const looks = await inParallel(present, READERS, async ({ name, info, room }) => ({ name, look: await capture.look(name, info, room) }));
  await cache.save();
  const files: SnapshotFile[] = [];
  const withheld: WithheldFile[] = [];
  for (const { name, look } of looks) {
    if ('file' in look) files.push({ path: name, ...look.file });
    else withheld.push({ path: name, ...look.withheld });
  }
  for (const name of names.slice(limits.files)) withheld.push({ path: name, reason: 'size', note: `is past the first ${String(limits.files)} files` });
  const snapshot: Snapshot = { format: 1, files, withheld };
  const { sha256 } = await putObject(options.workspace, Buffer.from(canonicalJson(snapshot), 'utf8'));
  return { sha256, snapshot, read: capture.read };
}

/** @throws RepriseError SNAPSHOT_MISSING, SNAPSHOT_INVALID, OBJECT_HASH_MISMATCH */
export async function readSnapshot(workspace: string, sha256: string): Promise<Snapshot> {
  return parseSnapshot((await readObject(workspace, sha256)).toString('utf8'));
}

/** The bytes of an object, checked. @throws RepriseError OBJECT_MISSING, OBJECT_HASH_MISMATCH */
export async function readObject(workspace: string, sha256: string): Promise<Buffer> {
  const file = objectPath(workspace, sha256);
  let bytes: Buffer;
  try {
    const handle = await open(file, 'r');
    try {
      bytes = await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new RepriseError('OBJECT_MISSING', `The object ${sha256} is not in the workspace.`, { kind: 'system', hint: 'Restore objects/ from a backup.', cause });
  }
  if (sha256Bytes(bytes) !== sha256) {
    throw new RepriseError('OBJECT_HASH_MISMATCH', `The object ${sha256} of the workspace is damaged.`, { kind: 'system', hint: 'Restore it from a backup.' });
  }
  return bytes;
}

