/** Fields of requests as protobuf's JSON writes them, with the limits that MLflow's clients know. */
import { z } from 'zod';
import { isTime } from '../../events/record-problem';

export const LIMITS = {
  metricsPerBatch: 1000,
  paramsPerBatch: 100,
  tagsPerBatch: 100,
  itemsPerBatch: 1000,
  /** Characters. */
  key: 250,
  paramValue: 6000,
  experimentName: 500,
  /** Runs or experiments of a page. */
  page: 50_000,
} as const;

const INTEGER = /^[+-]?\d+$/u;

function failed(context: z.core.$RefinementCtx, message: string): never {
  context.issues.push({ code: 'custom', message, input: context.value });
  return z.NEVER;
}

/** A whole number; int64 may come as a text. */
export const int64 = z.unknown().transform((value, context): number => {
  const number = typeof value === 'string' && INTEGER.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isInteger(number) ? number : failed(context, 'must be an integer');
});

/** A double; what JSON has no word for comes as a text. */
export const double = z.unknown().transform((value, context): number => {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return failed(context, 'must be a number');
  switch (value) {
    case 'NaN':
      return Number.NaN;
    case 'Infinity':
      return Number.POSITIVE_INFINITY;
    case '-Infinity':
      return Number.NEGATIVE_INFINITY;
    default: {
      const number = value.trim() === '' ? Number.NaN : Number(value);
      return Number.isNaN(number) ? failed(context, 'must be a number') : number;
    }
  }
});

/** Milliseconds since 1970. */
export const timestamp = int64.refine((value) => value >= 0 && isTime(value), { error: 'must be milliseconds since 1970, and not negative' });

/** Longest text in characters: UTF-16 units are counted first, because that is quick and never less. */
function withinLength(text: string, most: number): boolean {
  return text.length <= most || [...text].length <= most;
}

const NAME = /^[/\p{L}\p{N}_.\- :]+$/u;

/** A name may become a file's: it must be its own normal path. */
function isPlainPath(name: string): boolean {
  return !name.startsWith('..') && name.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}

/** Whether `key` takes a name. */
function isName(name: string): boolean {
  return withinLength(name, LIMITS.key) && NAME.test(name) && isPlainPath(name);
}

/** Name of a metric, parameter or tag. */
export const key = z
  .string({ error: 'A key name must be provided.' })
  .refine((name) => withinLength(name, LIMITS.key), { error: `exceeds the maximum length of ${LIMITS.key} characters`, abort: true })
  .refine((name) => NAME.test(name), { error: 'may only contain letters, digits, underscores (_), dashes (-), periods (.), spaces ( ), colons (:) and slashes (/)', abort: true })
  .refine(isPlainPath, { error: 'may be treated as a path and must not resolve to another name' });

/** A scalar as text; some clients send numbers. */
export const text = z.union([z.string(), z.number().transform(String), z.boolean().transform(String)]);

export const paramValue = text.refine((value) => withinLength(value, LIMITS.paramValue), {
  error: `exceeds the maximum length of ${LIMITS.paramValue} characters; log long texts as artifacts`,
});

export const experimentName = z
  .string()
  .refine((name) => name.trim() !== '', { error: 'must not be empty' })
  .refine((name) => withinLength(name, LIMITS.experimentName), { error: `exceeds the maximum length of ${LIMITS.experimentName} characters` });

/** A value of a metric; newer clients tell which model and data set it is of. */
export const metric = z.object({
  key,
  value: double,
  timestamp,
  step: int64.prefault(0),
  model_id: z.string().optional(),
  dataset_name: z.string().optional(),
  dataset_digest: z.string().optional(),
});
export type Metric = z.infer<typeof metric>;

const isWhole = (value: unknown): value is number => Number.isInteger(value);
const isAbsentOrText = (value: unknown): boolean => value === undefined || typeof value === 'string';

/** Whether a value of a metric is what `metric` makes of it, as nearly all are. @param names those that were found good before */
function isPlainMetric(value: unknown, names: Set<string>): value is Metric {
  if (typeof value !== 'object' || value === null) return false;
  const { key: name, value: number, timestamp: time, step, model_id: model, dataset_name: dataset, dataset_digest: digest } = value as Readonly<Record<keyof Metric, unknown>>;
  if (typeof name !== 'string' || typeof number !== 'number' || !isWhole(step) || !isWhole(time) || time < 0 || !isTime(time)) return false;
  if (!isAbsentOrText(model) || !isAbsentOrText(dataset) || !isAbsentOrText(digest)) return false;
  if (!names.has(name)) {
    if (!isName(name)) return false;
    names.add(name);
  }
  return true;
}

/** Values of metrics, up to a thousand: a schema for each would take longer than all else that is done with them. */
export const metrics = z.unknown().transform((values, context): Metric[] => {
  if (!Array.isArray(values)) return failed(context, 'must be an array');
  const names = new Set<string>();
  return values.map((value: unknown, index) => {
    if (isPlainMetric(value, names)) return value;
    const parsed = metric.safeParse(value);
    if (parsed.success) return parsed.data;
    for (const { path, ...issue } of parsed.error.issues) context.issues.push({ ...issue, path: [index, ...path], input: value } as z.core.$ZodRawIssue);
    return z.NEVER;
  });
});

export const tag = z.object({ key, value: text.default('') });
export const tags = z.array(tag).default([]);

/** By run id. Older clients say `run_uuid`; newer ones say both. */
export const runRef = z
  .object({ run_id: z.string().optional(), run_uuid: z.string().optional() })
  .transform((given, context): string => {
    const id = given.run_id !== undefined && given.run_id !== '' ? given.run_id : given.run_uuid;
    return id === undefined || id === '' ? failed(context, "Missing value for required parameter 'run_id'") : id;
  });

export const pageSize = (standard: number): z.ZodType<number> =>
  int64.refine((count) => count >= 1 && count <= LIMITS.page, { error: `must be at least 1 and at most ${LIMITS.page}` }).prefault(standard);

/** A text or nothing: an empty one says the same as none. */
export const optionalText = z.string().optional().transform((value) => (value === '' ? undefined : value));

export const viewType = z.enum(['ACTIVE_ONLY', 'DELETED_ONLY', 'ALL']).default('ACTIVE_ONLY');
export type ViewType = z.infer<typeof viewType>;

/** Texts that come one by one in an address and as an array in a body. */
export const texts = z.union([z.array(z.string()), z.string().transform((one) => [one])]).default([]);
