/** What training makes small, and what evaluation tells of each row. */
import type { TrainingConfig } from '../config/schema';
import { RepriseError } from '../errors/errors';
import type { Tape } from '../onnx/autodiff';
import type { GraphBuilder } from '../onnx/graph';
import { crossEntropy } from '../onnx/operators/cross-entropy';
import { binaryCrossEntropyWithLogits, huber, meanSquaredError } from '../onnx/operators/losses';
import { add, and, argMaxRows, cast, clip, divide, equal, exp, greater, less, logSoftmax, maximumOver, meanOver, multiply, negate, or, pickColumns, reshape, sigmoid, softplus, subtract, sumOver, where } from '../onnx/primitives';
import { dimOf, sizeOf } from '../onnx/shapes';
import type { FloatTensor, Tensor } from '../onnx/types';
import type { Batch } from './batch';
import type { TargetShape } from './types';

/** What a training makes small. */
export type Loss = NonNullable<TrainingConfig['loss']>;

/**
 * The loss of a config: the one it names, or the usual one for the kind of target.
 * @throws RepriseError LOSS_DOES_NOT_FIT where it is none of such targets
 */
export function lossFor({ loss }: Pick<TrainingConfig, 'loss'>, target: TargetShape): Loss {
  const values = target.kind === 'values';
  const chosen: Loss = loss ?? (values ? { kind: 'mse' } : { kind: 'cross-entropy', labelSmoothing: 0 });
  if ((chosen.kind === 'cross-entropy') !== values) return chosen;
  const targets = values ? 'numbers' : target.kind === 'class' ? 'classes' : 'tokens';
  throw new RepriseError('LOSS_DOES_NOT_FIT', `training.loss is ${chosen.kind}, but the targets are ${targets}.`, {
    hint: values ? 'Use mse, huber or binary-cross-entropy, or leave training.loss out.' : 'Use cross-entropy, or leave training.loss out.',
    problems: [{ path: 'training.loss.kind', message: `${chosen.kind} does not fit ${targets} as targets.` }],
  });
}

/** The loss of a batch, a scalar: Σ weight · loss over its rows, for the model's `output` [rows, width]. */
export function emitLoss(tape: Tape, loss: Loss, output: FloatTensor, { targets, weights }: Pick<Batch, 'targets' | 'weights'>): FloatTensor {
  switch (loss.kind) {
    case 'cross-entropy': {
      const labels = asLabels(targets);
      const { labelSmoothing, ignoreIndex } = loss;
      if (ignoreIndex === undefined) return tape.apply(crossEntropy, [output, labels, weights], { labelSmoothing });
      return tape.apply(crossEntropy, [output, labels, sharedOut(tape.graph, ignoreIndex, labels, weights)], { labelSmoothing, ignoreIndex });
    }
    case 'mse':
      return tape.apply(meanSquaredError, [output, asValues(targets), weights], undefined);
    case 'huber':
      return tape.apply(huber, [output, asValues(targets), weights], { delta: loss.delta });
    case 'binary-cross-entropy':
      return tape.apply(binaryCrossEntropyWithLogits, [output, asValues(targets), weights], undefined);
  }
}

/**
 * Weights with which the rows that are not ignored count as much together as all rows did, so that the loss is their
 * mean, as in torch.nn.CrossEntropyLoss. A batch of ignored rows has the loss 0, where PyTorch's is NaN.
 */
function sharedOut(graph: GraphBuilder, ignoreIndex: number, labels: Tensor<'int64'>, weights: FloatTensor): FloatTensor {
  const ignored = equal(graph, labels, graph.constant('int64', [], BigInt64Array.of(BigInt(ignoreIndex))));
  const counted = sumOver(graph, where(graph, ignored, graph.scalar(0), weights), [0]);
  // The smallest normal float keeps a division by 0 out and changes no other sum.
  return multiply(graph, weights, divide(graph, sumOver(graph, weights, [0]), add(graph, counted, graph.scalar(2 ** -126))));
}

/**
 * What is told of each row, as `EvaluationGraph` describes it. Cross-entropy is told without label smoothing, so that
 * its exponential is the perplexity; a prediction of binary cross-entropy is a probability.
 */
export function emitRows(graph: GraphBuilder, loss: Loss, output: FloatTensor, targets: Batch['targets']): Readonly<Record<string, Tensor>> {
  const rows = dimOf(output, 0);
  if (loss.kind !== 'cross-entropy') {
    const losses = meanOver(graph, emitErrors(graph, loss, output, asValues(targets)), [1]);
    return { losses: reshape(graph, losses, [rows]), predictions: loss.kind === 'binary-cross-entropy' ? sigmoid(graph, output) : output };
  }
  const labels = reshape(graph, classesOf(graph, asLabels(targets), loss.ignoreIndex), [rows, 1]);
  const logProbabilities = logSoftmax(graph, output);
  return {
    losses: reshape(graph, negate(graph, pickColumns(graph, logProbabilities, labels)), [rows]),
    predictions: argMaxRows(graph, output),
    ranks: reshape(graph, emitRanks(graph, output, labels), [rows]),
    confidences: reshape(graph, exp(graph, maximumOver(graph, logProbabilities, [1])), [rows]),
  };
}

/** Labels that are all classes: what is ignored may be none. */
function classesOf(graph: GraphBuilder, labels: Tensor<'int64'>, ignoreIndex: number | undefined): Tensor<'int64'> {
  if (ignoreIndex === undefined) return labels;
  const whole = (value: number): Tensor<'int64'> => graph.constant('int64', [], BigInt64Array.of(BigInt(value)));
  return where(graph, equal(graph, labels, whole(ignoreIndex)), whole(0), labels);
}

/**
 * How many classes each row puts before its label [rows, 1]: those with a larger logit, and of equal ones those with a
 * smaller number. Classes behind it are what is counted, so that a row with a NaN puts its label last.
 */
function emitRanks(graph: GraphBuilder, logits: FloatTensor, labels: Tensor<'int64'>): Tensor<'int32'> {
  const classes = sizeOf(logits, 1);
  const numbers = graph.constant('int64', [1, classes], BigInt64Array.from({ length: classes }, (_, index) => BigInt(index)));
  const own = pickColumns(graph, logits, labels);
  const behind = or(graph, less(graph, logits, own), and(graph, equal(graph, logits, own), greater(graph, numbers, labels)));
  const count = sumOver(graph, cast(graph, behind, 'float32'), [1]);
  return cast(graph, subtract(graph, graph.scalar(classes - 1), count), 'int32');
}

/** The loss of each value; formulas as in `onnx/operators/losses`. */
function emitErrors(graph: GraphBuilder, loss: Exclude<Loss, { kind: 'cross-entropy' }>, output: FloatTensor, targets: FloatTensor): FloatTensor {
  switch (loss.kind) {
    case 'mse': {
      const error = subtract(graph, output, targets);
      return multiply(graph, error, error);
    }
    case 'huber': {
      const error = subtract(graph, output, targets);
      const kept = clip(graph, error, -loss.delta, loss.delta);
      return multiply(graph, kept, subtract(graph, error, multiply(graph, kept, graph.scalar(0.5))));
    }
    case 'binary-cross-entropy':
      return subtract(graph, softplus(graph, output), multiply(graph, output, targets));
  }
}

function asLabels(targets: Batch['targets']): Tensor<'int64'> {
  if (targets.type !== 'int64') throw new Error('cross-entropy takes class numbers');
  return { ...targets, type: 'int64' };
}

function asValues(targets: Batch['targets']): FloatTensor {
  if (targets.type !== 'float32') throw new Error('errors are those of numbers');
  return { ...targets, type: 'float32' };
}
