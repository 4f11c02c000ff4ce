import type { GraphBuilder } from '../graph';
import { cast, equal, exp, gemm, logSoftmax, multiply, negate, pickColumns, reshape, subtract } from '../primitives';
import { formatShape, GraphError, sizeOf } from '../shapes';
import type { FloatTensor, Tensor } from '../types';
import { single, type Operator } from './operator';

type Labels = Tensor<'int64'>;

/**
 * Σᵢ wᵢ · −log softmax(xᵢ)[labelᵢ] for logits x [batch, classes], labels [batch] and example weights
 * w [batch] → a scalar. With wᵢ = 1/n for n real rows and 0 for padding it is their mean loss.
 * The gradient in x is wᵢ·(softmax(xᵢ) − onehot(labelᵢ)); weights are data and get none.
 */
export const crossEntropy: Operator<readonly [FloatTensor, Labels, FloatTensor], undefined, readonly [FloatTensor]> = single({
  name: 'crossEntropy',
  shape: ([logits, labels, weights]) => {
    const batch = sizeOf(logits, 0);
    if (logits.shape.length !== 2 || sizeOf(labels, 0) !== batch || sizeOf(weights, 0) !== batch) {
      throw new GraphError(`crossEntropy cannot take ${[logits, labels, weights].map((tensor) => formatShape(tensor.shape)).join(', ')}`);
    }
    return [];
  },
  forward: (graph, [logits, labels, weights]) => {
    const batch = sizeOf(logits, 0);
    const logProbabilities = logSoftmax(graph, logits);
    const picked = pickColumns(graph, logProbabilities, reshape(graph, labels, [batch, 1]));
    const sum = gemm(graph, reshape(graph, weights, [1, batch]), picked);
    return { output: negate(graph, reshape(graph, sum, [])), saved: [logProbabilities] };
  },
  vjp: (graph, { inputs: [logits, labels, weights], saved: [logProbabilities], gradient, needs }) => {
    if (needs[2] === true) throw new GraphError('crossEntropy has no gradient in its example weights');
    if (needs[0] !== true) return [null, null, null];
    const [batch, classes] = [sizeOf(logits, 0), sizeOf(logits, 1)];
    const difference = subtract(graph, exp(graph, logProbabilities), oneHot(graph, labels, batch, classes));
    const factors = multiply(graph, reshape(graph, weights, [batch, 1]), gradient);
    return [multiply(graph, difference, factors), null, null];
  },
});

/** [batch] class numbers → [batch, classes] with a 1 at each. */
function oneHot(graph: GraphBuilder, labels: Labels, batch: number, classes: number): FloatTensor {
  const numbers = graph.constant('int64', [1, classes], BigInt64Array.from({ length: classes }, (_, index) => BigInt(index)));
  return cast(graph, equal(graph, reshape(graph, labels, [batch, 1]), numbers), 'float32');
}
