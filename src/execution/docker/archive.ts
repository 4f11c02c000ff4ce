/** Folders as tar streams: how they go to an engine that does not see this machine's files, and come back. */
import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, lstat, mkdir, readdir, readlink, rm, symlink } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract, pack, type Headers, type Pack } from 'tar-stream';
import { RepriseError } from '../../errors/errors';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** A file, folder or link of this machine, and its name in the archive, with `/`. */
export interface ArchiveEntry {
  readonly source: string;
  readonly name: string;
}

/** A file by its bytes. */
export interface ArchiveFile {
  readonly name: string;
  readonly bytes: Buffer;
  readonly mode: number;
  /** Where the bytes say where a link leads. */
  readonly isLink?: boolean;
}

function put(archive: Pack, header: Headers, bytes?: Buffer): Promise<void> {
  return new Promise((resolve, reject) => archive.entry(header, bytes ?? Buffer.alloc(0), (error) => (error == null ? resolve() : reject(error))));
}

async function add(archive: Pack, { source, name }: ArchiveEntry, owner: Owner): Promise<void> {
  const info = await lstat(source);
  const header = { name, mode: info.mode & 0o7777, mtime: info.mtime, ...owner };
  if (info.isSymbolicLink()) await put(archive, { ...header, type: 'symlink', linkname: await readlink(source) });
  else if (info.isFile()) {
    let failed: unknown = null;
    const entry = archive.entry({ ...header, type: 'file', size: info.size }, (error) => (failed = error ?? null));
    // What grows meanwhile stays behind.
    if (info.size > 0) await pipeline(createReadStream(source, { end: info.size - 1 }), entry);
    else entry.end();
    if (failed !== null) throw failed instanceof Error ? failed : new Error('The archive could not be written.');
  } else if (info.isDirectory()) {
    await put(archive, { ...header, type: 'directory' });
    for (const child of (await readdir(source)).sort()) await add(archive, { source: path.join(source, child), name: `${name}/${child}` }, owner);
  }
}

async function addFile(archive: Pack, { name, bytes, mode, isLink }: ArchiveFile, owner: Owner): Promise<void> {
  const header = { name, mode, mtime: new Date(0), ...owner };
  await (isLink === true ? put(archive, { ...header, type: 'symlink', linkname: bytes.toString('utf8') }) : put(archive, { ...header, type: 'file' }, bytes));
}

function filled(fill: (archive: Pack) => Promise<void>): Readable {
  const archive = pack();
  fill(archive).then(
    () => archive.finalize(),
    (error: unknown) => archive.destroy(error instanceof Error ? error : new Error(String(error))),
  );
  return archive as unknown as Readable;
}

/** Of one owner, whoever has the files here. */
export function packed(entries: readonly ArchiveEntry[], owner: Owner, files: readonly ArchiveFile[] = []): Readable {
  return filled(async (archive) => {
    for (const file of files) await addFile(archive, file, owner);
    for (const entry of entries) await add(archive, entry, owner);
  });
}

/** The same files give the same bytes at any time. */
export function packedFiles(files: AsyncIterable<ArchiveFile>): Readable {
  return filled(async (archive) => {
    for await (const file of files) await addFile(archive, file, { uid: 0, gid: 0 });
  });
}

/** Where an entry may be written; null where a name leads out, or a link of this machine stands on its way. */
async function placeOf(target: string, name: string): Promise<string | null> {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..') || name.includes('\0')) return null;
  let folder = target;
  for (const part of parts.slice(0, -1)) {
    folder = path.join(folder, part);
    if ((await lstat(folder).catch(() => null))?.isSymbolicLink() === true) return null;
  }
  return path.join(target, ...parts);
}

async function write(place: string, header: Headers, content: Readable): Promise<void> {
  const there = await lstat(place).catch(() => null);
  if (header.type === 'directory') {
    if (there !== null && !there.isDirectory()) await rm(place);
    await mkdir(place, { recursive: true });
    return;
  }
  if (header.type !== 'file' && header.type !== 'symlink' && header.type !== 'link') return;
  await mkdir(path.dirname(place), { recursive: true });
  if (there !== null && header.type !== 'file') await rm(place, { recursive: true });
  if (header.type === 'symlink') await symlink(header.linkname ?? '', place);
  else if (header.type === 'file') {
    // In place, so that whoever reads on in a growing file finds it there.
    if (there !== null && !there.isFile()) await rm(place, { recursive: true });
    await pipeline(content, createWriteStream(place));
    await chmod(place, ((header.mode ?? 0o644) & 0o777) | 0o600);
  }
}

/**
 * Writes what a container has of a path over what is there; the first part of each name, which is that of the path
 * itself, is left out. Nothing is written outside of the target.
 * @throws RepriseError ARCHIVE_UNSAFE
 */
export async function unpackInto(target: string, archive: Readable): Promise<void> {
  const entries = extract();
  const work = async (header: Headers, content: Readable): Promise<void> => {
    const place = await placeOf(target, header.name.split('/').slice(1).join('/'));
    if (place === null) throw new RepriseError('ARCHIVE_UNSAFE', `The container would write to ${JSON.stringify(header.name)}, outside of its run.`, { kind: 'system' });
    await write(place, header, content);
  };
  entries.on('entry', (header, content, next) => {
    const stream = content as unknown as Readable;
    work(header, stream).then(
      () => {
        stream.resume();
        next();
      },
      (error: unknown) => next(error),
    );
  });
  await pipeline(archive, entries as unknown as NodeJS.WritableStream);
}
