/** The files and folders of the user that data are read from: found, refused where they cannot be read to their end, and hashed. */
import type { BigIntStats } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { dataPaths, type DataPathKey, type FileData } from '../config/data';
import { RepriseError } from '../errors/errors';
import { declaredLicense } from '../files/declared-license';
import { FileCache } from '../files/file-cache';
import { filesBelow, type FoundFile } from '../files/files-below';
import { sha256Bytes, sha256File } from '../files/hash';

/** A file, or a folder with its files. */
export interface SourceInput {
  readonly key: DataPathKey;
  /** As the config names it. */
  readonly named: string;
  /** Where it lies. */
  readonly place: string;
  readonly isFolder: boolean;
  /** All of a folder, or the one. */
  readonly files: readonly FoundFile[];
}

export interface SourceFiles {
  readonly inputs: readonly SourceInput[];
  /** Of a file its SHA-256, of a folder that of the sorted list `PATH\0SHA-256\n` of its files; of several that of the list of theirs. */
  readonly sha256: string;
  readonly license: string;
}

const NAMES: Readonly<Record<FileData['kind'], { readonly code: string; readonly what: string; readonly takes: 'file' | 'folder' | 'either' }>> = {
  csv: { code: 'CSV', what: 'CSV file', takes: 'file' },
  parquet: { code: 'PARQUET', what: 'Parquet file', takes: 'file' },
  npy: { code: 'NPY', what: 'NumPy file', takes: 'file' },
  idx: { code: 'IDX', what: 'IDX file', takes: 'file' },
  images: { code: 'IMAGES', what: 'folder of images', takes: 'folder' },
  text: { code: 'TEXT', what: 'text', takes: 'either' },
  'labelled-text': { code: 'LABELLED_TEXT', what: 'table of texts', takes: 'file' },
};

function kindOfFile(found: BigIntStats): string {
  if (found.isDirectory()) return 'a folder';
  if (found.isFIFO()) return 'a pipe';
  if (found.isSocket()) return 'a socket';
  return found.isFile() ? 'a file' : 'a device';
}

/** Largest CSV file that is read, bytes: its text must fit into one string, of at most 2^29 − 24 characters in V8. */
const MAX_CSV_BYTES = 500_000_000;

/** Whether a table is a Parquet file, else CSV. */
export function isParquet(data: FileData, named: string): boolean {
  return data.kind === 'parquet' || (data.kind === 'labelled-text' && /\.parquet$/iu.test(named));
}

function refuseLargeCsv(data: FileData, key: DataPathKey, named: string, size: number): void {
  const isCsv = (data.kind === 'csv' || data.kind === 'labelled-text') && !isParquet(data, named);
  if (!isCsv || size <= MAX_CSV_BYTES) return;
  throw new RepriseError('CSV_TOO_LARGE', `The CSV file ${named} (data.${key}) has ${size} bytes; at most ${MAX_CSV_BYTES} (500 MB) are read.`, {
    hint: 'Save it as Parquet, which is read piece by piece, or take a sample of its rows.',
    problems: [{ path: `data.${key}`, message: `"${named}" is larger than 500 MB.` }],
  });
}

/** Refuses what cannot be read to its end: a device or a pipe may never come to one. */
async function findInput(data: FileData, key: DataPathKey, named: string, configFolder: string): Promise<SourceInput> {
  const { code, what, takes } = NAMES[data.kind];
  const place = path.resolve(configFolder, named);
  try {
    const info = await stat(place, { bigint: true });
    const isFolder = info.isDirectory();
    if (isFolder ? takes === 'file' : takes === 'folder' || !info.isFile()) {
      const wanted = takes === 'file' ? 'only ordinary files are read' : takes === 'folder' ? 'a folder is read' : 'only ordinary files and folders are read';
      throw new RepriseError(takes === 'folder' ? `${code}_NOT_A_FOLDER` : `${code}_NOT_A_FILE`, `${named} (data.${key}) is ${kindOfFile(info)}; ${wanted}.`, {
        hint: `Name a ${what}.`,
        problems: [{ path: `data.${key}`, message: `"${named}" is ${kindOfFile(info)}.` }],
      });
    }
    refuseLargeCsv(data, key, named, Number(info.size));
    return { key, named, place, isFolder, files: isFolder ? await filesBelow(place) : [{ name: '', file: place, info }] };
  } catch (error) {
    if (error instanceof RepriseError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new RepriseError(
      missing ? `${code}_NOT_FOUND` : `${code}_UNREADABLE`,
      missing ? `There is no ${what} ${named} (data.${key}): looked for ${place}.` : `The ${what} ${named} cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
      { hint: `A path in data.${key} counts from the config's folder.`, problems: [{ path: `data.${key}`, message: `"${named}" cannot be read.` }], cause: error },
    );
  }
}

/** Counts up when hashes are remembered in another way. */
const CACHE_VERSION = 1;

/** Unchanged files (size, times to the nanosecond, inode) are not read again. */
async function hashInput({ place, isFolder, files }: SourceInput, cacheFolder: string): Promise<string> {
  const cache = await FileCache.open(cacheFolder, `data ${await realpath(place)}`, CACHE_VERSION, z.string().regex(/^[0-9a-f]{64}$/u));
  const hashes: string[] = [];
  for (const { name, file, info } of files) {
    const known = cache.get(name, info);
    const now = Date.now();
    const hash = known ?? (await sha256File(file));
    if (known === undefined) cache.set(name, info, hash, now);
    hashes.push(hash);
  }
  await cache.save();
  return isFolder ? sha256Bytes(files.map(({ name }, index) => `${name}\0${hashes[index]}\n`).join('')) : hashes[0]!;
}

/**
 * Finds and hashes what data are read from.
 * @throws RepriseError …_NOT_FOUND, …_UNREADABLE, …_NOT_A_FILE, …_NOT_A_FOLDER, CSV_TOO_LARGE, naming the key
 */
export async function findSources(data: FileData, configFolder: string, cacheFolder: string): Promise<SourceFiles> {
  const inputs: SourceInput[] = [];
  for (const { key, path: named } of dataPaths(data)) inputs.push(await findInput(data, key, named, configFolder));
  const hashes: string[] = [];
  for (const input of inputs) hashes.push(await hashInput(input, cacheFolder).catch((error: unknown) => Promise.reject(unreadable(data, input, error))));
  const [first] = inputs;
  const beside = first === undefined ? null : await declaredLicense(first.isFolder ? first.place : path.dirname(first.place));
  return {
    inputs,
    sha256: hashes.length === 1 ? hashes[0]! : sha256Bytes(inputs.map(({ key }, index) => `${key}\0${hashes[index]}\n`).join('')),
    license: data.license ?? beside ?? 'unknown',
  };
}

function unreadable({ kind }: FileData, { named, key }: SourceInput, error: unknown): RepriseError {
  const { code, what } = NAMES[kind];
  return new RepriseError(`${code}_UNREADABLE`, `The ${what} ${named} cannot be read: ${error instanceof Error ? error.message : String(error)}.`, { hint: 'Look at who may read it.', problems: [{ path: `data.${key}`, message: `"${named}" cannot be read.` }], cause: error });
}

