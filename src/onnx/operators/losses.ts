/**
 * Losses between a model's outputs x [rows, outputs] and targets t of the same shape: Σᵢ wᵢ · the mean of a row's losses,
 * with row weights w [rows] → a scalar. With wᵢ = 1/n for n real rows and 0 for padding it is the mean that PyTorch's
 * losses give. Targets and weights are data and get no gradient.
 */
import type { GraphBuilder } from '../graph';
import { clip, filled, gemm, multiply, reshape, sigmoid, softplus, subtract } from '../primitives';
import { formatShape, GraphError, sameShape, sizeOf } from '../shapes';
import type { FloatTensor } from '../types';
import { single, type Operator } from './operator';

type Inputs = readonly [outputs: FloatTensor, targets: FloatTensor, weights: FloatTensor];
type Loss<Attributes> = Operator<Inputs, Attributes, readonly [FloatTensor]>;

interface Elementwise<Attributes> {
  readonly name: string;
  check?(attributes: Attributes): void;
  /** The loss of each element, and what its derivative is made from. */
  losses(graph: GraphBuilder, outputs: FloatTensor, targets: FloatTensor, attributes: Attributes): readonly [losses: FloatTensor, kept: FloatTensor];
  /** The derivative of each element's loss in its output, and a factor that is left to multiply it by. */
  derivative(graph: GraphBuilder, kept: FloatTensor, targets: FloatTensor): readonly [derivative: FloatTensor, factor: number];
}

function weighted<Attributes>({ name, check, losses, derivative }: Elementwise<Attributes>): Loss<Attributes> {
  return single<Inputs, Attributes, readonly [FloatTensor]>({
    name,
    shape: ([outputs, targets, weights], attributes) => {
      check?.(attributes);
      if (outputs.shape.length !== 2 || !sameShape(outputs.shape, targets.shape) || !sameShape(weights.shape, outputs.shape.slice(0, 1))) {
        throw new GraphError(`${name} cannot take ${[outputs, targets, weights].map((tensor) => formatShape(tensor.shape)).join(', ')}`);
      }
      return [];
    },
    forward: (graph, [outputs, targets, weights], attributes) => {
      const [rows, width] = [sizeOf(outputs, 0), sizeOf(outputs, 1)];
      const [each, kept] = losses(graph, outputs, targets, attributes);
      const columns = gemm(graph, reshape(graph, weights, [1, rows]), each);
      return { output: reshape(graph, gemm(graph, columns, filled(graph, 1 / width, [width, 1])), []), saved: [kept] };
    },
    vjp: (graph, { inputs: [outputs, targets, weights], saved: [kept], gradient, needs }) => {
      if (needs[1] === true || needs[2] === true) throw new GraphError(`${name} has no gradient in its targets and row weights`);
      const [each, factor] = derivative(graph, kept, targets);
      const scale = multiply(graph, gradient, graph.scalar(factor / sizeOf(outputs, 1)));
      return [multiply(graph, each, multiply(graph, reshape(graph, weights, [sizeOf(weights, 0), 1]), scale)), null, null];
    },
  });
}

/** (x − t)². */
export const meanSquaredError: Loss<undefined> = weighted({
  name: 'meanSquaredError',
  losses: (graph, outputs, targets) => {
    const difference = subtract(graph, outputs, targets);
    return [multiply(graph, difference, difference), difference];
  },
  derivative: (_, difference) => [difference, 2],
});

/** (x − t)²/2 up to a distance of `delta`, from there on along the tangent (Huber, 1964). */
export const huber: Loss<{ readonly delta: number }> = weighted({
  name: 'huber',
  check: ({ delta }) => {
    if (!(delta > 0)) throw new GraphError(`huber needs a delta above 0, not ${delta}`);
  },
  losses: (graph, outputs, targets, { delta }) => {
    const difference = subtract(graph, outputs, targets);
    const clipped = clip(graph, difference, -delta, delta);
    return [multiply(graph, clipped, subtract(graph, difference, multiply(graph, clipped, graph.scalar(0.5)))), clipped];
  },
  derivative: (_, clipped) => [clipped, 1],
});

/** −t·log σ(x) − (1 − t)·log(1 − σ(x)) for logits x and targets in 0 … 1, as softplus(x) − x·t, which overflows nowhere. */
export const binaryCrossEntropyWithLogits: Loss<undefined> = weighted({
  name: 'binaryCrossEntropyWithLogits',
  losses: (graph, logits, targets) => [subtract(graph, softplus(graph, logits), multiply(graph, logits, targets)), logits],
  derivative: (graph, logits, targets) => [subtract(graph, sigmoid(graph, logits), targets), 1],
});

export const lossOperators = [meanSquaredError, huber, binaryCrossEntropyWithLogits] as const;
