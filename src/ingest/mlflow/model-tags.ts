/**
 * Logged models of MLflow 3 belong to the run that made them and live in tags of that run: one tag a model, as JSON. So
 * they are in the log with everything else, survive a rebuild, and need no table. A model's id begins with its run's, so
 * that either is found by the other. Its files are files of the run, under `models/MODEL_ID/`.
 */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { toLogged } from '../../events/records';
import type { Metric } from './fields';

const MODEL_TAG = 'reprise.model.';
const INPUTS_TAG = 'reprise.model-inputs';

/** On every run that made a model, so that those runs are found. */
export const HAS_MODELS = { key: 'reprise.models', value: 'yes' } as const;

export const MODEL_STATUSES = ['LOGGED_MODEL_STATUS_UNSPECIFIED', 'LOGGED_MODEL_PENDING', 'LOGGED_MODEL_READY', 'LOGGED_MODEL_UPLOAD_FAILED'] as const;

const texts = z.record(z.string(), z.string());

const documentSchema = z.object({
  name: z.string(),
  type: z.string(),
  status: z.enum(MODEL_STATUSES),
  createdAt: z.number(),
  updatedAt: z.number(),
  deleted: z.boolean(),
  params: texts,
  tags: texts,
  /** Steps at which the run said that it is an output. */
  outputs: z.array(z.number()),
  /** Latest value of each metric that was logged of the model, by name and data set. */
  metrics: z.array(z.object({ key: z.string(), value: z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity', '-0'])]), timestamp: z.number(), step: z.number(), dataset_name: z.string().optional(), dataset_digest: z.string().optional() })),
});

export type ModelDocument = z.infer<typeof documentSchema>;
export type ModelMetric = ModelDocument['metrics'][number];

/** Tags that hold what the API has other words for. */
export function isOwnTag(key: string): boolean {
  return key.startsWith(MODEL_TAG) || key === INPUTS_TAG || key === HAS_MODELS.key;
}

export function newModelId(runId: string): string {
  return `m-${runId}-${randomBytes(4).toString('hex')}`;
}

/** The run that made a model; null for what is no id of a model. */
export function runOfModel(modelId: string): string | null {
  return /^m-(.+)-[0-9a-f]{8}$/u.exec(modelId)?.[1] ?? null;
}

/** Where the files of a model lie among those of its run. */
export function modelFolderOf(modelId: string): string {
  return `models/${modelId}/`;
}

/** Whether a file of a run is a model's. */
export function isModelFile(path: string): boolean {
  const [folder, modelId = ''] = path.split('/', 2);
  return folder === 'models' && runOfModel(modelId) !== null;
}

function modelTagOf(modelId: string): string {
  return `${MODEL_TAG}${modelId}`;
}

export function modelTag(modelId: string, document: ModelDocument): Record<string, string> {
  return { [modelTagOf(modelId)]: JSON.stringify(document), [HAS_MODELS.key]: HAS_MODELS.value };
}

/** Null where there is none, or none that Reprise wrote. */
export function readModel(tags: Readonly<Record<string, string>>, modelId: string): ModelDocument | null {
  const text = tags[modelTagOf(modelId)];
  if (text === undefined) return null;
  try {
    return documentSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** Every model of a run. */
export function modelsOf(tags: Readonly<Record<string, string>>): { readonly modelId: string; readonly model: ModelDocument }[] {
  return Object.keys(tags).flatMap((key) => {
    if (!key.startsWith(MODEL_TAG)) return [];
    const modelId = key.slice(MODEL_TAG.length);
    const model = readModel(tags, modelId);
    return model === null ? [] : [{ modelId, model }];
  });
}

export function modelOutputsOf(tags: Readonly<Record<string, string>>): { readonly model_id: string; readonly step: number }[] {
  return modelsOf(tags).flatMap(({ modelId, model }) => model.outputs.map((step) => ({ model_id: modelId, step })));
}

const inputsSchema = z.array(z.string());

export function modelInputsOf(tags: Readonly<Record<string, string>>): { readonly model_id: string }[] {
  const text = tags[INPUTS_TAG];
  if (text === undefined) return [];
  try {
    return (inputsSchema.safeParse(JSON.parse(text)).data ?? []).map((id) => ({ model_id: id }));
  } catch {
    return [];
  }
}

export function modelInputsTag(tags: Readonly<Record<string, string>>, added: readonly string[]): Record<string, string> {
  const all = new Set([...modelInputsOf(tags).map(({ model_id: id }) => id), ...added]);
  return { [INPUTS_TAG]: JSON.stringify([...all]) };
}

/** The tags of models with the latest of their metrics put in. */
export function modelMetricTags(tags: Readonly<Record<string, string>>, metrics: readonly Metric[]): Record<string, string> {
  const models = new Map<string, ModelDocument>();
  for (const metric of metrics) {
    const modelId = metric.model_id ?? '';
    const model = models.get(modelId) ?? readModel(tags, modelId);
    if (model !== null) models.set(modelId, { ...model, metrics: withLatest(model.metrics, metric) });
  }
  return Object.assign({}, ...[...models].map(([modelId, model]) => modelTag(modelId, model))) as Record<string, string>;
}

function withLatest(known: readonly ModelMetric[], { key, value, timestamp, step, dataset_name: name, dataset_digest: digest }: Metric): ModelMetric[] {
  const same = known.find((metric) => metric.key === key && metric.dataset_name === name && metric.dataset_digest === digest);
  if (same !== undefined && (same.step > step || (same.step === step && same.timestamp > timestamp))) return [...known];
  const latest: ModelMetric = { key, value: toLogged(value), timestamp, step, ...(name === undefined ? {} : { dataset_name: name }), ...(digest === undefined ? {} : { dataset_digest: digest }) };
  return [...known.filter((metric) => metric !== same), latest];
}
