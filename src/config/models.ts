/** The schema of `model`: one member of the union for each kind. */
import { z } from 'zod';
import { fraction, positiveInt } from './numbers';

const activation = z.enum(['relu', 'tanh', 'sigmoid', 'gelu']).default('relu').meta({ description: 'Function after each hidden layer' });
const dropout = fraction.default(0).meta({ description: 'Probability with which a hidden unit is dropped in training' });
const hiddenUnits = positiveInt.max(65_536);
const hiddenMeta = { description: 'Units of each hidden layer, first to last', unit: 'units' };

/** Fully connected network: input → hidden… → classes. */
export const mlpSchema = z.strictObject({
  kind: z.literal('mlp'),
  hidden: z.array(hiddenUnits).max(16).default([128]).meta(hiddenMeta),
  activation,
  dropout,
});

/** Small convolutional network: (conv 'same' → activation → 2×2 max-pool)… → hidden… → classes. Needs image data. */
export const cnnSchema = z.strictObject({
  kind: z.literal('cnn'),
  channels: z.array(positiveInt.max(1024)).min(1).max(4).default([8, 16]).meta({ description: 'Output channels of each convolution block', unit: 'channels' }),
  kernel: z.int().min(1).max(11).refine((side) => side % 2 === 1, { error: 'must be odd' }).default(3).meta({ description: 'Side of the square kernel, odd', unit: 'pixels' }),
  hidden: z.array(hiddenUnits).max(8).default([]).meta(hiddenMeta),
  activation,
  dropout,
});

export const modelSchema = z.discriminatedUnion('kind', [mlpSchema, cnnSchema]);
