import { describe, expect, test } from 'vitest';
import { linearSchema, mlpSchema, textCnnSchema } from '../../../src/config/models';
import { initialWeights } from '../../../src/models/initialize';
import { layOut } from '../../../src/models/model';
import type { DataShape } from '../../../src/models/types';
import { logitsOf } from './run-training';

const LENGTH = 9;
const nextToken: DataShape = { input: { kind: 'tokens', length: LENGTH, vocabulary: 7 }, target: { kind: 'next-token' }, trainSize: 12 };
const classes: DataShape = { ...nextToken, target: { kind: 'class', classes: 3 } };
const small = (switches: object = {}): ReturnType<typeof textCnnSchema.parse> => textCnnSchema.parse({ kind: 'text-cnn', width: 6, layers: 3, ...switches });

describe('a CNN of text', () => {
  test.each([
    [{}, 1 + 2 * (1 + 2 + 4)],
    [{ dilation: 'none' }, 1 + 2 * 3],
    [{ kernel: 2, layers: 2 }, 1 + 1 + 2],
  ])('sees so many tokens and none to come: %j, %i', async (switches, seen) => {
    const model = small({ ...switches, norm: 'none' });
    const text = [1, 2, 3, 4, 5, 6, 0, 1, 2];
    const changed = text.with(2, 0);
    const rows = await logitsOf(model, nextToken, initialWeights(layOut(model, nextToken).parameters, 3), Int32Array.from([...text, ...changed]));
    const moved = text.flatMap((_, position) => (String(rows[position]) === String(rows[LENGTH + position]) ? [] : [position]));
    expect(moved).toEqual([...text.keys()].filter((position) => position >= 2 && position < 2 + seen));
  });

  test('refuses convolutions longer than an example', () => {
    expect(() => layOut(small({ layers: 4 }), nextToken)).toThrow(expect.objectContaining({ code: 'MODEL_TEXT_TOO_SHORT', kind: 'input', problems: [expect.objectContaining({ path: 'model.layers' })] }));
    expect(() => layOut(small({ layers: 4, dilation: 'none' }), nextToken)).not.toThrow();
  });

  test('refuses a tied head for classes', () => {
    expect(() => layOut(small({ tiedHead: true }), classes)).toThrow(expect.objectContaining({ code: 'MODEL_TIED_HEAD' }));
  });
});

test.each([linearSchema.parse({ kind: 'linear' }), mlpSchema.parse({ kind: 'mlp' })])('$kind refuses tokens, which are no quantities', (model) => {
  expect(() => layOut(model, classes)).toThrow(expect.objectContaining({ code: 'MODEL_TAKES_NO_TOKENS', kind: 'input', problems: [expect.objectContaining({ path: 'model.kind' })] }));
});
