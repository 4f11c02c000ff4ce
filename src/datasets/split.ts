import { RepriseError } from '../errors/errors';
import { permutation } from '../random/streams';

export interface SplitFractions {
  readonly validation: number;
  readonly test: number;
}

/** Examples of a data set by the part they came in, in this order; null: the part is cut off the training part. */
export interface Parts {
  readonly train: number;
  readonly validation: number | null;
  readonly test: number | null;
}

export interface SplitSizes {
  readonly train: number;
  readonly validation: number;
  readonly test: number;
}

/** Numbers of the examples of each split. */
export interface SplitIndices {
  readonly train: Int32Array;
  readonly validation: Int32Array;
  readonly test: Int32Array;
}

/**
 * Examples of each split: what is cut off the training part are its fractions, rounded, the rest trains.
 * @throws RepriseError DATA_SPLIT_EMPTY when one would be empty
 */
export function partSizes(parts: Parts, fractions: SplitFractions): SplitSizes {
  const validation = parts.validation ?? Math.round(parts.train * fractions.validation);
  const test = parts.test ?? Math.round(parts.train * fractions.test);
  const train = parts.train - (parts.validation === null ? validation : 0) - (parts.test === null ? test : 0);
  if (validation < 1 || test < 1 || train < 1) {
    throw new RepriseError(
      'DATA_SPLIT_EMPTY',
      `The ${parts.train + (parts.validation ?? 0) + (parts.test ?? 0)} examples would be split into ${train} for training, ${validation} for validation and ${test} for test; each needs at least one.`,
      { hint: 'Change data.split.validation and data.split.test, or use more data.' },
    );
  }
  return { train, validation, test };
}

/**
 * The examples of each split: a seeded permutation of the training part, of which the first train and those after them
 * validate and test, where the data have no parts for it; these are taken as they come. A part that nothing is cut off
 * keeps its order.
 * @throws RepriseError DATA_SPLIT_EMPTY
 */
export function splitParts(parts: Parts, fractions: SplitFractions, splitSeed: number): SplitIndices {
  const sizes = partSizes(parts, fractions);
  const order = parts.validation !== null && parts.test !== null ? range(0, parts.train) : permutation(splitSeed, 'split', 'rows', 0, parts.train);
  const own = parts.train + (parts.validation ?? 0);
  const cut = parts.validation === null ? sizes.train + sizes.validation : sizes.train;
  return {
    train: order.slice(0, sizes.train),
    validation: parts.validation === null ? order.slice(sizes.train, cut) : range(parts.train, own),
    test: parts.test === null ? order.slice(cut) : range(own, own + parts.test),
  };
}

function range(from: number, to: number): Int32Array {
  return Int32Array.from({ length: to - from }, (_, index) => from + index);
}

/** The same for data without parts. @throws RepriseError DATA_SPLIT_EMPTY */
export function splitIndices(examples: number, fractions: SplitFractions, splitSeed: number): SplitIndices {
  return splitParts({ train: examples, validation: null, test: null }, fractions, splitSeed);
}
