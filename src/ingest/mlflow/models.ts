/** Logged models of MLflow 3: made, finalised, read, searched, tagged. How they are kept: see `model-tags.ts`. */
import { z } from 'zod';
import { select, sorted, type FieldName, type FieldValue } from './conditions';
import { activeExperimentOf, entryOf, experimentIdOf, refuseUnwritable, type MlflowContext } from './context';
import { modelArtifactRootOf } from './entities';
import { invalid, missing } from './errors';
import { int64, optionalText, pageSize, text, texts } from './fields';
import { MODEL_STATUSES, modelsOf, modelTag, newModelId, readModel, runOfModel, type ModelDocument } from './model-tags';
import { pageOf } from './pages';
import { runsWithModels } from './search';

const pair = z.object({ key: z.string().min(1).max(250), value: text.default('') });
const pairList = z.array(pair).default([]);
const modelRef = { model_id: z.string() };
const status = z.enum(MODEL_STATUSES);

export const createModelRequest = z.object({
  experiment_id: text,
  name: z.string().regex(/^[^/:.%"']+$/u, { error: 'must be a non-empty string without / : . % " \'' }).optional(),
  model_type: z.string().default(''),
  source_run_id: optionalText,
  params: pairList,
  tags: pairList,
});
export const modelRequest = z.object({ ...modelRef, allow_deleted: z.union([z.boolean(), z.string()]).optional() });
export const finalizeModelRequest = z.object({ ...modelRef, status });
export const modelParamsRequest = z.object({ ...modelRef, params: pairList });
export const modelTagsRequest = z.object({ ...modelRef, tags: pairList });
export const deleteModelTagRequest = z.object({ ...modelRef, tag_key: z.string() });
export const searchModelsRequest = z.object({
  experiment_ids: texts,
  filter: optionalText,
  max_results: pageSize(50),
  order_by: z.array(z.object({ field_name: z.string(), ascending: z.boolean().default(true) })).default([]),
  page_token: optionalText,
});
export const logOutputsRequest = z.object({ run_id: z.string(), models: z.array(z.object({ ...modelRef, step: int64.prefault(0) })).default([]) });

interface FoundModel {
  readonly modelId: string;
  readonly runId: string;
  readonly experimentId: string;
  readonly model: ModelDocument;
}

const recordOf = (pairs: readonly { key: string; value: string }[]): Record<string, string> => Object.fromEntries(pairs.map((entry) => [entry.key, entry.value]));
const pairsOf = (record: Readonly<Record<string, string>>) => Object.entries(record).map(([key, value]) => ({ key, value }));

function entity({ modelId, runId, experimentId, model }: FoundModel) {
  return {
    info: {
      model_id: modelId,
      experiment_id: experimentId,
      name: model.name,
      creation_timestamp_ms: model.createdAt,
      last_updated_timestamp_ms: model.updatedAt,
      artifact_uri: modelArtifactRootOf(experimentId, modelId),
      status: model.status,
      ...(model.type === '' ? {} : { model_type: model.type }),
      source_run_id: runId,
      tags: pairsOf(model.tags),
    },
    data: { params: pairsOf(model.params), metrics: model.metrics.map((metric) => ({ ...metric, model_id: modelId, run_id: runId })) },
  };
}

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST */
function modelOf(context: MlflowContext, modelId: string, allowDeleted = true): FoundModel {
  const runId = runOfModel(modelId);
  const [run] = runId === null ? [] : context.store.runData([runId]);
  const model = run === undefined ? null : readModel(run.tags, modelId);
  if (run === undefined || model === null || (model.deleted && !allowDeleted)) throw missing(`Logged model with ID '${modelId}' not found.`);
  return { modelId, runId: run.run.runId, experimentId: experimentIdOf(context, run.run.experiment), model };
}

async function save(context: MlflowContext, runId: string, tags: Readonly<Record<string, string>>): Promise<void> {
  await context.store.append(runId, [{ type: 'tags', tags }]);
  context.onRun(runId);
}

async function change(context: MlflowContext, modelId: string, apply: (model: ModelDocument) => ModelDocument): Promise<FoundModel> {
  const { runId } = modelOf(context, modelId);
  refuseUnwritable(context, runId);
  return context.turns.take(runId, async () => {
    const found = modelOf(context, modelId);
    const model = { ...apply(found.model), updatedAt: Date.now() };
    await save(context, runId, modelTag(modelId, model));
    return { ...found, model };
  });
}

export async function createModel(context: MlflowContext, request: z.infer<typeof createModelRequest>) {
  const { experimentId } = activeExperimentOf(context, request.experiment_id);
  const runId = request.source_run_id;
  if (runId === undefined) throw invalid('A model belongs to the run that made it: log it within a run (mlflow.start_run()).');
  refuseUnwritable(context, runId);
  const modelId = newModelId(runId);
  const now = Date.now();
  const model: ModelDocument = {
    name: request.name ?? modelId,
    type: request.model_type,
    status: 'LOGGED_MODEL_PENDING',
    createdAt: now,
    updatedAt: now,
    deleted: false,
    params: recordOf(request.params),
    tags: recordOf(request.tags),
    outputs: [],
    metrics: [],
  };
  await save(context, runId, modelTag(modelId, model));
  return { model: entity({ modelId, runId, experimentId, model }) };
}

export function getModel(context: MlflowContext, request: z.infer<typeof modelRequest>) {
  return { model: entity(modelOf(context, request.model_id, String(request.allow_deleted) === 'true')) };
}

export async function finalizeModel(context: MlflowContext, request: z.infer<typeof finalizeModelRequest>) {
  return { model: entity(await change(context, request.model_id, (model) => ({ ...model, status: request.status }))) };
}

export async function deleteModel(context: MlflowContext, request: z.infer<typeof modelRequest>) {
  await change(context, request.model_id, (model) => ({ ...model, deleted: true }));
  return {};
}

export async function logModelParams(context: MlflowContext, request: z.infer<typeof modelParamsRequest>) {
  await change(context, request.model_id, (model) => ({ ...model, params: { ...model.params, ...recordOf(request.params) } }));
  return {};
}

export async function setModelTags(context: MlflowContext, request: z.infer<typeof modelTagsRequest>) {
  return { model: entity(await change(context, request.model_id, (model) => ({ ...model, tags: { ...model.tags, ...recordOf(request.tags) } }))) };
}

export async function deleteModelTag(context: MlflowContext, request: z.infer<typeof deleteModelTagRequest>) {
  await change(context, request.model_id, (model) => {
    const { [request.tag_key]: _removed, ...tags } = model.tags;
    if (entryOf(model.tags, request.tag_key) === undefined) throw missing(`No tag with key '${request.tag_key}' found for model with ID '${request.model_id}'.`);
    return { ...model, tags };
  });
  return {};
}

export async function logOutputs(context: MlflowContext, request: z.infer<typeof logOutputsRequest>) {
  refuseUnwritable(context, request.run_id);
  for (const { model_id: modelId, step } of request.models) {
    if (runOfModel(modelId) !== request.run_id) throw invalid(`The model ${modelId} was made by another run than ${request.run_id}.`);
    await change(context, modelId, (model) => ({ ...model, outputs: model.outputs.includes(step) ? model.outputs : [...model.outputs, step] }));
  }
  return {};
}

function readField({ experimentId, runId, model }: FoundModel, { prefix, key }: FieldName): FieldValue {
  switch (prefix) {
    case 'params':
      return entryOf(model.params, key) ?? null;
    case 'tags':
      return entryOf(model.tags, key) ?? null;
    case 'metrics': {
      const metric = model.metrics.findLast((known) => known.key === key);
      return metric === undefined ? null : Number(metric.value);
    }
    case null:
    case 'attributes':
      switch (key) {
        case 'name':
          return model.name;
        case 'model_type':
          return model.type;
        case 'status':
          return model.status.replace('LOGGED_MODEL_', '').replace('UPLOAD_', '');
        case 'source_run_id':
          return runId;
        case 'experiment_id':
          return experimentId;
        case 'creation_timestamp':
        case 'creation_time':
          return model.createdAt;
        case 'last_updated_timestamp':
          return model.updatedAt;
      }
  }
  throw invalid(`Invalid field '${prefix === null ? '' : `${prefix}.`}${key}' of a logged model.`);
}

export function searchModels(context: MlflowContext, request: z.infer<typeof searchModelsRequest>) {
  const { max_results: size, page_token: token, ...question } = request;
  const found = runsWithModels(context, request.experiment_ids).flatMap((run) => {
    const models = modelsOf(run.tags).filter(({ model }) => !model.deleted);
    if (models.length === 0) return [];
    const experimentId = experimentIdOf(context, run.run.experiment);
    return models.map(({ modelId, model }) => ({ modelId, model, runId: run.run.runId, experimentId }));
  });
  const orders = [...request.order_by.map((order) => ({ field: fieldNameOf(order.field_name), descending: !order.ascending })), { field: { prefix: null, key: 'creation_timestamp' }, descending: true }];
  const { items, ...next } = pageOf(sorted(select(found, request.filter, readField), orders, readField), size, token, question);
  return { models: items.map(entity), ...next };
}

function fieldNameOf(written: string): FieldName {
  const dot = written.indexOf('.');
  return dot === -1 ? { prefix: null, key: written } : { prefix: written.slice(0, dot), key: written.slice(dot + 1) };
}
