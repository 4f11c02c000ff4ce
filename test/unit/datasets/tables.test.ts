import { execFileSync } from 'node:child_process';
import { readdirSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { splitIndices } from '../../../src/datasets/split';
import type { PreparedData } from '../../../src/datasets/prepared';
import type { RepriseError } from '../../../src/errors/errors';
import { leakageInWords } from '../../../src/events/manifest';
import { DataFolder } from './files';

let folder: DataFolder;
beforeEach(() => {
  folder = new DataFolder();
});
afterEach(() => folder.remove());

type More = Readonly<Record<string, unknown>>;
const csv = (more: More = {}): { kind: 'csv' } & More => ({ kind: 'csv', path: 'data.csv', target: 'class', ...more });

function read(text: string | Uint8Array, more: More = {}, splitSeed = 0): Promise<PreparedData> {
  folder.write('data.csv', text);
  return folder.read(csv(more), splitSeed);
}

function refusal(text: string | Uint8Array, more: More = {}): Promise<RepriseError> {
  folder.write('data.csv', text);
  return folder.refusal(csv(more));
}

/** `rows` good rows: columns a, b, class. */
function table(rows: number, header = 'a,b,class'): string[] {
  return [header, ...Array.from({ length: rows }, (_, row) => `${row},${row * row * 0.5},${row % 2 === 0 ? 'even' : 'Odd'}`)];
}

describe('CSV', () => {
  it('is read as numbers and classes, classes sorted by code unit', async () => {
    const data = await read(table(40).join('\n'), { standardize: false });
    expect(data).toMatchObject({ parts: { train: 40, validation: null, test: null }, input: { kind: 'features', size: 2, type: 'float32' }, classNames: ['Odd', 'even'], featureNames: ['a', 'b'], standardization: null });
    expect([...data.features.slice(6, 10)]).toEqual([3, 4.5, 4, 8]);
    expect([...data.labels!.slice(0, 3)]).toEqual([1n, 0n, 1n]);
  });

  it('may have a byte order mark, CRLF, quotes, other delimiters, spaces, blank lines and signs', async () => {
    const text = `\ufeffa;class;"b"\r\n${Array.from({ length: 30 }, (_, row) => ` +${row}.5e-1 ;"x;${row % 2}";-.25\r\n\r\n`).join('')}`;
    const data = await read(text, { delimiter: ';', standardize: false });
    expect(data.featureNames).toEqual(['a', 'b']);
    expect(data.classNames).toEqual(['x;0', 'x;1']);
    expect([...data.features.slice(0, 4)]).toEqual([Math.fround(0.05), -0.25, Math.fround(0.15), -0.25]);
  });

  it('gives the feature columns that are named, in their order', async () => {
    const data = await read(table(30).join('\n'), { standardize: false, features: ['b'] });
    expect([...data.features.slice(0, 3)]).toEqual([0, 0.5, 2]);
    expect(data.featureNames).toEqual(['b']);
  });

  it('is standardized by the training split only', async () => {
    const text = table(50).map((line, index) => (index === 0 ? `${line},constant` : `${line},7`)).join('\n');
    const data = await read(text, {}, 3);
    const { train } = splitIndices(50, { validation: 0.1, test: 0.1 }, 3);
    for (const feature of [0, 1]) {
      const values = [...train].map((row) => data.features[row * 3 + feature]!);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      expect(mean).toBeCloseTo(0, 6);
      expect(Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)).toBeCloseTo(1, 6);
    }
    expect(data.features.filter((_, index) => index % 3 === 2).every((value) => value === 0)).toBe(true);
    expect(data.standardization?.scales[2]).toBe(1);
    expect((await read(text, {}, 4)).features).not.toEqual(data.features);
  });

  it('gives values to be told', async () => {
    const data = await read(table(40).join('\n'), { task: 'regression', target: 'b', features: ['a'] });
    expect(data.target).toEqual({ kind: 'values', size: 1 });
    expect(data.classNames).toEqual([]);
    expect([...data.labels!.slice(0, 4)]).toEqual([0, 0.5, 2, 4.5]);
  });

  it('makes features of 0 and 1 of categories, with the levels of the training split', async () => {
    const { validation, train } = splitIndices(40, { validation: 0.1, test: 0.1 }, 0);
    const only = validation[0]!;
    const lines = Array.from({ length: 40 }, (_, row) => `${row},${row === only ? 'green' : row % 2 === 0 ? 'red' : 'blue'},${row % 3}`);
    const data = await read(['size,colour,class', ...lines].join('\n'), { categorical: ['colour'] });
    expect(data.featureNames).toEqual(['size', 'colour=blue', 'colour=red']);
    expect(data.standardization).toMatchObject({ means: [expect.any(Number), 0, 0], scales: [expect.any(Number), 1, 1] });
    const row = (index: number): number[] => [...data.features.slice(index * 3 + 1, index * 3 + 3)];
    expect(row(only)).toEqual([0, 0]);
    for (const index of train) expect(row(index)).toEqual(index % 2 === 0 ? [0, 1] : [1, 0]);
  });

  it('puts the mean of the training split where a value is missing, when asked to', async () => {
    const { train, test } = splitIndices(40, { validation: 0.1, test: 0.1 }, 0);
    const missing = new Set([train[0], test[0]]);
    const text = ['a,colour,class', ...Array.from({ length: 40 }, (_, row) => `${missing.has(row) ? 'NaN' : row},${missing.has(row) ? '' : 'x'},${row % 2}`)].join('\n');
    const data = await read(text, { missing: 'mean', categorical: ['colour'], standardize: false });
    const there = [...train].filter((row) => !missing.has(row));
    const mean = Math.fround(there.reduce((sum, row) => sum + row, 0) / there.length);
    for (const row of missing) expect([...data.features.slice(row! * 2, row! * 2 + 2)]).toEqual([mean, 0]);
    expect((await refusal(text, { categorical: ['colour'] })).code).toMatch(/CSV_EMPTY_CELL|CSV_NOT_A_NUMBER/u);
    expect((await refusal(['a,b,class', ...Array.from({ length: 40 }, (_, row) => `,${row},${row % 2}`)].join('\n'), { missing: 'mean' })).code).toBe('CSV_NO_MEAN');
  });

  it('may come in files for its parts, whose rows stay in them', async () => {
    folder.write('valid.csv', table(10).join('\n'));
    folder.write('test.csv', table(20).join('\n'));
    const data = await read(table(30).join('\n'), { validationPath: 'valid.csv', testPath: 'test.csv', standardize: false });
    expect(data.parts).toEqual({ train: 30, validation: 10, test: 20 });
    expect(data.features.length).toBe(60 * 2);
    expect([...data.features.slice(60, 64)]).toEqual([0, 0, 1, 0.5]);
    const { shape } = await folder.prepare(csv({ validationPath: 'valid.csv', testPath: 'test.csv' }));
    expect(shape.trainSize).toBe(30);
    folder.write('test.csv', table(20).join('\n').replace('even', 'strange'));
    expect(await folder.refusal(csv({ validationPath: 'valid.csv', testPath: 'test.csv' }))).toMatchObject({ code: 'CSV_UNKNOWN_CLASS', message: expect.stringMatching(/test\.csv.*"strange"/u) });
  });

  const broken = (line: number, text: string): string => table(30).map((old, index) => (index === line - 1 ? text : old)).join('\n');

  it.each<[string, string, string, string, More?]>([
    ['CSV_EMPTY_CELL', 'an empty cell', broken(5, '1,,even'), 'data.csv:5:b'],
    ['CSV_EMPTY_CELL', 'an empty class', broken(6, '1,2,'), 'data.csv:6:class'],
    ['CSV_NOT_A_NUMBER', 'a word', broken(4, '1,two,even'), 'data.csv:4:b'],
    ['CSV_NOT_A_NUMBER', 'NaN', broken(4, 'NaN,2,even'), 'data.csv:4:a'],
    ['CSV_NOT_A_NUMBER', 'infinity', broken(4, 'Infinity,2,even'), 'data.csv:4:a'],
    ['CSV_NOT_A_NUMBER', 'a hexadecimal number', broken(4, '0x10,2,even'), 'data.csv:4:a'],
    ['CSV_NOT_A_NUMBER', 'a decimal comma', broken(4, '"1,5",2,even'), 'data.csv:4:a'],
    ['CSV_NOT_A_NUMBER', 'a number beyond float32', broken(4, '1e39,2,even'), 'data.csv:4:a'],
    ['CSV_NOT_A_NUMBER', 'a word to be told as a value', table(30).join('\n'), 'data.csv:2:class', { task: 'regression' }],
    ['CSV_RAGGED_ROW', 'a row too short', broken(3, '1,2'), 'data.csv:3'],
    ['CSV_RAGGED_ROW', 'a row too long', broken(31, '1,2,even,4'), 'data.csv:31'],
    ['CSV_DUPLICATE_COLUMN', 'a repeated column', table(30, 'a,a,class').join('\n'), 'data.csv:1:a'],
    ['CSV_HEADER', 'a column without a name', table(30, 'a,,class').join('\n'), 'data.csv:1'],
    ['CSV_TARGET_MISSING', 'no target column', table(30).join('\n'), 'data.csv:1', { target: 'species' }],
    ['CSV_FEATURE_MISSING', 'a feature that is not there', table(30).join('\n'), 'data.csv:1', { features: ['c'] }],
    ['CSV_FEATURE_MISSING', 'a category that is no feature', table(30).join('\n'), 'data.csv:1', { features: ['a'], categorical: ['b'] }],
    ['CSV_FEATURE_IS_TARGET', 'the target as feature', table(30).join('\n'), 'data.csv:1:class', { features: ['a', 'class'] }],
    ['CSV_FEATURE_MISSING', 'nothing but the target', `class\n${'x\ny\n'.repeat(20)}`, 'data.csv:1'],
  ])('is refused with %s: %s', async (code, _, text, where, more) => {
    const error = await refusal(text, more);
    expect(error).toMatchObject({ code, kind: 'input' });
    expect(error.problems[0]!.path).toBe(where);
    expect(error.message).toContain(where);
  });

  it.each<[string, string, string, More?]>([
    ['CSV_TOO_FEW_ROWS', '29 rows', table(29).join('\n')],
    ['CSV_ONE_CLASS', 'one class', table(30).join('\n').replaceAll('Odd', 'even')],
    ['CSV_TARGET_NOT_CLASSES', 'a target of measurements', table(30).join('\n'), { target: 'a', features: ['b'] }],
    ['CSV_SYNTAX', 'a quote that never closes', `${table(30).join('\n')}\n"1,2,even`],
    ['CSV_HEADER', 'an empty file', ''],
  ])('is refused with %s: %s', async (code, _, text, more) => {
    const error = await refusal(text, more);
    expect(error).toMatchObject({ code, kind: 'input' });
    expect(error.message).toContain('data.csv');
  });

  it('is refused where it is not UTF-8', async () => {
    expect(await refusal(Uint8Array.of(0x61, 0xff, 0x0a))).toMatchObject({ code: 'CSV_NOT_UTF8' });
  });

  it('tells up to 20 problems, of those alike in a column three and how many more there are', async () => {
    const error = await refusal(['a,b,class', ...Array.from({ length: 40 }, () => 'x,,even')].join('\n'));
    expect(error.message).toContain('and 79 more problems');
    expect(error.problems!.map(({ path }) => path)).toEqual(['data.csv:2:a', 'data.csv:2:b', 'data.csv:3:a', 'data.csv:3:b', 'data.csv:4:a', 'data.csv:4:b']);
    expect(error.problems!.map(({ message }) => /37 more/u.test(message))).toEqual([false, false, false, false, true, true]);
    const names = Array.from({ length: 30 }, (_, index) => `x${index}`);
    expect((await refusal([`${names.join(',')},class`, ...Array.from({ length: 40 }, () => `${names.map(() => '?').join(',')},even`)].join('\n'))).problems).toHaveLength(20);
  });

  it('says what becomes of missing values, and that a missing target stays an error', async () => {
    const rows = (cell: string, target: string): string => ['a,value', ...Array.from({ length: 40 }, (_, row) => (row === 5 ? `${cell},${target}` : `${row},${row}`))].join('\n');
    const numbers = { task: 'regression', target: 'value' };
    for (const cell of ['', 'NaN', 'NA']) expect((await refusal(rows(cell, '1'), numbers)).message).toContain('data.missing: mean');
    expect((await refusal(rows('p', '1'), numbers)).message).toContain('named in data.categorical');
    expect((await refusal(rows('1', 'p'), numbers)).message).toContain('data.task: classification');
    for (const missing of ['refuse', 'mean']) expect(await refusal(rows('1', 'NaN'), { ...numbers, missing })).toMatchObject({ code: 'CSV_EMPTY_CELL', message: expect.stringContaining('data.csv:7:value: the value to be told is missing') });
  });
});

describe('preparing CSV', () => {
  it('notices that the file changed, and that the split matters only to what is learned of it', async () => {
    folder.write('data.csv', table(40).join('\n'));
    const first = await folder.prepare(csv());
    expect(first.ref).toMatchObject({ source: 'data.csv', license: 'unknown' });
    expect(first.shape).toEqual({ input: { kind: 'features', size: 2, type: 'float32' }, target: { kind: 'class', classes: 2 }, trainSize: 32 });
    expect((await folder.prepare(csv())).ref).toEqual(first.ref);
    expect((await folder.prepare(csv(), 1)).ref.fingerprint).not.toBe(first.ref.fingerprint);
    const raw = await folder.prepare(csv({ standardize: false }));
    expect((await folder.prepare(csv({ standardize: false }), 1)).ref).toEqual(raw.ref);
    folder.write('data.csv', table(41).join('\n'));
    expect((await folder.prepare(csv())).ref.fingerprint).not.toBe(first.ref.fingerprint);
  });

  it('takes the licence that the config or a file beside declares', async () => {
    folder.write('data.csv', table(40).join('\n'));
    folder.write('LICENSE', 'Attribution 4.0 International\n\n====');
    expect((await folder.prepare(csv())).ref.license).toBe('CC-BY-4.0');
    expect((await folder.prepare(csv({ license: 'CC0-1.0' }))).ref.license).toBe('CC0-1.0');
  });

  it('refuses a missing or bad file and writes no data', async () => {
    expect(await folder.refusal(csv())).toMatchObject({ code: 'CSV_NOT_FOUND', kind: 'input', message: expect.stringContaining(path.join(folder.path, 'data.csv')) });
    folder.write('data.csv', table(40).join('\n'));
    expect(await folder.refusal(csv({ split: { validation: 0.001, test: 0.1 } }))).toMatchObject({ code: 'DATA_SPLIT_EMPTY' });
    expect(readdirSync(folder.path)).not.toContain('objects');
  });

  it.runIf(process.platform !== 'win32')('reads ordinary files only: a device or a pipe may never end', { timeout: 2000 }, async () => {
    execFileSync('mkfifo', [path.join(folder.path, 'pipe.csv')]);
    expect(await folder.refusal(csv({ path: '/dev/zero' }))).toMatchObject({ code: 'CSV_NOT_A_FILE', kind: 'input', message: '/dev/zero (data.path) is a device; only ordinary files are read.' });
    expect(await folder.refusal(csv({ path: 'pipe.csv' }))).toMatchObject({ code: 'CSV_NOT_A_FILE', message: expect.stringContaining('is a pipe') });
    expect(await folder.refusal(csv({ path: '.' }))).toMatchObject({ code: 'CSV_NOT_A_FILE', message: expect.stringContaining('is a folder'), problems: [{ path: 'data.path' }] });
    folder.write('data.csv', table(40).join('\n'));
    expect(await folder.refusal(csv({ testPath: '/dev/zero' }))).toMatchObject({ code: 'CSV_NOT_A_FILE', problems: [{ path: 'data.testPath' }] });
  });

  it('reads no file whose text would not fit into memory as one string', async () => {
    // Sparse: it takes no room on the disk.
    truncateSync(folder.write('data.csv', ''), 3 * 2 ** 30);
    expect(await folder.refusal(csv())).toMatchObject({ code: 'CSV_TOO_LARGE', kind: 'input', message: expect.stringContaining('3221225472 bytes') });
  });

  it('counts examples that are in two splits', async () => {
    const lines = Array.from({ length: 40 }, (_, row) => `${row},${row % 2}`);
    folder.write('data.csv', ['a,class', ...lines].join('\n'));
    folder.write('test.csv', ['a,class', ...lines.slice(0, 3), '77,0', '0,1'].join('\n'));
    const { ref } = await folder.prepare(csv({ testPath: 'test.csv', split: { validation: 0.5 } }));
    // Four test examples are copies, one of them with another label; each is in training or in validation.
    expect(ref.leakage?.trainValidation).toBe(0);
    expect(ref.leakage!.trainTest + ref.leakage!.validationTest).toBe(4);
    expect(leakageInWords({ trainValidation: 1, trainTest: 3, validationTest: 1 })).toBe('1 validation example and 3 test examples are also in the training split; 1 test example is also in the validation split');
    expect(leakageInWords({ trainValidation: 0, trainTest: 0, validationTest: 0 })).toBeNull();
  });
});

describe('Parquet', () => {
  it('is refused where it is none', async () => {
    folder.write('data.parquet', 'PAR1 this is no Parquet PAR1');
    expect(await folder.refusal({ kind: 'parquet', path: 'data.parquet', target: 'class' })).toMatchObject({ code: 'PARQUET_CORRUPT', message: expect.stringContaining('data.parquet') });
    folder.write('data.parquet', '');
    expect((await folder.refusal({ kind: 'parquet', path: 'data.parquet', target: 'class' })).code).toBe('PARQUET_CORRUPT');
  });
});

describe('labelled texts', () => {
  it('become tokens, filled up with padding; the tokenizer knows the training split only', async () => {
    const { train } = splitIndices(40, { validation: 0.1, test: 0.1 }, 0);
    const isTraining = new Set(train);
    const text = ['text,label', ...Array.from({ length: 40 }, (_, row) => `${isTraining.has(row) ? (row % 2 === 0 ? 'good it is' : 'bad') : 'Zzz'},${row % 2 === 0 ? 'yes' : 'no'}`)].join('\n');
    folder.write('reviews.csv', text);
    const data = await folder.read({ kind: 'labelled-text', path: 'reviews.csv', length: 6 });
    expect(data.tokenizer).toMatchObject({ kind: 'character', padding: true, characters: ' abdgiost' });
    expect(data.input).toEqual({ kind: 'tokens', length: 6, vocabulary: 11 });
    expect(data.classNames).toEqual(['no', 'yes']);
    const row = (index: number): number[] => [...data.features.slice(index * 6, index * 6 + 6)] as number[];
    const odd = train.find((index) => index % 2 === 1)!;
    expect(row(odd)).toEqual([4, 3, 5, 0, 0, 0]);
    const unknown = Array.from({ length: 40 }, (_, index) => index).find((index) => !isTraining.has(index))!;
    expect(row(unknown)).toEqual([1, 1, 1, 0, 0, 0]);
    // Padding is no character.
    expect((await folder.prepare({ kind: 'labelled-text', path: 'reviews.csv', length: 6 })).ref.unknownCharacters).toEqual({ validation: 1, test: 1 });
    expect((await folder.refusal({ kind: 'labelled-text', path: 'reviews.csv', text: 'body' }))).toMatchObject({ code: 'CSV_COLUMN_MISSING', message: expect.stringContaining('"body" (data.text)') });
  });
});
