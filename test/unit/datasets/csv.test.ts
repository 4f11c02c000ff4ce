import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dataSchema } from '../../../src/config/data';
import { readCsv, type CsvConfig } from '../../../src/datasets/csv';
import { loadPrepared } from '../../../src/datasets/prepared';
import { prepareData } from '../../../src/datasets/prepare';
import { splitIndices } from '../../../src/datasets/split';
import { RepriseError } from '../../../src/errors/errors';

const config = (more: Record<string, unknown> = {}): CsvConfig => dataSchema.parse({ kind: 'csv', path: 'data.csv', target: 'class', ...more }) as CsvConfig;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** `rows` good rows: columns a, b, class. */
function table(rows: number, header = 'a,b,class'): string[] {
  return [header, ...Array.from({ length: rows }, (_, row) => `${row},${row * row * 0.5},${row % 2 === 0 ? 'even' : 'Odd'}`)];
}

function errorOf(text: string, more: Record<string, unknown> = {}): RepriseError {
  try {
    readCsv(bytes(text), config(more), 0);
  } catch (error) {
    if (error instanceof RepriseError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('readCsv', () => {
  it('reads numbers and classes, classes sorted by code unit', () => {
    const data = readCsv(bytes(table(40).join('\n')), config({ standardize: false }), 0);
    expect(data).toMatchObject({ rows: 40, featureCount: 2, classNames: ['Odd', 'even'], featureNames: ['a', 'b'], image: null, standardization: null });
    expect([...data.features.slice(6, 10)]).toEqual([3, 4.5, 4, 8]);
    expect([...data.labels.slice(0, 3)]).toEqual([1n, 0n, 1n]);
  });

  it('takes a byte order mark, CRLF, quotes, other delimiters, spaces, blank lines and signs', () => {
    const text = `\ufeffa;class;"b"\r\n${Array.from({ length: 30 }, (_, row) => ` +${row}.5e-1 ;"x;${row % 2}";-.25\r\n\r\n`).join('')}`;
    const data = readCsv(bytes(text), config({ delimiter: ';', standardize: false }), 0);
    expect(data.featureNames).toEqual(['a', 'b']);
    expect(data.classNames).toEqual(['x;0', 'x;1']);
    expect([...data.features.slice(0, 4)]).toEqual([Math.fround(0.05), -0.25, Math.fround(0.15), -0.25]);
  });

  it('takes the feature columns that are named, in their order', () => {
    const data = readCsv(bytes(table(30).join('\n')), config({ standardize: false, features: ['b'] }), 0);
    expect([...data.features.slice(0, 3)]).toEqual([0, 0.5, 2]);
    expect(data.featureNames).toEqual(['b']);
  });

  it('standardizes by the training split only', () => {
    const text = table(50).map((line, index) => (index === 0 ? `${line},constant` : `${line},7`)).join('\n');
    const data = readCsv(bytes(text), config(), 3);
    const { train } = splitIndices(50, config().split, 3);
    for (const feature of [0, 1]) {
      const values = [...train].map((row) => data.features[row * 3 + feature]!);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      expect(mean).toBeCloseTo(0, 6);
      expect(Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)).toBeCloseTo(1, 6);
    }
    expect(data.features.filter((_, index) => index % 3 === 2).every((value) => value === 0)).toBe(true);
    expect(data.standardization?.scales[2]).toBe(1);
    expect(readCsv(bytes(text), config(), 4).features).not.toEqual(data.features);
  });

  const broken = (line: number, text: string): string => table(30).map((old, index) => (index === line - 1 ? text : old)).join('\n');

  it.each<[string, string, string, string, Record<string, unknown>?]>([
    ['CSV_EMPTY_CELL', 'an empty cell', broken(5, '1,,even'), 'data.csv:5:b'],
    ['CSV_EMPTY_CELL', 'an empty class', broken(6, '1,2,'), 'data.csv:6:class'],
    ['CSV_NOT_A_NUMBER', 'a word', broken(4, '1,two,even'), 'data.csv:4:b'],
    ['CSV_NOT_A_NUMBER', 'NaN', broken(4, 'NaN,2,even'), 'data.csv:4:a'],
    ['CSV_NOT_A_NUMBER', 'a hexadecimal number', broken(4, '0x10,2,even'), 'data.csv:4:a'],
    ['CSV_NOT_A_NUMBER', 'a decimal comma', broken(4, '"1,5",2,even'), 'data.csv:4:a'],
    ['CSV_NOT_A_NUMBER', 'a number beyond float32', broken(4, '1e39,2,even'), 'data.csv:4:a'],
    ['CSV_RAGGED_ROW', 'a row too short', broken(3, '1,2'), 'data.csv:3'],
    ['CSV_RAGGED_ROW', 'a row too long', broken(31, '1,2,even,4'), 'data.csv:31'],
    ['CSV_DUPLICATE_COLUMN', 'a repeated column', table(30, 'a,a,class').join('\n'), 'data.csv:1:a'],
    ['CSV_HEADER', 'a column without a name', table(30, 'a,,class').join('\n'), 'data.csv:1'],
    ['CSV_TARGET_MISSING', 'no target column', table(30).join('\n'), 'data.csv:1', { target: 'species' }],
    ['CSV_FEATURE_MISSING', 'a feature that is not there', table(30).join('\n'), 'data.csv:1', { features: ['c'] }],
    ['CSV_FEATURE_IS_TARGET', 'the target as feature', table(30).join('\n'), 'data.csv:1:class', { features: ['a', 'class'] }],
    ['CSV_FEATURE_MISSING', 'nothing but the target', `class\n${'x\ny\n'.repeat(20)}`, 'data.csv:1'],
  ])('refuses with %s: %s', (code, _, text, where, more) => {
    const error = errorOf(text, more);
    expect(error).toMatchObject({ code, kind: 'input' });
    expect(error.problems[0]!.path).toBe(where);
    expect(error.message).toContain(where);
  });

  it.each<[string, string, string, Record<string, unknown>?]>([
    ['CSV_TOO_FEW_ROWS', '29 rows', table(29).join('\n')],
    ['CSV_ONE_CLASS', 'one class', table(30).join('\n').replaceAll('Odd', 'even')],
    ['CSV_TARGET_NOT_CLASSES', 'a target of measurements', table(30).join('\n'), { target: 'a', features: ['b'] }],
    ['CSV_SYNTAX', 'a quote that never closes', `${table(30).join('\n')}\n"1,2,even`],
    ['CSV_HEADER', 'an empty file', ''],
  ])('refuses with %s: %s', (code, _, text, more) => {
    const error = errorOf(text, more);
    expect(error).toMatchObject({ code, kind: 'input' });
    expect(error.message).toContain('data.csv');
  });

  it('refuses text that is not UTF-8', () => {
    expect(() => readCsv(Uint8Array.of(0x61, 0xff, 0x0a), config(), 0)).toThrow(expect.objectContaining({ code: 'CSV_NOT_UTF8' }));
  });

  it('collects up to 20 problems', () => {
    const error = errorOf(['a,b,class', ...Array.from({ length: 40 }, () => 'x,,even')].join('\n'));
    expect(error.problems).toHaveLength(20);
    expect(error.message).toContain('and 79 more problems');
  });
});

describe('prepareData on CSV', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'reprise-csv-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const prepare = (more: Record<string, unknown> = {}, splitSeed = 0): ReturnType<typeof prepareData> =>
    prepareData(config(more), { configFolder: folder, workspace: path.join(folder, 'workspace'), splitSeed });

  it('notices that the file changed, and that the split matters only to standardized data', async () => {
    await writeFile(path.join(folder, 'data.csv'), table(40).join('\n'));
    const first = await prepare();
    expect(first.ref).toMatchObject({ source: 'data.csv', license: 'unknown' });
    expect(first.shape).toEqual({ input: { kind: 'features', size: 2, type: 'float32' }, target: { kind: 'class', classes: 2 }, trainSize: 32 });
    expect((await prepare()).ref).toEqual(first.ref);
    expect((await prepare({}, 1)).ref.fingerprint).not.toBe(first.ref.fingerprint);
    const raw = await prepare({ standardize: false });
    expect((await prepare({ standardize: false }, 1)).ref).toEqual(raw.ref);
    await writeFile(path.join(folder, 'data.csv'), table(41).join('\n'));
    expect((await prepare()).ref.fingerprint).not.toBe(first.ref.fingerprint);
    const loaded = await loadPrepared(path.join(folder, 'workspace', first.ref.file));
    expect(loaded.rows).toBe(40);
    expect(loaded.standardization?.means).toHaveLength(2);
  });

  it('refuses a missing or bad file and writes nothing', async () => {
    await expect(prepare()).rejects.toMatchObject({ code: 'CSV_NOT_FOUND', kind: 'input', message: expect.stringContaining(path.join(folder, 'data.csv')) });
    await writeFile(path.join(folder, 'data.csv'), table(3).join('\n'));
    await expect(prepare()).rejects.toMatchObject({ code: 'CSV_TOO_FEW_ROWS' });
    await writeFile(path.join(folder, 'data.csv'), table(40).join('\n'));
    await expect(prepare({ split: { validation: 0.001, test: 0.1 } })).rejects.toMatchObject({ code: 'DATA_SPLIT_EMPTY' });
    expect(await readdir(folder)).toEqual(['data.csv']);
  });

  it.runIf(process.platform !== 'win32')('reads ordinary files only: a device or a pipe may never end', { timeout: 2000 }, async () => {
    execFileSync('mkfifo', [path.join(folder, 'pipe.csv')]);
    await expect(prepare({ path: '/dev/zero' })).rejects.toMatchObject({ code: 'CSV_NOT_A_FILE', kind: 'input', message: '/dev/zero (data.path) is a device; only ordinary files are read.' });
    await expect(prepare({ path: 'pipe.csv' })).rejects.toMatchObject({ code: 'CSV_NOT_A_FILE', message: expect.stringContaining('is a pipe') });
    await expect(prepare({ path: '.' })).rejects.toMatchObject({ code: 'CSV_NOT_A_FILE', message: expect.stringContaining('is a folder'), problems: [{ path: 'data.path' }] });
  });

  it('reads no file whose text would not fit into memory as one string', async () => {
    await writeFile(path.join(folder, 'data.csv'), '');
    // Sparse: it takes no room on the disk.
    await truncate(path.join(folder, 'data.csv'), 3 * 2 ** 30);
    await expect(prepare()).rejects.toMatchObject({ code: 'CSV_TOO_LARGE', kind: 'input', message: expect.stringContaining('3221225472 bytes') });
  });
});
