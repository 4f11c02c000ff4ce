import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import yazl from 'yazl';
import { dataSchema } from '../../../src/config/data';
import { splitIndices } from '../../../src/datasets/split';
import { bytesOf, DataFolder, idxBytes, npyBytes, type Spec } from './files';

let folder: DataFolder;
beforeEach(() => {
  folder = new DataFolder();
});
afterEach(() => folder.remove());

const ROWS = 40;
const floats = Float32Array.from({ length: ROWS * 3 }, (_, index) => index / 7);
const classes = BigInt64Array.from({ length: ROWS }, (_, row) => BigInt(row % 4));
const npy: Spec = { kind: 'npy', path: 'x.npy', labels: 'y.npy' };

function writeGood(): void {
  folder.write('x.npy', npyBytes('<f4', [ROWS, 3], bytesOf(floats)));
  folder.write('y.npy', npyBytes('<i8', [ROWS], bytesOf(classes)));
}

describe('NumPy arrays', () => {
  it('are read as they are', async () => {
    writeGood();
    const data = await folder.read(npy);
    expect(data).toMatchObject({ input: { kind: 'features', size: 3, type: 'float32' }, target: { kind: 'class', classes: 4 }, classNames: ['0', '1', '2', '3'], standardization: null });
    expect(data.features).toEqual(floats);
    expect(data.labels).toEqual(classes);
  });

  it('may hold any real type, in either order of bytes', async () => {
    writeGood();
    const swapped = new Uint8Array(ROWS * 3 * 8);
    floats.forEach((value, index) => new DataView(swapped.buffer).setFloat64(8 * index, value));
    folder.write('x.npy', npyBytes('>f8', [ROWS, 3], swapped));
    folder.write('y.npy', npyBytes('|u1', [ROWS, 1], Uint8Array.from(classes, Number)));
    const data = await folder.read(npy);
    expect(data.features).toEqual(floats);
    expect(data.labels).toEqual(classes);
  });

  it('are values to be told where the config says so, and only floats then', async () => {
    writeGood();
    folder.write('y.npy', npyBytes('<f8', [ROWS, 2], bytesOf(Float64Array.from({ length: 2 * ROWS }, (_, index) => index / 3))));
    const data = await folder.read({ ...npy, task: 'regression' });
    expect(data.target).toEqual({ kind: 'values', size: 2 });
    expect(data.labels).toEqual(Float32Array.from({ length: 2 * ROWS }, (_, index) => index / 3));
    expect(await folder.refusal(npy)).toMatchObject({ code: 'NPY_SHAPE', message: expect.stringContaining('(40, 2)') });
    writeGood();
    expect(await folder.refusal({ ...npy, task: 'regression' })).toMatchObject({ code: 'NPY_LABEL_TYPE', message: expect.stringContaining('int64') });
  });

  it('are images channel by channel, wherever the file has the channel', async () => {
    writeGood();
    const pixels = Uint8Array.from({ length: ROWS * 2 * 3 * 3 }, (_, index) => index % 251);
    folder.write('x.npy', npyBytes('|u1', [ROWS, 2, 3, 3], pixels));
    const last = await folder.read({ ...npy, layout: 'channels-last' });
    expect(last.input).toEqual({ kind: 'image', channels: 3, rows: 2, columns: 3, type: 'uint8' });
    const at = (example: number, channel: number, row: number, column: number): number => pixels[((example * 2 + row) * 3 + column) * 3 + channel]!;
    for (const [example, channel, row, column] of [[0, 0, 0, 0], [1, 2, 1, 2], [39, 1, 0, 2]] as const) {
      expect(last.features[example * 18 + channel * 6 + row * 3 + column]).toBe(at(example, channel, row, column));
    }
    const first = await folder.read(npy);
    expect(first.input).toEqual({ kind: 'image', channels: 2, rows: 3, columns: 3, type: 'uint8' });
    expect(first.features).toEqual(pixels);
  });

  it('are standardized by the training split', async () => {
    writeGood();
    const data = await folder.read({ ...npy, standardize: true }, 5);
    const { train } = splitIndices(ROWS, { validation: 0.1, test: 0.1 }, 5);
    for (const feature of [0, 1, 2]) {
      const values = [...train].map((row) => Number(data.features[row * 3 + feature]));
      expect(values.reduce((sum, value) => sum + value, 0) / values.length).toBeCloseTo(0, 6);
      expect(values.reduce((sum, value) => sum + value * value, 0) / values.length).toBeCloseTo(1, 5);
    }
  });

  it('may come in files for their parts', async () => {
    writeGood();
    folder.write('tx.npy', npyBytes('<f4', [2, 3], bytesOf(floats.slice(0, 6))));
    folder.write('ty.npy', npyBytes('<i8', [2], bytesOf(classes.slice(0, 2))));
    const { ref, shape } = await folder.prepare({ ...npy, testPath: 'tx.npy', testLabels: 'ty.npy', split: { validation: 0.25 } });
    expect(shape.trainSize).toBe(30);
    expect(ref.leakage!.trainTest + ref.leakage!.validationTest).toBe(2);
    folder.write('ty.npy', npyBytes('<i8', [2], bytesOf(BigInt64Array.of(0n, 4n))));
    expect(await folder.refusal({ ...npy, testPath: 'tx.npy', testLabels: 'ty.npy' })).toMatchObject({ code: 'NPY_LABEL_OUT_OF_RANGE', message: expect.stringMatching(/ty\.npy has the label 4 in row 1; the training part has the classes 0 to 3/u) });
  });

  const x = (bytes: Uint8Array): void => void folder.write('x.npy', bytes);
  const y = (bytes: Uint8Array): void => void folder.write('y.npy', bytes);
  const good = npyBytes('<f4', [ROWS, 3], bytesOf(floats));

  it.each<[string, string, () => void, RegExp]>([
    ['NPY_CORRUPT', 'text', () => x(new TextEncoder().encode('1, 2, 3, 4, 5')), /does not begin/u],
    ['NPY_CORRUPT', 'nothing', () => x(new Uint8Array(0)), /does not begin/u],
    ['NPY_CORRUPT', 'half a header', () => x(good.slice(0, 40)), /ends inside its header/u],
    ['NPY_CORRUPT', 'a header that is none', () => x(npyBytes('', [], new Uint8Array(0), "{'descr': '<f4'}")), /cannot be read/u],
    ['NPY_CORRUPT', 'a version to come', () => x(Uint8Array.from(good, (byte, index) => (index === 6 ? 9 : byte))), /version 9/u],
    ['NPY_TRUNCATED', 'values cut off', () => x(good.slice(0, good.length - 5)), /ends in row 39 of 40/u],
    ['NPY_TRAILING', 'more values than its shape takes', () => x(Uint8Array.from([...good, 0])), /more bytes/u],
    ['NPY_TYPE', 'objects, which would be programs', () => x(npyBytes('|O', [ROWS, 3], bytesOf(floats))), /"\|O"/u],
    ['NPY_TYPE', 'complex numbers', () => x(npyBytes('<c8', [ROWS, 3], bytesOf(floats))), /"<c8"/u],
    ['NPY_FORTRAN_ORDER', 'columns', () => x(npyBytes('', [], bytesOf(floats), `{'descr': '<f4', 'fortran_order': True, 'shape': (${ROWS}, 3), }`)), /column after column/u],
    ['NPY_EMPTY', 'no rows', () => x(npyBytes('<f4', [0, 3], new Uint8Array(0))), /holds nothing/u],
    ['NPY_SHAPE', 'one number', () => x(npyBytes('<f4', [], new Uint8Array(4), "{'descr': '<f4', 'fortran_order': False, 'shape': (), }")), /single number/u],
    ['NPY_SHAPE', 'five axes', () => x(npyBytes('<f4', [ROWS, 1, 1, 1, 3], bytesOf(floats))), /\(40, 1, 1, 1, 3\)/u],
    ['NPY_SHAPE', 'labels of another number', () => y(npyBytes('<i8', [3], bytesOf(classes.slice(0, 3)))), /3 labels for the 40 rows/u],
    ['NPY_NOT_FINITE', 'NaN', () => x(npyBytes('<f4', [ROWS, 3], bytesOf(floats.map((value, index) => (index === 7 ? NaN : value))))), /NaN in row 2, column 1/u],
    ['NPY_NOT_FINITE', 'infinity', () => x(npyBytes('<f4', [ROWS, 3], bytesOf(floats.map((value, index) => (index === 119 ? -Infinity : value))))), /-Infinity in row 39, column 2/u],
    ['NPY_NOT_FINITE', 'a float64 beyond float32', () => x(npyBytes('<f8', [ROWS, 3], bytesOf(Float64Array.from(floats, (value, index) => (index === 0 ? 1e300 : value))))), /row 0, column 0/u],
    ['NPY_LABEL_OUT_OF_RANGE', 'a negative label', () => y(npyBytes('<i8', [ROWS], bytesOf(classes.map((label, row) => (row === 5 ? -1n : label))))), /label -1 in row 5/u],
    ['NPY_LABEL_OUT_OF_RANGE', 'a label that counts too many classes', () => y(npyBytes('<i8', [ROWS], bytesOf(classes.map((label, row) => (row === 5 ? 1_000_000n : label))))), /label 1000000 in row 5/u],
    ['NPY_ONE_CLASS', 'one class', () => y(npyBytes('<i8', [ROWS], bytesOf(classes.map(() => 0n)))), /one class/u],
    ['NPY_LABEL_TYPE', 'floats as classes', () => y(npyBytes('<f4', [ROWS], bytesOf(Float32Array.from(classes, Number)))), /float32/u],
  ])('are refused with %s: %s', async (code, _, spoil, message) => {
    writeGood();
    spoil();
    expect(await folder.refusal(npy)).toMatchObject({ code, kind: 'input', message: expect.stringMatching(message) });
  });

  it('need a file of labels, or hold them', () => {
    expect(dataSchema.safeParse({ kind: 'npy', path: 'x.npy' }).error?.issues[0]).toMatchObject({ path: ['labels'] });
    expect(dataSchema.safeParse({ kind: 'npy', path: 'x.npz', labels: 'y.npy' }).success).toBe(false);
  });

  it.each([false, true])('are refused where a bit of a .npz file is wrong (compressed: %s)', async (compress) => {
    const zip = new yazl.ZipFile();
    zip.addBuffer(Buffer.from(npyBytes('<f4', [ROWS, 3], bytesOf(floats))), 'x.npy', { compress });
    zip.addBuffer(Buffer.from(npyBytes('<i8', [ROWS], bytesOf(classes))), 'y.npy', { compress });
    zip.end();
    const bytes = await buffer(zip.outputStream as NodeJS.ReadableStream);
    folder.write('x.npz', bytes);
    expect((await folder.read({ kind: 'npy', path: 'x.npz' })).features).toEqual(floats);
    folder.write('x.npz', bytes.map((byte, index) => (index === 300 ? byte ^ 1 : byte)));
    expect(await folder.refusal({ kind: 'npy', path: 'x.npz' })).toMatchObject({ code: 'NPY_CORRUPT', message: expect.stringMatching(/x\.npz \(x\) cannot be read: .*[^.]\.$/u) });
  });

  it('are refused where the .npz file is no zip', async () => {
    folder.write('x.npz', 'PK but no more');
    expect(await folder.refusal({ kind: 'npy', path: 'x.npz' })).toMatchObject({ code: 'NPY_CORRUPT', message: expect.stringContaining('x.npz') });
  });
});

describe('IDX', () => {
  const idx: Spec = { kind: 'idx', path: 'images', labels: 'labels' };
  const pixels = Uint8Array.from({ length: ROWS * 4 * 5 }, (_, index) => index % 256);
  const labels = Uint8Array.from(classes, Number);

  it('is read, gzipped or not, to the same bytes', async () => {
    folder.write('images', idxBytes(0x08, [ROWS, 4, 5], pixels));
    folder.write('labels', idxBytes(0x08, [ROWS], labels));
    const plain = await folder.prepare(idx);
    const data = await folder.read(idx);
    expect(data.input).toEqual({ kind: 'image', channels: 1, rows: 4, columns: 5, type: 'uint8' });
    expect(data.features).toEqual(pixels);
    expect(data.labels).toEqual(classes);
    folder.write('images', gzipSync(idxBytes(0x08, [ROWS, 4, 5], pixels)));
    expect((await folder.prepare(idx)).ref.fingerprint).toBe(plain.ref.fingerprint);
  });

  it('has its numbers with the large end first', async () => {
    const big = new Uint8Array(ROWS * 2 * 4);
    Array.from({ length: ROWS * 2 }, (_, index) => new DataView(big.buffer).setFloat32(4 * index, index / 3));
    folder.write('images', idxBytes(0x0d, [ROWS, 2], big));
    folder.write('labels', idxBytes(0x08, [ROWS], labels));
    expect((await folder.read(idx)).features).toEqual(Float32Array.from({ length: ROWS * 2 }, (_, index) => index / 3));
  });

  it.each<[string, string, Uint8Array, RegExp]>([
    ['IDX_CORRUPT', 'another magic number', idxBytes(0x07, [ROWS, 4, 5], pixels), /does not begin/u],
    ['IDX_CORRUPT', 'two bytes', Uint8Array.of(0, 0), /does not begin/u],
    ['IDX_CORRUPT', 'half a header', idxBytes(0x08, [ROWS, 4, 5], pixels).slice(0, 9), /ends inside its header/u],
    ['IDX_TRUNCATED', 'values cut off', idxBytes(0x08, [ROWS, 4, 5], pixels).slice(0, 500), /ends in row 24 of 40/u],
    ['IDX_CORRUPT', 'a gzip file cut off', gzipSync(idxBytes(0x08, [ROWS, 4, 5], pixels)).subarray(0, 60), /images/u],
    ['IDX_TRUNCATED', 'a size that it does not have', idxBytes(0x08, [4_000_000_000, 4000, 5], pixels), /ends in row/u],
  ])('is refused with %s: %s', async (code, _, bytes, message) => {
    folder.write('images', bytes);
    folder.write('labels', idxBytes(0x08, [code === 'IDX_TRUNCATED' && bytes.length > 500 ? 4_000_000_000 : ROWS], labels));
    const error = await folder.refusal(idx);
    expect(error.kind).toBe('input');
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });
});
