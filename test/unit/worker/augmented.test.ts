import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/parse';
import { isCommandConfig } from '../../../src/config/command';
import type { Config } from '../../../src/config/schema';
import { augmentedBy } from '../../../src/worker/augmented';
import type { WorkerData } from '../../../src/worker/inputs';
import type { SplitData } from '../../../src/worker/examples';
import { trainingGraphFor } from '../../../src/worker/training-graph';

function configOf(data: object, more: object = {}): Config {
  const parsed = parseConfig({ model: { kind: 'mlp' }, training: { learningRate: 0.1, batchSize: 2 }, data, seed: 1, ...more });
  if (isCommandConfig(parsed)) throw new Error('not a training');
  return parsed;
}

const images = { kind: 'idx', path: 'images.idx', labels: 'labels.idx' };
const train: SplitData = { rows: 3, features: Uint8Array.from({ length: 12 }, (_, index) => index + 1), labels: BigInt64Array.of(0n, 1n, 2n) };
const data: WorkerData = {
  shape: { input: { kind: 'image', channels: 1, rows: 2, columns: 2, type: 'uint8' }, target: { kind: 'class', classes: 3 }, trainSize: 3 },
  classNames: ['a', 'b', 'c'],
  indices: { train: Int32Array.of(40, 50, 60), validation: new Int32Array(0), test: new Int32Array(0) },
  train,
  validation: train,
  test: train,
};

describe('training images', () => {
  it('are left alone where the config changes nothing', () => {
    expect(augmentedBy(configOf(images), data, 7)).toBeNull();
  });

  it('come in the order of the batches with their labels, changed by epoch and example alone', () => {
    const augmented = augmentedBy(configOf({ ...images, augment: { flip: true, shift: 1 } }), data, 7)!;
    const batches = Int32Array.of(2, 0, 2, 1);
    const first = augmented(0, batches);
    expect(first).toMatchObject({ rows: 4, labels: BigInt64Array.of(2n, 0n, 2n, 1n) });
    expect(first.features.subarray(0, 4)).toEqual(first.features.subarray(8, 12));
    expect(augmented(0, batches)).toEqual(first);
    expect(augmented(0, Int32Array.of(1)).features).toEqual(first.features.subarray(12, 16));
    const epochs = Array.from({ length: 20 }, (_, epoch) => String(augmented(epoch, batches).features));
    expect(new Set(epochs).size).toBeGreaterThan(5);
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
