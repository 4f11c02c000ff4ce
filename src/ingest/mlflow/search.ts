/** Runs found by a filter. MLflow's grammar is a part of Reprise's filter language. */
import { z } from 'zod';
import { parseFilter, parseOrder } from '../../filter/parse';
import type { RunScope } from '../../store/search';
import type { RunData } from '../../store/tracking';
import type { MlflowContext } from './context';
import { runEntity } from './entities';
import { LIMITS, optionalText, pageSize, texts, viewType, type ViewType } from './fields';
import { HAS_MODELS } from './model-tags';
import { pageToken, placeOfToken } from './pages';

export const searchRunsRequest = z.object({
  experiment_ids: texts,
  filter: optionalText,
  run_view_type: viewType,
  max_results: pageSize(1000),
  order_by: texts,
  page_token: optionalText,
});

const LIFECYCLE = { ACTIVE_ONLY: 'active', DELETED_ONLY: 'deleted', ALL: 'all' } as const satisfies Record<ViewType, RunScope['lifecycle']>;

/** Ids of experiments by their names: those of the ids that there are. */
function experimentsOf({ store }: MlflowContext, ids: readonly string[]): ReadonlyMap<string, string> {
  const wanted = new Set(ids);
  return new Map(store.experiments('all').filter(({ experimentId }) => wanted.has(experimentId)).map(({ name, experimentId }) => [name, experimentId]));
}

export function searchRuns(context: MlflowContext, request: z.infer<typeof searchRunsRequest>) {
  const { store } = context;
  const { max_results: limit, page_token: token, ...question } = request;
  const experiments = experimentsOf(context, request.experiment_ids);
  const filter = parseFilter(request.filter ?? '');
  const order = parseOrder(request.order_by.join(', '));
  const after = placeOfToken(token, question);
  if (experiments.size === 0) return { runs: [] };
  const { runs, next } = store.search({ filter, order, experiments: [...experiments.keys()], lifecycle: LIFECYCLE[request.run_view_type], limit, after });
  const data = store.runData(runs.map(({ runId }) => runId));
  return {
    runs: data.map((run) => runEntity(run, experiments.get(run.run.experiment) ?? '0', store.datasets(run.run.runId))),
    ...(next === null ? {} : { next_page_token: pageToken(next, question) }),
  };
}

/** Runs that made a model. */
export function runsWithModels(context: MlflowContext, experimentIds: readonly string[]): RunData[] {
  const { store } = context;
  const experiments = [...experimentsOf(context, experimentIds).keys()];
  if (experiments.length === 0) return [];
  const filter = { type: 'compare', field: { kind: 'tag', key: HAS_MODELS.key }, op: '=', value: { type: 'text', value: HAS_MODELS.value }, at: 0 } as const;
  return store.runData(store.search({ filter, experiments, limit: LIMITS.page }).runs.map(({ runId }) => runId));
}
