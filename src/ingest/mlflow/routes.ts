/** Which request is answered by what. */
import type { z } from 'zod';
import { decoded } from './access';
import * as artifacts from './artifacts';
import type { MlflowContext } from './context';
import { invalid, MlflowError } from './errors';
import * as experiments from './experiments';
import * as logging from './logging';
import * as metrics from './metrics';
import * as models from './models';
import * as runs from './runs';
import * as search from './search';

type Answer = object | Promise<object>;

export interface Route {
  /** Longest body in bytes. */
  readonly limit: number;
  /** @throws MlflowError INVALID_PARAMETER_VALUE where the input is not what the route takes */
  readonly answer: (context: MlflowContext, input: unknown) => Answer;
}

/** What the clients' own limit is. */
const BODY = 1_000_000;
/** Schemas and profiles of data sets may be as long as this. */
const LONG_BODY = 32_000_000;

function route<S extends z.ZodType>(schema: S, handle: (context: MlflowContext, request: z.output<S>) => Answer, limit = BODY): Route {
  return {
    limit,
    answer: (context, input) => {
      const parsed = schema.safeParse(input);
      if (!parsed.success) throw refusal(parsed.error);
      return handle(context, parsed.data);
    },
  };
}

function refusal(error: z.ZodError): MlflowError {
  const [issue] = error.issues;
  const path = (issue?.path ?? []).map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('').replace(/^\./u, '');
  return invalid(path === '' ? `Invalid request: ${issue?.message ?? 'it is not understood'}.` : `Invalid value for parameter '${path}' supplied: ${issue?.message ?? 'it is not understood'}.`);
}

const ROUTES: Readonly<Record<string, Route>> = {
  'POST experiments/create': route(experiments.createExperimentRequest, experiments.createExperiment),
  'GET experiments/get': route(experiments.getExperimentRequest, experiments.getExperiment),
  'GET experiments/get-by-name': route(experiments.getByNameRequest, experiments.getExperimentByName),
  'POST experiments/search': route(experiments.searchExperimentsRequest, experiments.searchExperiments),
  'GET experiments/search': route(experiments.searchExperimentsRequest, experiments.searchExperiments),
  'POST experiments/update': route(experiments.updateExperimentRequest, experiments.updateExperiment),
  'POST experiments/delete': route(experiments.experimentIdRequest, experiments.deleteExperiment),
  'POST experiments/restore': route(experiments.experimentIdRequest, experiments.restoreExperiment),
  'POST experiments/set-experiment-tag': route(experiments.setExperimentTagRequest, experiments.setExperimentTag),
  'POST experiments/delete-experiment-tag': route(experiments.deleteExperimentTagRequest, experiments.deleteExperimentTag),

  'POST runs/create': route(runs.createRunRequest, runs.createRun),
  'GET runs/get': route(runs.runRequest, runs.getRun),
  'POST runs/update': route(runs.updateRunRequest, runs.updateRun),
  'POST runs/delete': route(runs.runRequest, runs.deleteRun),
  'POST runs/restore': route(runs.runRequest, runs.restoreRun),
  'POST runs/search': route(search.searchRunsRequest, search.searchRuns),
  'POST runs/log-metric': route(logging.logMetricRequest, logging.logMetric),
  'POST runs/log-parameter': route(logging.logParamRequest, logging.logParam),
  'POST runs/set-tag': route(logging.setTagRequest, logging.setTag),
  'POST runs/delete-tag': route(logging.deleteTagRequest, logging.deleteTag),
  'POST runs/log-batch': route(logging.logBatchRequest, logging.logBatch),
  'POST runs/log-inputs': route(logging.logInputsRequest, logging.logInputs, LONG_BODY),
  'POST runs/log-model': route(logging.logModelRequest, logging.logModel),
  'POST runs/outputs': route(models.logOutputsRequest, models.logOutputs),
  'GET metrics/get-history': route(metrics.metricHistoryRequest, metrics.getMetricHistory),
  'GET artifacts/list': route(artifacts.listArtifactsRequest, artifacts.listArtifacts),

  'POST logged-models': route(models.createModelRequest, models.createModel),
  'POST logged-models/search': route(models.searchModelsRequest, models.searchModels),
  'GET logged-models/{model_id}': route(models.modelRequest, models.getModel),
  'PATCH logged-models/{model_id}': route(models.finalizeModelRequest, models.finalizeModel),
  'DELETE logged-models/{model_id}': route(models.modelRequest, models.deleteModel),
  'POST logged-models/{model_id}/params': route(models.modelParamsRequest, models.logModelParams),
  'PATCH logged-models/{model_id}/tags': route(models.modelTagsRequest, models.setModelTags),
  'DELETE logged-models/{model_id}/tags/{tag_key}': route(models.deleteModelTagRequest, models.deleteModelTag),
};

const API = '/api/2.0/mlflow/';

/** The registry of models is the one part of MLflow's API that clients know and Reprise has no use for. */
const REGISTRY = /^(?:registered-models|model-versions)(?:\/|$)/u;

export interface Found {
  readonly route: Route;
  /** What stands in the path: `{model_id}`. */
  readonly named: Readonly<Record<string, string>>;
}

/** @throws MlflowError ENDPOINT_NOT_FOUND, FEATURE_DISABLED */
export function routeOf(method: string, path: string): Found {
  const name = path.startsWith(API) ? path.slice(API.length).replace(/\/$/u, '') : null;
  if (name === null) throw notFound(method, path);
  const fixed = `${method} ${name}`;
  if (Object.hasOwn(ROUTES, fixed)) return { route: ROUTES[fixed] as Route, named: {} };
  const [folder, id = '', part, key] = name.split('/');
  if (folder === 'logged-models' && id !== '') {
    const pattern = `${method} logged-models/{model_id}${part === undefined ? '' : `/${part}`}${key === undefined ? '' : '/{tag_key}'}`;
    const named = { model_id: decoded(id), ...(key === undefined ? {} : { tag_key: decoded(key) }) };
    if (Object.hasOwn(ROUTES, pattern)) return { route: ROUTES[pattern] as Route, named };
  }
  if (REGISTRY.test(name)) throw new MlflowError('FEATURE_DISABLED', 'Reprise keeps runs and their models, and has no model registry: log the model without a registered name.');
  throw notFound(method, path);
}

export function notFound(method: string, path: string): MlflowError {
  return new MlflowError('ENDPOINT_NOT_FOUND', `Reprise has no endpoint ${method} ${path.slice(0, 200)}.`);
}
