/** Remembers what reading a file came to, so that an unchanged one is not read again. */
import type { BigIntStats } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { atomicWrite } from './atomic-write';
import { sha256Bytes } from './hash';

/**
 * A file that changed less than this long before it was read may change again without a new time: file systems count
 * in steps of up to two seconds (FAT). What was read of it is not remembered.
 */
const SETTLED_MS = 2500;

const cacheShape = z.object({ version: z.number(), entries: z.array(z.tuple([z.string(), z.string(), z.unknown()])) });

/** Equal for a file that nobody touched: size, times to the nanosecond, inode. */
function stampOf(info: BigIntStats): string {
  return [info.size, info.mtimeNs, info.ctimeNs, info.ino, info.dev].join(':');
}

/** Answers about the files below one folder, kept in one file of the workspace's cache. Losing it costs time only. */
export class FileCache<T> {
  private readonly known = new Map<string, { readonly stamp: string; readonly value: T }>();
  private readonly seen = new Map<string, { readonly stamp: string; readonly value: T }>();

  private constructor(
    private readonly file: string,
    private readonly version: number,
  ) {}

  /**
   * @param folder the workspace's `cache/`
   * @param subject what the answers are about; each has a file of its own
   * @param version answers given under another one are forgotten
   */
  static async open<T>(folder: string, subject: string, version: number, shape: z.ZodType<T>): Promise<FileCache<T>> {
    const cache = new FileCache<T>(path.join(folder, `files-${sha256Bytes(subject).slice(0, 32)}.json`), version);
    try {
      const parsed = cacheShape.parse(JSON.parse(await readFile(cache.file, 'utf8')));
      if (parsed.version !== version) return cache;
      for (const [name, stamp, value] of parsed.entries) {
        const answer = shape.safeParse(value);
        if (answer.success) cache.known.set(name, { stamp, value: answer.data });
      }
    } catch {
      // None yet, or a damaged one: all is read anew.
      cache.known.clear();
    }
    return cache;
  }

  /** The answer about a file that is as it was; undefined where it must be read. */
  get(name: string, info: BigIntStats): T | undefined {
    const found = this.known.get(name);
    if (found === undefined || found.stamp !== stampOf(info)) return undefined;
    this.seen.set(name, found);
    return found.value;
  }

  /** @param info of the file before it was read. @param now when it was read, milliseconds since 1970 */
  set(name: string, info: BigIntStats, value: T, now: number): void {
    const changed = Number((info.mtimeNs > info.ctimeNs ? info.mtimeNs : info.ctimeNs) / 1_000_000n);
    if (now - changed >= SETTLED_MS) this.seen.set(name, { stamp: stampOf(info), value });
  }

  /** Keeps the answers that were asked for or given since it was opened. Failing to is no error. */
  async save(): Promise<void> {
    const entries = [...this.seen].map(([name, { stamp, value }]) => [name, stamp, value]);
    const unchanged = entries.length === this.known.size && [...this.seen].every(([name, entry]) => this.known.get(name) === entry);
    if (unchanged) return;
    try {
      await mkdir(path.dirname(this.file), { recursive: true });
      await atomicWrite(this.file, JSON.stringify({ version: this.version, entries }));
    } catch {
      // A full or read-only disk will be told by what has to be written.
    }
  }
}
