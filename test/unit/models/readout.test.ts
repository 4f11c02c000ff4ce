/** Models that tell of a whole text: padding has no part in what they tell. */
import { describe, expect, test } from 'vitest';
import { modelSchema } from '../../../src/config/models';
import type { ModelConfig } from '../../../src/config/schema';
import { initialWeights } from '../../../src/models/initialize';
import { layOut } from '../../../src/models/model';
import type { DataShape } from '../../../src/models/types';
import type { NamedTensor } from '../../../src/tensors/safetensors';
import { logitsOf } from './run-training';

const VOCABULARY = 11;
const dataOf = (length: number): DataShape => ({ input: { kind: 'tokens', length, vocabulary: VOCABULARY }, target: { kind: 'class', classes: 3 }, trainSize: 12 });

const start = (model: ModelConfig, length: number): NamedTensor[] => initialWeights(layOut(model, dataOf(length)).parameters, 3);
/** The logits of texts in a model that was given `length` tokens of each. */
const logitsOfTexts = (model: ModelConfig, length: number, texts: readonly (readonly number[])[], weights = start(model, length)): Promise<number[][]> =>
  logitsOf(model, dataOf(length), weights, Int32Array.from(texts.flatMap((text) => [...text, ...Array<number>(length - text.length).fill(0)])));

const transformer = { kind: 'transformer', width: 8, layers: 2, heads: 2, positions: 'rotary', init: 'pytorch' };
const convolutions = { kind: 'text-cnn', width: 6, layers: 2 };
const recurrent = { kind: 'lstm', embedding: 5, hidden: 6, layers: 2 };
const cases: readonly (readonly [string, object])[] = [
  ...['mean', 'max', 'first', 'last'].map((readout) => [`a transformer that reads the ${readout}`, { ...transformer, readout }] as const),
  ...['mean', 'max'].map((readout) => [`a text CNN that reads the ${readout}`, { ...convolutions, readout }] as const),
  ...['last', 'mean', 'max'].flatMap((readout) => [false, true].map((bidirectional) => [`an LSTM of ${bidirectional ? 'both directions' : 'one direction'} that reads the ${readout}`, { ...recurrent, readout, bidirectional }] as const)),
];
const texts = [[3, 1, 4, 1, 5, 9, 2], [6, 5, 3], [7, 7, 7, 7, 7, 7, 7, 7, 7], [8]];

describe('padding', () => {
  test.each(cases)('has no part in what %s tells', async (_, config) => {
    const model = modelSchema.parse(config);
    const [short, long] = [await logitsOfTexts(model, 9, texts), await logitsOfTexts(model, 13, texts)];
    short.forEach((row, text) => row.forEach((value, index) => expect(value, `text ${text}`).toBeCloseTo(long[text]![index]!, 5)));
    // Texts do differ, and so do those that end in the same tokens or begin with them.
    const others = await logitsOfTexts(model, 9, [[3, 1, 4], [5, 9, 2], [3, 1, 4, 1, 5, 9, 2, 10]]);
    const all = [...short, ...others].map((row) => row.map((value) => value.toFixed(5)).join());
    expect(new Set(all).size).toBe(all.length);
  });

  test('alone is told by numbers, too', async () => {
    for (const [, config] of cases) for (const value of (await logitsOfTexts(modelSchema.parse(config), 9, [[], [1]])).flat()) expect(value).toSatisfy(Number.isFinite);
  });
});

describe('an LSTM of both directions', () => {
  const differs = async (config: object, text: readonly number[], changed: readonly number[]): Promise<boolean> => {
    const [one, other] = await logitsOfTexts(modelSchema.parse(config), 9, [text, changed]);
    return one!.some((value, index) => Math.abs(value - other![index]!) > 1e-6);
  };
  const text = [3, 1, 4, 1, 5];
  test('has seen all of a text where it ends', async () => {
    for (const changed of [[9, 1, 4, 1, 5], [3, 1, 4, 1, 9]]) expect(await differs({ ...recurrent, bidirectional: true }, text, changed)).toBe(true);
    const names = layOut(modelSchema.parse({ ...recurrent, layers: 1, bidirectional: true }), dataOf(9)).parameters.map(({ name, shape }) => `${name} ${shape.join('×')}`);
    expect(names).toContain('lstm.weight_ih_l0_reverse 24×5');
    expect(names.at(-2)).toBe('head.weight 3×12');
  });

  test('reads a text from its end as it reads the reversed text from its beginning', async () => {
    const model = modelSchema.parse({ ...recurrent, layers: 1, bidirectional: true });
    const weights = start(model, 9);
    // Both directions get the same weights, in the head, too.
    for (const { name, data } of weights) {
      const twin = weights.find((other) => other.name === `${name}_reverse`);
      if (twin !== undefined) (twin.data as Float32Array).set(data as Float32Array);
      if (name === 'head.weight') for (let row = 0; row < 3; row += 1) (data as Float32Array).copyWithin(12 * row + 6, 12 * row, 12 * row + 6);
    }
    const [forth, back, other] = await logitsOfTexts(model, 9, [text, text.toReversed(), [1, 3, 4, 1, 5]], weights);
    forth!.forEach((value, index) => expect(value).toBeCloseTo(back![index]!, 5));
    expect(Math.max(...forth!.map((value, index) => Math.abs(value - other![index]!)))).toBeGreaterThan(1e-4);
  });

  test('cannot tell next tokens', () => {
    const model = modelSchema.parse({ ...recurrent, bidirectional: true });
    expect(() => layOut(model, { ...dataOf(9), target: { kind: 'next-token' } })).toThrow(expect.objectContaining({ code: 'MODEL_SEES_AHEAD', kind: 'input', problems: [expect.objectContaining({ path: 'model.bidirectional' })] }));
  });
});
