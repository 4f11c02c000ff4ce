import { RepriseError } from '../errors/errors';
import { permutation } from '../random/streams';

export interface SplitFractions {
  readonly validation: number;
  readonly test: number;
}

export interface SplitIndices {
  readonly train: Int32Array;
  readonly validation: Int32Array;
  readonly test: Int32Array;
}

/**
 * Rows of each split: the fractions of n, rounded, the rest trains.
 * @throws RepriseError DATA_SPLIT_EMPTY when one would be empty
 */
export function splitSizes(n: number, fractions: SplitFractions): { train: number; validation: number; test: number } {
  const validation = Math.round(n * fractions.validation);
  const test = Math.round(n * fractions.test);
  const train = n - validation - test;
  if (validation < 1 || test < 1 || train < 1) {
    throw new RepriseError(
      'DATA_SPLIT_EMPTY',
      `The ${n} examples would be split into ${train} for training, ${validation} for validation and ${test} for test; each needs at least one.`,
      { hint: 'Change data.split.validation and data.split.test, or use more data.' },
    );
  }
  return { train, validation, test };
}

/**
 * Splits rows 0 … n − 1 by a seeded permutation: its first part trains, then validation, then test.
 * @throws RepriseError DATA_SPLIT_EMPTY
 */
export function splitIndices(n: number, fractions: SplitFractions, splitSeed: number): SplitIndices {
  const { train, validation } = splitSizes(n, fractions);
  const order = permutation(splitSeed, 'split', 'rows', 0, n);
  return {
    train: order.slice(0, train),
    validation: order.slice(train, train + validation),
    test: order.slice(train + validation),
  };
}
