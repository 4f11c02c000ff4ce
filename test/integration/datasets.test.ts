/** Data sets that NumPy, pandas, pyarrow and Pillow wrote are read to the values that these read of them. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { splitIndices } from '../../src/datasets/split';
import { decoderOf } from '../../src/datasets/tokenizer';
import { DataFolder } from '../unit/datasets/files';

const judges = { program: process.env['REPRISE_PYTHON'] ?? '', present: (process.env['REPRISE_JUDGES'] ?? '').split(',') };
const trackers = { program: process.env['REPRISE_PYTHON_TRACKERS'] ?? '', present: (process.env['REPRISE_TRACKERS'] ?? '').split(',') };

if (!judges.present.includes('onnxruntime')) console.warn('SKIPPED: no numpy (REPRISE_PYTHON, REPRISE_JUDGES): arrays of NumPy are not compared.');
if (!trackers.present.includes('tables')) console.warn('SKIPPED: no pandas (REPRISE_PYTHON_TRACKERS, REPRISE_TRACKERS): Parquet files of pandas are not compared.');
if (!trackers.present.includes('tensorboard')) console.warn('SKIPPED: no Pillow (REPRISE_PYTHON_TRACKERS, REPRISE_TRACKERS): images are not compared with Pillow.');

function write<T>(program: string, what: string, folder: DataFolder): T {
  execFileSync(program, ['test/fixtures/python/write_data.py', what, folder.path]);
  return JSON.parse(readFileSync(path.join(folder.path, 'answer.json'), 'utf8')) as T;
}

const floats = (rows: readonly (readonly number[])[]): Float32Array => Float32Array.from(rows.flat());

describe.runIf(judges.present.includes('onnxruntime'))('what NumPy wrote', () => {
  interface Answer {
    readonly labels: number[];
    readonly values: number[][];
    readonly features: Readonly<Record<string, number[][]>>;
    readonly images: number[][];
    readonly digits: number[][];
  }
  let folder: DataFolder;
  let answer: Answer;
  beforeAll(() => {
    folder = new DataFolder();
    answer = write(judges.program, 'numpy', folder);
  });
  afterAll(() => folder.remove());

  it.each(['bool', 'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'float32', 'float64'])('agrees: %s, in both orders of bytes', async (type) => {
    for (const order of ['little', 'big']) {
      const data = await folder.read({ kind: 'npy', path: `${type}-${order}.npy`, labels: 'labels.npy' });
      expect(Float32Array.from(data.features)).toEqual(floats(answer.features[type]!));
      expect([...data.labels!].map(Number)).toEqual(answer.labels);
    }
  });

  it('agrees: values to be told', async () => {
    const data = await folder.read({ kind: 'npy', path: 'float64-little.npy', labels: 'values.npy', task: 'regression' });
    expect(data.labels).toEqual(floats(answer.values));
  });

  it('agrees: images in .npz files, packed or not', async () => {
    const plain = await folder.read({ kind: 'npy', path: 'plain.npz', layout: 'channels-last' });
    expect(plain.input).toEqual({ kind: 'image', channels: 3, rows: 6, columns: 7, type: 'uint8' });
    expect(plain.features).toEqual(Uint8Array.from(answer.images.flat()));
    const packed = await folder.read({ kind: 'npy', path: 'packed.npz', layout: 'channels-last', featuresArray: 'images', labelsArray: 'targets' });
    expect(packed.features).toEqual(plain.features);
    expect(packed.labels).toEqual(plain.labels);
    expect(await folder.refusal({ kind: 'npy', path: 'packed.npz' })).toMatchObject({ code: 'NPY_NO_ARRAY', message: expect.stringContaining('"images", "targets"') });
  });

  it('agrees: IDX as MNIST has it', async () => {
    const data = await folder.read({ kind: 'idx', path: 'digits-idx3-ubyte', labels: 'digits-idx1-ubyte' });
    expect(data.features).toEqual(Uint8Array.from(answer.digits.flat()));
    expect([...data.labels!].map(Number)).toEqual(answer.labels);
  });
});

describe.runIf(trackers.present.includes('tables'))('what pandas wrote', () => {
  interface Answer {
    readonly numbers: number[][];
    readonly holes: (number | null)[];
    readonly colours: string[];
    readonly species: string[];
    readonly price: number[];
    readonly reviews: string[];
  }
  let folder: DataFolder;
  let answer: Answer;
  beforeAll(() => {
    folder = new DataFolder();
    answer = write(trackers.program, 'tables', folder);
  });
  afterAll(() => folder.remove());

  const features = ['length', 'count', 'small', 'flag'];

  it.each(['snappy', 'zstd', 'gzip'])('agrees: Parquet, %s, several row groups', async (compression) => {
    const data = await folder.read({ kind: 'parquet', path: `full-${compression}.parquet`, target: 'species', features, standardize: false });
    expect(data.features).toEqual(floats(answer.numbers));
    expect([...data.labels!].map((label) => data.classNames[Number(label)])).toEqual(answer.species);
  });

  it('agrees: standardised columns and categories', async () => {
    const data = await folder.read({ kind: 'parquet', path: 'full-snappy.parquet', target: 'price', task: 'regression', features: ['length', 'colour'], categorical: ['colour'] }, 4);
    expect(data.featureNames).toEqual(['length', 'colour=blue', 'colour=green', 'colour=red']);
    expect(data.labels).toEqual(Float32Array.from(answer.price));
    const { train } = splitIndices(200, { validation: 0.1, test: 0.1 }, 4);
    const lengths = [...train].map((row) => answer.numbers[row]![0]!);
    const mean = lengths.reduce((sum, value) => sum + value, 0) / lengths.length;
    const scale = Math.sqrt(lengths.reduce((sum, value) => sum + (value - mean) ** 2, 0) / lengths.length);
    answer.colours.forEach((colour, row) => {
      expect(data.features[4 * row]).toBeCloseTo((answer.numbers[row]![0]! - mean) / scale, 4);
      expect([...data.features.slice(4 * row + 1, 4 * row + 4)]).toEqual(['blue', 'green', 'red'].map((name) => (name === colour ? 1 : 0)));
    });
  });

  it('agrees: what is missing', async () => {
    const spec = { kind: 'parquet', path: 'holes-zstd.parquet', target: 'species', features: ['length'], standardize: false } as const;
    const first = answer.holes.indexOf(null);
    expect(await folder.refusal(spec)).toMatchObject({ code: 'PARQUET_EMPTY_CELL', problems: expect.arrayContaining([{ path: `holes-zstd.parquet: row ${first}:length`, message: expect.any(String) }]) });
    const data = await folder.read({ ...spec, missing: 'mean' });
    const fromCsv = await folder.read({ ...spec, kind: 'csv', path: 'holes.csv', missing: 'mean' });
    expect(fromCsv.features).toEqual(data.features);
    const { train } = splitIndices(200, { validation: 0.1, test: 0.1 }, 0);
    const there = [...train].flatMap((row) => answer.holes[row] ?? []);
    const mean = there.reduce((sum, value) => sum + value, 0) / there.length;
    answer.holes.forEach((value, row) => expect(data.features[row]).toBeCloseTo(value ?? mean, 5));
  });

  it('agrees: texts with classes, from Parquet and CSV alike', async () => {
    const spec = { kind: 'labelled-text', text: 'review', target: 'species', length: 64, tokenizer: { kind: 'bpe', vocabulary: 300 } } as const;
    const data = await folder.read({ ...spec, path: 'full-snappy.parquet' });
    const decode = decoderOf(data.tokenizer!);
    answer.reviews.forEach((review, row) => expect(decode(data.features.slice(64 * row, 64 * (row + 1)) as Int32Array)).toBe(review));
    const fromCsv = await folder.read({ ...spec, path: 'full.csv' });
    expect(fromCsv.features).toEqual(data.features);
  });
});

describe.runIf(trackers.present.includes('tensorboard'))('what Pillow wrote', () => {
  it('agrees to the byte: PNG and JPEG of all kinds, scaled and made grey', async () => {
    const folder = new DataFolder();
    try {
      const answer = write<{ rgb: number[][]; grey: number[][] }>(trackers.program, 'images', folder);
      const rgb = await folder.read({ kind: 'images', path: 'train', rows: 11, columns: 13 });
      answer.rgb.forEach((pixels, index) => expect([...rgb.features.slice(index * 429, (index + 1) * 429)], String(index)).toEqual(pixels));
      const grey = await folder.read({ kind: 'images', path: 'train', rows: 33, columns: 40, color: 'grayscale' });
      answer.grey.forEach((pixels, index) => expect([...grey.features.slice(index * 1320, (index + 1) * 1320)], String(index)).toEqual(pixels));
    } finally {
      folder.remove();
    }
  });
});
