/** The same elements in other places, parts of tensors and tensors side by side. */
import type { GraphBuilder } from '../graph';
import { concat as emitConcat, concatenatedShape, filled, pad as emitPad, reshape as emitReshape, slicedShape, sliceRanges, split as emitSplit, staticShape, transpose as emitTranspose, type Range } from '../primitives';
import { dimOf, sizeOf } from '../shapes';
import type { FloatTensor } from '../types';
import { single, type AnyOperator, type Operator } from './operator';
import { reshape } from './reshape';

type One = readonly [FloatTensor];

/** The axes in another order: axis i of the result is axis permutation[i] of x. */
export const transpose: Operator<One, { readonly permutation: readonly number[] }> = single({
  name: 'transpose',
  shape: ([x], { permutation }) => permutation.map((axis) => dimOf(x, axis)),
  forward: (graph, [x], { permutation }) => ({ output: emitTranspose(graph, x, permutation), saved: [] }),
  vjp: (graph, { attributes: { permutation }, gradient }) => [emitTranspose(graph, gradient, [...permutation.keys()].map((axis) => permutation.indexOf(axis)))],
});

/** The elements that lie in all of the ranges, each along an axis of its own. */
export const slice: Operator<One, { readonly ranges: readonly Range[] }> = single({
  name: 'slice',
  shape: ([x], { ranges }) => slicedShape(x.shape, ranges),
  forward: (graph, [x], { ranges }) => ({ output: sliceRanges(graph, x, ranges), saved: [] }),
  vjp: (graph, { inputs: [x], attributes: { ranges }, gradient }) => [spread(graph, gradient, staticShape(x), ranges)],
});

/** Puts the elements of the ranges back in their places in a tensor of zeros. */
function spread(graph: GraphBuilder, gradient: FloatTensor, shape: readonly number[], ranges: readonly Range[]): FloatTensor {
  const backwards = ranges.flatMap(({ axis, step, count }) => (step < 0 ? [{ axis, start: count - 1, step: -1, count }] : []));
  const forwards = sliceRanges(graph, gradient, backwards);
  const steps = shape.map((_, axis) => Math.abs(ranges.find((range) => range.axis === axis)?.step ?? 1));
  const spaced = apart(graph, forwards, steps);
  const before = shape.map((_, axis) => {
    const range = ranges.find((candidate) => candidate.axis === axis);
    return range === undefined ? 0 : Math.min(range.start, range.start + range.step * (range.count - 1));
  });
  // What the last step leaves behind it may be more than the tensor holds: a negative padding takes it away.
  return emitPad(graph, spaced, before, shape.map((size, axis) => size - before[axis]! - sizeOf(spaced, axis)));
}

/** Puts steps − 1 zeros behind each element along each axis. */
function apart(graph: GraphBuilder, input: FloatTensor, steps: readonly number[]): FloatTensor {
  if (steps.every((step) => step === 1)) return input;
  const shape = staticShape(input);
  const pairs = emitReshape(graph, input, shape.flatMap((size) => [size, 1]));
  const padded = emitPad(graph, pairs, shape.flatMap(() => [0, 0]), steps.flatMap((step) => [0, step - 1]));
  return emitReshape(graph, padded, shape.map((size, axis) => size * steps[axis]!));
}

/** Tensors side by side along an axis; their other dimensions are equal. */
export const concat: Operator<readonly FloatTensor[], { readonly axis: number }> = single({
  name: 'concat',
  shape: (inputs, { axis }) => concatenatedShape(inputs, axis),
  forward: (graph, inputs, { axis }) => ({ output: emitConcat(graph, inputs, axis), saved: [] }),
  vjp: (graph, { inputs, attributes: { axis }, gradient, needs }) => {
    const sizes = inputs.map((input) => sizeOf(input, axis));
    if (!needs.includes(false)) return emitSplit(graph, gradient, axis, sizes);
    let next = 0;
    return sizes.map((count, position) => {
      const start = next;
      next += count;
      return needs[position] === true ? sliceRanges(graph, gradient, [{ axis, start, step: 1, count }]) : null;
    });
  },
});

/** The parts of `sizes` elements along an axis, which they make up together. */
export const split: Operator<One, { readonly axis: number; readonly sizes: readonly number[] }> = {
  name: 'split',
  shapes: ([x], { axis, sizes }) => sizes.map((size) => x.shape.with(axis, size)),
  forward: (graph, [x], { axis, sizes }) => ({ outputs: emitSplit(graph, x, axis, sizes), saved: [] }),
  vjp: (graph, { attributes: { axis }, outputs, gradients }) => [
    emitConcat(graph, gradients.map((gradient, part) => gradient ?? filled(graph, 0, staticShape(outputs[part]!))), axis),
  ],
};

export const shapingOperators: readonly AnyOperator[] = [reshape, transpose, slice, concat, split];
