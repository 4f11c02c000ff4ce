/** Shapes of what is known about the reproducibility of runs and configs. */
import { z } from 'zod';

/** `good`: recorded and fit to repeat the run; `missing`: not known; `bad`: known to stand in the way. */
export const factState = z.enum(['good', 'missing', 'bad']);
export type FactState = z.infer<typeof factState>;

export const scoreFact = z.object({
  /** Stable: `code.commit`. */
  id: z.string(),
  group: z.enum(['Code', 'Environment', 'Randomness', 'Data', 'Result', 'Metadata']),
  /** What it is about, in a few words. */
  title: z.string(),
  state: factState,
  /** Points of the score that it decides. */
  weight: z.number(),
  /** What was found; of several runs, in the first that is not good. */
  found: z.string(),
  /** What to do about it, in one sentence; null where it is good. */
  fix: z.string().nullable(),
  /** Of how many runs it is good, and how many it is about. */
  good: z.number(),
  of: z.number(),
});
export type ScoreFact = z.infer<typeof scoreFact>;

export const restoredCode = z.object({
  /** Absolute. */
  folder: z.string(),
  /** SHA-256 of the snapshot: the identity of the code state. */
  snapshot: z.string(),
  files: z.number(),
  /** Where the config lay in it, absolute. */
  configFolder: z.string(),
  /** What was not stored, and why. */
  withheld: z.array(z.object({ path: z.string(), note: z.string() })),
});

export const qualityMetric = z.object({
  name: z.enum(['Configuration completeness', 'Metadata quality', 'Documentation quality']),
  percent: z.number(),
  /** How it is counted, in words. */
  definition: z.string(),
  /** What is counted and not there. */
  missing: z.array(z.string()),
});

export const score = z.object({
  /** What it is of: a config before it runs, a run, or the shown runs of an experiment. */
  kind: z.enum(['config', 'run', 'experiment']),
  name: z.string(),
  runs: z.number(),
  /** 0 to 100: the share of the weights of all facts that apply whose fact is good; of several runs their mean. */
  score: z.number(),
  /** The least of several runs. */
  least: z.number(),
  /** In the order of the groups; those that do not apply are left out. */
  facts: z.array(scoreFact),
  quality: z.array(qualityMetric),
});
export type Score = z.infer<typeof score>;
