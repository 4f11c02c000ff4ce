/** What a client logs into a run: metrics, parameters, tags, data sets. Answered when it is in the run's log. */
import { z } from 'zod';
import { toLogged, type EventBody, type LoggedNumber } from '../../events/records';
import { entryOf, runOf, refuseUnwritable, type MlflowContext } from './context';
import { RUN_NAME_TAG } from './entities';
import { invalid, missing } from './errors';
import { key, LIMITS, metric, metrics, paramValue, runRef, tag, text, type Metric } from './fields';
import { modelInputsTag, modelMetricTags } from './model-tags';
import { paramRecords } from './params';

const param = z.object({ key, value: paramValue });

const ofRun = <T extends z.ZodRawShape>(shape: T) => z.intersection(runRef.transform((runId) => ({ runId })), z.object(shape));

export const logMetricRequest = ofRun(metric.shape);
export const logParamRequest = ofRun(param.shape);
export const setTagRequest = ofRun(tag.shape);
export const deleteTagRequest = ofRun({ key: z.string() });
export const logBatchRequest = ofRun({ metrics: metrics.prefault([]), params: z.array(param).default([]), tags: z.array(tag).default([]) });

const datasetInput = z.object({
  tags: z.array(z.object({ key: z.string(), value: text.default('') })).default([]),
  dataset: z.object({ name: z.string(), digest: z.string(), source_type: z.string(), source: z.string(), schema: z.string().optional(), profile: z.string().optional() }),
});

export const logInputsRequest = ofRun({ datasets: z.array(datasetInput).max(1000).default([]), models: z.array(z.object({ model_id: z.string() })).default([]) });
export const logModelRequest = ofRun({ model_json: z.string() });

interface Columns {
  readonly steps: number[];
  readonly times: number[];
  readonly values: LoggedNumber[];
}

/** One record a metric, however its values are mixed with others'. */
function pointRecords(metrics: readonly Metric[]): EventBody[] {
  const columns = new Map<string, Columns>();
  for (const { key: name, step, timestamp: time, value } of metrics) {
    let of = columns.get(name);
    if (of === undefined) columns.set(name, (of = { steps: [], times: [], values: [] }));
    of.steps.push(step);
    of.times.push(time);
    of.values.push(toLogged(value));
  }
  return [...columns].map(([name, of]) => ({ type: 'points', key: name, ...of }));
}

/** The name of a run and the tag for it are one thing. */
export function tagRecords(tags: Readonly<Record<string, string | null>>): EventBody[] {
  const { [RUN_NAME_TAG]: name, ...others } = tags;
  return [
    ...(typeof name === 'string' && name !== '' ? [{ type: 'state', name } as const] : []),
    ...(Object.keys(others).length > 0 ? [{ type: 'tags', tags: others } as const] : []),
  ];
}

interface Batch {
  readonly metrics?: readonly Metric[];
  readonly params?: Readonly<Record<string, string>>;
  readonly tags?: Readonly<Record<string, string | null>>;
}

async function append(context: MlflowContext, runId: string, records: readonly EventBody[]): Promise<void> {
  if (records.length === 0) return;
  await context.store.append(runId, records);
  context.onRun(runId);
}

async function write(context: MlflowContext, runId: string, { metrics = [], params = {}, tags = {} }: Batch): Promise<void> {
  refuseUnwritable(context, runId);
  const points = pointRecords(metrics);
  const withModel = metrics.filter((entry) => entry.model_id !== undefined && entry.model_id !== '');
  if (Object.keys(params).length === 0 && withModel.length === 0) {
    await append(context, runId, [...points, ...tagRecords(tags)]);
    return;
  }
  await context.turns.take(runId, async () => {
    const known = withModel.length === 0 ? {} : runOf(context, runId).tags;
    await append(context, runId, [...paramRecords(context, runId, params), ...points, ...tagRecords({ ...tags, ...modelMetricTags(known, withModel) })]);
  });
}

export async function logMetric(context: MlflowContext, { runId, ...value }: z.infer<typeof logMetricRequest>) {
  await write(context, runId, { metrics: [value] });
  return {};
}

export async function logParam(context: MlflowContext, request: z.infer<typeof logParamRequest>) {
  await write(context, request.runId, { params: { [request.key]: request.value } });
  return {};
}

export async function setTag(context: MlflowContext, request: z.infer<typeof setTagRequest>) {
  await write(context, request.runId, { tags: { [request.key]: request.value } });
  return {};
}

export async function deleteTag(context: MlflowContext, request: z.infer<typeof deleteTagRequest>) {
  refuseUnwritable(context, request.runId);
  if (entryOf(runOf(context, request.runId).tags, request.key) === undefined) throw missing(`No tag with name: ${request.key} in run with id ${request.runId}`);
  await append(context, request.runId, [{ type: 'tags', tags: { [request.key]: null } }]);
  return {};
}

function refuseLongBatch({ metrics, params, tags }: z.infer<typeof logBatchRequest>): void {
  const all = [
    { what: 'metrics', most: LIMITS.metricsPerBatch, count: metrics.length },
    { what: 'params', most: LIMITS.paramsPerBatch, count: params.length },
    { what: 'tags', most: LIMITS.tagsPerBatch, count: tags.length },
    { what: 'metrics, params, and tags', most: LIMITS.itemsPerBatch, count: metrics.length + params.length + tags.length },
  ];
  const over = all.find(({ most, count }) => count > most);
  if (over !== undefined) throw invalid(`A batch logging request can contain at most ${over.most} ${over.what}. Got ${over.count} ${over.what}. Please split up ${over.what} across multiple requests and try again.`);
}

export async function logBatch(context: MlflowContext, request: z.infer<typeof logBatchRequest>) {
  refuseLongBatch(request);
  const params = Object.fromEntries(request.params.map((entry) => [entry.key, entry.value]));
  const twice = request.params.find((entry, index) => request.params.findIndex((other) => other.key === entry.key) < index);
  if (twice !== undefined) throw invalid(`Duplicate parameter keys have been submitted: ['${twice.key}']. Please ensure the request contains only one param value per param key.`);
  const tags = Object.fromEntries(request.tags.map((entry) => [entry.key, entry.value]));
  await write(context, request.runId, { metrics: request.metrics, params, tags });
  return {};
}

export async function logInputs(context: MlflowContext, request: z.infer<typeof logInputsRequest>) {
  refuseUnwritable(context, request.runId);
  const datasets = request.datasets.map(({ dataset, tags }) => ({
    type: 'dataset' as const,
    name: dataset.name,
    digest: dataset.digest,
    sourceType: dataset.source_type,
    source: dataset.source,
    schema: dataset.schema ?? null,
    profile: dataset.profile ?? null,
    tags: Object.fromEntries(tags.map((entry) => [entry.key, entry.value])),
  }));
  await context.turns.take(request.runId, async () => {
    const models = request.models.length === 0 ? {} : modelInputsTag(runOf(context, request.runId).tags, request.models.map((model) => model.model_id));
    await append(context, request.runId, [...datasets, ...tagRecords(models)]);
  });
  return {};
}

const HISTORY_TAG = 'mlflow.log-model.history';
/** How deep what is said of a model may nest. Python's reader, which the clients have, gives up at about 1000 levels. */
const MOST_LEVELS = 500;

/** MLflow 2 keeps what it knows of a run's models as a list in one tag. */
export async function logModel(context: MlflowContext, request: z.infer<typeof logModelRequest>) {
  refuseUnwritable(context, request.runId);
  const model = parsed(request.model_json, MOST_LEVELS);
  if (typeof model !== 'object' || model === null || Array.isArray(model)) throw invalid('Malformed model info: it is no JSON object.');
  await context.turns.take(request.runId, async () => {
    const known = parsed(runOf(context, request.runId).tags[HISTORY_TAG] ?? '[]', MOST_LEVELS + 1);
    await append(context, request.runId, tagRecords({ [HISTORY_TAG]: JSON.stringify([...(Array.isArray(known) ? (known as unknown[]) : []), model]) }));
  });
  return {};
}

/** @throws MlflowError INVALID_PARAMETER_VALUE */
function parsed(json: string, levels: number): unknown {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw invalid(`Malformed model info: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (isDeeper(value, levels)) throw invalid(`Malformed model info: it nests deeper than ${levels} levels.`);
  return value;
}

function isDeeper(value: unknown, levels: number): boolean {
  return typeof value === 'object' && value !== null && (levels === 0 || Object.values(value).some((entry) => isDeeper(entry, levels - 1)));
}
