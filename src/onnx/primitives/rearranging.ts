/** Parts of tensors, tensors side by side, and repeated elements. */
import type { GraphBuilder } from '../graph';
import { broadcastShapes, dimOf, formatShape, GraphError, sameShape } from '../shapes';
import type { Dim, ElementType, FloatTensor, Tensor } from '../types';
import { int64Vector } from './common';

/** The shape of tensors side by side along an axis; their other dimensions are equal. */
export function concatenatedShape(inputs: readonly Tensor[], axis: number): readonly Dim[] {
  const [first] = inputs;
  if (first === undefined) throw new GraphError('Concat needs an input');
  dimOf(first, axis);
  let size = 0;
  for (const input of inputs) {
    const own = dimOf(input, axis);
    if (typeof own !== 'number' || !sameShape(input.shape.with(axis, 1), first.shape.with(axis, 1))) {
      throw new GraphError(`Concat cannot join ${inputs.map(({ shape }) => formatShape(shape)).join(', ')} along axis ${axis}`);
    }
    size += own;
  }
  return first.shape.with(axis, size);
}

export function concat<T extends ElementType>(graph: GraphBuilder, inputs: readonly Tensor<T>[], axis: number): Tensor<T> {
  const shape = concatenatedShape(inputs, axis);
  return inputs.length === 1 ? inputs[0]! : graph.node('Concat', inputs, [{ type: inputs[0]!.type, shape }], { axis: { int: axis } })[0];
}

/** The parts of `sizes` elements along an axis, which they make up together. */
export function split<T extends ElementType>(graph: GraphBuilder, input: Tensor<T>, axis: number, sizes: readonly number[]): readonly Tensor<T>[] {
  if (sizes.reduce((sum, size) => sum + size, 0) !== dimOf(input, axis)) throw new GraphError(`Split cannot part ${formatShape(input.shape)} into ${formatShape(sizes)} along axis ${axis}`);
  if (sizes.length === 1) return [input];
  const outputs = sizes.map((size) => ({ type: input.type, shape: input.shape.with(axis, size) }));
  return graph.node('Split', [input, int64Vector(graph, sizes)], outputs, { axis: { int: axis } });
}

/** `count` elements along an axis, from `start` on, `step` apart; a negative step goes backwards. */
export interface Range {
  readonly axis: number;
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

/** The shape of the elements that lie in all of the ranges, each along an axis of its own. */
export function slicedShape(shape: readonly Dim[], ranges: readonly Range[]): readonly Dim[] {
  if (new Set(ranges.map(({ axis }) => axis)).size < ranges.length) throw new GraphError(`Slice of ${formatShape(shape)} has two ranges along one axis`);
  return ranges.reduce((sliced, { axis, start, step, count }) => {
    const size = shape[axis];
    const last = start + step * (count - 1);
    if (typeof size !== 'number' || count < 1 || step === 0 || Math.min(start, last) < 0 || Math.max(start, last) >= size) {
      throw new GraphError(`Slice cannot take ${count} elements from ${start} on in steps of ${step} along axis ${axis} of ${formatShape(shape)}`);
    }
    return sliced.with(axis, count);
  }, shape);
}

/** The elements that lie in all of the ranges. */
export function sliceRanges<T extends ElementType>(graph: GraphBuilder, input: Tensor<T>, ranges: readonly Range[]): Tensor<T> {
  const shape = slicedShape(input.shape, ranges);
  const changing = ranges.filter(({ axis, step, count }) => step !== 1 || count !== input.shape[axis]);
  if (changing.length === 0) return input;
  const vector = (pick: (range: Range) => number): Tensor<'int64'> => int64Vector(graph, changing.map(pick));
  // An end before the first element would count from the back: −1 − size is before it for certain.
  const end = ({ axis, start, step, count }: Range): number => {
    const after = start + step * count;
    return after < 0 ? -1 - (input.shape[axis] as number) : after;
  };
  return graph.node('Slice', [input, vector(({ start }) => start), vector(end), vector(({ axis }) => axis), vector(({ step }) => step)], [{ type: input.type, shape }])[0];
}

/** What is put around a tensor: one value; the tensor mirrored at its first and last element; or these elements repeated. */
export type PadMode = 'constant' | 'reflect' | 'edge';

/** The shape after `before` and `after` elements were put around each axis. */
export function paddedShape(shape: readonly Dim[], before: readonly number[], after: readonly number[], mode: PadMode): readonly Dim[] {
  if (before.length !== shape.length || after.length !== shape.length) throw new GraphError(`Pad of ${formatShape(shape)} cannot take ${formatShape(before)} before and ${formatShape(after)} after`);
  return shape.map((dim, axis) => {
    const [front, back] = [before[axis] ?? 0, after[axis] ?? 0];
    if (front === 0 && back === 0) return dim;
    const taken = -Math.min(front, 0) - Math.min(back, 0);
    const fits = typeof dim === 'number' && (mode === 'constant' ? taken < dim : taken === 0) && (mode !== 'reflect' || Math.max(front, back) < dim);
    if (!fits) throw new GraphError(`Pad cannot put ${front} before and ${back} after axis ${axis} of ${formatShape(shape)} in mode ${mode}`);
    return dim + front + back;
  });
}

/** Puts elements before and after each axis; in mode `constant` a negative number takes elements away. */
export function pad(graph: GraphBuilder, input: FloatTensor, before: readonly number[], after: readonly number[], mode: PadMode = 'constant', value = 0): FloatTensor {
  const shape = paddedShape(input.shape, before, after, mode);
  if (sameShape(shape, input.shape) && before.every((count) => count === 0)) return input;
  const inputs = [input, int64Vector(graph, [...before, ...after]), ...(mode === 'constant' && value !== 0 ? [graph.scalar(value)] : [])];
  return graph.node('Pad', inputs, [{ type: 'float32', shape }], mode === 'constant' ? {} : { mode: { string: mode } })[0];
}

/** Repeats elements along axes of size 1, and along new axes in front. */
export function expand<T extends ElementType>(graph: GraphBuilder, input: Tensor<T>, shape: readonly number[]): Tensor<T> {
  const target = broadcastShapes(input.shape, shape);
  if (sameShape(target, input.shape)) return input;
  return graph.node('Expand', [input, int64Vector(graph, shape)], [{ type: input.type, shape: target }])[0];
}

/** A tensor of one value, which ONNX Runtime expands once when it loads the graph. */
export function filled(graph: GraphBuilder, value: number, shape: readonly number[]): FloatTensor {
  return expand(graph, graph.scalar(value), shape);
}

/** The shape of a tensor `repeats` times over along each axis. */
export function tiledShape(shape: readonly Dim[], repeats: readonly number[]): readonly Dim[] {
  if (repeats.length !== shape.length) throw new GraphError(`Tile of ${formatShape(shape)} needs ${shape.length} repeats, not ${repeats.length}`);
  return shape.map((dim, axis) => {
    const count = repeats[axis]!;
    if (count === 1) return dim;
    if (typeof dim !== 'number' || !Number.isInteger(count) || count < 1) throw new GraphError(`Tile cannot repeat axis ${axis} of ${formatShape(shape)} ${count} times`);
    return dim * count;
  });
}

/** The tensor `repeats` times over along each axis. */
export function tile<T extends ElementType>(graph: GraphBuilder, input: Tensor<T>, repeats: readonly number[]): Tensor<T> {
  const shape = tiledShape(input.shape, repeats);
  if (sameShape(shape, input.shape)) return input;
  return graph.node('Tile', [input, int64Vector(graph, repeats)], [{ type: input.type, shape }])[0];
}
