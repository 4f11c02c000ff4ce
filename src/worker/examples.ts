/** Examples as they lie in memory, and as tensors of ONNX Runtime. */
import { Tensor } from 'onnxruntime-node';

/** The examples of a split, in its order. */
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
