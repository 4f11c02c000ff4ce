/** The two forms of a training graph, driven as the worker does: many steps a run, or one. */
import { describe, expect, it } from 'vitest';
import { modelSchema } from '../../../src/config/models';
import { trainingSchema } from '../../../src/config/training';
import { initialState, initialWeights } from '../../../src/models/initialize';
import { stepScalars } from '../../../src/models/scalars';
import { buildTrainingGraph } from '../../../src/models/training-graph';
import type { GraphTarget } from '../../../src/models/target';
import type { DataShape } from '../../../src/models/types';
import { placeable, Trainer, type ChunkOutputs } from '../../../src/worker/trainer';
import type { NamedTensor } from '../../../src/tensors/safetensors';
import { drawMasks, makeExamples, planBatches } from '../models/run-training';

const [ROWS, BATCH, STEPS, CHUNK] = [44, 8, 12, 5];
const images: DataShape = { input: { kind: 'image', rows: 8, columns: 8, channels: 1, type: 'uint8' }, target: { kind: 'class', classes: 4 }, trainSize: ROWS };
const table: DataShape = { input: { kind: 'features', size: 6, type: 'float32' }, target: { kind: 'class', classes: 3 }, trainSize: ROWS };
const text: DataShape = { input: { kind: 'tokens', length: 7, vocabulary: 11 }, target: { kind: 'next-token' }, trainSize: ROWS };

const cases: readonly (readonly [string, DataShape, object, object])[] = [
  ['MLP with dropout, clipping and averages', table, { kind: 'mlp', hidden: [12], dropout: 0.2 }, { clipNorm: 0.5, ema: 0.9, logGradientNorm: true }],
  ['MLP with batch norm', table, { kind: 'mlp', hidden: [12], norm: 'batch' }, { optimizer: { kind: 'sgd', momentum: 0.9 } }],
  ['CNN, accumulated', images, { kind: 'cnn', channels: [3], hidden: [7], dropout: 0.2 }, { accumulate: 2 }],
  ['transformer', text, { kind: 'transformer', width: 8, layers: 1, heads: 2, dropout: 0.1 }, { optimizer: { kind: 'adamw' } }],
  ['LSTM', text, { kind: 'lstm', embedding: 8, hidden: 16 }, {}],
];

const examplesOf = (data: DataShape): { rows: number; features: Uint8Array | Float32Array | Int32Array; labels: BigInt64Array | null } =>
  data.input.kind === 'tokens' ? { rows: ROWS, features: Int32Array.from({ length: ROWS * 7 + 1 }, (_, index) => (index * index) % 11), labels: null } : { rows: ROWS, ...makeExamples(data, 2) };

interface Trained {
  readonly told: readonly ChunkOutputs[];
  readonly tensors: readonly NamedTensor[];
}

async function trained([, data, model, settings]: (typeof cases)[number], target: GraphTarget): Promise<Trained> {
  const training = trainingSchema.parse({ learningRate: 0.01, batchSize: BATCH, ...settings });
  const graph = buildTrainingGraph(modelSchema.parse(model), training, data, target);
  expect(graph.form).toBe(target.form);
  const initial = [...initialWeights([...graph.parameters, ...graph.buffers], 1), ...initialState(graph.optimizerState)];
  const trainer = await Trainer.create(graph, examplesOf(data), initial, { provider: 'cpu', threads: 1 });
  const { batches, exampleWeights } = planBatches(ROWS, BATCH, STEPS, 1);
  const masks = drawMasks(graph.masks, STEPS, BATCH, 3);
  const told: ChunkOutputs[] = [];
  for (let from = 0; from < STEPS; from += CHUNK) {
    const steps = Math.min(CHUNK, STEPS - from);
    const part = <T extends Int32Array | Float32Array | Uint8Array>(values: T): T => values.slice((from * values.length) / STEPS, ((from + steps) * values.length) / STEPS) as T;
    const inputs = { steps, examples: null, batches: part(batches), exampleWeights: part(exampleWeights), scalars: stepScalars(training, graph.scalarNames, from, steps, STEPS) };
    told.push(await trainer.step({ ...inputs, masks: new Map(graph.masks.map(({ name, width }) => [name, { data: part(masks[name]!), width }])) }));
    await trainer.fetch();
  }
  return { told, tensors: [...trainer.weights(), ...trainer.optimizerState()] };
}

describe('one step a run', () => {
  it.each(cases)('has the bits of many: %s', async (...one) => {
    const [many, single] = [await trained(one, { form: 'loop', portable: false }), await trained(one, { form: 'step', portable: false })];
    expect(single).toEqual(many);
    const losses = many.told.flatMap(({ losses: of }) => [...of]);
    expect(losses).toHaveLength(STEPS);
    expect(new Set(losses).size).toBe(STEPS);
  });

  it.each(cases)('in operators that GPUs have comes to the same numbers: %s', async (...one) => {
    const [usual, portable] = [await trained(one, { form: 'loop', portable: false }), await trained(one, { form: 'step', portable: true })];
    const losses = ({ told }: Trained): number[] => told.flatMap(({ losses: of }) => [...of]);
    losses(portable).forEach((loss, step) => expect(Math.abs(loss / losses(usual)[step]! - 1)).toBeLessThan(1e-5));
  });
});

describe('examples', () => {
  it('stay whole unless a GPU has no buffer that is large enough for them', () => {
    const split = (bytes: number) => ({ rows: 1, whole: { rows: 1, features: new Uint8Array(bytes), labels: null }, take: () => Promise.reject(new Error('nothing is taken')) });
    const [fitting, large] = [split(2 ** 27), split(2 ** 27 + 1)];
    expect(placeable(large, { provider: 'cpu', threads: 1 })).toBe(large);
    expect(placeable(fitting, { provider: 'webgpu', threads: 1 })).toBe(fitting);
    expect(placeable(large, { provider: 'webgpu', threads: 1 })).toEqual({ ...large, whole: null });
  });
});
