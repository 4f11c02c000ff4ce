/** The same elements in other places, parts of tensors and tensors side by side. */
import type { GraphBuilder } from '../graph';
import {
  concat as emitConcat,
  concatenatedShape,
  expand as emitExpand,
  filled,
  int64Vector,
  pad as emitPad,
  paddedShape,
  reshape as emitReshape,
  slicedShape,
  sliceRanges,
  split as emitSplit,
  staticShape,
  sumOver,
  sumTo,
  tile as emitTile,
  tiledShape,
  transpose as emitTranspose,
  type PadMode,
  type Range,
} from '../primitives';
import { broadcastShapes, dimOf, sizeOf } from '../shapes';
import type { FloatTensor } from '../types';
import { gather, gatherGradient } from './gather';
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

interface Padding {
  /** How many elements come before and after each axis; in mode `constant` a negative number takes elements away. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly mode: PadMode;
  /** The element of mode `constant`, 0 where left out. */
  readonly value?: number;
}

/** Elements around a tensor. */
export const pad: Operator<One, Padding> = single({
  name: 'pad',
  shape: ([x], { before, after, mode }) => paddedShape(x.shape, before, after, mode),
  forward: (graph, [x], { before, after, mode, value }) => ({ output: emitPad(graph, x, before, after, mode, value), saved: [] }),
  vjp: (graph, { inputs: [x], attributes: { before, after, mode }, gradient }) => {
    if (mode === 'constant') return [emitPad(graph, gradient, before.map((count) => -count), after.map((count) => -count))];
    // Along each axis the result is gathered from x.
    const sums = staticShape(x).reduce((sum, size, axis) => {
      const [front, back] = [before[axis] ?? 0, after[axis] ?? 0];
      if (front === 0 && back === 0) return sum;
      const sources = Array.from({ length: front + size + back }, (_, place) => sourceOf(place - front, size, mode));
      return gatherGradient(graph, sum, int64Vector(graph, sources), staticShape(sum).with(axis, size), axis);
    }, gradient);
    return [sums];
  },
});

/** The place on an axis of `size` elements whose element stands at `place`, which may be before or behind it. */
function sourceOf(place: number, size: number, mode: Exclude<PadMode, 'constant'>): number {
  const last = size - 1;
  return mode === 'edge' ? Math.min(Math.max(place, 0), last) : last - Math.abs(last - Math.abs(place));
}

/** Elements repeated along axes of size 1 and along new axes in front, to what x and `shape` broadcast to. */
export const expand: Operator<One, { readonly shape: readonly number[] }> = single({
  name: 'expand',
  shape: ([x], { shape }) => broadcastShapes(x.shape, shape),
  forward: (graph, [x], { shape }) => ({ output: emitExpand(graph, x, shape), saved: [] }),
  vjp: (graph, { inputs: [x], gradient }) => [sumTo(graph, gradient, x.shape)],
});

/** x `repeats` times over along each axis. */
export const tile: Operator<One, { readonly repeats: readonly number[] }> = single({
  name: 'tile',
  shape: ([x], { repeats }) => tiledShape(x.shape, repeats),
  forward: (graph, [x], { repeats }) => ({ output: emitTile(graph, x, repeats), saved: [] }),
  vjp: (graph, { inputs: [x], attributes: { repeats }, gradient }) => {
    const shape = staticShape(x);
    const copies = emitReshape(graph, gradient, shape.flatMap((size, axis) => [repeats[axis] ?? 1, size]));
    const sums = sumOver(graph, copies, [...shape.keys()].map((axis) => 2 * axis));
    return [emitReshape(graph, sums, shape)];
  },
});

export const shapingOperators: readonly AnyOperator[] = [reshape, transpose, slice, concat, split, pad, expand, tile, gather];
