/**
 * Reads a zip from a stranger. The listing is checked as a whole before anything is read: safe and
 * distinct names, plain files only, nothing encrypted, no overlapping entries, sizes within limits.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { openPromise, type Entry, type ZipFile } from 'yauzl';
import { RepriseError } from '../errors/errors';
import { NameRegister } from './names';

export interface ZipLimits {
  readonly maxEntries: number;
  /** Sum of the unpacked sizes, bytes. */
  readonly maxTotalBytes: number;
  /** Unpacked to packed size; applies above 100 MiB unpacked. */
  readonly maxRatio: number;
}

export const ZIP_LIMITS: ZipLimits = { maxEntries: 50_000, maxTotalBytes: 64 * 2 ** 30, maxRatio: 250 };
const RATIO_FREE_BYTES = 100 * 2 ** 20;

export interface ZipEntry {
  readonly name: string;
  readonly bytes: number;
}

export interface FileHashes {
  readonly sha512: string;
  readonly sha256: string;
  readonly bytes: number;
}

function unsafe(file: string, name: string, why: string): RepriseError {
  return new RepriseError('BUNDLE_UNSAFE', `${file}: the entry "${name}" ${why}; nothing was unpacked.`, {
    kind: 'input',
    hint: 'Do not use this file; ask its sender for a bundle made by Reprise.',
    problems: [{ path: name, message: why }],
  });
}

function damaged(file: string, cause: unknown, name?: string): RepriseError {
  const reason = (cause instanceof Error ? cause.message : String(cause)).replace(/\.?$/u, '.');
  return new RepriseError('BUNDLE_DAMAGED', `${file} cannot be read as a zip file: ${name === undefined ? '' : `the entry "${name}": `}${reason}`, {
    kind: 'input',
    hint: 'The file is incomplete or damaged: fetch it again.',
    problems: name === undefined ? [] : [{ path: name, message: `cannot be unpacked: ${reason}` }],
    cause,
  });
}

async function openZipFile(file: string): Promise<ZipFile> {
  try {
    return await openPromise(file, { autoClose: false, decodeStrings: true, strictFileNames: true, validateEntrySizes: true });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') throw new RepriseError('BUNDLE_NOT_FOUND', `${file} does not exist.`, { kind: 'input', hint: 'Check the path of the bundle.', cause: error });
    if (code === 'EISDIR' || code === 'EACCES' || code === 'EPERM') throw new RepriseError('BUNDLE_UNREADABLE', `${file} cannot be read (${code}).`, { kind: 'input', hint: 'A bundle is one file, NAME.crate.zip, that you may read.', cause: error });
    throw new RepriseError('BUNDLE_NOT_ZIP', `${file} is not a zip file, or it is cut off.`, { kind: 'input', hint: 'A bundle is a file NAME.crate.zip made by `reprise export`; if it is one, fetch it again.', cause: error });
  }
}

function entryProblem(entry: Entry, names: NameRegister): string | null {
  const problem = names.add(entry.fileName);
  if (problem !== null) return problem;
  if (entry.isEncrypted()) return 'is encrypted';
  if (entry.compressionMethod !== 0 && entry.compressionMethod !== 8) return `is compressed by method ${entry.compressionMethod}; known are 0 and 8`;
  const isFolder = entry.fileName.endsWith('/');
  const fileType = (entry.externalFileAttributes >>> 16) & 0o170000;
  const expected = isFolder ? 0o040000 : 0o100000;
  if (fileType !== 0 && fileType !== expected) return fileType === 0o120000 ? 'is a symbolic link' : 'is not a plain file';
  if (isFolder && entry.uncompressedSize !== 0) return 'is a folder with content';
  if (entry.compressionMethod === 0 && entry.compressedSize !== entry.uncompressedSize) return 'states two sizes';
  return null;
}

/** Entries that share bytes are how a small file unpacks to petabytes. */
function overlapping(entries: readonly Entry[]): Entry | null {
  const sorted = [...entries].sort((a, b) => a.relativeOffsetOfLocalHeader - b.relativeOffsetOfLocalHeader);
  let end = 0;
  for (const entry of sorted) {
    if (entry.relativeOffsetOfLocalHeader < end) return entry;
    end = entry.relativeOffsetOfLocalHeader + 30 + entry.compressedSize;
  }
  return null;
}

async function listEntries(zip: ZipFile, file: string, limits: ZipLimits): Promise<Entry[]> {
  const entries: Entry[] = [];
  const names = new NameRegister();
  let total = 0;
  let packed = 0;
  if (zip.entryCount > limits.maxEntries) throw unsafe(file, '(listing)', `announces ${zip.entryCount} entries; the limit is ${limits.maxEntries}`);
  try {
    for await (const entry of zip.eachEntry()) {
      const problem = entryProblem(entry, names);
      if (problem !== null) throw unsafe(file, entry.fileName, problem);
      total += entry.uncompressedSize;
      packed += entry.compressedSize;
      if (total > limits.maxTotalBytes) throw unsafe(file, entry.fileName, `brings the unpacked size over the limit of ${limits.maxTotalBytes} bytes`);
      entries.push(entry);
    }
  } catch (error) {
    if (error instanceof RepriseError) throw error;
    const message = error instanceof Error ? error.message : '';
    if (/absolute path|invalid relative path|invalid characters in fileName/u.test(message)) throw unsafe(file, message.replace(/^[^:]*: /u, ''), `is refused (${message.split(':')[0]})`);
    throw damaged(file, error);
  }
  if (total > RATIO_FREE_BYTES && total > packed * limits.maxRatio) throw unsafe(file, '(all entries)', `unpack to ${Math.round(total / Math.max(1, packed))} times their size; the limit is ${limits.maxRatio}`);
  const shared = overlapping(entries);
  if (shared !== null) throw unsafe(file, shared.fileName, 'shares its bytes with another entry');
  return entries;
}

/** An open zip whose listing has passed the checks. */
export class SafeZip {
  readonly file: string;
  /** Plain files, sorted by name in code-unit order. */
  readonly entries: readonly ZipEntry[];
  readonly #zip: ZipFile;
  readonly #byName: ReadonlyMap<string, Entry>;

  private constructor(file: string, zip: ZipFile, entries: readonly Entry[]) {
    this.file = file;
    this.#zip = zip;
    const files = entries.filter((entry) => !entry.fileName.endsWith('/'));
    this.#byName = new Map(files.map((entry) => [entry.fileName, entry]));
    this.entries = files.map((entry) => ({ name: entry.fileName, bytes: entry.uncompressedSize })).sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  /** @throws RepriseError BUNDLE_NOT_FOUND, BUNDLE_NOT_ZIP, BUNDLE_DAMAGED, BUNDLE_UNSAFE (all `input`) */
  static async open(file: string, limits: ZipLimits = ZIP_LIMITS): Promise<SafeZip> {
    const zip = await openZipFile(file);
    try {
      return new SafeZip(file, zip, await listEntries(zip, file, limits));
    } catch (error) {
      zip.close();
      throw error;
    }
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** @throws RepriseError BUNDLE_ENTRY_MISSING, BUNDLE_DAMAGED */
  async stream(name: string): Promise<Readable> {
    const entry = this.#byName.get(name);
    if (entry === undefined) throw new RepriseError('BUNDLE_ENTRY_MISSING', `${this.file}: there is no entry "${name}".`, { kind: 'input', problems: [{ path: name, message: 'is not in the bundle.' }] });
    try {
      const header = await this.#zip.readLocalFileHeaderPromise(entry);
      // What other tools unpack goes by the local header; the two names must be one.
      if (!header.fileName.equals(entry.fileNameRaw)) throw unsafe(this.file, name, 'is called differently in its own header');
      return await this.#zip.openReadStreamPromise(entry);
    } catch (error) {
      throw error instanceof RepriseError ? error : damaged(this.file, error, name);
    }
  }

  /**
   * Reads an entry into memory.
   * @throws RepriseError BUNDLE_ENTRY_MISSING, BUNDLE_TOO_LARGE, BUNDLE_DAMAGED
   */
  async read(name: string, maxBytes = 512 * 2 ** 20): Promise<Uint8Array> {
    const entry = this.#byName.get(name);
    if (entry !== undefined && entry.uncompressedSize > maxBytes) {
      throw new RepriseError('BUNDLE_TOO_LARGE', `${this.file}: the entry "${name}" has ${entry.uncompressedSize} bytes; at most ${maxBytes} are read.`, {
        kind: 'input',
        problems: [{ path: name, message: `has ${entry.uncompressedSize} bytes; at most ${maxBytes} are read.` }],
      });
    }
    const source = await this.stream(name);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of source) chunks.push(chunk as Buffer);
    } catch (error) {
      throw damaged(this.file, error, name);
    }
    // A buffer of its own: small Buffers share a pool, and typed views need alignment.
    const joined = Buffer.concat(chunks);
    return new Uint8Array(joined.buffer.slice(joined.byteOffset, joined.byteOffset + joined.byteLength));
  }

  /** @throws RepriseError BUNDLE_ENTRY_MISSING, BUNDLE_TOO_LARGE, BUNDLE_DAMAGED, BUNDLE_NOT_TEXT */
  async readText(name: string, maxBytes?: number): Promise<string> {
    const bytes = await this.read(name, maxBytes);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch (error) {
      throw new RepriseError('BUNDLE_NOT_TEXT', `${this.file}: the entry "${name}" is not UTF-8 text.`, { kind: 'input', problems: [{ path: name, message: 'is not UTF-8 text.' }], cause: error });
    }
  }

  /** @throws RepriseError BUNDLE_DAMAGED */
  async hash(name: string): Promise<FileHashes> {
    const source = await this.stream(name);
    const sha512 = createHash('sha512');
    const sha256 = createHash('sha256');
    let bytes = 0;
    try {
      for await (const chunk of source) {
        sha512.update(chunk as Buffer);
        sha256.update(chunk as Buffer);
        bytes += (chunk as Buffer).length;
      }
    } catch (error) {
      throw damaged(this.file, error, name);
    }
    return { sha512: sha512.digest('hex'), sha256: sha256.digest('hex'), bytes };
  }

  /**
   * Unpacks one entry below `folder`; an existing file is never replaced. Answers the SHA-512 (hex) of what was written.
   * @throws RepriseError BUNDLE_DAMAGED; NodeJS errors of the file system
   */
  async extract(name: string, folder: string): Promise<string> {
    const target = join(folder, ...name.split('/'));
    await mkdir(dirname(target), { recursive: true });
    const sha512 = createHash('sha512');
    const tap = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        sha512.update(chunk);
        done(null, chunk);
      },
    });
    const source = await this.stream(name);
    try {
      await pipeline(source, tap, createWriteStream(target, { flags: 'wx', mode: 0o644 }));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall !== undefined) throw error;
      throw damaged(this.file, error, name);
    }
    return sha512.digest('hex');
  }

  close(): void {
    this.#zip.close();
  }
}
