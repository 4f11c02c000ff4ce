/** Experiments and runs as MLflow's clients see them. */
import type { StateRecord } from '../../events/records';
import { toLogged, type LoggedNumber } from '../../events/records';
import type { DatasetRow, ExperimentInfo, LatestMetric, RunData } from '../../store/tracking';
import type { RunRow, RunStatus } from '../../store/types';
import { modelInputsOf, modelOutputsOf, isOwnTag } from './model-tags';

export const RUN_NAME_TAG = 'mlflow.runName';

/** Where a client finds the files: by this scheme it asks the server itself for them. */
const ARTIFACTS = 'mlflow-artifacts:/';

export type MlflowStatus = 'RUNNING' | 'SCHEDULED' | 'FINISHED' | 'FAILED' | 'KILLED';

/** A run that waits for its next attempt is scheduled. */
const STATUS: Readonly<Record<RunStatus, MlflowStatus>> = {
  queued: 'SCHEDULED',
  running: 'RUNNING',
  finished: 'FINISHED',
  failed: 'FAILED',
  cancelled: 'KILLED',
  interrupted: 'SCHEDULED',
};

export const STATE_OF: Readonly<Record<MlflowStatus, NonNullable<StateRecord['status']>>> = {
  RUNNING: 'running',
  SCHEDULED: 'scheduled',
  FINISHED: 'finished',
  FAILED: 'failed',
  KILLED: 'killed',
};

interface Pair {
  readonly key: string;
  readonly value: string;
}

function pairs(record: Readonly<Record<string, string>>): Pair[] {
  return Object.entries(record).map(([key, value]) => ({ key, value }));
}

export function experimentEntity(experiment: ExperimentInfo) {
  return {
    experiment_id: experiment.experimentId,
    name: experiment.name,
    artifact_location: `${ARTIFACTS}${experiment.experimentId}`,
    lifecycle_stage: experiment.deletedAt === null ? 'active' : 'deleted',
    creation_time: experiment.createdAt,
    last_update_time: experiment.updatedAt,
    tags: pairs(experiment.tags),
  };
}

export function artifactRootOf(experimentId: string, runId: string): string {
  return `${ARTIFACTS}${experimentId}/${runId}/artifacts`;
}

export function modelArtifactRootOf(experimentId: string, modelId: string): string {
  return `${ARTIFACTS}${experimentId}/models/${modelId}/artifacts`;
}

export interface RunInfoEntity {
  readonly run_id: string;
  readonly run_uuid: string;
  readonly run_name: string;
  readonly experiment_id: string;
  readonly user_id: string;
  readonly status: MlflowStatus;
  readonly start_time: number;
  readonly end_time?: number;
  readonly artifact_uri: string;
  readonly lifecycle_stage: 'active' | 'deleted';
}

/** Logged runs have a name of their own; others are called what lists call them. */
function nameOf(run: RunRow): string {
  return run.name ?? run.variant ?? run.reproductionId;
}

export function runInfoEntity({ run, user, deletedAt }: RunData, experimentId: string): RunInfoEntity {
  return {
    run_id: run.runId,
    run_uuid: run.runId,
    run_name: nameOf(run),
    experiment_id: experimentId,
    user_id: user,
    status: STATUS[run.status],
    start_time: run.startedAt ?? run.createdAt,
    ...(run.endedAt === null ? {} : { end_time: run.endedAt }),
    artifact_uri: artifactRootOf(experimentId, run.runId),
    lifecycle_stage: deletedAt === null ? 'active' : 'deleted',
  };
}

export interface MetricEntity {
  readonly key: string;
  readonly value: LoggedNumber;
  readonly timestamp: number;
  readonly step: number;
}

export function metricEntity(metric: LatestMetric): MetricEntity {
  return { key: metric.key, value: toLogged(metric.value), timestamp: metric.time, step: metric.step };
}

function datasetEntity(dataset: DatasetRow) {
  return {
    dataset: {
      name: dataset.name,
      digest: dataset.digest,
      source_type: dataset.sourceType,
      source: dataset.source,
      ...(dataset.schema === null ? {} : { schema: dataset.schema }),
      ...(dataset.profile === null ? {} : { profile: dataset.profile }),
    },
    tags: pairs(dataset.tags),
  };
}

export function runEntity(data: RunData, experimentId: string, datasets: readonly DatasetRow[]) {
  const { tags } = data;
  const shown = Object.entries(tags).filter(([key]) => !isOwnTag(key) && key !== RUN_NAME_TAG);
  return {
    info: runInfoEntity(data, experimentId),
    data: {
      metrics: data.metrics.map(metricEntity),
      params: pairs(data.params),
      tags: [...shown.map(([key, value]) => ({ key, value })), { key: RUN_NAME_TAG, value: nameOf(data.run) }],
    },
    inputs: { dataset_inputs: datasets.map(datasetEntity), model_inputs: modelInputsOf(tags) },
    outputs: { model_outputs: modelOutputsOf(tags) },
  };
}
