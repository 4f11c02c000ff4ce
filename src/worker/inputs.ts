/** What a worker reads before it trains, checked against what the run says it is. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { configSchema } from '../config/schema';
import { dataShape, decodePrepared, readPrepared, type DataDescription, type PreparedData } from '../datasets/prepared';
import { READ_BY_ROWS_FROM, RowReader, tokenOf } from '../datasets/row-reader';
import { splitParts, type SplitIndices } from '../datasets/split';
import { RepriseError } from '../errors/errors';
import { RUN_FILES, type TrainingManifest } from '../events/manifest';
import { sha256Bytes, sha256File } from '../files/hash';
import { inputSize, type DataShape } from '../models/types';
import { inMemory, onDisk, takeRows, type Split, type SplitData } from './examples';

/** Reads `run.json`. @throws RepriseError RUN_MANIFEST_INVALID */
export async function readManifest(runFolder: string): Promise<TrainingManifest> {
  const file = path.join(runFolder, RUN_FILES.manifest);
  const invalid = (what: string, cause?: unknown): RepriseError =>
    new RepriseError('RUN_MANIFEST_INVALID', `The run cannot begin: ${file} ${what}.`, { kind: 'system', hint: 'Start the run again from its config.', cause });
  let manifest: TrainingManifest;
  try {
    manifest = JSON.parse(await readFile(file, 'utf8')) as TrainingManifest;
  } catch (error) {
    throw invalid(`cannot be read (${error instanceof Error ? error.message : String(error)})`, error);
  }
  if (manifest === null || typeof manifest !== 'object' || manifest.format !== 1) throw invalid('is not in format 1');
  const config = configSchema.safeParse(manifest.config);
  if (!config.success) throw invalid('holds no valid config');
  return { ...manifest, config: config.data };
}

/** What a run trains on. */
export interface WorkerData {
  readonly shape: DataShape;
  /** By class number; none where the targets are no classes. */
  readonly classNames: readonly string[];
  readonly indices: SplitIndices;
  readonly train: Split;
  readonly validation: Split;
  readonly test: Split;
  /** Lets go of the file. */
  close(): Promise<void>;
}

/** The examples of a split; those of a stream of tokens lie together in it, and share their ends. */
function take({ input, target, features, labels, parts }: PreparedData, rows: Int32Array): SplitData {
  const size = inputSize(input);
  if (target.kind === 'next-token') {
    const start = tokenOf({ input, parts }, rows[0] ?? 0);
    return { rows: rows.length, features: features.subarray(start, start + rows.length * size + 1), labels: null };
  }
  return {
    rows: rows.length,
    features: takeRows(features, size, rows),
    labels: labels === null ? null : takeRows(labels, target.kind === 'values' ? target.size : 1, rows),
  };
}

function checkFingerprint(file: string, fingerprint: string, { data }: TrainingManifest): void {
  if (fingerprint === data.fingerprint) return;
  throw new RepriseError(
    'DATA_FINGERPRINT_MISMATCH',
    `The prepared data ${file} has the SHA-256 ${fingerprint}, but the run is about ${data.fingerprint}.`,
    { kind: 'system', hint: 'The file was changed or damaged: run the config again to prepare it.' },
  );
}

/** Prepared files of this size and more stay on the disk, bytes; a developer sets another one. It changes no number of a run. */
const ROWS_FROM = Number(process.env['REPRISE_READ_BY_ROWS_FROM'] ?? READ_BY_ROWS_FROM);

/**
 * Opens the prepared data, checks them and splits them: large ones are read as they are needed, others whole.
 * @throws RepriseError DATA_MISSING, DATA_FINGERPRINT_MISMATCH, DATA_INVALID, DATA_SPLIT_EMPTY
 */
export function openData(file: string, manifest: TrainingManifest, splitSeed: number): Promise<WorkerData> {
  return manifest.data.bytes < ROWS_FROM ? readWhole(file, manifest, splitSeed) : readByRows(file, manifest, splitSeed);
}

async function readWhole(file: string, manifest: TrainingManifest, splitSeed: number): Promise<WorkerData> {
  const bytes = await readPrepared(file);
  checkFingerprint(file, sha256Bytes(bytes), manifest);
  const data = decodePrepared(bytes, file);
  return splitUp(data, manifest, splitSeed, (rows) => inMemory(take(data, rows), inputSize(data.input)), () => Promise.resolve());
}

async function readByRows(file: string, manifest: TrainingManifest, splitSeed: number): Promise<WorkerData> {
  const reader = await RowReader.open(file);
  try {
    checkFingerprint(file, await sha256File(file), manifest);
    await reader.checkValues();
    return splitUp(reader.description, manifest, splitSeed, (rows) => onDisk(reader, rows), () => reader.close());
  } catch (error) {
    await reader.close();
    throw error;
  }
}

function splitUp(description: DataDescription, { config }: TrainingManifest, splitSeed: number, of: (rows: Int32Array) => Split, close: () => Promise<void>): WorkerData {
  const { split } = config.data;
  const indices = splitParts(description.parts, split, splitSeed);
  return { shape: dataShape(description, split), classNames: description.classNames, indices, train: of(indices.train), validation: of(indices.validation), test: of(indices.test), close };
}
