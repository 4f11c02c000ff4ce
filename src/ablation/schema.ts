/**
 * The schema of a study: a baseline, what is varied, how the levels are combined, and over which seeds.
 *
 * ```yaml
 * experiment: mnist-ablation
 * baseline: baseline.yaml            # or the config itself, inline
 * design: one-at-a-time              # or grid
 * seeds: [1, 2, 3]
 * factors:
 *   - path: training.learningRate    # one path; a path may name a whole part such as training.optimizer
 *     levels: [0.01, 0.0001]
 *   - name: architecture             # several paths that move together
 *     levels:
 *       - label: small-cnn
 *         set: { model: { kind: cnn }, training.epochs: 3 }
 * ```
 */
import { z } from 'zod';
import { configSchema } from '../config/schema';

/** Most runs a study may have: variants × seeds. */
export const MAX_RUNS = 10_000;

const label = z.string().min(1).max(200).regex(/^[^\u0000-\u001f\u007f]+$/u, { error: 'must be one line' });
const path = z.string().regex(/^[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*$/u, { error: 'must be names joined by dots, such as training.learningRate' });

/** One path and the values it takes beside the baseline's. */
export const pathFactorSchema = z.strictObject({
  path,
  /** What the factor is called in variant names; the path when left out. */
  name: label.optional(),
  levels: z.array(z.unknown()).min(1).max(MAX_RUNS),
});

/** Named levels, each of which sets several paths at once. */
export const setFactorSchema = z.strictObject({
  name: label,
  levels: z.array(z.strictObject({
    /** Name of the variant that has this level. */
    label,
    set: z.record(path, z.unknown()).refine((set) => Object.keys(set).length > 0, { error: 'must set at least one path' }),
  })).min(1).max(MAX_RUNS),
});

export const designSchema = z.enum(['one-at-a-time', 'grid']);

/** The outer form of a study; its factors are checked one by one, so that each message is about the form that was meant. */
export const studySchema = z.strictObject({
  experiment: configSchema.shape.experiment.unwrap(),
  description: z.string().max(10_000).default(''),
  /** A config, or the path of a config file relative to the study's file. */
  baseline: z.union([z.string().min(1), z.record(z.string(), z.unknown())], { error: 'must be a config or the path of a config file' }),
  factors: z.array(z.unknown()).min(1).max(100),
  design: designSchema.default('one-at-a-time'),
  seeds: z.array(configSchema.shape.seed).min(1).max(MAX_RUNS),
});

export type Design = z.infer<typeof designSchema>;
export type PathFactorInput = z.input<typeof pathFactorSchema>;
export type SetFactorInput = z.input<typeof setFactorSchema>;

/** A study as a person writes it. */
export interface StudyInput {
  readonly experiment: string;
  readonly description?: string;
  readonly baseline: unknown;
  readonly factors: readonly (PathFactorInput | SetFactorInput)[];
  readonly design?: Design;
  readonly seeds: readonly number[];
}
