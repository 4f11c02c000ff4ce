/** The schema of `training`: optimizer, schedule, batches. */
import { z } from 'zod';
import { fraction, positiveInt } from './numbers';

const sgd = z.strictObject({
  kind: z.literal('sgd'),
  momentum: fraction.default(0).meta({ description: 'Share of the last step that goes into the next' }),
  weightDecay: z.number().min(0).default(0).meta({ description: 'L2 penalty added to the gradient, as in torch.optim.SGD' }),
});
const adamFields = {
  beta1: fraction.default(0.9).meta({ description: 'Decay rate of the mean of the gradient' }),
  beta2: fraction.default(0.999).meta({ description: 'Decay rate of the mean of the squared gradient' }),
  epsilon: z.number().gt(0).default(1e-8).meta({ description: 'Added to the denominator' }),
};
const adam = z.strictObject({ kind: z.literal('adam'), ...adamFields });
/** Adam with decoupled weight decay (Loshchilov & Hutter, 2019). */
const adamw = z.strictObject({ kind: z.literal('adamw'), ...adamFields, weightDecay: z.number().min(0).default(0.01).meta({ description: 'Decoupled weight decay (Loshchilov & Hutter, 2019)' }) });

export const optimizerSchema = z.discriminatedUnion('kind', [sgd, adam, adamw]);

const warmupSteps = z.int().min(0).default(0).meta({ description: 'Steps over which the learning rate rises linearly from zero', unit: 'steps' });
const constantSchedule = z.strictObject({ kind: z.literal('constant'), warmupSteps });
/** Cosine decay from the learning rate to `finalFraction` of it over all steps after warm-up. */
const cosineSchedule = z.strictObject({
  kind: z.literal('cosine'),
  warmupSteps,
  finalFraction: z.number().min(0).max(1).default(0).meta({ description: 'Share of the learning rate at which the decay ends' }),
});
export const scheduleSchema = z.discriminatedUnion('kind', [constantSchedule, cosineSchedule]);

export const trainingSchema = z.strictObject({
  learningRate: z.number().gt(0).max(1000),
  batchSize: positiveInt.max(65_536).meta({ description: 'Samples a step', unit: 'samples' }),
  epochs: positiveInt.max(100_000).default(5).meta({ description: 'Passes over the training split', unit: 'epochs' }),
  optimizer: optimizerSchema.prefault({ kind: 'adam' }),
  schedule: scheduleSchema.prefault({ kind: 'constant' }),
  checkpointEvery: positiveInt.default(500).meta({ description: 'Steps between two checkpoints; an epoch’s end is always one', unit: 'steps' }),
  hashEvery: positiveInt.default(50).meta({ description: 'Steps between two hashes of the weights in the hash chain', unit: 'steps' }),
});
