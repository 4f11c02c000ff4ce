/**
 * The schema of a config: everything that decides a run. One zod schema serves YAML and JSON,
 * the CLI, the form in the window and the bundle. Defaults are filled in by parsing, so a parsed
 * config is complete and its hash does not depend on what was left out. `meta` says what a form shows
 * beside a leaf: a description, and the unit in the plural.
 */
import { z } from 'zod';
import { dataSchema } from './data';
import { environmentSchema } from './environment';
import { executorSchema } from './executor';
import { augmentOf } from './facts';
import { defaultMetric, METRIC_NAMES, taskOf, type MetricName } from './metrics';
import { modelSchema } from './models';
import { seedNumber } from './numbers';
import { trainingSchema } from './training';

/** Seeds of single purposes. `split` is fixed at 0 unless given, so that seeds vary over the same split; the others follow `seed`. */
export const seedsSchema = z.strictObject({
  split: seedNumber.default(0).meta({ description: 'Seed of the split into training, validation and test' }),
  init: seedNumber.optional().meta({ description: 'Seed of the initial weights; the run’s seed when not set' }),
  order: seedNumber.optional().meta({ description: 'Seed of the order of samples; the run’s seed when not set' }),
  noise: seedNumber.optional().meta({ description: 'Seed of dropout; the run’s seed when not set' }),
});

const metricName = z.enum(METRIC_NAMES);
const metric = metricName.optional().meta({ description: 'Metric on the test split by which variants are compared; accuracy for classes, perplexity for next tokens, RMSE for numbers where it is not set' });

/** Which metric is reported, and of which checkpoint, declared before the run. */
const selectionSchema = z.strictObject({
  // There in every parsed config: the default depends on the data, and the config fills it in.
  metric: metric as unknown as z.ZodDefault<typeof metricName>,
  checkpoint: z.enum(['last', 'best']).default('last').meta({ description: 'The last checkpoint, or the one with the best validation value (the earliest on ties)' }),
});

export const label = z.string().min(1).max(200);

export const configSchema = z
  .strictObject({
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
    executor: executorSchema.prefault({ kind: 'local' }),
    selection: selectionSchema.prefault({}),
  })
  .overwrite((config) => {
    const { metric: declared, checkpoint }: { readonly metric?: MetricName; readonly checkpoint: 'last' | 'best' } = config.selection;
    return declared === undefined ? { ...config, selection: { metric: defaultMetric(taskOf(config.data)), checkpoint } } : config;
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

/** Whether a run draws noise while it trains: dropout, of which a file of the user may have some, and changes of images. */
export function drawsNoise({ model, data }: Pick<Config, 'model' | 'data'>): boolean {
  return model.kind === 'onnx' || ('dropout' in model && model.dropout > 0) || ('attentionDropout' in model && model.attentionDropout > 0) || augmentOf(data) !== null;
}
