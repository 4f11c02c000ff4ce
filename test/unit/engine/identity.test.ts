/** The training graph that a run is recorded with is the one that its worker will build, however many configs share a plan. */
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/parse';
import { isCommandConfig } from '../../../src/config/command';
import { identityOn } from '../../../src/engine/identity';
import { trainingGraphFor } from '../../../src/worker/training-graph';

const shape = { input: { kind: 'features', size: 3, type: 'float32' }, target: { kind: 'values', size: 1 }, trainSize: 64 } as const;
const data = { fingerprint: 'f'.repeat(64), file: 'objects/ff/f', bytes: 1, source: 'test', license: 'MIT' };

function configOf(training: object): Parameters<typeof identityOn>[0] {
  const parsed = parseConfig({ model: { kind: 'mlp', hidden: [4] }, training: { learningRate: 0.1, batchSize: 8, ...training }, data: { kind: 'csv', path: 'x.csv', target: 'y', task: 'regression' }, seed: 1, selection: { metric: 'loss' } });
  if (isCommandConfig(parsed)) throw new Error('not a training');
  return parsed;
}

describe('the graphs of one plan', () => {
  it.each([
    ['loss', { loss: { kind: 'huber' } }],
    ['clipNorm', { clipNorm: 1 }],
    ['logGradientNorm', { logGradientNorm: true }],
    ['ema', { ema: 0.9 }],
    ['accumulate', { accumulate: 2 }],
    ['decay', { optimizer: { kind: 'adamw', decay: 'matrices' } }],
    ['batchSize', { batchSize: 16 }],
    ['learningRate', { learningRate: 0.2 }],
    ['steps', { steps: 7, schedule: { kind: 'linear' } }],
  ])('are told apart by %s as workers tell them', (_, training) => {
    const graphs = new Map<string, { sha256: string; flopsPerStep: number }>();
    for (const config of [configOf({}), configOf(training)]) expect(identityOn(config, data, shape, { graphs }).trainingGraphHash).toBe(trainingGraphFor(config, shape).sha256);
  });
});
