/** The schema of `data`: one member of the union for each kind. */
import { z } from 'zod';
import { seedNumber } from './numbers';

/** Parts of the data for validation and test; the rest trains. */
const splitSchema = z.strictObject({
  validation: z.number().gt(0).lt(1).default(0.1).meta({ description: 'Part of the data that selects checkpoints' }),
  test: z.number().gt(0).lt(1).default(0.1).meta({ description: 'Part of the data that is reported' }),
}).refine((split) => split.validation + split.test < 1, { error: 'validation and test together must leave something to train on (sum < 1)' });
const split = splitSchema.prefault({});

const mnist = z.strictObject({
  kind: z.literal('mnist'),
  samples: z.int().min(100).max(10_000).default(10_000).meta({ description: 'Digits used, of 10,000', unit: 'samples' }),
  split,
});
const csv = z.strictObject({
  kind: z.literal('csv'),
  path: z.string().min(1).meta({ description: 'File, relative to the folder of the config' }),
  target: z.string().min(1).meta({ description: 'Column that holds the class' }),
  features: z.array(z.string().min(1)).min(1).optional().meta({ description: 'Feature columns; all but the target when not set' }),
  delimiter: z.string().length(1).default(',').meta({ description: 'Character between two columns' }),
  standardize: z.boolean().default(true).meta({ description: 'Scale each feature to mean 0 and SD 1 of the training split' }),
  split,
});
const syntheticFields = {
  samples: z.int().min(30).max(1_000_000).default(2000).meta({ description: 'Samples to generate', unit: 'samples' }),
  noise: z.number().min(0).max(10).default(0.2).meta({ description: 'SD of the Gaussian noise on each coordinate' }),
  generatorSeed: seedNumber.default(0).meta({ description: 'Seed of the generator of the samples: the data set’s own, not the run’s' }),
  split,
};
const twoMoons = z.strictObject({ kind: z.literal('two-moons'), ...syntheticFields });
const spirals = z.strictObject({ kind: z.literal('spirals'), ...syntheticFields, classes: z.int().min(2).max(10).default(3).meta({ description: 'Arms of the spiral, one class each', unit: 'classes' }) });

export const dataSchema = z.discriminatedUnion('kind', [mnist, csv, twoMoons, spirals]);
