/** Sums, means, extremes and norms over axes, and running sums along one. */
import type { GraphBuilder } from '../graph';
import { cast, cumulativeSum, divide, equal, expand, maximumOver, meanOver, minimumOver, multiply, reducedShape, reshape, squareRoot, squaresOver, staticShape, sumOver, where } from '../primitives';
import { dimOf, formatShape, GraphError, sizeOf } from '../shapes';
import type { Dim, FloatTensor } from '../types';
import { single, type AnyOperator, type Operator } from './operator';

type One = readonly [FloatTensor];

interface Reduction {
  /** At least one, each once. */
  readonly axes: readonly number[];
  /** Whether the axes stay with size 1; else they go. */
  readonly keepDims: boolean;
}

/** What the derivative of a reduction may use; result and gradient still have the axes. */
interface Call {
  readonly x: FloatTensor;
  readonly y: FloatTensor;
  readonly gradient: FloatTensor;
  readonly axes: readonly number[];
}

type Emit = (graph: GraphBuilder, x: FloatTensor, axes: readonly number[]) => FloatTensor;

/** A reduction; what `pullBack` gives may still have size 1 along the axes. */
function reduction(name: string, emit: Emit, pullBack: (graph: GraphBuilder, call: Call) => FloatTensor): Operator<One, Reduction, One> {
  return single({
    name,
    shape: ([x], attributes) => shapeAfter(name, x.shape, attributes),
    forward: (graph, [x], attributes) => {
      const y = emit(graph, x, attributes.axes);
      return { output: reshape(graph, y, shapeAfter(name, x.shape, attributes)), saved: [y] };
    },
    vjp: (graph, { inputs: [x], attributes: { axes }, saved: [y], gradient }) => [expand(graph, pullBack(graph, { x, y, gradient: reshape(graph, gradient, y.shape), axes }), staticShape(x))],
  });
}

function shapeAfter(name: string, shape: readonly Dim[], { axes, keepDims }: Reduction): readonly Dim[] {
  if (axes.length === 0 || new Set(axes).size < axes.length) throw new GraphError(`${name} cannot go over the axes ${formatShape(axes)}`);
  const reduced = reducedShape(shape, axes);
  return keepDims ? reduced : reduced.filter((_, axis) => !axes.includes(axis));
}

export const reduceSum = reduction('reduceSum', sumOver, (_, { gradient }) => gradient);

export const reduceMean = reduction('reduceMean', meanOver, (graph, { x, gradient, axes }) => {
  const count = axes.reduce((product, axis) => product * sizeOf(x, axis), 1);
  return multiply(graph, gradient, graph.scalar(1 / count));
});

/** The gradient goes to the elements that equal the result, in equal shares, as in PyTorch's amax and amin. */
function sharedAmongEquals(graph: GraphBuilder, { x, y, gradient, axes }: Call): FloatTensor {
  const chosen = cast(graph, equal(graph, x, y), 'float32');
  return multiply(graph, chosen, divide(graph, gradient, sumOver(graph, chosen, axes)));
}

export const reduceMax = reduction('reduceMax', maximumOver, sharedAmongEquals);
export const reduceMin = reduction('reduceMin', minimumOver, sharedAmongEquals);

/** √Σx²; the derivative x/y is taken as 0 where the norm is 0, as in PyTorch. */
export const reduceL2 = reduction(
  'reduceL2',
  (graph, x, axes) => squareRoot(graph, squaresOver(graph, x, axes)),
  (graph, { x, y, gradient }) => {
    const zero = graph.scalar(0);
    return multiply(graph, x, where(graph, equal(graph, y, zero), zero, divide(graph, gradient, y)));
  },
);

interface RunningSum {
  readonly axis: number;
  /** Each sum leaves its own element out. */
  readonly exclusive: boolean;
  /** The sums begin at the end. */
  readonly reverse: boolean;
}

/** The sums of the elements up to each along an axis; its gradient is the same, begun at the other end. */
export const cumsum: Operator<One, RunningSum> = single({
  name: 'cumsum',
  shape: ([x], { axis }) => {
    dimOf(x, axis);
    return x.shape;
  },
  forward: (graph, [x], { axis, exclusive, reverse }) => ({ output: cumulativeSum(graph, x, axis, exclusive, reverse), saved: [] }),
  vjp: (graph, { attributes: { axis, exclusive, reverse }, gradient }) => [cumulativeSum(graph, gradient, axis, exclusive, !reverse)],
});

export const reductionOperators: readonly AnyOperator[] = [reduceSum, reduceMean, reduceMax, reduceMin, reduceL2, cumsum];
