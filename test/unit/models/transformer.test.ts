import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { transformerSchema } from '../../../src/config/models';
import type { ModelConfig } from '../../../src/config/schema';
import { trainingSchema } from '../../../src/config/training';
import { buildEvaluationGraph } from '../../../src/models/evaluation-graph';
import { initialState, initialWeights } from '../../../src/models/initialize';
import { layOut } from '../../../src/models/model';
import { buildTrainingGraph } from '../../../src/models/training-graph';
import type { DataShape } from '../../../src/models/types';
import { sinusoids } from '../../../src/onnx/attention';
import type { NamedTensor } from '../../../src/tensors/safetensors';
import { logitsOf, planBatches, runTraining, SESSION_OPTIONS } from './run-training';

const LENGTH = 6;
const VOCABULARY = 11;
const CLASSES = 3;
const input = { kind: 'tokens', length: LENGTH, vocabulary: VOCABULARY } as const;
const nextToken: DataShape = { input, target: { kind: 'next-token' }, trainSize: 12 };
const classes: DataShape = { input, target: { kind: 'class', classes: CLASSES }, trainSize: 12 };

type Transformer = Extract<ModelConfig, { kind: 'transformer' }>;
const small = (switches: object = {}): Transformer => transformerSchema.parse({ kind: 'transformer', width: 8, layers: 2, heads: 2, ...switches });
const training = trainingSchema.parse({ learningRate: 0.01, batchSize: 4 });

const logitsOfTexts = (model: Transformer, data: DataShape, texts: readonly (readonly number[])[]): Promise<number[][]> =>
  logitsOf(model, data, initialWeights(layOut(model, data).parameters, 3), Int32Array.from(texts.flat()));
const text = [3, 1, 4, 1, 5, 9];

describe('a transformer that tells the next token', () => {
  test.each(['learned', 'sinusoidal', 'rotary', 'none'])('has a row of logits for each token, which later tokens do not change: %s positions', async (positions) => {
    const changed = text.with(4, 2);
    // A batch of two, then of one: the file takes any.
    const both = await logitsOfTexts(small({ positions, init: 'pytorch' }), nextToken, [text, changed]);
    expect(both.length).toBe(2 * LENGTH);
    expect(both[0]!.length).toBe(VOCABULARY);
    expect(both.slice(LENGTH, LENGTH + 4)).toEqual(both.slice(0, 4));
    for (const row of [4, 5]) expect(both[LENGTH + row]).not.toEqual(both[row]);
    const alone = await logitsOfTexts(small({ positions, init: 'pytorch' }), nextToken, [changed]);
    alone.forEach((row, index) => row.forEach((value, column) => expect(value).toBeCloseTo(both[LENGTH + index]![column]!, 5)));
  });

  test('knows no order of the tokens before without positions, and does with them', async () => {
    const swapped = [1, 3, 4, 1, 5, 9];
    const last = async (positions: string): Promise<number[][]> => {
      const rows = await logitsOfTexts(small({ positions, layers: 1, init: 'pytorch' }), nextToken, [text, swapped]);
      return [rows[LENGTH - 1]!, rows[2 * LENGTH - 1]!];
    };
    const [one, other] = await last('none');
    one!.forEach((value, column) => expect(value).toBeCloseTo(other![column]!, 5));
    for (const positions of ['learned', 'sinusoidal', 'rotary']) {
      const [here, there] = await last(positions);
      expect(Math.max(...here!.map((value, column) => Math.abs(value - there![column]!))), positions).toBeGreaterThan(1e-3);
    }
  });

  test('gives the same bits in one call and in parts, and evaluation agrees with training', async () => {
    const model = small({ positions: 'rotary' });
    const graph = buildTrainingGraph(model, training, nextToken);
    expect(buildTrainingGraph(model, training, nextToken).bytes).toEqual(graph.bytes);
    const stream = Int32Array.from({ length: nextToken.trainSize * LENGTH + 1 }, (_, index) => (index * index + 3) % VOCABULARY);
    const examples = { features: stream, labels: new BigInt64Array(0) };
    const plan = planBatches(nextToken.trainSize, 4, 9, 1);
    const start: readonly NamedTensor[] = [...initialWeights(graph.parameters, 1), ...initialState(graph.optimizerState)];
    const whole = await runTraining(graph, training, nextToken, examples, plan, start);
    const first = await runTraining(graph, training, nextToken, examples, plan, start, { firstStep: 0, count: 4, totalSteps: 9 });
    const second = await runTraining(graph, training, nextToken, examples, plan, first.tensors, { firstStep: 4, count: 5, totalSteps: 9 });
    expect([...first.losses, ...second.losses]).toEqual([...whole.losses]);
    expect(second.tensors).toEqual(whole.tensors);

    const { bytes, batch } = buildEvaluationGraph(model, nextToken);
    const features = new Int32Array(batch * (LENGTH + 1));
    [...plan.batches.subarray(0, 4)].forEach((example, row) => features.set(stream.subarray(example * LENGTH, (example + 1) * LENGTH + 1), row * (LENGTH + 1)));
    const session = await ort.InferenceSession.create(bytes, SESSION_OPTIONS);
    const feeds: Record<string, ort.Tensor> = { features: new ort.Tensor('int32', features, [batch, LENGTH + 1]) };
    for (const { name, data, shape } of start.slice(0, graph.parameters.length)) feeds[name] = new ort.Tensor('float32', data as Float32Array, [...shape]);
    const { losses } = await session.run(feeds);
    await session.release();
    const own = [...(losses!.data as Float32Array)].slice(0, 4 * LENGTH);
    expect(own.reduce((sum, loss) => sum + loss, 0) / own.length).toBeCloseTo(whole.losses[0]!, 5);
  });

  test('with a tied head has no weights of a head', () => {
    const names = (model: Transformer): string[] => layOut(model, nextToken).parameters.map(({ name }) => name);
    expect(names(small({ tiedHead: true, layers: 1 }))).toEqual([
      'wte.weight', 'wpe.weight', 'h.0.ln_1.weight', 'h.0.ln_1.bias', 'h.0.attn.c_attn.weight', 'h.0.attn.c_attn.bias', 'h.0.attn.c_proj.weight', 'h.0.attn.c_proj.bias',
      'h.0.ln_2.weight', 'h.0.ln_2.bias', 'h.0.mlp.c_fc.weight', 'h.0.mlp.c_fc.bias', 'h.0.mlp.c_proj.weight', 'h.0.mlp.c_proj.bias', 'ln_f.weight', 'ln_f.bias',
    ]);
    expect(names(small({ layers: 1 })).slice(-2)).toEqual(['head.weight', 'head.bias']);
    expect(names(small({ layers: 1, bias: false, norm: 'none', positions: 'rotary' }))).toEqual(['wte.weight', 'h.0.attn.c_attn.weight', 'h.0.attn.c_proj.weight', 'h.0.mlp.c_fc.weight', 'h.0.mlp.c_proj.weight', 'head.weight']);
    expect(names(small({ normPosition: 'post' })).filter((name) => name.startsWith('ln_f'))).toEqual([]);
  });
});

describe('a transformer that tells a class', () => {
  test('sees the whole text, and its order only by positions', async () => {
    const turned = text.toReversed();
    const without = await logitsOfTexts(small({ positions: 'none', init: 'pytorch' }), classes, [text, turned]);
    expect([without.length, without[0]!.length]).toEqual([2, CLASSES]);
    without[0]!.forEach((value, column) => expect(value).toBeCloseTo(without[1]![column]!, 5));
    const [one, other] = await logitsOfTexts(small({ init: 'pytorch' }), classes, [text, turned]);
    expect(Math.max(...one!.map((value, column) => Math.abs(value - other![column]!)))).toBeGreaterThan(1e-3);
  });
});

describe('initial weights', () => {
  const deviation = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  const startOf = (init: string): Map<string, Float32Array> => {
    const model = transformerSchema.parse({ kind: 'transformer', width: 64, layers: 8, heads: 4, init });
    return new Map(initialWeights(layOut(model, nextToken).parameters, 1).map(({ name, data }) => [name, data as Float32Array]));
  };

  test('of GPT-2: normal, smaller before residual connections', () => {
    const start = startOf('gpt2');
    for (const name of ['wte.weight', 'wpe.weight', 'h.3.attn.c_attn.weight', 'h.3.mlp.c_fc.weight']) expect(deviation(start.get(name)!) / 0.02, name).toBeCloseTo(1, 0);
    for (const name of ['h.3.attn.c_proj.weight', 'h.3.mlp.c_proj.weight']) expect(deviation(start.get(name)!), name).toBeCloseTo(0.02 / 4, 3);
    expect(new Set(start.get('h.3.mlp.c_fc.bias'))).toEqual(new Set([0]));
    expect(new Set(start.get('h.3.ln_1.weight'))).toEqual(new Set([1]));
  });

  test('of PyTorch: uniform in ±1/√inputs, embeddings normal', () => {
    const start = startOf('pytorch');
    for (const [name, inputs] of [['h.3.attn.c_proj.weight', 64], ['h.3.mlp.c_proj.weight', 256], ['h.3.mlp.c_proj.bias', 256]] as const) {
      const largest = Math.max(...start.get(name)!.map(Math.abs));
      expect(largest, name).toBeLessThanOrEqual(1 / Math.sqrt(inputs));
      expect(largest, name).toBeGreaterThan(0.9 / Math.sqrt(inputs));
    }
    expect(deviation(start.get('wte.weight')!)).toBeCloseTo(1, 1);
  });
});

describe('what does not fit', () => {
  test.each([
    [{ width: 10, heads: 4 }, 'heads', 'must divide model.width'],
    [{ width: 12, heads: 4, positions: 'rotary' }, 'heads', 'turn pairs'],
    [{ width: 9, heads: 3, positions: 'sinusoidal' }, 'width', 'even'],
    [{ width: 10, heads: 2, mlpRatio: 2.75 }, 'mlpRatio', 'whole number'],
  ])('is refused at parsing: %j', (switches, key, message) => {
    const { error } = transformerSchema.safeParse({ kind: 'transformer', ...switches });
    expect(error?.issues.map(({ path }) => path.join('.'))).toEqual([key]);
    expect(error?.issues[0]?.message).toContain(message);
  });

  test('other data than tokens, and values to tell', () => {
    const needs = expect.objectContaining({ code: 'MODEL_NEEDS_TOKENS', kind: 'input', problems: [expect.objectContaining({ path: 'model.kind' })] });
    expect(() => layOut(small(), { ...classes, input: { kind: 'features', size: 6, type: 'float32' } })).toThrow(needs);
    expect(() => layOut(small(), { ...classes, target: { kind: 'values', size: 2 } })).toThrow(needs);
  });

  test('a tied head for classes', () => {
    expect(() => layOut(small({ tiedHead: true }), classes)).toThrow(expect.objectContaining({ code: 'MODEL_TIED_HEAD', kind: 'input' }));
    expect(() => layOut(small({ tiedHead: true }), nextToken)).not.toThrow();
  });
});

test('sinusoids are those of the paper', () => {
  const [length, width] = [50, 12];
  const expected = Array.from({ length: length * width }, (_, index) => {
    const [position, column] = [Math.floor(index / width), index % width];
    const angle = position / 10_000 ** ((column - (column % 2)) / width);
    return column % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
  sinusoids(length, width).forEach((value, index) => expect(value).toBeCloseTo(expected[index]!, 6));
});
