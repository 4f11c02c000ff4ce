/** The schema of `data`: one member of the union for each kind. */
import { z } from 'zod';
import { filePath, positiveInt, seedNumber } from './numbers';

/** Parts of the data for validation and test; the rest trains. Data that come with a file for a part keep it. */
const splitSchema = z.strictObject({
  validation: z.number().gt(0).lt(1).default(0.1).meta({ description: 'Part of the data that selects checkpoints; not used where the data come with a validation part' }),
  test: z.number().gt(0).lt(1).default(0.1).meta({ description: 'Part of the data that is reported; not used where the data come with a test part' }),
}).refine((split) => split.validation + split.test < 1, { error: 'validation and test together must leave something to train on (sum < 1)' });
const split = splitSchema.prefault({});

/** Random changes of training images, other ones each epoch. Validation and test see the images as they are. */
const augmentSchema = z.strictObject({
  crop: z.int().min(0).max(64).default(0).meta({ description: 'Black border added on each side before a piece of the old size is cut out at random; 0: none', unit: 'pixels' }),
  flip: z.boolean().default(false).meta({ description: 'Mirror every second image, left to right' }),
  shift: z.int().min(0).max(64).default(0).meta({ description: 'Furthest random shift up, down, left or right; pixels at the edge are repeated; 0: none', unit: 'pixels' }),
});
const augment = augmentSchema.prefault({});

const license = z.string().min(1).max(200).optional().meta({ description: 'Licence of the data, an SPDX identifier; looked for beside the data when not set' });
/** Where the data come with parts of their own. */
const ownParts = (what: string): { validationPath: z.ZodOptional<z.ZodString>; testPath: z.ZodOptional<z.ZodString> } => ({
  validationPath: filePath.optional().meta({ description: `${what} of the validation part; cut off the training part when not set` }),
  testPath: filePath.optional().meta({ description: `${what} of the test part; cut off the training part when not set` }),
});
const ownLabels = {
  validationLabels: filePath.optional().meta({ description: 'Labels of the validation part' }),
  testLabels: filePath.optional().meta({ description: 'Labels of the test part' }),
};

const mnist = z.strictObject({
  kind: z.literal('mnist'),
  samples: z.int().min(100).max(10_000).default(10_000).meta({ description: 'Digits used, of 10,000', unit: 'samples' }),
  augment,
  split,
});

const task = z.enum(['classification', 'regression']).default('classification');
const tableFields = {
  path: filePath.meta({ description: 'File, relative to the folder of the config' }),
  ...ownParts('File'),
  task: task.meta({ description: 'Whether the target holds classes or numbers' }),
  target: z.string().min(1).meta({ description: 'Column to be told' }),
  features: z.array(z.string().min(1)).min(1).optional().meta({ description: 'Feature columns; all but the target when not set' }),
  categorical: z.array(z.string().min(1)).default([]).meta({ description: 'Feature columns of categories: each level of the training split becomes a feature of 0 and 1' }),
  missing: z.enum(['refuse', 'mean']).default('refuse').meta({ description: 'Whether a missing value is an error, or becomes the mean of the training split (of a category: no level)' }),
  standardize: z.boolean().default(true).meta({ description: 'Scale each number to mean 0 and SD 1 of the training split' }),
};
const delimiter = z.string().length(1).default(',').meta({ description: 'Character between two columns' });
const csv = z.strictObject({ kind: z.literal('csv'), ...tableFields, delimiter, license, split });
const parquet = z.strictObject({ kind: z.literal('parquet'), ...tableFields, license, split });

const arrayName = (what: string, name: string): z.ZodDefault<z.ZodString> => z.string().min(1).max(200).default(name).meta({ description: `Array of the .npz file that holds the ${what}` });
const npy = z
  .strictObject({
    kind: z.literal('npy'),
    path: filePath.meta({ description: 'File of the features (.npy), or of features and labels (.npz), relative to the folder of the config' }),
    labels: filePath.optional().meta({ description: 'File of the labels (.npy)' }),
    ...ownParts('File'),
    ...ownLabels,
    featuresArray: arrayName('features', 'x'),
    labelsArray: arrayName('labels', 'y'),
    task: task.meta({ description: 'Whether the labels are class numbers (integers) or values (floats)' }),
    layout: z.enum(['channels-first', 'channels-last']).default('channels-first').meta({ description: 'Order of the axes of images: example, channel, row, column; or channel last' }),
    standardize: z.boolean().default(false).meta({ description: 'Scale each feature to mean 0 and SD 1 of the training split' }),
    license,
    augment,
    split,
  })
  .refine(({ path, labels }) => /\.npz$/iu.test(path) !== (labels !== undefined), { path: ['labels'], error: 'must name the file of the labels for a .npy file, and must be left out for a .npz file, which holds them' });

const idx = z.strictObject({
  kind: z.literal('idx'),
  path: filePath.meta({ description: 'IDX file of the features, gzipped or not, relative to the folder of the config' }),
  labels: filePath.meta({ description: 'IDX file of the labels' }),
  ...ownParts('IDX file'),
  ...ownLabels,
  license,
  augment,
  split,
});

const side = z.int().min(1).max(4096);
const images = z.strictObject({
  kind: z.literal('images'),
  path: filePath.meta({ description: 'Folder with a folder of PNG and JPEG files for each class, relative to the folder of the config' }),
  ...ownParts('Such a folder'),
  rows: side.default(32).meta({ description: 'Height to which images are scaled', unit: 'pixels' }),
  columns: side.default(32).meta({ description: 'Width to which images are scaled', unit: 'pixels' }),
  color: z.enum(['rgb', 'grayscale']).default('rgb').meta({ description: 'Three channels or one' }),
  license,
  augment,
  split,
});

/** Every byte-pair vocabulary begins with the 256 bytes. */
const bpe = z.strictObject({
  kind: z.literal('bpe'),
  vocabulary: z.int().min(257).max(50_000).default(1000).meta({ description: 'Most tokens of the vocabulary, the 256 bytes among them', unit: 'tokens' }),
  seed: seedNumber.default(0).meta({ description: 'Seed by which the pieces of a text larger than `sampleBytes` are chosen that the vocabulary is learned from' }),
  sampleBytes: z.int().min(1).max(100_000_000).default(10_000_000).meta({ description: 'Most text of the training part that the vocabulary is learned from', unit: 'bytes' }),
});
export const tokenizerSchema = z.discriminatedUnion('kind', [z.strictObject({ kind: z.literal('character') }), z.strictObject({ kind: z.literal('bytes') }), bpe]);
const tokens = {
  tokenizer: tokenizerSchema.prefault({ kind: 'character' }),
  length: positiveInt.min(2).max(65_536).default(128).meta({ description: 'Tokens of one example', unit: 'tokens' }),
};
const text = z.strictObject({
  kind: z.literal('text'),
  path: filePath.meta({ description: 'Text file, or a folder of them, relative to the folder of the config; files called …train…, …valid…, …test… are those parts' }),
  ...ownParts('Text file or folder'),
  ...tokens,
  license,
  split,
});
const mobyDick = z.strictObject({ kind: z.literal('moby-dick'), ...tokens, split });
const labelledText = z.strictObject({
  kind: z.literal('labelled-text'),
  path: filePath.meta({ description: 'CSV or Parquet file, relative to the folder of the config' }),
  ...ownParts('File'),
  text: z.string().min(1).default('text').meta({ description: 'Column of the texts' }),
  target: z.string().min(1).default('label').meta({ description: 'Column of the classes' }),
  delimiter,
  ...tokens,
  license,
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

export const dataSchema = z.discriminatedUnion('kind', [mnist, csv, parquet, npy, idx, images, text, mobyDick, labelledText, twoMoons, spirals]);

export type Data = z.infer<typeof dataSchema>;
export type AugmentConfig = z.infer<typeof augmentSchema>;
export type TokenizerConfig = z.infer<typeof tokenizerSchema>;
/** Kinds that are read from files of the user. */
export type FileData = Extract<Data, { path: string }>;

/** Keys that name a file or folder of the user. */
const PATH_KEYS = ['path', 'labels', 'validationPath', 'validationLabels', 'testPath', 'testLabels'] as const;
export type DataPathKey = (typeof PATH_KEYS)[number];

/** The files and folders of the user that data are read from, as the config names them. */
export function dataPaths(data: Data): { readonly key: DataPathKey; readonly path: string }[] {
  const values: Readonly<Record<string, unknown>> = data;
  return PATH_KEYS.flatMap((key) => {
    const path = Object.hasOwn(values, key) ? values[key] : undefined;
    return typeof path === 'string' ? [{ key, path }] : [];
  });
}

/** Whether a path may name a folder. */
export function mayBeFolder({ kind }: Data): boolean {
  return kind === 'images' || kind === 'text';
}

/** The same data with other paths. */
export function withDataPaths<D extends Data>(data: D, change: (path: string, key: DataPathKey) => string): D {
  return { ...data, ...Object.fromEntries(dataPaths(data).map(({ key, path }) => [key, change(path, key)])) };
}
