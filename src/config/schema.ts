/**
 * The schema of a config: everything that decides a run. One zod schema serves YAML and JSON,
 * the CLI, the form in the window and the bundle. Defaults are filled in by parsing, so a parsed
 * config is complete and its hash does not depend on what was left out. `meta` says what a form shows
 * beside a leaf: a description, and the unit in the plural.
 */
import { z } from 'zod';

export const seedNumber = z.int().min(0).max(0xffff_ffff);
const positiveInt = z.int().min(1);
const fraction = z.number().min(0).lt(1);

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

/** Seeds of single purposes. `split` is fixed at 0 unless given, so that seeds vary over the same split; the others follow `seed`. */
export const seedsSchema = z.strictObject({
  split: seedNumber.default(0).meta({ description: 'Seed of the split into training, validation and test' }),
  init: seedNumber.optional().meta({ description: 'Seed of the initial weights; the run’s seed when not set' }),
  order: seedNumber.optional().meta({ description: 'Seed of the order of samples; the run’s seed when not set' }),
  noise: seedNumber.optional().meta({ description: 'Seed of dropout; the run’s seed when not set' }),
});

/** What a requirement that is not met means: the run does not start, it starts with a warning, nothing is said. */
export const checkLevel = z.enum(['error', 'warning', 'ignore']);

/** An item of the environment spec, or one package or variable of it. */
const checkedItem = z.string().regex(/^(?:reprise|node|onnxruntime|os|arch|memoryGb|python|packages|packages\.[\w.-]+|cuda|gpu|gpu\.(?:count|model|memoryGb)|container|variables|variables\.[A-Za-z_]\w*)$/u, {
  error: 'must be an item of the environment: reprise, node, onnxruntime, os, arch, memoryGb, python, packages, packages.NAME, cuda, gpu, container, variables or variables.NAME',
});

/** Specifiers as in PEP 440; a version of one or two numbers stands for all that begin with them. */
const specifier = z.string().min(1).max(200);

/** What the run needs of its surroundings; checked against the machine and stored with the run. */
export const environmentSchema = z.strictObject({
  reprise: z.string().min(1).optional().meta({ description: 'Range of versions, such as >=0.1' }),
  node: z.string().min(1).optional().meta({ description: 'Range of versions, such as >=20' }),
  onnxruntime: z.string().min(1).optional().meta({ description: 'Range of versions, such as 1.30.x' }),
  os: z.string().min(1).max(100).optional().meta({ description: 'linux, darwin, win32, or words of the system’s name: ubuntu-22.04' }),
  arch: z.enum(['x64', 'arm64']).optional(),
  memoryGb: z.number().gt(0).optional().meta({ description: 'Least memory of the machine', unit: 'GB' }),
  python: z
    .strictObject({
      version: specifier.optional().meta({ description: 'Python of a command: 3.11 for any 3.11, or >=3.10,<3.13' }),
      packages: z.record(z.string().regex(/^[A-Za-z0-9][\w.-]*$/u), specifier).optional().meta({ description: 'Package and version: 2.5.1, >=2.1,<3, ~=1.26, * for any' }),
    })
    .optional(),
  cuda: specifier.optional().meta({ description: 'CUDA that torch was built with; without torch what the driver supports' }),
  gpu: z
    .strictObject({
      count: z.int().min(1).max(1024).optional().meta({ description: 'Least number of GPUs', unit: 'GPUs' }),
      model: z.string().min(1).max(100).optional().meta({ description: 'Words of the name of every GPU that counts: A100' }),
      memoryGb: z.number().gt(0).optional().meta({ description: 'Least memory of each GPU that counts', unit: 'GB' }),
    })
    .optional(),
  container: z.string().min(1).max(500).optional().meta({ description: 'Image it runs in, best with its digest: name@sha256:…' }),
  variables: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/u), z.string().max(1000)).optional().meta({ description: 'Environment variables and their values' }),
  levels: z.record(checkedItem, checkLevel).optional().meta({ description: 'What a mismatch means, by item: error, warning or ignore; error for python, warning for the rest when not set' }),
});

export const executorSchema = z.strictObject({
  kind: z.literal('local').default('local'),
  threads: z.int().min(1).max(256).default(1).meta({ description: 'Threads of ONNX Runtime in the worker; pinned, because the count can change bits', unit: 'threads' }),
});

/** Which metric is reported, and of which checkpoint, declared before the run. */
export const selectionSchema = z.strictObject({
  metric: z.enum(['accuracy', 'loss']).default('accuracy').meta({ description: 'Metric on the test split by which variants are compared' }),
  checkpoint: z.enum(['last', 'best']).default('last').meta({ description: 'The last checkpoint, or the one with the best validation value (the earliest on ties)' }),
});

export const label = z.string().min(1).max(200);

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
