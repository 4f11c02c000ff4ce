import { describe, expect, it } from 'vitest';
import { diverged, lossProblem, tensorProblem } from '../../../src/worker/divergence';

describe('a training that diverges', () => {
  it('is known by its losses', () => {
    expect([0, -1.5, 3.4e38].map((loss) => lossProblem('loss', loss))).toEqual([null, null, null]);
    expect(lossProblem('training loss of step 7', NaN)).toBe('the training loss of step 7 is NaN');
    expect([Infinity, -Infinity].map((loss) => lossProblem('loss', loss))).toEqual(['the loss is infinite', 'the loss is infinite']);
  });

  it('is known by what it would keep', () => {
    const good = { name: 'hidden.weight', type: 'float32', shape: [2], data: Float32Array.of(1, -0) } as const;
    const counts = { name: 'count', type: 'int64', shape: [1], data: BigInt64Array.of(3n) } as const;
    expect(tensorProblem([good, counts], 3)).toBeNull();
    expect(tensorProblem([good, { ...good, name: 'adam.second/bias', data: Float32Array.of(0, Infinity) }], 3)).toBe('adam.second/bias holds Infinity after step 3');
    expect(tensorProblem([{ ...good, data: Float32Array.of(NaN, 0) }], 3)).toBe('hidden.weight holds NaN after step 3');
  });

  it('says where, at which rate, what is left of it and what to change', () => {
    const { code, message, hint } = diverged('the training loss of step 7 is NaN', Math.fround(0.1) / 3, 4);
    expect([code, message]).toEqual(['TRAINING_DIVERGED', 'The training diverged: the training loss of step 7 is NaN, at a learning rate of 0.0333333; its last good checkpoint, of step 4, is kept.']);
    expect(hint).toMatch(/training\.learningRate/u);
    expect(diverged('the loss is NaN', 1e-7, 0).message).toMatch(/at a learning rate of 1e-7; it had made no checkpoint yet\.$/u);
  });
});
