import { describe, expect, it } from 'vitest';
import { dataWarnings } from '../../../src/worker/data-warnings';

describe('warnings of data', () => {
  it('tell of examples in two splits and of characters that nothing was learned about', () => {
    expect(dataWarnings({ leakage: { trainValidation: 0, trainTest: 3, validationTest: 0 }, unknownCharacters: { validation: 0.125, test: 0 } })).toEqual([
      'The splits are not apart: 3 test examples are also in the training split. Metrics on these examples tell less than they seem to.',
      '12.5% of the characters of the validation split are not in the training split: they count as one unknown character that is never trained.',
    ]);
  });

  it('are none where nothing was found, or nothing was looked for', () => {
    expect(dataWarnings({ leakage: { trainValidation: 0, trainTest: 0, validationTest: 0 }, unknownCharacters: { validation: 0, test: 0 } })).toEqual([]);
    expect(dataWarnings({})).toEqual([]);
  });
});
