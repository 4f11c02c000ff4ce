/** The training graph of a config with its hash; needs no ONNX Runtime, so the engine can ask for it before a run. */
import type { Config } from '../config/schema';
import { sha256Bytes } from '../files/hash';
import { buildTrainingGraph } from '../models/training-graph';
import type { DataShape, TrainingGraph } from '../models/types';

export interface HashedTrainingGraph extends TrainingGraph {
  /** SHA-256 of `bytes`, hex. */
  readonly sha256: string;
}

/**
 * Builds the graph a worker will train with. Equal model, optimizer, batch size and shape give equal bytes.
 * @throws RepriseError MODEL_… where the model does not fit the data
 */
export function trainingGraphFor(config: Config, shape: DataShape): HashedTrainingGraph {
  const graph = buildTrainingGraph(config.model, config.training, shape);
  return { ...graph, sha256: sha256Bytes(graph.bytes) };
}
