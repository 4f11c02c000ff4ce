/** Shapes of searching runs by a filter: `metrics.val_loss < 0.1 and params.model.kind in ('lstm', 'transformer')`. */
import { z } from 'zod';
import { anyNumber, runRow } from './rows';

/** A filter, or words that must occur. Errors have the code FILTER_INVALID; their first problem's path is the column in the text. */
const filter = z.string().max(100_000);
/** Such as `metrics.acc desc, params.lr`. */
const fields = z.string().max(5000);

const scope = {
  filter: filter.optional(),
  /** Names; all where it is left out. */
  experiments: z.array(z.string().min(1).max(200)).max(1000).optional(),
  /** Runs that are not deleted where it is left out. */
  lifecycle: z.enum(['active', 'deleted', 'all']).optional(),
};

/** Null where the run lacks the field. */
const value = z.union([z.string(), anyNumber]).nullable();

/** What was probably misspelt: names that no run has. One sentence each. */
const notes = z.array(z.string());

export const runsSearch = z.strictObject({
  ...scope,
  /** The newest first where it is left out. */
  order: fields.optional(),
  /** Fields to answer with besides those that filter and order mention. */
  show: fields.optional(),
  limit: z.int().min(1).max(50_000).optional(),
  /** The `next` of the page before. */
  after: z.string().max(100).optional(),
});

export const runsFound = z.object({
  /** Names of the fields in `values`. */
  fields: z.array(z.string()),
  rows: z.array(z.object({ run: runRow, values: z.array(value) })),
  /** Of all runs that meet the filter. */
  total: z.number(),
  /** What the next page begins after; null at the end. */
  next: z.string().nullable(),
  notes,
});

export const runsSearchGroups = z.strictObject({
  ...scope,
  /** Runs of a group are equal in these. */
  by: fields.optional(),
  /** With a list, also in every parameter besides these: `['seed']` for runs that differ in nothing but the seed. */
  allParamsBut: z.array(z.string().min(1).max(500)).max(100).optional(),
  /** A metric: its statistics are answered and groups sorted by its mean. The largest group comes first where it is left out. */
  order: fields.optional(),
  limit: z.int().min(1).max(1000).optional(),
});

export const runGroupsFound = z.object({
  /** Names of the fields in `values`: those of `by`, then parameters in which the groups that are answered differ. */
  fields: z.array(z.string()),
  /** Whose statistics they are; null where no metric was named. */
  metric: z.string().nullable(),
  groups: z.array(
    z.object({
      values: z.array(value),
      runs: z.number(),
      /** The run of the group that came into the store last. */
      newest: z.string(),
      /** Over all runs of the group that have the metric, NaN apart. `sd` is of a sample. */
      statistics: z.object({ n: z.number(), nan: z.number(), mean: anyNumber.nullable(), sd: anyNumber.nullable(), min: anyNumber.nullable(), max: anyNumber.nullable() }).nullable(),
    }),
  ),
  /** Groups in all. */
  total: z.number(),
  notes,
});
export type RunGroupsFound = z.infer<typeof runGroupsFound>;
