import type { GraphBuilder } from '../graph';
import { add, cast, equal, exp, gemm, logSoftmax, meanOver, multiply, negate, pickColumns, reshape, subtract, where } from '../primitives';
import { withColumns } from '../primitives/layers';
import { formatShape, GraphError, sizeOf } from '../shapes';
import type { FloatTensor, Tensor } from '../types';
import { single, type Operator } from './operator';

type Labels = Tensor<'int64'>;

export interface CrossEntropyAttributes {
  /** The share ε of the target that is spread over all classes evenly, 0 if left out (Szegedy et al., 2016). */
  readonly labelSmoothing?: number;
  /** Rows with this label add nothing to the sum, whatever their weight. It may be no class. */
  readonly ignoreIndex?: number;
}

/** Classes beyond which the label's element is written alone, instead of a matrix with a 1 at each. */
const MANY_CLASSES = 256;

/**
 * Σᵢ wᵢ · ((1 − ε) · −log softmax(xᵢ)[labelᵢ] + ε · the mean of −log softmax(xᵢ)) for logits x [batch, classes], labels
 * [batch] and example weights w [batch] → a scalar. With wᵢ = 1/n for n real rows and 0 for padding it is their mean
 * loss; rows ignored count among the n here, while PyTorch's mean divides by the others' number.
 * The gradient in x is wᵢ·(softmax(xᵢ) − ε/classes − (1 − ε)·onehot(labelᵢ)); weights are data and get none.
 */
export const crossEntropy: Operator<readonly [FloatTensor, Labels, FloatTensor], CrossEntropyAttributes | undefined, readonly [FloatTensor, Labels, FloatTensor]> = single({
  name: 'crossEntropy',
  shape: ([logits, labels, weights], attributes) => {
    const batch = sizeOf(logits, 0);
    if (logits.shape.length !== 2 || sizeOf(labels, 0) !== batch || sizeOf(weights, 0) !== batch) {
      throw new GraphError(`crossEntropy cannot take ${[logits, labels, weights].map((tensor) => formatShape(tensor.shape)).join(', ')}`);
    }
    const smoothing = smoothingOf(attributes);
    if (!(smoothing >= 0 && smoothing <= 1)) throw new GraphError(`crossEntropy needs a label smoothing in 0 … 1, not ${smoothing}`);
    return [];
  },
  forward: (graph, [logits, labels, weights], attributes) => {
    const batch = sizeOf(logits, 0);
    const smoothing = smoothingOf(attributes);
    const rows = countedRows(graph, labels, weights, attributes?.ignoreIndex);
    const logProbabilities = logSoftmax(graph, logits);
    const picked = pickColumns(graph, logProbabilities, reshape(graph, rows.labels, [batch, 1]));
    const towards = smoothing === 0 ? picked : add(graph, multiply(graph, picked, graph.scalar(1 - smoothing)), multiply(graph, meanOver(graph, logProbabilities, [1]), graph.scalar(smoothing)));
    const sum = gemm(graph, reshape(graph, rows.weights, [1, batch]), towards);
    return { output: negate(graph, reshape(graph, sum, [])), saved: [logProbabilities, rows.labels, rows.weights] };
  },
  vjp: (graph, { attributes, saved: [logProbabilities, labels, weights], gradient, needs }) => {
    if (needs[2] === true) throw new GraphError('crossEntropy has no gradient in its example weights');
    if (needs[0] !== true) return [null, null, null];
    const [batch, classes] = [sizeOf(logProbabilities, 0), sizeOf(logProbabilities, 1)];
    const smoothing = smoothingOf(attributes);
    const scaled = (value: FloatTensor): FloatTensor => (smoothing === 0 ? value : multiply(graph, value, graph.scalar(1 - smoothing)));
    const probabilities = exp(graph, logProbabilities);
    const spread = smoothing === 0 ? probabilities : subtract(graph, probabilities, graph.scalar(smoothing / classes));
    const few = classes <= MANY_CLASSES;
    const difference = few ? subtract(graph, spread, scaled(oneHot(graph, labels, batch, classes))) : spread;
    const factors = multiply(graph, reshape(graph, weights, [batch, 1]), gradient);
    const weighed = multiply(graph, difference, factors);
    if (few) return [weighed, null, null];
    const columns = reshape(graph, labels, [batch, 1]);
    return [withColumns(graph, weighed, columns, subtract(graph, pickColumns(graph, weighed, columns), scaled(factors))), null, null];
  },
});

function smoothingOf(attributes: CrossEntropyAttributes | undefined): number {
  return attributes?.labelSmoothing ?? 0;
}

/** Labels that are all classes, and weights that are 0 where the label is to be ignored. */
function countedRows(graph: GraphBuilder, labels: Labels, weights: FloatTensor, ignoreIndex: number | undefined): { readonly labels: Labels; readonly weights: FloatTensor } {
  if (ignoreIndex === undefined) return { labels, weights };
  const whole = (value: number): Labels => graph.constant('int64', [], BigInt64Array.of(BigInt(value)));
  const ignored = equal(graph, labels, whole(ignoreIndex));
  return { labels: where(graph, ignored, whole(0), labels), weights: where(graph, ignored, graph.scalar(0), weights) };
}

/** [batch] class numbers → [batch, classes] with a 1 at each. */
function oneHot(graph: GraphBuilder, labels: Labels, batch: number, classes: number): FloatTensor {
  const numbers = graph.constant('int64', [1, classes], BigInt64Array.from({ length: classes }, (_, index) => BigInt(index)));
  return cast(graph, equal(graph, reshape(graph, labels, [batch, 1]), numbers), 'float32');
}
