/** A prepared file read by ranges: data of any size take no more memory than the rows that are asked for. */
import { open, type FileHandle } from 'node:fs/promises';
import { toErrorReport } from '../errors/errors';
import { inputSize } from '../models/types';
import { decodeSafetensorsHeader, safetensorsDataStart, type TensorEntry } from '../tensors/safetensors';
import { describePrepared, featureProblem, invalidData, labelProblem, missingData, type DataDescription, type Features, type Labels } from './prepared';
import { readStretches, type Stretch } from './stretches';

/** Prepared files of this size and more are not loaded whole, bytes. */
export const READ_BY_ROWS_FROM = 1 << 28;

/** Rows that touch in the file are read at once, as far as they take no more than this, bytes. */
const MAX_READ = 1 << 24;

/** Labels of no more than this are kept in memory once they were read, bytes: there is one for each of many rows. */
const KEPT_LABELS = 1 << 26;

/** Some examples, in the order they were asked for. */
export interface Rows {
  /** [rows, size of an example]; of a text whose next tokens are to be told [rows, length + 1]. */
  readonly features: Features;
  /** [rows] or [rows, size]; null for next tokens. */
  readonly labels: Labels | null;
}

const VALUES: Readonly<Record<TensorEntry['type'], new (buffer: ArrayBuffer) => Features | Labels>> = { uint8: Uint8Array, float32: Float32Array, int32: Int32Array, int64: BigInt64Array };

export class RowReader {
  private keptLabels: Promise<Uint8Array> | null = null;
  private readonly underWay = new Set<Promise<Rows>>();

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
      const dataStart = safetensorsDataStart(await bytesOf(handle, file, 0, Math.min(8, size)));
      const { entries, metadata } = decodeSafetensorsHeader(await bytesOf(handle, file, 0, Math.min(dataStart, size)), size);
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

  /** Waits for the examples that are being read. */
  async close(): Promise<void> {
    await Promise.allSettled(this.underWay);
    await this.handle.close();
  }

  /** Reads all values once. @throws RepriseError DATA_INVALID naming the row of the first that no graph could take */
  async checkValues(): Promise<void> {
    const { description, file } = this;
    for (const entry of [this.features, ...(this.labels === null ? [] : [this.labels])]) {
      const Values = VALUES[entry.type];
      for (let begin = entry.begin; begin < entry.end; begin += MAX_READ) {
        const bytes = await bytesOf(this.handle, file, this.dataStart + begin, Math.min(MAX_READ, entry.end - begin));
        const values = new Values(bytes.buffer as ArrayBuffer);
        const from = (begin - entry.begin) / values.BYTES_PER_ELEMENT;
        const problem = entry === this.labels ? labelProblem(description, values as Labels, from) : featureProblem(description, values as Features, from);
        if (problem !== null) throw invalidData(file, problem);
      }
    }
  }

  /**
   * The examples of these numbers; they may repeat and stand in any order. All reads are under way at once and go on while
   * the caller's thread computes.
   * @throws RepriseError DATA_INVALID for a file that became shorter
   */
  async rows(numbers: Int32Array): Promise<Rows> {
    const reading = this.readRows(numbers);
    this.underWay.add(reading);
    try {
      return await reading;
    } finally {
      this.underWay.delete(reading);
    }
  }

  private async readRows(numbers: Int32Array): Promise<Rows> {
    const { description, features, labels } = this;
    const width = inputSize(description.input);
    const isStream = description.target.kind === 'next-token';
    const bytes = (features.end - features.begin) / features.shape.reduce((count, size) => count * size, 1);
    const start = isStream ? (row: number): number => tokenOf(description, row) * bytes : (row: number): number => row * width * bytes;
    return {
      // The type was checked with the description.
      features: new VALUES[features.type](await this.take(features, numbers, (isStream ? width + 1 : width) * bytes, start)) as Features,
      labels: labels === null ? null : await this.takeLabels(labels, numbers),
    };
  }

  private async takeLabels(labels: TensorEntry, numbers: Int32Array): Promise<Labels> {
    const size = labels.end - labels.begin;
    const each = size / labels.shape[0]!;
    let taken: ArrayBuffer;
    if (size > KEPT_LABELS) taken = await this.take(labels, numbers, each, (row) => row * each);
    else {
      this.keptLabels ??= this.readLabels(labels);
      taken = gathered(await this.keptLabels, numbers, each);
    }
    return labels.type === 'int64' ? new BigInt64Array(taken) : new Float32Array(taken);
  }

  private async readLabels({ begin, end }: TensorEntry): Promise<Uint8Array> {
    const into = new Uint8Array(end - begin);
    await readStretches(this.handle.fd, this.file, [{ into, position: this.dataStart + begin }]);
    return into;
  }

  /** `size` bytes from `start(row)` on for each row. */
  private async take(entry: TensorEntry, numbers: Int32Array, size: number, start: (row: number) => number): Promise<ArrayBuffer> {
    const out = new Uint8Array(numbers.length * size);
    const begin = this.dataStart + entry.begin;
    const stretches: Stretch[] = [];
    const scattered: (() => void)[] = [];
    for (let index = 0; index < numbers.length; ) {
      const first = index;
      const from = start(numbers[first]!);
      let to = from + size;
      for (index++; index < numbers.length; index++) {
        const place = start(numbers[index]!);
        // Examples of a text share their ends.
        if (place < from || place > to || place + size - from > MAX_READ) break;
        to = Math.max(to, place + size);
      }
      const rows = out.subarray(first * size, index * size);
      // Rows that follow on one another lie in the file as they shall lie here.
      const into = to - from === rows.length ? rows : new Uint8Array(to - from);
      stretches.push({ into, position: begin + from });
      if (into !== rows) {
        const places = Array.from(numbers.subarray(first, index), (row) => start(row) - from);
        scattered.push(() => places.forEach((place, at) => rows.set(into.subarray(place, place + size), at * size)));
      }
    }
    await readStretches(this.handle.fd, this.file, stretches);
    for (const scatter of scattered) scatter();
    return out.buffer;
  }
}

/** The token of the stream that an example begins with: each part has one token more than its examples take. */
export function tokenOf({ input, parts }: Pick<DataDescription, 'input' | 'parts'>, row: number): number {
  const afterValidation = parts.train + (parts.validation ?? 0);
  return row * inputSize(input) + (row >= parts.train ? 1 : 0) + (row >= afterValidation ? 1 : 0);
}

/** Pieces of `size` bytes by their numbers. */
function gathered(bytes: Uint8Array, numbers: Int32Array, size: number): ArrayBuffer {
  const out = new Uint8Array(numbers.length * size);
  numbers.forEach((row, index) => out.set(bytes.subarray(row * size, (row + 1) * size), index * size));
  return out.buffer;
}

/** @throws RepriseError DATA_INVALID where the file ends before */
async function bytesOf(handle: FileHandle, file: string, position: number, length: number): Promise<Uint8Array> {
  const into = new Uint8Array(length);
  await readStretches(handle.fd, file, [{ into, position }]);
  return into;
}
