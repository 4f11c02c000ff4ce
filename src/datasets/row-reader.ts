/** A prepared file read by ranges: data of any size take no more memory than the rows that are asked for. */
import { open, type FileHandle } from 'node:fs/promises';
import { toErrorReport } from '../errors/errors';
import { inputSize } from '../models/types';
import { decodeSafetensorsHeader, safetensorsDataStart, type TensorEntry } from '../tensors/safetensors';
import { describePrepared, invalidData, missingData, type DataDescription, type Features, type Labels } from './prepared';

/** Prepared files of this size and more are not loaded whole, bytes. */
export const READ_BY_ROWS_FROM = 1 << 30;

/** Rows that touch in the file are read at once, as far as they take no more than this, bytes. */
const MAX_READ = 1 << 24;

/** Some examples, in the order they were asked for. */
export interface Rows {
  /** [rows, size of an example]; of a text whose next tokens are to be told [rows, length + 1]. */
  readonly features: Features;
  /** [rows] or [rows, size]; null for next tokens. */
  readonly labels: Labels | null;
}

type ArrayOf<T> = new (buffer: ArrayBuffer) => T;

const FEATURE_ARRAYS: Readonly<Record<TensorEntry['type'], ArrayOf<Features> | null>> = { uint8: Uint8Array, float32: Float32Array, int32: Int32Array, int64: null };

export class RowReader {
  private constructor(
    private readonly handle: FileHandle,
    private readonly file: string,
    readonly description: DataDescription,
    private readonly dataStart: number,
    private readonly features: TensorEntry,
    private readonly labels: TensorEntry | null,
  ) {}

  /**
   * Reads the header only: the caller compares the file's SHA-256 where it must be sure of the values.
   * @throws RepriseError DATA_MISSING, DATA_INVALID
   */
  static async open(file: string): Promise<RowReader> {
    let handle: FileHandle;
    try {
      handle = await open(file, 'r');
    } catch (error) {
      throw missingData(file, error);
    }
    try {
      const { size } = await handle.stat();
      const dataStart = safetensorsDataStart(await readRange(handle, file, 0, Math.min(8, size)));
      const { entries, metadata } = decodeSafetensorsHeader(await readRange(handle, file, 0, Math.min(dataStart, size)), size);
      const description = describePrepared(entries, metadata, file);
      const entryOf = (name: string): TensorEntry | null => entries.find((entry) => entry.name === name) ?? null;
      const features = entryOf('features');
      if (features === null) throw invalidData(file, 'it has no features');
      return new RowReader(handle, file, description, dataStart, features, entryOf('labels'));
    } catch (error) {
      await handle.close();
      const report = toErrorReport(error);
      throw report.code === 'SAFETENSORS_INVALID' ? invalidData(file, report.message) : error;
    }
  }

  close(): Promise<void> {
    return this.handle.close();
  }

  /** The examples of these numbers; they may repeat and stand in any order. @throws RepriseError DATA_INVALID for a file that became shorter */
  async rows(numbers: Int32Array): Promise<Rows> {
    const { description, features, labels } = this;
    const width = inputSize(description.input);
    const isStream = description.target.kind === 'next-token';
    const bytes = (features.end - features.begin) / features.shape.reduce((count, size) => count * size, 1);
    const start = isStream ? (row: number): number => tokenOf(description, row) * bytes : (row: number): number => row * width * bytes;
    const Values = FEATURE_ARRAYS[features.type];
    if (Values === null) throw invalidData(this.file, `features has the type ${features.type}`);
    return {
      features: new Values(await this.take(features, numbers, (isStream ? width + 1 : width) * bytes, start)),
      labels: labels === null ? null : await this.takeLabels(labels, numbers),
    };
  }

  private async takeLabels(labels: TensorEntry, numbers: Int32Array): Promise<Labels> {
    const each = (labels.end - labels.begin) / labels.shape[0]!;
    const taken = await this.take(labels, numbers, each, (row) => row * each);
    return labels.type === 'int64' ? new BigInt64Array(taken) : new Float32Array(taken);
  }

  /** `size` bytes from `start(row)` on for each row. */
  private async take(entry: TensorEntry, numbers: Int32Array, size: number, start: (row: number) => number): Promise<ArrayBuffer> {
    const out = new Uint8Array(numbers.length * size);
    const begin = this.dataStart + entry.begin;
    for (let index = 0; index < numbers.length; ) {
      const from = start(numbers[index]!);
      let to = from + size;
      let next = index + 1;
      for (; next < numbers.length; next++) {
        const place = start(numbers[next]!);
        // Examples of a text share their ends.
        if (place < from || place > to || place + size - from > MAX_READ) break;
        to = Math.max(to, place + size);
      }
      const bytes = await readRange(this.handle, this.file, begin + from, to - from);
      for (; index < next; index++) {
        const place = start(numbers[index]!) - from;
        out.set(bytes.subarray(place, place + size), index * size);
      }
    }
    return out.buffer;
  }
}

/** The token of the stream that an example begins with: each part has one token more than its examples take. */
export function tokenOf({ input, parts }: Pick<DataDescription, 'input' | 'parts'>, row: number): number {
  const afterValidation = parts.train + (parts.validation ?? 0);
  return row * inputSize(input) + (row >= parts.train ? 1 : 0) + (row >= afterValidation ? 1 : 0);
}

async function readRange(handle: FileHandle, file: string, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) throw invalidData(file, `it ends at byte ${position + done}`);
    done += bytesRead;
  }
  return bytes;
}
