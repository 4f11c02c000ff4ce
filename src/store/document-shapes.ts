/** Shapes of the files that rows are made from. Loaded when the first of them is read or written. */
import { z } from 'zod';
import { commandConfigSchema } from '../config/command';
import { configSchema } from '../config/schema';
import type { RunKind } from '../events/manifest';
import { isId } from './layout';

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const time = z.int().min(0);

const id = z.string().refine(isId, { error: 'is not an id' });
const text = z.string().min(1);

const common = { format: z.literal(1), runId: id, experiment: text, createdAt: time };
/** What is known of a run that Reprise starts. */
const started = {
  ...common,
  reproductionId: text,
  variant: z.looseObject({ studyId: text, variant: text }).nullable(),
  configHash: text,
  computeHash: text,
};

/** What the store needs of a manifest; the rest passes as it is. */
const manifestShapes = {
  training: z.looseObject({
    ...started,
    kind: z.literal('training').optional(),
    config: configSchema,
    data: z.looseObject({ fingerprint: hex, file: text }),
    trainingGraphHash: text,
    perturbInit: z.boolean().optional(),
  }),
  command: z.looseObject({
    ...started,
    kind: z.literal('command'),
    config: commandConfigSchema,
    inputs: z.array(z.looseObject({ path: text, fingerprint: z.string().nullable() })),
  }),
  logged: z.looseObject({
    ...common,
    kind: z.literal('logged'),
    source: z.looseObject({ system: z.enum(['mlflow', 'tensorboard', 'wandb', 'table']), id: z.string().nullable(), from: z.string().nullable() }),
    user: z.string(),
  }),
} satisfies Record<RunKind, z.ZodType>;

const studyShape = z.looseObject({
  studyId: z.string().refine(isId, { error: 'is not an id' }),
  experiment: z.string().min(1),
  createdAt: time,
  source: z.string(),
  variants: z.array(
    z.looseObject({
      name: z.string(),
      changes: z.array(z.looseObject({ path: z.string() })),
      variantHash: z.string(),
      runIds: z.array(z.string().nullable()),
    }),
  ),
  seeds: z.array(z.number()),
});

/** The first way in which a manifest is not one, or null. */
export function manifestProblem(value: unknown): string | null {
  const kind = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : 'training';
  if (kind !== 'training' && kind !== 'command' && kind !== 'logged') return 'kind: is none that this version of Reprise knows';
  const parsed = manifestShapes[kind].safeParse(value);
  return parsed.success ? null : firstIssue(parsed.error);
}

/** The first way in which a study is not one, or null. */
export function studyProblem(value: unknown): string | null {
  const parsed = studyShape.safeParse(value);
  return parsed.success ? null : firstIssue(parsed.error);
}

export const experimentShape = z.looseObject({
  format: z.literal(1),
  experimentId: z.int().min(0),
  name: z.string().min(1),
  createdAt: z.number(),
  updatedAt: z.number(),
  deletedAt: z.number().nullable(),
  tags: z.record(z.string(), z.string()),
  /**
   * Names it had, which manifests of its runs may have. `runIds`: those runs, once another experiment has taken the
   * name; null while none has, so that every run of that name is meant.
   */
  formerNames: z.array(z.strictObject({ name: z.string().min(1), runIds: z.array(z.string()).nullable() })),
});

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined ? 'it is not valid' : `${issue.path.join('.')}: ${issue.message}`;
}
