import { describe, expect, it } from 'vitest';
import { describeChanges } from '../../../src/ablation/describe';

const words = (path: string, from: unknown, to: unknown): string => describeChanges({ changes: [{ path, from, to }] });

describe('describeChanges', () => {
  it('says changes in words', () => {
    expect(describeChanges({ changes: [] })).toBe('as configured');
    expect(words('training.learningRate', 0.001, 0.01)).toBe('learning rate 0.001 → 0.01');
    expect(words('model.dropout', 0.2, 0)).toBe('no dropout (0.2 → 0)');
    expect(words('model.dropout', 0, 0.2)).toBe('dropout 0 → 0.2');
    expect(words('training.schedule.warmupSteps', 100, 0)).toBe('no warm-up (100 → 0)');
    expect(words('model.hidden', [128], [64, 32])).toBe('hidden layers 128 → 64, 32');
    expect(words('model.hidden', [128], [])).toBe('hidden layers 128 → none');
    expect(words('training.optimizer', { kind: 'adam', beta1: 0.9 }, { kind: 'sgd', momentum: 0.9, weightDecay: 0 })).toBe('optimizer adam → sgd (momentum 0.9, weight decay 0)');
    expect(words('seeds.init', undefined, 5)).toBe('seed of the initial weights not set → 5');
    expect(describeChanges({ changes: [{ path: 'training.epochs', from: 2, to: 8 }, { path: 'training.batchSize', from: 64, to: 32 }] })).toBe('epochs 2 → 8; batch size 64 → 32');
  });
});
