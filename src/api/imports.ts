/** Runs of other programs coming in, and runs going out in other programs' forms. */
import { z } from 'zod';

const path = z.string().min(1).max(4096);
const taskId = z.string().regex(/^[A-Za-z0-9-]{1,100}$/u);

export const importFormat = z.enum(['mlruns', 'mlflow-db', 'tensorboard', 'wandb', 'csv', 'json', 'jsonl', 'parquet']);

export const importQuery = z.strictObject({
  /** A folder or a file. */
  path,
  /** Found by what lies there where it is left out. */
  format: importFormat.optional(),
  /** Experiment that all runs go into, in place of what their source says. */
  experiment: z.string().min(1).max(200).optional(),
  /** Of a table of runs: the columns that hold metrics. */
  metrics: z.array(z.string().min(1).max(250)).max(1000).optional(),
  /** Of a table: whether its rows are runs or points of series; found by its columns where it is left out. */
  rows: z.enum(['runs', 'points']).optional(),
  /** Tells what is there and imports nothing. */
  dryRun: z.boolean().optional(),
  task: taskId.optional(),
});

export const importedRun = z.object({
  run: z.string(),
  name: z.string().nullable(),
  experiment: z.string(),
  from: z.string(),
  /** `new`: made now (or would be). `updated`: was here in part, and is complete now. `present`: was here. `broken`: could not be read to its end; the next import tries again. */
  outcome: z.enum(['new', 'updated', 'present', 'broken']),
});

export const importResult = z.object({
  format: importFormat,
  path: z.string(),
  runs: z.array(importedRun),
  /** What was left out, and of what; one sentence each. */
  problems: z.array(z.object({ path: z.string(), message: z.string() })),
});

export const exportFormat = z.enum(['mlruns', 'csv', 'json', 'jsonl', 'parquet']);

export const exportQuery = z.strictObject({
  /** An experiment's name or a run. */
  target: z.string().min(1).max(300),
  format: exportFormat,
  /** Of a table: a row for each run, or for each point of a series; runs where it is left out. */
  rows: z.enum(['runs', 'points']).optional(),
  /** File of a table; folder of `mlruns`, which must not be there yet. */
  out: path,
  overwrite: z.boolean().optional(),
  task: taskId.optional(),
});

export const exportResult = z.object({
  out: z.string(),
  runs: z.number(),
  points: z.number(),
  files: z.number(),
  /** Names that the form does not allow, and what stands for them. */
  renamed: z.array(z.object({ from: z.string(), to: z.string() })),
});

export type ImportResultView = z.infer<typeof importResult>;
export type ImportedRunView = z.infer<typeof importedRun>;
export type ExportResultView = z.infer<typeof exportResult>;
