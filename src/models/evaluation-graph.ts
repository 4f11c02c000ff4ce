import type { ModelConfig } from '../config/schema';
import { Tape } from '../onnx/autodiff';
import { GraphBuilder } from '../onnx/graph';
import { argMaxRows, logSoftmax, negate, pickColumns, reshape } from '../onnx/primitives';
import { emitLogits, layOut } from './network';
import type { DataShape, EvaluationGraph } from './types';

/**
 * The evaluation graph of a model: parameters, `input` [batch, features] (rows of prepared data) and
 * `labels` int64 [batch] in; `losses` float32 [batch] (each example's cross-entropy) and `predictions`
 * int64 [batch] out. Dropout does nothing here. Equal arguments give equal bytes.
 * @throws RepriseError MODEL_NEEDS_IMAGES, MODEL_IMAGE_TOO_SMALL
 */
export function buildEvaluationGraph(model: ModelConfig, data: DataShape): EvaluationGraph {
  const network = layOut(model, data);
  const graph = new GraphBuilder('evaluation');
  const parameters = new Map(network.parameters.map(({ name, shape }) => [name, graph.input(name, 'float32', shape)]));
  const input = graph.input('input', data.featureType, ['batch', data.features]);
  const labels = graph.input('labels', 'int64', ['batch']);

  const logits = emitLogits(new Tape(graph), network, input, parameters, null);
  const losses = negate(graph, pickColumns(graph, logSoftmax(graph, logits), reshape(graph, labels, ['batch', 1])));
  graph.output(reshape(graph, losses, ['batch']), 'losses');
  graph.output(argMaxRows(graph, logits), 'predictions');
  return { bytes: graph.encode({ description: 'Loss and prediction of a Reprise model for each example.' }), parameters: network.parameters };
}
