/**
 * The schema of a config that runs a person's own program instead of a built-in training. `{name}` in the command, in an
 * environment variable or in a path stands for the parameter of that name, `{seed}` for the seed; `{{` is a brace.
 */
import { z } from 'zod';
import { environmentSchema } from './environment';
import { commandExecutorSchema } from './executor';
import { seedNumber } from './numbers';
import { label, type Config } from './schema';

const relativePath = z.string().min(1).max(4096);

/** Arguments as they are, or a line for a shell that is named. */
const commandSchema = z.union([
  z.array(z.string().max(100_000)).min(1).max(10_000),
  z.strictObject({ shell: z.enum(['sh', 'bash', 'zsh', 'pwsh', 'cmd']), script: z.string().min(1).max(100_000) }),
], { error: 'must be a list of a program and its arguments or, where a shell is wanted, { shell, script }' });

const inputSchema = z.union([relativePath, z.strictObject({ path: relativePath, license: z.string().min(1).max(100).default('unknown') })], { error: 'must be a path, or { path, license }' });

/** A pattern for lines of the output; its groups say what they hold: `(?<value>…)`, and `(?<key>…)`, `(?<step>…)` where the line has them. */
const patternSchema = z.strictObject({
  pattern: z.string().min(1).max(2000).meta({ description: 'Regular expression for a line of the output, with groups named value, key, step' }),
  key: z.string().min(1).max(250).optional().meta({ description: 'Name of the metric where the pattern has no group named key' }),
});

const metricsSchema = z.strictObject({
  output: z.boolean().default(true).meta({ description: 'Lines of the output that are JSON objects of numbers are metrics' }),
  patterns: z.array(patternSchema).max(100).default([]),
});

export const taskSchema = z.strictObject({
  command: commandSchema.meta({ description: 'Program and arguments; {name} stands for a parameter, {seed} for the seed' }),
  cwd: z.string().max(4096).default('.').meta({ description: 'Folder it starts in, relative to the folder of the config' }),
  env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/u, { error: 'is no name of an environment variable (letters, digits, _)' }), z.string().max(100_000)).default({}).meta({ description: 'Environment variables; {name} stands for a parameter' }),
  parameterFile: z.strictObject({ path: relativePath, format: z.enum(['yaml', 'json']).default('yaml') }).optional().meta({ description: 'File that is written with all parameters and the seed before the start' }),
  inputs: z.array(inputSchema).max(1000).default([]).meta({ description: 'Files and folders it reads that are not part of the code' }),
  outputs: z.array(relativePath).max(1000).default([]).meta({ description: 'Files and folders it writes that are kept; * and ** stand for any name' }),
  metrics: metricsSchema.prefault({}),
  timeLimitSeconds: z.number().gt(0).optional().meta({ description: 'After this time it is ended and the run fails', unit: 'seconds' }),
  retries: z.int().min(0).max(100).default(0).meta({ description: 'Further attempts after one that failed', unit: 'attempts' }),
});

/** Values of parameters: whatever JSON holds. */
const paramsSchema = z.record(z.string().regex(/^[A-Za-z_][\w.-]*$/u, { error: 'is no name of a parameter (letters, digits, _ . -)' }).max(250), z.json());

/** Which metric is reported, declared before the run. */
export const commandSelectionSchema = z.strictObject({
  metric: z.string().min(1).max(250).meta({ description: 'Metric by which variants are compared' }),
  goal: z.enum(['minimize', 'maximize']).default('minimize').meta({ description: 'Which way is better' }),
  value: z.enum(['last', 'best']).default('last').meta({ description: 'The last value of the metric, or the best one' }),
});

export const commandConfigSchema = z.strictObject({
  experiment: label.regex(/^[^/\\\u0000-\u001f]+$/u, { error: 'must not contain slashes or control characters' }).default('untitled'),
  author: z.string().max(200).default(''),
  description: z.string().max(10_000).default(''),
  tags: z.array(label).max(100).default([]),
  task: taskSchema,
  params: paramsSchema.default({}),
  seed: seedNumber,
  environment: environmentSchema.prefault({}),
  executor: commandExecutorSchema.prefault({ kind: 'local' }),
  selection: commandSelectionSchema.optional(),
});

/** A complete config of a command run: all defaults filled in. */
export type CommandConfig = z.infer<typeof commandConfigSchema>;
export type TaskConfig = CommandConfig['task'];

/** A config of either kind. */
export type RunConfig = Config | CommandConfig;

export function isCommandConfig(config: RunConfig): config is CommandConfig {
  return 'task' in config;
}
