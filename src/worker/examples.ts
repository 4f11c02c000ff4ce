/** Examples as they lie in memory or on the disk, and as tensors of ONNX Runtime. */
import { Tensor } from 'onnxruntime-node';
import type { RowReader, Rows } from '../datasets/row-reader';

/** The examples of a split, wherever they lie. */
export interface Split {
  /** Number of examples. */
  readonly rows: number;
  /** All of them, where they lie in memory. */
  readonly whole: SplitData | null;
  /** Those of these places in the split, in this order. */
  take(places: Int32Array): Promise<Rows>;
}

/** Examples in memory, in their order: those of a split, or some of them. */
export interface SplitData {
  /** Number of examples. */
  readonly rows: number;
  /** [rows, size of an example]; of next tokens one stream of rows · length + 1 tokens. */
  readonly features: Uint8Array | Float32Array | Int32Array;
  /** [rows], or [rows, size]; null for next tokens. */
  readonly labels: BigInt64Array | Float32Array | null;
}

export function featureTensor(data: SplitData['features'], shape: readonly number[]): Tensor {
  if (data instanceof Uint8Array) return new Tensor('uint8', data, shape);
  return data instanceof Int32Array ? new Tensor('int32', data, shape) : new Tensor('float32', data, shape);
}

export function labelTensor(labels: BigInt64Array | Float32Array, examples: number): Tensor {
  return labels instanceof BigInt64Array ? new Tensor('int64', labels, [examples]) : new Tensor('float32', labels, [examples, labels.length / examples]);
}

export function exampleTensors({ rows, features, labels }: SplitData): Record<string, Tensor> {
  if (labels === null) return { features: featureTensor(features, [features.length]) };
  return { features: featureTensor(features, [rows, features.length / rows]), labels: labelTensor(labels, rows) };
}

/** A split in memory. @param size of an example's input */
export function inMemory(whole: SplitData, size: number): Split {
  const { rows, features, labels } = whole;
  return {
    rows,
    whole,
    take: (places) => Promise.resolve(labels === null ? { features: windows(features, size, places), labels } : { features: takeRows(features, size, places), labels: takeRows(labels, labels.length / rows, places) }),
  };
}

/** A split of which the examples have these numbers in a prepared file. */
export function onDisk(reader: RowReader, numbers: Int32Array): Split {
  return { rows: numbers.length, whole: null, take: (places) => reader.rows(takeRows(numbers, 1, places)) };
}

/** Examples of a stream of tokens, each with the token after it. */
function windows(stream: SplitData['features'], size: number, places: Int32Array): SplitData['features'] {
  const taken = emptyLike(stream, places.length * (size + 1));
  places.forEach((place, index) => taken.set(stream.subarray(place * size, (place + 1) * size + 1), index * (size + 1)));
  return taken;
}

/**
 * Examples that were taken, as a training graph reads them, and the number of each in it. Windows of tokens share no ends
 * any more: one stands at every second place of the stream.
 */
export function asExamples({ features, labels }: Rows, size: number): { readonly examples: SplitData; readonly numbers: Int32Array } {
  const rows = labels === null ? features.length / (size + 1) : features.length / size;
  if (labels !== null) return { examples: { rows, features, labels }, numbers: Int32Array.from({ length: rows }, (_, index) => index) };
  const stream = emptyLike(features, rows * 2 * size);
  for (let index = 0; index < rows; index++) stream.set(features.subarray(index * (size + 1), (index + 1) * (size + 1)), index * 2 * size);
  return { examples: { rows, features: stream, labels }, numbers: Int32Array.from({ length: rows }, (_, index) => 2 * index) };
}

function emptyLike<T extends Uint8Array | Float32Array | Int32Array | BigInt64Array>(values: T, length: number): T {
  const made: (length: number) => unknown = (size) => {
    if (values instanceof Uint8Array) return new Uint8Array(size);
    if (values instanceof Float32Array) return new Float32Array(size);
    return values instanceof Int32Array ? new Int32Array(size) : new BigInt64Array(size);
  };
  return made(length) as T;
}

/** Rows of a matrix of `width` columns, in the order asked for. */
export function takeRows<T extends Uint8Array | Float32Array | Int32Array | BigInt64Array>(values: T, width: number, rows: Int32Array): T {
  const taken = emptyLike(values, rows.length * width);
  rows.forEach((row, index) => taken.set(values.subarray(row * width, (row + 1) * width) as Uint8Array & BigInt64Array, index * width));
  return taken;
}
