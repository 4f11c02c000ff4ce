/**
 * The schema of a config: everything that decides a run. One zod schema serves YAML and JSON,
 * the CLI, the form in the window and the bundle. Defaults are filled in by parsing, so a parsed
 * config is complete and its hash does not depend on what was left out.
 */
import { z } from 'zod';

const seedNumber = z.int().min(0).max(0xffff_ffff);
const positiveInt = z.int().min(1);
const fraction = z.number().min(0).lt(1);

const activation = z.enum(['relu', 'tanh', 'sigmoid', 'gelu']);

/** Fully connected network: input → hidden… → classes. */
export const mlpSchema = z.strictObject({
  kind: z.literal('mlp'),
  /** Units of each hidden layer. */
  hidden: z.array(positiveInt.max(65_536)).max(16).default([128]),
  activation: activation.default('relu'),
  /** Probability with which a hidden unit is dropped in training. */
  dropout: fraction.default(0),
});

/** Small convolutional network: (conv 'same' → activation → 2×2 max-pool)… → hidden… → classes. Needs image data. */
export const cnnSchema = z.strictObject({
  kind: z.literal('cnn'),
  /** Output channels of each convolution block. */
  channels: z.array(positiveInt.max(1024)).min(1).max(4).default([8, 16]),
  /** Side of the square kernel, odd. */
  kernel: z.int().min(1).max(11).refine((side) => side % 2 === 1, { error: 'must be odd' }).default(3),
  hidden: z.array(positiveInt.max(65_536)).max(8).default([]),
  activation: activation.default('relu'),
  dropout: fraction.default(0),
});

export const modelSchema = z.discriminatedUnion('kind', [mlpSchema, cnnSchema]);

const sgd = z.strictObject({
  kind: z.literal('sgd'),
  momentum: fraction.default(0),
  /** L2 penalty added to the gradient, as in torch.optim.SGD. */
  weightDecay: z.number().min(0).default(0),
});
const adamFields = {
  beta1: fraction.default(0.9),
  beta2: fraction.default(0.999),
  epsilon: z.number().gt(0).default(1e-8),
};
const adam = z.strictObject({ kind: z.literal('adam'), ...adamFields });
/** Adam with decoupled weight decay (Loshchilov & Hutter, 2019). */
const adamw = z.strictObject({ kind: z.literal('adamw'), ...adamFields, weightDecay: z.number().min(0).default(0.01) });

export const optimizerSchema = z.discriminatedUnion('kind', [sgd, adam, adamw]);

const constantSchedule = z.strictObject({ kind: z.literal('constant'), warmupSteps: z.int().min(0).default(0) });
/** Cosine decay from the learning rate to `finalFraction` of it over all steps after warm-up. */
const cosineSchedule = z.strictObject({
  kind: z.literal('cosine'),
  warmupSteps: z.int().min(0).default(0),
  finalFraction: z.number().min(0).max(1).default(0),
});
export const scheduleSchema = z.discriminatedUnion('kind', [constantSchedule, cosineSchedule]);

export const trainingSchema = z.strictObject({
  learningRate: z.number().gt(0).max(1000),
  batchSize: positiveInt.max(65_536),
  epochs: positiveInt.max(100_000).default(5),
  optimizer: optimizerSchema.prefault({ kind: 'adam' }),
  schedule: scheduleSchema.prefault({ kind: 'constant' }),
  /** Steps between two checkpoints; an epoch's end is always one. */
  checkpointEvery: positiveInt.default(500),
  /** Steps between two hashes of the weights in the hash chain. */
  hashEvery: positiveInt.default(50),
});

/** Parts of the data for validation and test; the rest trains. */
const splitSchema = z.strictObject({
  validation: z.number().gt(0).lt(1).default(0.1),
  test: z.number().gt(0).lt(1).default(0.1),
}).refine((split) => split.validation + split.test < 1, { error: 'validation and test together must leave something to train on (sum < 1)' });
const split = splitSchema.prefault({});

const mnist = z.strictObject({
  kind: z.literal('mnist'),
  /** Number of digits used, of 10,000. */
  samples: z.int().min(100).max(10_000).default(10_000),
  split,
});
const csv = z.strictObject({
  kind: z.literal('csv'),
  /** File, relative to the config's folder. */
  path: z.string().min(1),
  /** Column that holds the class. */
  target: z.string().min(1),
  /** Feature columns; all but the target when left out. */
  features: z.array(z.string().min(1)).min(1).optional(),
  delimiter: z.string().length(1).default(','),
  /** Scale each feature to mean 0 and SD 1 of the training split. */
  standardize: z.boolean().default(true),
  split,
});
const syntheticFields = {
  samples: z.int().min(30).max(1_000_000).default(2000),
  /** SD of the Gaussian noise on each coordinate. */
  noise: z.number().min(0).max(10).default(0.2),
  /** Seed of the generator of the samples: the data set's own, not the run's. */
  generatorSeed: seedNumber.default(0),
  split,
};
const twoMoons = z.strictObject({ kind: z.literal('two-moons'), ...syntheticFields });
const spirals = z.strictObject({ kind: z.literal('spirals'), ...syntheticFields, classes: z.int().min(2).max(10).default(3) });

export const dataSchema = z.discriminatedUnion('kind', [mnist, csv, twoMoons, spirals]);

/** Seeds of single purposes. `split` is fixed at 0 unless given, so that seeds vary over the same split; the others follow `seed`. */
export const seedsSchema = z.strictObject({
  split: seedNumber.default(0),
  init: seedNumber.optional(),
  order: seedNumber.optional(),
  noise: seedNumber.optional(),
});

/** What the run needs of its surroundings; checked against the machine and stored with the run. */
export const environmentSchema = z.strictObject({
  reprise: z.string().min(1).optional(),
  node: z.string().min(1).optional(),
  onnxruntime: z.string().min(1).optional(),
  os: z.enum(['linux', 'darwin', 'win32']).optional(),
  arch: z.enum(['x64', 'arm64']).optional(),
  memoryGb: z.number().gt(0).optional(),
});

export const executorSchema = z.strictObject({
  kind: z.literal('local').default('local'),
  /** Threads of ONNX Runtime in the worker; pinned, because the count can change bits. */
  threads: z.int().min(1).max(256).default(1),
});

/** Which metric is reported, and of which checkpoint, declared before the run. */
export const selectionSchema = z.strictObject({
  metric: z.enum(['accuracy', 'loss']).default('accuracy'),
  /** `last`, or the checkpoint with the best validation value (earliest on ties). */
  checkpoint: z.enum(['last', 'best']).default('last'),
});

const label = z.string().min(1).max(200);

export const configSchema = z.strictObject({
  experiment: label.regex(/^[^/\\\u0000-\u001f]+$/u, { error: 'must not contain slashes or control characters' }).default('untitled'),
  author: z.string().max(200).default(''),
  description: z.string().max(10_000).default(''),
  tags: z.array(label).max(100).default([]),
  model: modelSchema,
  training: trainingSchema,
  data: dataSchema,
  seed: seedNumber,
  seeds: seedsSchema.prefault({}),
  environment: environmentSchema.prefault({}),
  executor: executorSchema.prefault({}),
  selection: selectionSchema.prefault({}),
});

/** A complete config: all defaults filled in. */
export type Config = z.infer<typeof configSchema>;
/** A config as a person writes it: defaults may be left out. */
export type ConfigInput = z.input<typeof configSchema>;
export type ModelConfig = Config['model'];
export type TrainingConfig = Config['training'];
export type OptimizerConfig = TrainingConfig['optimizer'];
export type ScheduleConfig = TrainingConfig['schedule'];
export type DataConfig = Config['data'];
export type SelectionConfig = Config['selection'];
export type MetricName = SelectionConfig['metric'];

/** The four seeds a run uses, resolved. */
export interface ResolvedSeeds {
  readonly split: number;
  readonly init: number;
  readonly order: number;
  readonly noise: number;
}

/** Purposes that have no seed of their own follow `seed`; the split stays fixed. */
export function resolveSeeds(config: Pick<Config, 'seed' | 'seeds'>): ResolvedSeeds {
  return {
    split: config.seeds.split,
    init: config.seeds.init ?? config.seed,
    order: config.seeds.order ?? config.seed,
    noise: config.seeds.noise ?? config.seed,
  };
}

/** Whether a larger value of a metric is better. */
export function higherIsBetter(metric: MetricName): boolean {
  return metric === 'accuracy';
}
