import { describe, expect, test } from 'vitest';
import type { TrainingConfig } from '../../../src/config/schema';
import { trainingSchema } from '../../../src/config/training';
import { learningRateAt, stepScalars } from '../../../src/models/scalars';

const make = (input: object): TrainingConfig => trainingSchema.parse({ learningRate: 0.1, batchSize: 8, ...input });
const ADAM = ['learningRate', 'adam.stepSize', 'adam.epsilon'];

describe('the learning rate', () => {
  test('is constant, after a linear warm-up where one is asked for', () => {
    const rates = [0, 1, 2, 3, 4, 99].map((step) => learningRateAt(make({ schedule: { kind: 'constant', warmupSteps: 4 } }), step, 100));
    [0.025, 0.05, 0.075, 0.1, 0.1, 0.1].forEach((rate, index) => expect(rates[index]).toBeCloseTo(rate, 12));
    expect(learningRateAt(make({}), 0, 100)).toBe(0.1);
  });

  test('falls as a cosine to its final fraction', () => {
    const training = make({ schedule: { kind: 'cosine', warmupSteps: 10, finalFraction: 0.2 } });
    expect(learningRateAt(training, 9, 110)).toBeCloseTo(0.1, 12);
    expect(learningRateAt(training, 10, 110)).toBe(0.1);
    expect(learningRateAt(training, 60, 110)).toBeCloseTo(0.06, 12);
    expect(learningRateAt(training, 85, 110)).toBeCloseTo(0.1 * (0.2 + 0.4 * (1 + Math.cos(0.75 * Math.PI))), 12);
    expect(learningRateAt(training, 110, 110)).toBeCloseTo(0.02, 12);
    // A run that is all warm-up, and a step beyond the plan, stay finite.
    expect(learningRateAt(make({ schedule: { kind: 'cosine', warmupSteps: 10 } }), 10, 10)).toBe(0.1);
    expect(learningRateAt(training, 500, 110)).toBeCloseTo(0.02, 12);
  });
});

describe('schedules', () => {
  test('in steps: times the factor every so many steps after warm-up', () => {
    const training = make({ schedule: { kind: 'step', warmupSteps: 2, every: 3, factor: 0.5 } });
    const rates = Array.from({ length: 9 }, (_, step) => learningRateAt(training, step, 100));
    [0.05, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025].forEach((rate, index) => expect(rates[index]).toBeCloseTo(rate, 12));
  });

  test('along a line to the final fraction', () => {
    const training = make({ schedule: { kind: 'linear', warmupSteps: 10, finalFraction: 0.2 } });
    expect(learningRateAt(training, 4, 110)).toBeCloseTo(0.05, 12);
    expect(learningRateAt(training, 10, 110)).toBe(0.1);
    expect(learningRateAt(training, 60, 110)).toBeCloseTo(0.06, 12);
    expect(learningRateAt(training, 500, 110)).toBeCloseTo(0.02, 12);
  });
});

describe('what a training may say', () => {
  const problems = (input: object): string[] => trainingSchema.safeParse({ learningRate: 0.1, batchSize: 8, ...input }).error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`) ?? [];

  test('is as long as its epochs or its steps say, and five epochs where neither does', () => {
    expect(make({})).toMatchObject({ epochs: 5 });
    expect(make({}).steps).toBeUndefined();
    expect(make({ steps: 7 }).epochs).toBeUndefined();
    expect(trainingSchema.parse(make({ steps: 7 }))).toEqual(make({ steps: 7 }));
    expect(problems({ steps: 7, epochs: 2 })).toEqual(['steps but training.epochs is given, too: leave one of them out']);
  });

  test('makes sense', () => {
    expect(problems({ accumulate: 3 })).toEqual(['accumulate must divide the batch size, 8, without a rest']);
    expect(problems({ accumulate: 2, loss: { kind: 'cross-entropy', ignoreIndex: 0 } })).toEqual(['accumulate must be 1 where a class is ignored: the mean over the others is that of the whole batch']);
    expect(problems({ optimizer: { kind: 'sgd', nesterov: true } })).toEqual(['optimizer.nesterov needs a momentum above 0']);
    expect(problems({ accumulate: 4, optimizer: { kind: 'sgd', nesterov: true, momentum: 0.9 }, loss: { kind: 'cross-entropy', labelSmoothing: 0.1 } })).toEqual([]);
  });
});

describe('stepScalars', () => {
  test("gives Adam's bias corrections from step 1 on", () => {
    const training = make({ optimizer: { kind: 'adam', beta1: 0.8, beta2: 0.95 } });
    const values = stepScalars(training, ADAM, 0, 3, 100);
    expect(values.length).toBe(9);
    for (let step = 0; step < 3; step += 1) {
      const t = step + 1;
      const [rate, stepSize, epsilon] = values.subarray(3 * step, 3 * step + 3);
      const scale = Math.sqrt(0.05 / (1 - 0.95 ** t));
      expect(rate).toBe(Math.fround(0.1));
      expect(stepSize).toBeCloseTo((0.1 * 0.2) / (1 - 0.8 ** t) / scale, 6);
      expect(epsilon! * 1e8).toBeCloseTo(1 / scale, 5);
    }
    // Without momentum every correction is 1.
    const plain = stepScalars(make({ optimizer: { kind: 'adam', beta1: 0, beta2: 0 } }), ADAM, 0, 2, 10);
    expect([...plain]).toEqual([0.1, 0.1, 1e-8, 0.1, 0.1, 1e-8].map(Math.fround));
  });

  test('gives the same numbers whether steps are asked for at once or in parts', () => {
    const training = make({ optimizer: { kind: 'adamw', weightDecay: 0.3 }, schedule: { kind: 'cosine', warmupSteps: 3 } });
    const names = [...ADAM, 'adamw.decay'];
    const whole = stepScalars(training, names, 0, 20, 20);
    const parts = [...stepScalars(training, names, 0, 7, 20), ...stepScalars(training, names, 7, 13, 20)];
    expect(parts).toEqual([...whole]);
    expect(whole[3]).toBeCloseTo(1 - (0.1 / 3) * 0.3, 6);
  });

  test('starts a moving average with the weights of the first step', () => {
    const values = stepScalars(make({ ema: 0.75, optimizer: { kind: 'rmsprop', alpha: 0.96 } }), ['learningRate', 'rmsprop.stepSize', 'ema.share'], 0, 3, 3);
    expect([2, 5, 8].map((index) => values[index])).toEqual([1, 0.25, 0.25]);
    expect(values[1]).toBeCloseTo(0.1 / 0.2, 6);
  });

  test('refuses a column the optimizer does not have', () => {
    expect(() => stepScalars(make({ optimizer: { kind: 'sgd' } }), ADAM, 0, 1, 1)).toThrow('sgd has no scalar named adam.stepSize');
    expect(() => stepScalars(make({ optimizer: { kind: 'adam' } }), ['adamw.decay'], 0, 1, 1)).toThrow('adam has no scalar named adamw.decay');
  });
});
