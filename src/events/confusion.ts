/** The confusion matrix of a run's test split, as its file holds it. */
import { z } from 'zod';

export const confusionSchema = z
  .object({
    format: z.literal('reprise-confusion-1'),
    split: z.literal('test'),
    /** Number of steps done at the selected checkpoint. */
    step: z.int().min(0),
    classes: z.array(z.string()).min(2).max(100),
    /** A row for each class: how many of its examples were taken for each of the classes. */
    counts: z.array(z.array(z.int().min(0))),
  })
  .refine(({ classes, counts }) => counts.length === classes.length && counts.every((row) => row.length === classes.length), { error: 'must have a row and a column for each class' });

type Parsed = z.infer<typeof confusionSchema>;
export type ConfusionMatrix = Readonly<Omit<Parsed, 'classes' | 'counts'>> & { readonly classes: readonly string[]; readonly counts: readonly (readonly number[])[] };
