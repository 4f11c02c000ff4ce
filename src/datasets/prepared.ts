/**
 * The prepared data set: one safetensors file, the same for every reader, worker and bundle.
 *
 * Format `reprise-data-2`. Tensors: `features`, uint8, float32 or int32 [N, size of an example]; `labels`, int64 [N]
 * class numbers or float32 [N, size] values. Examples come in the order of their parts (`parts`: how many there are to
 * train on, to validate and to test; null for a part that is cut off the first by fractions and a seed). A text whose
 * next tokens are to be told has no labels, and `features` is one stream int32 [tokens]: for each part of n examples
 * n · length + 1 tokens, of which example r has r · length … (r + 1) · length and so shares its last with the next.
 * Metadata, as JSON: `kind`, `input` and `target` (as of `DataShape`), `parts`, `classNames`, `featureNames`, and, where
 * there is one, `standardization` and `tokenizer`.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { DataConfig } from '../config/schema';
import { RepriseError, toErrorReport } from '../errors/errors';
import { inputSize, inputType, type DataShape, type InputShape, type TargetShape } from '../models/types';
import { decodeSafetensors, encodeSafetensorsHeader, type NamedTensor, type TensorHeader } from '../tensors/safetensors';
import { partSizes, type Parts, type SplitFractions } from './split';
import { tokenizerModelSchema, vocabularyOf, type TokenizerModel } from './tokenizer';

export const PREPARED_FORMAT = 'reprise-data-2';

export type Features = Uint8Array | Float32Array | Int32Array;
export type Labels = BigInt64Array | Float32Array;

/** What a prepared data set is, less its values. */
export interface DataDescription {
  readonly kind: DataConfig['kind'];
  readonly input: InputShape;
  readonly target: TargetShape;
  readonly parts: Parts;
  /** Name of each class, by number; empty where there are none. */
  readonly classNames: readonly string[];
  /** Name of each feature; empty for images and text. */
  readonly featureNames: readonly string[];
  /** What was subtracted from each feature and what it was divided by then; null where it was left as it was. */
  readonly standardization: { readonly means: readonly number[]; readonly scales: readonly number[] } | null;
  /** How text became tokens. */
  readonly tokenizer: TokenizerModel | null;
}

/** A data set whose values lie in memory. */
export interface PreparedData extends DataDescription {
  readonly features: Features;
  /** Null for next tokens. */
  readonly labels: Labels | null;
}

/** A data set in memory that is no text, with classes. */
export interface ClassData extends PreparedData {
  readonly features: Uint8Array | Float32Array;
  readonly labels: BigInt64Array;
}

/** A data set as a reader gives it: the values of `features` come in pieces, in order, each of any length. */
export interface DataSource extends DataDescription {
  readonly features: AsyncIterable<Features> | Iterable<Features>;
  readonly labels: Labels | null;
}

/** Data in memory, as a reader gives data. */
export function inOnePiece(data: PreparedData): DataSource {
  return { ...data, features: [data.features] };
}

export const MAX_CLASSES = 100_000;

/** Number of examples. */
export function rowsOf({ train, validation, test }: Parts): number {
  return train + (validation ?? 0) + (test ?? 0);
}

/** Values of the tensor `features`. */
export function featureShape({ input, target, parts }: Pick<DataDescription, 'input' | 'target' | 'parts'>): number[] {
  const size = inputSize(input);
  if (target.kind !== 'next-token') return [rowsOf(parts), size];
  return [[parts.train, parts.validation ?? 0, parts.test ?? 0].reduce((tokens, rows) => tokens + (rows > 0 ? rows * size + 1 : 0), 0)];
}

function tensorsOf(data: DataDescription): TensorHeader[] {
  const features: TensorHeader = { name: 'features', type: inputType(data.input), shape: featureShape(data) };
  switch (data.target.kind) {
    case 'class':
      return [features, { name: 'labels', type: 'int64', shape: [rowsOf(data.parts)] }];
    case 'values':
      return [features, { name: 'labels', type: 'float32', shape: [rowsOf(data.parts), data.target.size] }];
    case 'next-token':
      return [features];
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Features | Labels): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength);

/**
 * The bytes of a prepared file, in pieces; the same data give the same bytes.
 * @throws Error where the source gives more or fewer values than it describes
 */
export async function* encodePrepared(data: DataSource): AsyncGenerator<Uint8Array> {
  const { kind, input, target, parts, classNames, featureNames, standardization, tokenizer } = data;
  const { bytes, order } = encodeSafetensorsHeader(tensorsOf(data), {
    format: PREPARED_FORMAT,
    kind,
    input: JSON.stringify(input),
    target: JSON.stringify(target),
    parts: JSON.stringify(parts),
    classNames: JSON.stringify(classNames),
    featureNames: JSON.stringify(featureNames),
    ...(standardization === null ? {} : { standardization: JSON.stringify(standardization) }),
    ...(tokenizer === null ? {} : { tokenizer: JSON.stringify(tokenizer) }),
  });
  yield bytes;
  for (const { name, shape } of order) {
    let left = shape.reduce((count, size) => count * size, 1);
    for await (const piece of name === 'labels' && data.labels !== null ? [data.labels] : data.features) {
      left -= piece.length;
      yield bytesOf(piece);
    }
    if (left !== 0) throw new Error(`the ${kind} data have ${-left} more ${name} than they describe`);
  }
}

export function invalidData(where: string, what: string): RepriseError {
  return new RepriseError('DATA_INVALID', `The prepared data ${where} cannot be used: ${what}.`, {
    kind: 'system',
    hint: 'Prepare it again from its source.',
  });
}

const size = z.int().min(1).max(2 ** 31);
const inputSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('features'), size, type: z.enum(['uint8', 'float32']) }),
  z.strictObject({ kind: z.literal('image'), channels: size, rows: size, columns: size, type: z.enum(['uint8', 'float32']) }),
  z.strictObject({ kind: z.literal('tokens'), length: size, vocabulary: size }),
]);
const targetSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('class'), classes: z.int().min(2).max(MAX_CLASSES) }),
  z.strictObject({ kind: z.literal('values'), size }),
  z.strictObject({ kind: z.literal('next-token') }),
]);
const names = z.array(z.string());
const count = z.int().min(0);
const metadataSchema = z.object({
  format: z.literal(PREPARED_FORMAT),
  kind: z.enum(['mnist', 'csv', 'parquet', 'npy', 'idx', 'images', 'text', 'moby-dick', 'labelled-text', 'two-moons', 'spirals']),
  input: inputSchema,
  target: targetSchema,
  parts: z.strictObject({ train: z.int().min(1), validation: count.nullable(), test: count.nullable() }),
  classNames: names,
  featureNames: names,
  standardization: z.strictObject({ means: z.array(z.number()), scales: z.array(z.number()) }).nullable().default(null),
  tokenizer: tokenizerModelSchema.nullable().default(null),
});

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * What a prepared file says of itself, checked against its tensors.
 * @throws RepriseError DATA_INVALID
 */
export function describePrepared(tensors: readonly TensorHeader[], metadata: Readonly<Record<string, string>>, where: string): DataDescription {
  if (metadata['format'] !== PREPARED_FORMAT) throw invalidData(where, `it is not in the format ${PREPARED_FORMAT}`);
  const values = Object.entries(metadata).map(([key, text]) => [key, key === 'format' || key === 'kind' ? text : jsonOf(text)]);
  const parsed = metadataSchema.safeParse(Object.fromEntries(values));
  if (!parsed.success) throw invalidData(where, `its ${parsed.error.issues[0]?.path.join('.') ?? 'metadata'} cannot be read`);
  const { format: _format, ...description } = parsed.data;
  const { input, target, classNames, featureNames, standardization, tokenizer } = description;
  const expected = tensorsOf(description);
  for (const { name, type, shape } of expected) {
    const found = tensors.find((tensor) => tensor.name === name);
    if (found === undefined || found.type !== type || found.shape.join() !== shape.join()) throw invalidData(where, `it has no ${name} ${type} [${shape.join(', ')}]`);
  }
  if (tensors.length !== expected.length) throw invalidData(where, `it holds other tensors than ${expected.map(({ name }) => name).join(' and ')}`);
  if (target.kind === 'class' ? classNames.length !== target.classes : classNames.length > 0) throw invalidData(where, `it names ${classNames.length} classes`);
  const features = inputSize(input);
  if (featureNames.length > 0 && featureNames.length !== features) throw invalidData(where, `it names ${featureNames.length} of ${features} features`);
  if (standardization !== null && (standardization.means.length !== features || standardization.scales.length !== features)) throw invalidData(where, 'its standardization does not fit its features');
  if ((input.kind === 'tokens') !== (tokenizer !== null)) throw invalidData(where, 'its tokenizer does not fit its features');
  if (input.kind === 'tokens' && tokenizer !== null && vocabularyOf(tokenizer) !== input.vocabulary) throw invalidData(where, `its tokenizer has ${vocabularyOf(tokenizer)} tokens, its features ${input.vocabulary}`);
  if (target.kind === 'next-token' && input.kind !== 'tokens') throw invalidData(where, 'next tokens are told of tokens only');
  return description;
}

/** What is wrong with features that were read, of which the first is number `from`, or null. */
export function featureProblem({ input }: Pick<DataDescription, 'input'>, features: Features, from = 0): string | null {
  const row = (at: number): number => Math.floor((from + at) / inputSize(input));
  if (input.kind === 'tokens') {
    const bad = features.findIndex((token) => token < 0 || token >= input.vocabulary);
    return bad < 0 ? null : `the features of row ${row(bad)} hold the token ${features[bad]}, with a vocabulary of ${input.vocabulary}`;
  }
  const bad = features instanceof Float32Array ? features.findIndex((value) => !Number.isFinite(value)) : -1;
  return bad < 0 ? null : `the features of row ${row(bad)} hold ${features[bad]}`;
}

/** The same of labels. */
export function labelProblem({ target }: Pick<DataDescription, 'target'>, labels: Labels, from = 0): string | null {
  if (labels instanceof Float32Array) {
    const bad = labels.findIndex((value) => !Number.isFinite(value));
    return bad < 0 ? null : `the labels hold ${labels[bad]}`;
  }
  const classes = target.kind === 'class' ? BigInt(target.classes) : 0n;
  const bad = labels.findIndex((label) => label < 0n || label >= classes);
  return bad < 0 ? null : `the label of row ${from + bad} is ${labels[bad]}, with ${classes} classes`;
}

/**
 * Decodes and validates a prepared data set: shapes, types, class numbers, tokens, finite values.
 * @param where names the data in error messages
 * @throws RepriseError DATA_INVALID
 */
export function decodePrepared(bytes: Uint8Array, where: string): PreparedData {
  let decoded: ReturnType<typeof decodeSafetensors>;
  try {
    decoded = decodeSafetensors(bytes);
  } catch (error) {
    throw invalidData(where, toErrorReport(error).message);
  }
  const { tensors, metadata } = decoded;
  const description = describePrepared(tensors, metadata, where);
  const dataOf = (name: string): NamedTensor['data'] | undefined => tensors.find((tensor) => tensor.name === name)?.data;
  // Names and types were checked with the description.
  const features = dataOf('features') as Features;
  const labels = (dataOf('labels') ?? null) as Labels | null;
  const problem = featureProblem(description, features) ?? (labels === null ? null : labelProblem(description, labels));
  if (problem !== null) throw invalidData(where, problem);
  return { ...description, features, labels };
}

/** The bytes of a prepared file, unchecked. @throws RepriseError DATA_MISSING */
export async function readPrepared(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw missingData(file, error);
  }
}

export function missingData(file: string, error: unknown): RepriseError {
  return new RepriseError('DATA_MISSING', `The prepared data ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}.`, {
    kind: 'system',
    hint: 'Run the config again: it prepares its data.',
    cause: error,
  });
}

/**
 * Reads and validates a prepared file.
 * @throws RepriseError DATA_MISSING where there is none, DATA_INVALID
 */
export async function loadPrepared(file: string): Promise<PreparedData> {
  return decodePrepared(await readPrepared(file), file);
}

/** The shape models are built for: one example, and how many there are to train on. @throws RepriseError DATA_SPLIT_EMPTY */
export function dataShape({ input, target, parts }: Pick<DataDescription, 'input' | 'target' | 'parts'>, split: SplitFractions): DataShape {
  return { input, target, trainSize: partSizes(parts, split).train };
}
