/** The prepared data set: one safetensors file, the same for every reader, worker and bundle. */
import { readFile } from 'node:fs/promises';
import type { DataConfig } from '../config/schema';
import { RepriseError, toErrorReport } from '../errors/errors';
import type { DataShape } from '../models/types';
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from '../tensors/safetensors';
import { splitSizes } from './split';

export interface ImageShape {
  readonly rows: number;
  readonly columns: number;
  readonly channels: number;
}

/** A data set ready to train on. */
export interface PreparedData {
  readonly kind: DataConfig['kind'];
  /** Number of examples N. */
  readonly rows: number;
  /** Values of one example D. */
  readonly featureCount: number;
  /** [N, D], row after row. */
  readonly features: Uint8Array | Float32Array;
  /** [N], class numbers from 0. */
  readonly labels: BigInt64Array;
  /** Name of each class, by number. */
  readonly classNames: readonly string[];
  /** Name of each feature; empty for images. */
  readonly featureNames: readonly string[];
  readonly image: ImageShape | null;
  /** What was subtracted from each feature and what it was divided by then; null where it was left as it was. */
  readonly standardization: { readonly means: readonly number[]; readonly scales: readonly number[] } | null;
}

const KINDS: readonly string[] = ['mnist', 'csv', 'two-moons', 'spirals'] satisfies readonly DataConfig['kind'][];
const MAX_CLASSES = 100_000;

function invalid(where: string, what: string): RepriseError {
  return new RepriseError('DATA_INVALID', `The prepared data ${where} cannot be used: ${what}.`, {
    kind: 'system',
    hint: 'Prepare it again from its source.',
  });
}

/** The bytes of a prepared data set; the same data give the same bytes. */
export function encodePrepared(data: PreparedData): Uint8Array {
  const tensors: NamedTensor[] = [
    { name: 'features', type: data.features instanceof Uint8Array ? 'uint8' : 'float32', shape: [data.rows, data.featureCount], data: data.features },
    { name: 'labels', type: 'int64', shape: [data.rows], data: data.labels },
  ];
  return encodeSafetensors(tensors, {
    format: 'reprise-data-1',
    kind: data.kind,
    classNames: JSON.stringify(data.classNames),
    featureNames: JSON.stringify(data.featureNames),
    ...(data.image === null ? {} : { image: `${data.image.rows}x${data.image.columns}x${data.image.channels}` }),
    ...(data.standardization === null ? {} : { standardization: JSON.stringify(data.standardization) }),
  });
}

function stringsOf(text: string | undefined, where: string, key: string): string[] {
  let value: unknown = null;
  try {
    value = JSON.parse(text ?? 'null');
  } catch {
    // Reported below with what is no list.
  }
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) throw invalid(where, `${key} is not a list of names`);
  return value as string[];
}

function imageOf(text: string | undefined, featureCount: number, where: string): ImageShape | null {
  if (text === undefined) return null;
  const match = /^([1-9]\d{0,5})x([1-9]\d{0,5})x([1-9]\d{0,3})$/.exec(text);
  if (match === null) throw invalid(where, `"${text}" is not the size of an image`);
  const [rows, columns, channels] = [Number(match[1]), Number(match[2]), Number(match[3])];
  if (rows * columns * channels !== featureCount) throw invalid(where, `images of ${text} do not have ${featureCount} values`);
  return { rows, columns, channels };
}

function standardizationOf(text: string | undefined, featureCount: number, where: string): PreparedData['standardization'] {
  if (text === undefined) return null;
  let value: unknown = null;
  try {
    value = JSON.parse(text);
  } catch {
    // Reported below.
  }
  const { means, scales } = (typeof value === 'object' && value !== null ? value : {}) as { means?: unknown; scales?: unknown };
  const fits = (list: unknown): list is number[] => Array.isArray(list) && list.length === featureCount && list.every((item) => Number.isFinite(item));
  if (!fits(means) || !fits(scales)) throw invalid(where, 'its standardization does not fit its features');
  return { means, scales };
}

/**
 * Decodes and validates a prepared data set: shapes, types, class numbers, finite features.
 * @param where names the data in error messages
 * @throws RepriseError DATA_INVALID
 */
export function decodePrepared(bytes: Uint8Array, where: string): PreparedData {
  let decoded: ReturnType<typeof decodeSafetensors>;
  try {
    decoded = decodeSafetensors(bytes);
  } catch (error) {
    throw invalid(where, toErrorReport(error).message);
  }
  const { tensors, metadata } = decoded;
  if (metadata['format'] !== 'reprise-data-1') throw invalid(where, 'it is not in the format reprise-data-1');
  const kind = metadata['kind'];
  if (kind === undefined || !KINDS.includes(kind)) throw invalid(where, `its kind ${JSON.stringify(kind)} is unknown`);
  const features = tensors.find((tensor) => tensor.name === 'features');
  const labels = tensors.find((tensor) => tensor.name === 'labels');
  if (features === undefined || labels === undefined || tensors.length !== 2) throw invalid(where, 'it must hold the tensors "features" and "labels", and no other');
  const [rows = 0, featureCount = 0] = features.shape;
  if (features.shape.length !== 2 || rows < 1 || featureCount < 1) throw invalid(where, `features has the shape [${features.shape.join(', ')}], expected [N, D]`);
  if (!(features.data instanceof Uint8Array || features.data instanceof Float32Array)) throw invalid(where, `features has the type ${features.type}`);
  if (!(labels.data instanceof BigInt64Array) || labels.shape.length !== 1 || labels.shape[0] !== rows) throw invalid(where, `labels must be int64 [${rows}]`);
  const classNames = stringsOf(metadata['classNames'], where, 'classNames');
  if (classNames.length < 2 || classNames.length > MAX_CLASSES) throw invalid(where, `it has ${classNames.length} classes`);
  const classCount = BigInt(classNames.length);
  const badLabel = labels.data.findIndex((label) => label < 0n || label >= classCount);
  if (badLabel >= 0) throw invalid(where, `the label of row ${badLabel} is ${labels.data[badLabel]}, with ${classNames.length} classes`);
  if (features.data instanceof Float32Array) {
    const badValue = features.data.findIndex((value) => !Number.isFinite(value));
    if (badValue >= 0) throw invalid(where, `the features of row ${Math.floor(badValue / featureCount)} are not all finite`);
  }
  const featureNames = stringsOf(metadata['featureNames'], where, 'featureNames');
  if (featureNames.length !== 0 && featureNames.length !== featureCount) throw invalid(where, `it names ${featureNames.length} of ${featureCount} features`);
  return {
    kind: kind as DataConfig['kind'],
    rows,
    featureCount,
    features: features.data,
    labels: labels.data,
    classNames,
    featureNames,
    image: imageOf(metadata['image'], featureCount, where),
    standardization: standardizationOf(metadata['standardization'], featureCount, where),
  };
}

/** The bytes of a prepared file, unchecked. @throws RepriseError DATA_MISSING */
export async function readPrepared(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new RepriseError('DATA_MISSING', `The prepared data ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}.`, {
      kind: 'system',
      hint: 'Run the config again: it prepares its data.',
      cause: error,
    });
  }
}

/**
 * Reads and validates a prepared file.
 * @throws RepriseError DATA_MISSING where there is none, DATA_INVALID
 */
export async function loadPrepared(file: string): Promise<PreparedData> {
  return decodePrepared(await readPrepared(file), file);
}

/** The shape models are built for: one example, and the rows of the training split. @throws RepriseError DATA_SPLIT_EMPTY */
export function dataShape(
  data: Pick<PreparedData, 'rows' | 'featureCount' | 'image' | 'classNames'> & { readonly features: Uint8Array | Float32Array },
  split: DataConfig['split'],
): DataShape {
  const type = data.features instanceof Uint8Array ? 'uint8' : 'float32';
  return {
    input: data.image === null ? { kind: 'features', size: data.featureCount, type } : { kind: 'image', ...data.image, type },
    target: { kind: 'class', classes: data.classNames.length },
    trainSize: splitSizes(data.rows, split).train,
  };
}
