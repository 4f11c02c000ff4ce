/** The training graph of a config with its hash; needs no ONNX Runtime, so the engine can ask for it before a run. */
import type { Provider } from '../config/executor';
import type { Config } from '../config/schema';
import { RepriseError } from '../errors/errors';
import { sha256Bytes } from '../files/hash';
import { resolvedModel, type ModelFile } from '../models/onnx-file';
import { targetOf } from '../models/target';
import { buildTrainingGraph } from '../models/training-graph';
import type { DataShape, TrainingGraph } from '../models/types';
import { metricsOf } from './meters';

export interface HashedTrainingGraph extends TrainingGraph {
  /** SHA-256 of `bytes`, hex. */
  readonly sha256: string;
}

/** Numbers are told more or less well, never right; of few classes each is among the first five. */
function checkMetric({ selection: { metric } }: Config, shape: DataShape): void {
  const fitting = metricsOf(shape);
  if (fitting.includes(metric)) return;
  const { target } = shape;
  const targets = target.kind === 'values' ? 'numbers' : target.kind === 'class' ? `${target.classes} classes` : 'tokens';
  throw new RepriseError('METRIC_DOES_NOT_FIT', `selection.metric is ${metric}, which says nothing where the targets are ${targets}.`, {
    hint: `Set selection.metric to one of ${fitting.join(', ')}.`,
    problems: [{ path: 'selection.metric', message: `${metric} does not fit ${targets} as targets; use one of ${fitting.join(', ')}.` }],
  });
}

/**
 * Builds the graph a worker will train with. Equal model, optimizer, batch size, shape and provider give equal bytes.
 * @param file what was read of the user's ONNX file, where the model is one
 * @throws RepriseError MODEL_…, ONNX_…, LOSS_DOES_NOT_FIT, METRIC_DOES_NOT_FIT where the config does not fit the data
 */
export function trainingGraphFor(config: Config, shape: DataShape, file: ModelFile | null = null, provider: Provider = 'cpu'): HashedTrainingGraph {
  checkMetric(config, shape);
  const graph = buildTrainingGraph(resolvedModel(config.model, file), config.training, shape, targetOf(provider));
  return { ...graph, sha256: sha256Bytes(graph.bytes) };
}
