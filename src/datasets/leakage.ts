/** Examples that are in two splits: what is measured on them is not what a model makes of the unknown. */
import { createHash } from 'node:crypto';
import type { Leakage } from '../events/manifest';
import { inputSize } from '../models/types';
import { rowsOf } from './prepared';
import type { RowReader } from './row-reader';
import type { SplitIndices } from './split';

/** Bytes of examples that are hashed at once. */
const BLOCK_BYTES = 1 << 24;

/** 96 bits of the SHA-256 of each example of the splits that are wanted. All are read, in their order: that is quick. */
async function eachHash(reader: RowReader, splitOf: Uint8Array, wanted: readonly number[], use: (hash: string, split: number) => void): Promise<void> {
  const width = inputSize(reader.description.input);
  const block = Math.max(1, Math.floor(BLOCK_BYTES / (4 * width)));
  for (let from = 0; from < splitOf.length; from += block) {
    const count = Math.min(block, splitOf.length - from);
    const { features } = await reader.rows(Int32Array.from({ length: count }, (_, index) => from + index));
    const bytes = new Uint8Array(features.buffer, features.byteOffset, features.byteLength);
    const size = bytes.length / count;
    for (let index = 0; index < count; index++) {
      const split = splitOf[from + index]!;
      if (wanted.includes(split)) use(createHash('sha256').update(bytes.subarray(index * size, (index + 1) * size)).digest('base64').slice(0, 16), split);
    }
  }
}

const [TRAIN, VALIDATION, TEST] = [1, 2, 3] as const;

/**
 * Counts the examples of a split whose input (of text: window of tokens) is exactly one of an earlier split; labels do
 * not count.
 */
export async function findLeakage(reader: RowReader, splits: SplitIndices): Promise<Leakage> {
  const splitOf = new Uint8Array(rowsOf(reader.description.parts));
  for (const [split, rows] of [[TRAIN, splits.train], [VALIDATION, splits.validation], [TEST, splits.test]] as const) for (const row of rows) splitOf[row] = split;
  const validation = new Map<string, number>();
  const test = new Map<string, number>();
  await eachHash(reader, splitOf, [VALIDATION, TEST], (hash, split) => {
    const counts = split === VALIDATION ? validation : test;
    counts.set(hash, (counts.get(hash) ?? 0) + 1);
  });
  let validationTest = 0;
  for (const [hash, count] of test) if (validation.has(hash)) validationTest += count;
  let trainValidation = 0;
  let trainTest = 0;
  await eachHash(reader, splitOf, [TRAIN], (hash) => {
    trainValidation += validation.get(hash) ?? 0;
    trainTest += test.get(hash) ?? 0;
    // Counted once, however often it trains.
    validation.delete(hash);
    test.delete(hash);
  });
  return { trainValidation, trainTest, validationTest };
}
