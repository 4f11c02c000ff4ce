/** What training makes small, and what evaluation tells of each row. */
import type { GraphBuilder } from '../onnx/graph';
import type { Tape } from '../onnx/autodiff';
import { crossEntropy } from '../onnx/operators/cross-entropy';
import { argMaxRows, logSoftmax, negate, pickColumns, reshape } from '../onnx/primitives';
import { dimOf } from '../onnx/shapes';
import type { FloatTensor, Tensor } from '../onnx/types';
import type { Batch } from './batch';

/** The loss of a batch, a scalar: Σ weight · loss over its rows, for the model's `output` [rows, width]. */
export function emitLoss(tape: Tape, output: FloatTensor, { targets, weights }: Pick<Batch, 'targets' | 'weights'>): FloatTensor {
  return tape.apply(crossEntropy, [output, asLabels(targets), weights], undefined);
}

/** The loss and the prediction of each row, as `EvaluationGraph` describes them. */
export function emitRows(graph: GraphBuilder, output: FloatTensor, targets: Batch['targets']): { readonly losses: FloatTensor; readonly predictions: Tensor } {
  const rows = dimOf(output, 0);
  const losses = negate(graph, pickColumns(graph, logSoftmax(graph, output), reshape(graph, asLabels(targets), [rows, 1])));
  return { losses: reshape(graph, losses, [rows]), predictions: argMaxRows(graph, output) };
}

function asLabels(targets: Batch['targets']): Tensor<'int64'> {
  if (targets.type !== 'int64') throw new Error('cross-entropy takes class numbers');
  return { ...targets, type: 'int64' };
}
