/** What a tokenizer learns from the training part of a text. */
import type { TokenizerConfig } from '../config/data';
import { RepriseError } from '../errors/errors';
import { permutation } from '../random/streams';
import { piecesOf, trainBpe } from './bpe';
import { bytesOfSources, characterStart, textOf, type TextRange } from './text-source';
import type { TokenizerModel } from './tokenizer';

/** Pieces of a large text that are chosen or left out, bytes. */
const BLOCK = 1 << 16;
const MAX_CHARACTERS = 65_000;

/** Collects what a tokenizer needs to know of texts, then makes it. */
class Learner {
  private readonly characters = new Set<string>();
  private readonly pieces = new Map<string, number>();

  constructor(
    private readonly config: TokenizerConfig,
    private readonly padding: boolean,
  ) {}

  see(text: string): void {
    if (this.config.kind === 'character') for (const character of text) this.characters.add(character);
    if (this.config.kind === 'bpe') for (const piece of piecesOf(text)) this.pieces.set(piece, (this.pieces.get(piece) ?? 0) + 1);
  }

  /** @throws RepriseError TEXT_TOO_MANY_CHARACTERS */
  model(): TokenizerModel {
    const { config, padding } = this;
    switch (config.kind) {
      case 'character': {
        if (this.characters.size > MAX_CHARACTERS) throw new RepriseError('TEXT_TOO_MANY_CHARACTERS', `The training part has ${this.characters.size} different characters; at most ${MAX_CHARACTERS} make a vocabulary.`, { hint: 'Set data.tokenizer.kind to bpe or bytes.' });
        const sorted = [...this.characters].sort((left, right) => left.codePointAt(0)! - right.codePointAt(0)!);
        return { kind: 'character', padding, characters: sorted.join('') };
      }
      case 'bytes':
        return { kind: 'bytes', padding };
      case 'bpe':
        return { kind: 'bpe', padding, merges: trainBpe(this.pieces, config.vocabulary).map(([left, right]) => [left, right]) };
    }
  }
}

/** Of a text that is too large to learn from whole, some blocks of it that the seed chooses, in their order. */
async function sampleOf(range: TextRange, seed: number, sampleBytes: number): Promise<TextRange[]> {
  const size = range.to - range.from;
  if (size <= sampleBytes) return [range];
  const blocks = permutation(seed, 'data', 'tokenizer', 0, Math.ceil(size / BLOCK)).slice(0, Math.max(1, Math.floor(sampleBytes / BLOCK))).sort();
  const sample: TextRange[] = [];
  for (const block of blocks) {
    const begin = range.from + block * BLOCK;
    const end = Math.min(begin + BLOCK, range.to, bytesOfSources(range.sources));
    sample.push({ sources: range.sources, from: await characterStart(range.sources, begin), to: await characterStart(range.sources, end) });
  }
  return sample;
}

/** @throws RepriseError TEXT_… */
export async function trainTokenizer(config: TokenizerConfig, training: TextRange): Promise<TokenizerModel> {
  const learner = new Learner(config, false);
  if (config.kind === 'bytes') return learner.model();
  for (const range of config.kind === 'bpe' ? await sampleOf(training, config.seed, config.sampleBytes) : [training]) {
    for await (const text of textOf(range)) learner.see(text);
  }
  return learner.model();
}

/** The same for texts that are examples of their own, with a token for padding. Of more than `sampleBytes` the first are learned from. */
export function trainTokenizerOn(config: TokenizerConfig, texts: Iterable<string>): TokenizerModel {
  const learner = new Learner(config, true);
  let left = config.kind === 'bpe' ? config.sampleBytes : Infinity;
  for (const text of texts) {
    if (left <= 0) break;
    learner.see(text);
    left -= text.length;
  }
  return learner.model();
}
