/** The schema of `training`: length, batches, loss, optimizer, schedule, and what stops or watches it. */
import { z } from 'zod';
import { fraction, positiveInt } from './numbers';

const decay = z
  .enum(['all', 'matrices'])
  .default('all')
  .meta({ description: 'What weight decay shrinks: all parameters, or those of two axes and more only, so neither biases nor the gains of norms' });
const coupledDecay = z.number().min(0).default(0).meta({ description: 'L2 penalty added to the gradient, as PyTorch does' });
const epsilon = z.number().gt(0).default(1e-8).meta({ description: 'Added to the denominator' });

const sgd = z
  .strictObject({
    kind: z.literal('sgd'),
    momentum: fraction.default(0).meta({ description: 'Share of the last step that goes into the next' }),
    nesterov: z.boolean().default(false).meta({ description: 'Takes the gradient ahead of the momentum step (Nesterov); needs a momentum' }),
    weightDecay: coupledDecay,
    decay,
  })
  .refine(({ nesterov, momentum }) => !nesterov || momentum > 0, { path: ['nesterov'], error: 'needs a momentum above 0' });
const adamFields = {
  beta1: fraction.default(0.9).meta({ description: 'Decay rate of the mean of the gradient' }),
  beta2: fraction.default(0.999).meta({ description: 'Decay rate of the mean of the squared gradient' }),
  epsilon,
};
const adam = z.strictObject({ kind: z.literal('adam'), ...adamFields, weightDecay: coupledDecay, decay });
/** Adam with decoupled weight decay (Loshchilov & Hutter, 2019). */
const adamw = z.strictObject({ kind: z.literal('adamw'), ...adamFields, weightDecay: z.number().min(0).default(0.01).meta({ description: 'Decoupled weight decay (Loshchilov & Hutter, 2019)' }), decay });
const rmsprop = z.strictObject({
  kind: z.literal('rmsprop'),
  alpha: fraction.default(0.99).meta({ description: 'Decay rate of the mean of the squared gradient' }),
  epsilon,
  centered: z.boolean().default(false).meta({ description: 'Divides by the deviation of the gradient instead of its root mean square' }),
  momentum: fraction.default(0).meta({ description: 'Share of the last step that goes into the next' }),
  weightDecay: coupledDecay,
  decay,
});

export const optimizerSchema = z.discriminatedUnion('kind', [sgd, adam, adamw, rmsprop]);

const warmupSteps = z.int().min(0).default(0).meta({ description: 'Steps over which the learning rate rises linearly from zero', unit: 'steps' });
const finalFraction = z.number().min(0).max(1).default(0).meta({ description: 'Share of the learning rate at which the decay ends' });
const constantSchedule = z.strictObject({ kind: z.literal('constant'), warmupSteps });
/** The learning rate times `factor` every so many steps after warm-up. */
const stepSchedule = z.strictObject({
  kind: z.literal('step'),
  warmupSteps,
  every: positiveInt.meta({ description: 'Steps between two changes of the learning rate', unit: 'steps' }),
  factor: z.number().gt(0).max(1).default(0.1).meta({ description: 'What the learning rate is multiplied by' }),
});
/** Cosine decay from the learning rate to `finalFraction` of it over all steps after warm-up. */
const cosineSchedule = z.strictObject({ kind: z.literal('cosine'), warmupSteps, finalFraction });
/** The same along a line. */
const linearSchedule = z.strictObject({ kind: z.literal('linear'), warmupSteps, finalFraction });
export const scheduleSchema = z.discriminatedUnion('kind', [constantSchedule, stepSchedule, cosineSchedule, linearSchedule]);

/** What training makes small; left out, cross-entropy for classes and tokens, the squared error for values. */
export const lossSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('cross-entropy'),
    labelSmoothing: fraction.default(0).meta({ description: 'Share of the target that is spread over all classes evenly (Szegedy et al., 2016)' }),
    ignoreIndex: z.int().optional().meta({ description: 'Class or token that counts nothing as a target' }),
  }),
  z.strictObject({ kind: z.literal('mse') }),
  z.strictObject({ kind: z.literal('huber'), delta: z.number().gt(0).default(1).meta({ description: 'Error from which on the loss grows linearly' }) }),
  z.strictObject({ kind: z.literal('binary-cross-entropy') }),
]);

const earlyStoppingSchema = z.strictObject({
  patience: positiveInt.max(100_000).meta({ description: 'Validations in a row without a better value after which training stops', unit: 'validations' }),
  minDelta: z.number().min(0).default(0).meta({ description: 'By how much the metric of the selection must improve to count as better' }),
});

/** Passes over the training split where neither these nor steps are given. */
const DEFAULT_EPOCHS = 5;

export const trainingSchema = z
  .strictObject({
    learningRate: z.number().gt(0).max(1000),
    batchSize: positiveInt.max(65_536).meta({ description: 'Samples a step', unit: 'samples' }),
    epochs: positiveInt.max(100_000).optional().meta({ description: 'Passes over the training split, unless steps are given', unit: 'epochs', default: DEFAULT_EPOCHS }),
    steps: positiveInt.max(1_000_000_000).optional().meta({ description: 'Steps of the whole run, in place of epochs', unit: 'steps' }),
    loss: lossSchema.optional().meta({ description: 'What training makes small; cross-entropy for classes and tokens, the squared error for values where it is not set' }),
    optimizer: optimizerSchema.prefault({ kind: 'adam' }),
    schedule: scheduleSchema.prefault({ kind: 'constant' }),
    clipNorm: z.number().gt(0).optional().meta({ description: 'Norm of all gradients together above which they are scaled down to it' }),
    logGradientNorm: z.boolean().default(false).meta({ description: 'Logs the norm of all gradients of each step, at the price of a pass over them; where they are clipped it is logged anyway' }),
    ema: z.number().gt(0).lt(1).optional().meta({ description: 'Decay of a moving average of the weights, which is then what is evaluated and kept' }),
    accumulate: positiveInt.max(4096).default(1).meta({ description: 'Parts of a batch whose gradients are computed one after another and summed, to save memory', unit: 'parts' }),
    earlyStopping: earlyStoppingSchema.optional(),
    evaluateEvery: positiveInt.optional().meta({ description: 'Steps between two validations; the end of each epoch where it is not set', unit: 'steps' }),
    checkpointEvery: positiveInt.default(500).meta({ description: 'Steps between two checkpoints; a validation always makes one', unit: 'steps' }),
    hashEvery: positiveInt.default(50).meta({ description: 'Steps between two hashes of the weights in the hash chain', unit: 'steps' }),
  })
  // A parsed config is complete: its hash does not depend on what was left out.
  .overwrite((training) => (training.epochs === undefined && training.steps === undefined ? { ...training, epochs: DEFAULT_EPOCHS } : training))
  .check(({ value, issues }) => {
    const refuse = (path: string, message: string): void => void issues.push({ code: 'custom', input: value, path: [path], message });
    if (value.epochs !== undefined && value.steps !== undefined) refuse('steps', 'but training.epochs is given, too: leave one of them out');
    if (value.accumulate > 1 && value.loss?.kind === 'cross-entropy' && value.loss.ignoreIndex !== undefined) {
      refuse('accumulate', 'must be 1 where a class is ignored: the mean over the others is that of the whole batch');
    }
    if (value.batchSize % value.accumulate !== 0) refuse('accumulate', `must divide the batch size, ${value.batchSize}, without a rest`);
  });
