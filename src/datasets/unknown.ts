/** Characters that are not in what a tokenizer learned from: to a model all of them are one token, which is never trained. */
import type { UnknownCharacters } from '../events/manifest';
import { inputSize } from '../models/types';
import type { RowReader } from './row-reader';
import type { SplitIndices } from './split';

/** Tokens that are read at once. */
const BLOCK_TOKENS = 1 << 22;

/** The share of the characters of these rows whose token is `unknown`; what comes before it is padding. */
async function shareOf(reader: RowReader, rows: Int32Array, unknown: number): Promise<number> {
  const size = inputSize(reader.description.input);
  const block = Math.max(1, Math.floor(BLOCK_TOKENS / size));
  const inOrder = rows.toSorted();
  let [characters, missed] = [0, 0];
  for (let from = 0; from < inOrder.length; from += block) {
    const numbers = inOrder.subarray(from, from + block);
    const { features } = await reader.rows(numbers);
    // An example of a text ends with the token that the next one begins with.
    const width = features.length / numbers.length;
    for (let row = 0; row < numbers.length; row++) {
      for (const token of features.subarray(row * width, row * width + size)) {
        if (token >= unknown) characters++;
        if (token === unknown) missed++;
      }
    }
  }
  return characters === 0 ? 0 : missed / characters;
}

/** Null where every text has tokens of its own: of all tokenizers but `character`. */
export async function findUnknown(reader: RowReader, { validation, test }: SplitIndices): Promise<UnknownCharacters | null> {
  const { tokenizer } = reader.description;
  if (tokenizer?.kind !== 'character') return null;
  const unknown = tokenizer.padding ? 1 : 0;
  return { validation: await shareOf(reader, validation, unknown), test: await shareOf(reader, test, unknown) };
}
