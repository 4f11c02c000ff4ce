import { describe, expect, it } from 'vitest';
import { trainingSchema } from '../../../src/config/training';
import { BatchOrder } from '../../../src/worker/batches';
import { hasStalled } from '../../../src/worker/early-stopping';
import { batchNote, chunkEnd, dueAfter, planSteps } from '../../../src/worker/plan';

const training = trainingSchema.parse({ learningRate: 0.1, batchSize: 16, epochs: 3, checkpointEvery: 7, hashEvery: 5 });

describe('planSteps', () => {
  it('counts a smaller last batch as a step', () => {
    expect(planSteps(training, 100, 1e6)).toMatchObject({ stepsPerEpoch: 7, totalSteps: 21 });
    expect(planSteps(training, 96, 1e6)).toMatchObject({ stepsPerEpoch: 6, totalSteps: 18 });
    expect(planSteps(training, 3, 1e6)).toMatchObject({ stepsPerEpoch: 1, totalSteps: 3 });
  });

  it('takes many steps at once of a small model and one of a large one', () => {
    expect(planSteps(training, 100, 1)).toMatchObject({ chunk: 256 });
    expect(planSteps(training, 100, 0)).toMatchObject({ chunk: 256 });
    expect(planSteps(training, 100, 1e12)).toMatchObject({ chunk: 1 });
  });

  it('cuts at every epoch end, checkpoint and weights hash, wherever it starts from', () => {
    const plan = planSteps(training, 160, 1);
    const cuts: number[] = [];
    for (let step = 0; step < plan.totalSteps; step = chunkEnd(plan, step)) cuts.push(step);
    expect(cuts).toEqual([0, 5, 7, 10, 14, 15, 20, 21, 25, 28]);
    // A run that resumes at a checkpoint meets the same cuts.
    for (const start of [7, 10, 14, 20, 21, 28]) {
      const rest: number[] = [];
      for (let step = start; step < plan.totalSteps; step = chunkEnd(plan, step)) rest.push(step);
      expect(rest).toEqual(cuts.filter((cut) => cut >= start));
    }
    expect(dueAfter(plan, 5)).toEqual({ validation: false, checkpoint: false, hash: true });
    expect(dueAfter(plan, 7)).toEqual({ validation: false, checkpoint: true, hash: false });
    expect(dueAfter(plan, 10)).toEqual({ validation: true, checkpoint: true, hash: true });
    expect(dueAfter({ ...plan, totalSteps: 28 }, 28)).toMatchObject({ hash: true });
  });
});

describe('a batch', () => {
  it('that has room for more examples than there are is told of', () => {
    expect(batchNote(64, 40)).toBe('batchSize is 64, but the training split has 40 examples: each step sees all of them.');
    expect(batchNote(40, 40)).toBeNull();
    expect(batchNote(16, 40)).toBeNull();
  });
});

describe('a run of so many steps', () => {
  it('ends in the middle of an epoch, with a validation and a checkpoint', () => {
    const plan = planSteps(trainingSchema.parse({ learningRate: 0.1, batchSize: 16, steps: 25, evaluateEvery: 6, checkpointEvery: 100, hashEvery: 100 }), 160, 1);
    expect(plan).toMatchObject({ stepsPerEpoch: 10, totalSteps: 25, evaluateEvery: 6 });
    const cuts: number[] = [];
    for (let step = 0; step < plan.totalSteps; ) cuts.push((step = chunkEnd(plan, step)));
    expect(cuts).toEqual([6, 10, 12, 18, 20, 24, 25]);
    expect(cuts.filter((step) => dueAfter(plan, step).validation)).toEqual([6, 12, 18, 24, 25]);
    expect(dueAfter(plan, 25)).toEqual({ validation: true, checkpoint: true, hash: true });
  });
});

describe('hasStalled', () => {
  const stalled = (values: readonly number[], patience: number, minDelta: number, higher = false): boolean => hasStalled(values, { patience, minDelta }, higher);

  it('waits for as many validations in a row as it is told', () => {
    expect(stalled([], 1, 0)).toBe(false);
    expect(stalled([3], 1, 0)).toBe(false);
    expect(stalled([3, 3], 1, 0)).toBe(true);
    expect(stalled([3, 4, 2, 2.5], 2, 0)).toBe(false);
    expect(stalled([3, 4, 2, 2.5, 2], 2, 0)).toBe(true);
    expect(stalled([0.5, 0.6, 0.6, 0.55], 2, 0, true)).toBe(true);
    expect(stalled([0.5, 0.6, 0.6, 0.7], 2, 0, true)).toBe(false);
  });

  it('takes a gain that is too small for none, measured from the best that counted', () => {
    expect(stalled([1, 0.95, 0.91], 2, 0.1)).toBe(true);
    expect(stalled([1, 0.95, 0.89], 2, 0.1)).toBe(false);
    // Slow but steady: each gain is small, all together are not.
    expect(stalled([1, 0.94, 0.88, 0.82], 2, 0.1)).toBe(false);
  });

  it('takes what is not a number for no gain', () => {
    expect(stalled([NaN, NaN], 2, 0)).toBe(true);
    expect(stalled([NaN, 5], 2, 0)).toBe(false);
    expect(stalled([5, NaN, NaN], 2, 0)).toBe(true);
  });
});

describe('BatchOrder', () => {
  it('shows every training row once an epoch, in a new order each', () => {
    const order = new BatchOrder(50, 16, 9);
    const epochs = [0, 1].map((epoch) => {
      const { batches, exampleWeights } = order.chunk(epoch * 4, epoch * 4 + 4);
      return [...batches].filter((_, index) => exampleWeights[index]! > 0);
    });
    for (const rows of epochs) expect([...rows].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index));
    expect(epochs[0]).not.toEqual(epochs[1]);
  });

  it('fills the last batch with its first row at weight 0', () => {
    const { batches, exampleWeights } = new BatchOrder(50, 16, 9).chunk(3, 4);
    expect([...exampleWeights]).toEqual([0.5, 0.5, ...Array.from({ length: 14 }, () => 0)]);
    expect([...batches.subarray(2)]).toEqual(Array.from({ length: 14 }, () => batches[0]));
  });

  it('gives a step the same batch whatever came before', () => {
    const straight = new BatchOrder(50, 16, 9).chunk(0, 12);
    const late = new BatchOrder(50, 16, 9).chunk(6, 12);
    expect([...late.batches]).toEqual([...straight.batches.subarray(6 * 16)]);
    expect([...late.exampleWeights]).toEqual([...straight.exampleWeights.subarray(6 * 16)]);
    expect([...new BatchOrder(50, 16, 10).chunk(0, 3).batches]).not.toEqual([...straight.batches.subarray(0, 48)]);
  });

  it('takes a batch larger than the data', () => {
    const { batches, exampleWeights } = new BatchOrder(3, 8, 0).chunk(0, 2);
    expect([...exampleWeights.subarray(0, 4)]).toEqual([Math.fround(1 / 3), Math.fround(1 / 3), Math.fround(1 / 3), 0]);
    expect([...batches.subarray(0, 3)].sort()).toEqual([0, 1, 2]);
    expect([...batches.subarray(8, 11)].sort()).toEqual([0, 1, 2]);
  });
});
