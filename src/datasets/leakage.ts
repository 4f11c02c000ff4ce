/** Examples that are in two splits: what is measured on them is not what a model makes of the unknown. */
import { createHash } from 'node:crypto';
import type { Leakage } from '../events/manifest';
import { inputSize } from '../models/types';
import type { RowReader, Rows } from './row-reader';
import type { SplitIndices } from './split';

/** Bytes of examples that are hashed at once. */
const BLOCK_BYTES = 1 << 24;

/** 96 bits of each example's SHA-256, in the order of the rows. */
async function* hashes(reader: RowReader, rows: Int32Array): AsyncGenerator<string> {
  const width = inputSize(reader.description.input);
  const block = Math.max(1, Math.floor(BLOCK_BYTES / (4 * width)));
  for (let from = 0; from < rows.length; from += block) {
    const { features }: Rows = await reader.rows(rows.slice(from, from + block));
    const bytes = new Uint8Array(features.buffer, features.byteOffset, features.byteLength);
    const size = bytes.length / Math.min(block, rows.length - from);
    for (let at = 0; at < bytes.length; at += size) yield createHash('sha256').update(bytes.subarray(at, at + size)).digest('base64').slice(0, 16);
  }
}

/**
 * Counts the examples of a split whose input (of text: window of tokens) is exactly one of an earlier split; labels do
 * not count.
 */
export async function findLeakage(reader: RowReader, splits: SplitIndices): Promise<Leakage> {
  const validation = new Map<string, number>();
  const test = new Map<string, number>();
  for await (const hash of hashes(reader, splits.validation)) validation.set(hash, (validation.get(hash) ?? 0) + 1);
  for await (const hash of hashes(reader, splits.test)) test.set(hash, (test.get(hash) ?? 0) + 1);
  let validationTest = 0;
  for (const [hash, count] of test) if (validation.has(hash)) validationTest += count;
  let trainValidation = 0;
  let trainTest = 0;
  for await (const hash of hashes(reader, splits.train)) {
    trainValidation += validation.get(hash) ?? 0;
    trainTest += test.get(hash) ?? 0;
    // Counted once, however often it trains.
    validation.delete(hash);
    test.delete(hash);
  }
  return { trainValidation, trainTest, validationTest };
}
