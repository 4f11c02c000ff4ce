import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/parse';
import { isCommandConfig } from '../../../src/config/command';
import type { Config } from '../../../src/config/schema';
import { augmentedBy } from '../../../src/worker/augmented';
import type { WorkerData } from '../../../src/worker/inputs';
import { inMemory, type SplitData } from '../../../src/worker/examples';
import { BatchOrder } from '../../../src/worker/batches';
import { Feeder } from '../../../src/worker/feeder';
import { chunkEnd, planSteps } from '../../../src/worker/plan';
import { trainingGraphFor } from '../../../src/worker/training-graph';

function configOf(data: object, more: object = {}): Config {
  const parsed = parseConfig({ model: { kind: 'mlp' }, training: { learningRate: 0.1, batchSize: 2 }, data, seed: 1, ...more });
  if (isCommandConfig(parsed)) throw new Error('not a training');
  return parsed;
}

const images = { kind: 'idx', path: 'images.idx', labels: 'labels.idx' };
const train: SplitData = { rows: 3, features: Uint8Array.from({ length: 12 }, (_, index) => index + 1), labels: BigInt64Array.of(0n, 1n, 2n) };
const data = {
  shape: { input: { kind: 'image', channels: 1, rows: 2, columns: 2, type: 'uint8' }, target: { kind: 'class', classes: 3 }, trainSize: 3 },
  indices: { train: Int32Array.of(40, 50, 60), validation: new Int32Array(0), test: new Int32Array(0) },
  train: inMemory(train, 4),
} satisfies Partial<WorkerData>;

describe('training images', () => {
  it('are left alone where the config changes nothing', () => {
    expect(augmentedBy(configOf(images), data, 7)).toBeNull();
  });

  it('come in the order of the batches with their labels, changed by epoch and example alone', async () => {
    const config = configOf({ ...images, augment: { flip: true, shift: 1 } }, { training: { learningRate: 0.1, batchSize: 2, epochs: 20 } });
    const plan = planSteps(config.training, 3, 1);
    const feeder = (): Feeder => new Feeder(data, augmentedBy(config, data, 7), new BatchOrder(3, 2, 1), plan);
    const straight = feeder();
    const seen = new Map<string, Set<string>>();
    for (let step = 0; step < plan.totalSteps; step = chunkEnd(plan, step)) {
      const { examples, batches, seen: count } = await straight.next(step);
      const order = new BatchOrder(3, 2, 1).chunk(step, chunkEnd(plan, step)).batches;
      expect(count).toBe(3);
      expect(batches).toEqual(Int32Array.from(order, (_, index) => index));
      expect(examples).toMatchObject({ rows: 4, labels: BigInt64Array.from(order, BigInt) });
      order.forEach((row, index) => seen.set(String(row), (seen.get(String(row)) ?? new Set()).add(String(examples!.features.subarray(4 * index, 4 * index + 4)))));
      // A run that begins here sees the same.
      expect(await feeder().next(step)).toEqual({ examples, batches, exampleWeights: expect.any(Float32Array) as Float32Array, seen: count });
    }
    for (const looks of seen.values()) expect(looks.size).toBeGreaterThan(5);
    expect(train.features).toEqual(Uint8Array.from({ length: 12 }, (_, index) => index + 1));
  });
});

describe('a metric', () => {
  it('must fit the targets', () => {
    const table = { kind: 'csv', path: 'x.csv', target: 'y', task: 'regression' };
    const shape = { input: { kind: 'features', size: 3, type: 'float32' }, target: { kind: 'values', size: 1 }, trainSize: 10 } as const;
    expect(() => trainingGraphFor(configOf(table, { selection: { metric: 'accuracy' } }), shape)).toThrow(
      expect.objectContaining({ code: 'METRIC_DOES_NOT_FIT', hint: 'Set selection.metric to one of loss, rmse, mae, r2.' }),
    );
    expect(configOf(table).selection.metric).toBe('rmse');
    for (const config of [configOf(table), configOf(table, { selection: { metric: 'loss' } })]) expect(trainingGraphFor(config, shape).sha256).toMatch(/^[0-9a-f]{64}$/u);
    const few = { ...shape, target: { kind: 'class', classes: 5 } } as const;
    expect(() => trainingGraphFor(configOf({ kind: 'two-moons' }, { selection: { metric: 'top5' } }), few)).toThrow(/says nothing where the targets are 5 classes/u);
  });
});
