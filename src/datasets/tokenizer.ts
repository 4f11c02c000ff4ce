/** Text as tokens and back. The tokenizer of a data set is kept in its prepared file, so that every bundle carries it. */
import { z } from 'zod';
import { bpeBytes, bpeEncoder } from './bpe';

/**
 * A tokenizer that was learned. Tokens are numbered from 0: with `padding` the first is padding, which fills up short
 * texts and of which no text has one. Then come, of `character`, a token for every unknown character and one for each
 * of `characters`; of `bytes` the 256 bytes; of `bpe` the bytes and a token for each merge.
 */
export const tokenizerModelSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('character'), padding: z.boolean(), characters: z.string() }),
  z.strictObject({ kind: z.literal('bytes'), padding: z.boolean() }),
  z
    .strictObject({ kind: z.literal('bpe'), padding: z.boolean(), merges: z.array(z.tuple([z.int().min(0), z.int().min(0)])).max(65_536 - 256) })
    .refine(({ merges }) => merges.every(([left, right], index) => left < 256 + index && right < 256 + index), { error: 'merges tokens that are not there yet' }),
]);
export type TokenizerModel = z.infer<typeof tokenizerModelSchema>;

/** What an unknown character is decoded as: U+FFFD. */
const UNKNOWN = '\ufffd';

/** The number of tokens. */
export function vocabularyOf(model: TokenizerModel): number {
  const first = model.padding ? 1 : 0;
  switch (model.kind) {
    case 'character':
      return first + 1 + [...model.characters].length;
    case 'bytes':
      return first + 256;
    case 'bpe':
      return first + 256 + model.merges.length;
  }
}

/** What turns texts into tokens. To make it takes time: make it once for many texts. */
export function encoderOf(model: TokenizerModel): (text: string) => number[] {
  const first = model.padding ? 1 : 0;
  switch (model.kind) {
    case 'character': {
      const numbers = new Map([...model.characters].map((character, index) => [character, first + 1 + index]));
      return (text) => Array.from(text, (character) => numbers.get(character) ?? first);
    }
    case 'bytes': {
      const encoder = new TextEncoder();
      return (text) => Array.from(encoder.encode(text), (byte) => first + byte);
    }
    case 'bpe': {
      const encode = bpeEncoder(model.merges);
      return (text) => encode(text).map((token) => first + token);
    }
  }
}

/**
 * What turns tokens into text. Padding is left out; bytes that are no UTF-8, and the unknown character, become U+FFFD.
 * @throws RangeError for a token that is not in the vocabulary
 */
export function decoderOf(model: TokenizerModel): (tokens: Iterable<number>) => string {
  const first = model.padding ? 1 : 0;
  const size = vocabularyOf(model);
  const shifted = (tokens: Iterable<number>): number[] =>
    [...tokens].flatMap((token) => {
      if (!Number.isInteger(token) || token < 0 || token >= size) throw new RangeError(`the token ${token} is not in the vocabulary of ${size}`);
      return token < first ? [] : [token - first];
    });
  if (model.kind === 'character') {
    const characters = [UNKNOWN, ...model.characters];
    return (tokens) => shifted(tokens).map((token) => characters[token]).join('');
  }
  const bytes = bpeBytes(model.kind === 'bpe' ? model.merges : []);
  return (tokens) => {
    const parts = shifted(tokens).map((token) => bytes[token]!);
    const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      joined.set(part, at);
      at += part.length;
    }
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(joined);
  };
}
