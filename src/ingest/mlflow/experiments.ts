/** Experiments: made, read, searched, renamed, tagged, deleted and brought back. */
import { z } from 'zod';
import type { ExperimentInfo } from '../../store/tracking';
import { orderOf, select, sorted, type FieldName, type FieldValue } from './conditions';
import { entryOf, experimentOf, experimentOfCommand, type MlflowContext } from './context';
import { experimentEntity } from './entities';
import { invalid, missing } from './errors';
import { experimentName, key, optionalText, pageSize, tags, text, texts, viewType, type ViewType } from './fields';
import { pageOf } from './pages';

const byId = z.object({ experiment_id: text });

export const createExperimentRequest = z.object({ name: experimentName, tags });
export const getExperimentRequest = byId;
export const getByNameRequest = z.object({ experiment_name: z.string() });
export const updateExperimentRequest = byId.extend({ new_name: experimentName });
export const experimentIdRequest = byId;
export const setExperimentTagRequest = byId.extend({ key, value: text.default('') });
export const deleteExperimentTagRequest = byId.extend({ key: z.string() });
export const searchExperimentsRequest = z.object({ max_results: pageSize(1000), filter: optionalText, order_by: texts, view_type: viewType, page_token: optionalText });

/** Where the files lie is the workspace's own: an `artifact_location` is not followed. */
export async function createExperiment({ store, onRuns }: MlflowContext, request: z.infer<typeof createExperimentRequest>) {
  const { experimentId } = await store.createExperiment(request.name, Object.fromEntries(request.tags.map((tag) => [tag.key, tag.value])));
  onRuns();
  return { experiment_id: experimentId };
}

export function getExperiment(context: MlflowContext, request: z.infer<typeof getExperimentRequest>) {
  return { experiment: experimentEntity(experimentOf(context, request.experiment_id)) };
}

/**
 * To the program of a command run its experiment has every name: a script that sets an experiment of its own logs into
 * the run it was started as all the same, where the client would else refuse to.
 */
export function getExperimentByName(context: MlflowContext, request: z.infer<typeof getByNameRequest>) {
  const name = experimentOfCommand(context) ?? request.experiment_name;
  const experiment = context.store.experiment({ name });
  if (experiment === null) throw missing(`Could not find experiment with name '${name}'`);
  return { experiment: experimentEntity(experiment) };
}

export async function updateExperiment(context: MlflowContext, request: z.infer<typeof updateExperimentRequest>) {
  await context.store.updateExperiment(request.experiment_id, { name: request.new_name });
  context.onRuns();
  return {};
}

export async function deleteExperiment(context: MlflowContext, request: z.infer<typeof experimentIdRequest>) {
  if (experimentOf(context, request.experiment_id).deletedAt !== null) throw missing(`The experiment ${request.experiment_id} is deleted already.`);
  await context.store.updateExperiment(request.experiment_id, { deleted: true });
  context.onRuns();
  return {};
}

export async function restoreExperiment(context: MlflowContext, request: z.infer<typeof experimentIdRequest>) {
  await context.store.updateExperiment(request.experiment_id, { deleted: false });
  context.onRuns();
  return {};
}

export async function setExperimentTag(context: MlflowContext, request: z.infer<typeof setExperimentTagRequest>) {
  await context.store.updateExperiment(request.experiment_id, { tags: { [request.key]: request.value } });
  return {};
}

export async function deleteExperimentTag(context: MlflowContext, request: z.infer<typeof deleteExperimentTagRequest>) {
  const { tags: known } = experimentOf(context, request.experiment_id);
  if (entryOf(known, request.key) === undefined) throw missing(`No tag with name: ${request.key} in experiment with id ${request.experiment_id}`);
  await context.store.updateExperiment(request.experiment_id, { tags: { [request.key]: null } });
  return {};
}

const LIFECYCLE = { ACTIVE_ONLY: 'active', DELETED_ONLY: 'deleted', ALL: 'all' } as const satisfies Record<ViewType, 'active' | 'deleted' | 'all'>;

function readField(experiment: ExperimentInfo, { prefix, key: name }: FieldName): FieldValue {
  if (prefix === 'tags' || prefix === 'tag') return entryOf(experiment.tags, name) ?? null;
  if (prefix === null || prefix === 'attribute' || prefix === 'attributes') {
    switch (name) {
      case 'name':
        return experiment.name;
      case 'experiment_id':
        return Number(experiment.experimentId);
      case 'creation_time':
        return experiment.createdAt;
      case 'last_update_time':
        return experiment.updatedAt;
    }
  }
  throw invalid(`Invalid field '${prefix === null ? '' : `${prefix}.`}${name}': an experiment has name, creation_time, last_update_time, experiment_id and tags.NAME.`);
}

export function searchExperiments({ store }: MlflowContext, request: z.infer<typeof searchExperimentsRequest>) {
  const { max_results: size, page_token: token, ...question } = request;
  const found = select(store.experiments(LIFECYCLE[request.view_type]), request.filter, readField);
  // As MLflow's own store does.
  const orders = request.order_by.length === 0 ? ['creation_time DESC', 'experiment_id ASC'] : [...request.order_by, 'experiment_id DESC'];
  const { items, ...next } = pageOf(sorted(found, orders.map(orderOf), readField), size, token, question);
  return { experiments: items.map(experimentEntity), ...next };
}
