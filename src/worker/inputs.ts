/** What a worker reads before it trains, checked against what the run says it is. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { configSchema } from '../config/schema';
import { dataShape, decodePrepared, readPrepared, type PreparedData } from '../datasets/prepared';
import { splitIndices, type SplitIndices } from '../datasets/split';
import { RepriseError } from '../errors/errors';
import { RUN_FILES, type TrainingManifest } from '../events/manifest';
import { sha256Bytes } from '../files/hash';
import type { DataShape } from '../models/types';
import { takeRows, type SplitData } from './sessions';

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

export interface WorkerData {
  readonly shape: DataShape;
  readonly indices: SplitIndices;
  readonly train: SplitData;
  readonly validation: SplitData;
  readonly test: SplitData;
}

function take({ features, labels, featureCount }: PreparedData, rows: Int32Array): SplitData {
  return { rows: rows.length, features: takeRows(features, featureCount, rows), labels: takeRows(labels, 1, rows) };
}

/**
 * Reads the prepared data and splits it.
 * @throws RepriseError DATA_MISSING, DATA_FINGERPRINT_MISMATCH, DATA_INVALID, DATA_SPLIT_EMPTY
 */
export async function readData(file: string, manifest: TrainingManifest, splitSeed: number): Promise<WorkerData> {
  const bytes = await readPrepared(file);
  const fingerprint = sha256Bytes(bytes);
  if (fingerprint !== manifest.data.fingerprint) {
    throw new RepriseError(
      'DATA_FINGERPRINT_MISMATCH',
      `The prepared data ${file} has the SHA-256 ${fingerprint}, but the run is about ${manifest.data.fingerprint}.`,
      { kind: 'system', hint: 'The file was changed or damaged: run the config again to prepare it.' },
    );
  }
  const data = decodePrepared(bytes, file);
  const { split } = manifest.config.data;
  const indices = splitIndices(data.rows, split, splitSeed);
  return {
    shape: dataShape(data, split),
    indices,
    train: take(data, indices.train),
    validation: take(data, indices.validation),
    test: take(data, indices.test),
  };
}
