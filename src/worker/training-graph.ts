/** The training graph of a config with its hash; needs no ONNX Runtime, so the engine can ask for it before a run. */
import type { Config } from '../config/schema';
import { RepriseError } from '../errors/errors';
import { sha256Bytes } from '../files/hash';
import { buildTrainingGraph } from '../models/training-graph';
import type { DataShape, TrainingGraph } from '../models/types';

export interface HashedTrainingGraph extends TrainingGraph {
  /** SHA-256 of `bytes`, hex. */
  readonly sha256: string;
}

/** Accuracy is of classes and tokens: values are told more or less well, never right. */
function checkMetric({ selection }: Config, { target }: DataShape): void {
  if (target.kind !== 'values' || selection.metric !== 'accuracy') return;
  throw new RepriseError('METRIC_DOES_NOT_FIT', 'selection.metric is accuracy, but the targets are numbers, not classes.', {
    hint: 'Set selection.metric to loss.',
    problems: [{ path: 'selection.metric', message: 'accuracy does not fit numbers as targets; use loss.' }],
  });
}

/**
 * Builds the graph a worker will train with. Equal model, optimizer, batch size and shape give equal bytes.
 * @throws RepriseError MODEL_…, LOSS_DOES_NOT_FIT, METRIC_DOES_NOT_FIT where the config does not fit the data
 */
export function trainingGraphFor(config: Config, shape: DataShape): HashedTrainingGraph {
  checkMetric(config, shape);
  const graph = buildTrainingGraph(config.model, config.training, shape);
  return { ...graph, sha256: sha256Bytes(graph.bytes) };
}
