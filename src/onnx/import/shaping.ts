/** Operators that put elements into other places and shapes. */
import { multiply } from '../operators/arithmetic';
import { gather } from '../operators/gather';
import { reshape } from '../operators/reshape';
import { concat, expand, pad, slice, split, tile, transpose } from '../operators/shaping';
import { concat as emitConcat, expand as emitExpand, gather as emitGather, reshape as emitReshape, sliceRanges, tile as emitTile, type Range } from '../primitives';
import { broadcastShapes, elementCount, formatShape } from '../shapes';
import type { Dim, FloatTensor, Tensor } from '../types';
import { computed, type Call, type Computed, type Converter, type Value } from './call';
import { divided, multiplied, productOf, withBatch, withRoomFor } from './dims';
import { elementsOf, known, knownShape, writable, type Known } from './known';

const isFloat = (tensor: Tensor): tensor is FloatTensor => tensor.type === 'float32';

/** In a new shape. A value that is known keeps its elements. */
function reshaped(call: Call, value: Value, shape: readonly Dim[]): Value {
  if (value.kind === 'known') return known(value.type, shape, value.values);
  const { tensor } = value;
  return isFloat(tensor) ? call.apply(reshape, [tensor], { shape }) : computed(emitReshape(call.graph, tensor, shape));
}

/** ONNX's rules for a target: 0 keeps a size, −1 is what is left. */
function targetShape(call: Call, from: readonly Dim[], target: readonly Dim[]): readonly Dim[] {
  const keeps = call.factor('allowzero', 0) === 0;
  const kept = target.map((dim, axis): Dim => (dim === 0 && keeps ? (from[axis] ?? call.refuse(`keeps axis ${axis} of ${formatShape(from)}`)) : dim));
  if (!kept.includes(-1)) return kept;
  const [whole, rest] = [productOf(from), productOf(kept.filter((dim) => dim !== -1))];
  const left = whole === null || rest === null || rest === 0 ? null : divided(whole, rest);
  return kept.map((dim) => (dim === -1 ? (left ?? call.refuse(`cannot give ${formatShape(from)} the shape ${formatShape(target)}`)) : dim));
}

/** The target of a file that was written for one example, with room for several. Null where it has the batch by itself. */
function roomFor(call: Call, from: readonly Dim[], target: readonly Dim[]): readonly Dim[] | null {
  const { rooms, host: { batch } } = call.around;
  if (rooms === null || from.every((dim) => typeof dim === 'number') || target.some((dim) => typeof dim === 'string') || typeof batch === 'number') return null;
  const single = from.map((dim) => withBatch(dim, 1));
  const room = withRoomFor(batch, from, targetShape(call, single, target) as readonly number[]);
  if (room !== null) rooms.set(call.node, room);
  return room;
}

function reshapeTo(call: Call): Value {
  const value = call.value(0);
  const [from, target] = [call.shapeOf(0), call.dims(1)];
  if (value.kind === 'known') return known(value.type, targetShape(call, from, target), value.values);
  const { rooms, host: { batch } } = call.around;
  const remembered = typeof batch === 'number' ? rooms?.get(call.node)?.map((dim) => withBatch(dim, batch)) : undefined;
  return reshaped(call, value, remembered ?? roomFor(call, from, target) ?? targetShape(call, from, target));
}

function flatten(call: Call): Value {
  const shape = call.shapeOf(0);
  const at = call.factor('axis', 1);
  const axis = at < 0 ? at + shape.length : at;
  const product = (dims: readonly Dim[]): Dim => productOf(dims) ?? call.refuse(`cannot flatten ${formatShape(shape)}`);
  return reshaped(call, call.value(0), [product(shape.slice(0, axis)), product(shape.slice(axis))]);
}

function squeeze(call: Call): Value {
  const shape = call.shapeOf(0);
  const axes = call.has(1) ? call.ints(1).map((axis) => call.axis(axis, shape.length)) : null;
  if (axes === null && call.value(0).kind === 'computed') return call.refuse('names no axes: a batch of one example would lose its own', 'Export squeeze(axis) in place of squeeze().');
  const taken = axes ?? [...shape.keys()].filter((axis) => shape[axis] === 1);
  for (const axis of taken) if (shape[axis] !== 1) call.refuse(`takes away axis ${axis} of ${formatShape(shape)}`);
  return reshaped(call, call.value(0), shape.filter((_, axis) => !taken.includes(axis)));
}

function unsqueeze(call: Call): Value {
  const shape = call.shapeOf(0);
  const given = call.ints(1);
  const axes = new Set(given.map((axis) => call.axis(axis, shape.length + given.length)));
  const rest = shape.values();
  return reshaped(call, call.value(0), Array.from({ length: shape.length + axes.size }, (_, axis): Dim => (axes.has(axis) ? 1 : (rest.next().value ?? 1))));
}

function transposeAxes(call: Call): Value {
  const shape = call.shapeOf(0);
  const permutation = call.sizes('perm') ?? [...shape.keys()].reverse();
  const value = call.value(0);
  const to = permutation.map((axis) => shape[axis] ?? call.refuse(`names axis ${axis} of ${formatShape(shape)}`));
  if (value.kind === 'known') {
    if (value.values.length === 1) return known(value.type, to, value.values);
    const strides = shape.map((_, axis) => elementCount(shape.slice(axis + 1)) ?? 0);
    return picked(value, to, permutation.map((axis) => Array.from({ length: Number(shape[axis]) }, (_, index) => index * strides[axis]!)));
  }
  const { tensor } = value;
  return isFloat(tensor) ? call.apply(transpose, [tensor], { permutation }) : call.raw([tensor], tensor.type, to, { perm: { ints: permutation } });
}

/** The elements of a known value at the sums of one offset along each axis of the result. */
function picked(value: Known, shape: readonly Dim[], offsets: readonly (readonly number[])[]): Known {
  const elements = elementsOf(value);
  writable(offsets.reduce((count, along) => count * along.length, 1));
  const positions = offsets.reduce<readonly number[]>((sums, along) => sums.flatMap((sum) => along.map((offset) => sum + offset)), [0]);
  return known(value.type, shape, positions.map((position) => elements[position] ?? 0));
}

/** The offsets of the elements of each axis in a value of `shape`. */
function offsetsOf(shape: readonly Dim[]): number[][] {
  writable(elementCount(shape) ?? 0);
  return shape.map((size, axis) => Array.from({ length: Number(size) }, (_, index) => index * (elementCount(shape.slice(axis + 1)) ?? 0)));
}

function concatenate(call: Call): Value {
  const values = call.node.inputs.map((_, position) => call.value(position));
  const shapes = values.map((_, position) => call.shapeOf(position));
  const axis = call.axis(call.factor('axis', 0), shapes[0]?.length ?? 0);
  if (values.every((value) => value.kind === 'known')) {
    const parts = values as readonly Known[];
    const outer = elementCount(shapes[0]?.slice(0, axis) ?? []) ?? 1;
    const blocks = parts.map((part) => ({ elements: elementsOf(part), size: elementsOf(part).length / outer }));
    const joined = Array.from({ length: outer }, (_, row) => blocks.flatMap(({ elements, size }) => elements.slice(row * size, (row + 1) * size))).flat();
    const along = shapes.reduce((sum, shape) => sum + Number(shape[axis]), 0);
    return known(parts[0]!.type, (shapes[0] ?? []).with(axis, along), joined);
  }
  const tensors = values.map((_, position) => withBatchOf(call, call.tensor(position), shapes, axis));
  return isFloat(tensors[0]!) ? call.apply(concat, tensors as readonly FloatTensor[], { axis }) : computed(emitConcat(call.graph, tensors, axis));
}

/** A part that a file holds once, such as a class token, repeated for each example. */
function withBatchOf(call: Call, tensor: Tensor, shapes: readonly (readonly Dim[])[], along: number): Tensor {
  const { batch } = call.around.host;
  const shape = tensor.shape.map((dim, axis) => (dim === 1 && axis !== along && shapes.some((other) => other[axis] === batch) ? batch : dim));
  return tensor.shape.every((dim, axis) => dim === shape[axis]) ? tensor : expandedTo(call, tensor, shape);
}

function expandedTo(call: Call, tensor: Tensor, shape: readonly Dim[]): Tensor {
  // What has the batch already takes no part.
  const missing = shape.length - tensor.shape.length;
  const target = shape.map((dim, axis) => (dim === tensor.shape[axis - missing] ? 1 : dim));
  const sizes = target.filter((dim) => typeof dim === 'number');
  if (sizes.length < target.length) return call.expanded(tensor, broadcastShapes(tensor.shape, shape));
  return isFloat(tensor) ? call.tape.apply(expand, [tensor], { shape: sizes }) : emitExpand(call.graph, tensor, sizes);
}

function expandTo(call: Call): Value {
  const target = call.dims(1);
  const value = call.value(0);
  if (value.kind === 'computed') return computed(expandedTo(call, value.tensor, target));
  const shape = broadcastShapes(value.shape, target);
  if (value.values.length === 1) return known(value.type, shape, value.values);
  writable(elementCount(shape) ?? 0);
  const missing = shape.length - value.shape.length;
  const offsets = offsetsOf(value.shape);
  return picked(value, shape, shape.map((size, axis) => (axis < missing || value.shape[axis - missing] === 1 ? Array.from({ length: Number(size) }, () => 0) : offsets[axis - missing]!)));
}

function splitInto(call: Call): readonly Value[] {
  const shape = call.shapeOf(0);
  const axis = call.axis(call.factor('axis', 0), shape.length);
  const whole = shape[axis];
  if (typeof whole !== 'number') return call.refuse('parts the examples of a batch');
  const count = call.node.outputs.length;
  const size = Math.ceil(whole / count);
  const sizes = call.has(1) ? call.ints(1) : Array.from({ length: count }, (_, part) => Math.min(size, whole - part * size));
  let start = 0;
  const ranges = sizes.map((part): Range => ({ axis, start: (start += part) - part, step: 1, count: part }));
  const tensor = call.known(0) === null ? call.tensor(0) : null;
  if (tensor !== null && isFloat(tensor)) return call.tape.applyAll(split, [tensor], { axis, sizes }).map(computed);
  return ranges.map((range) => (tensor === null ? slicedKnown(call.known(0)!, [range]) : computed(sliceRanges(call.graph, tensor, [range]))));
}

/** ONNX's ends of a slice: counted from the back where negative, and cut off at the ends of the axis. */
function rangeOf(axis: number, size: number, start: number, end: number, step: number): Range {
  const from = start < 0 ? start + size : start;
  const to = end < 0 ? end + size : end;
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const [first, last] = [Math.min(Math.max(from, step > 0 ? low : 0), high), Math.min(Math.max(to, low), step > 0 ? high : size - 1)];
  return { axis, start: first, step, count: Math.max(0, Math.ceil((last - first) / step)) };
}

function sliceOf(call: Call): Value {
  const shape = call.shapeOf(0);
  const [starts, ends] = [call.dims(1), call.dims(2)];
  const axes = call.has(3) ? call.ints(3) : starts.map((_, index) => index);
  const steps = call.has(4) ? call.ints(4) : starts.map(() => 1);
  const ranges = axes.flatMap((given, index): readonly Range[] => {
    const axis = call.axis(given, shape.length);
    const [size, start, end, step] = [shape[axis]!, starts[index], ends[index], steps[index] ?? 1];
    if (typeof size === 'number' && typeof start === 'number' && typeof end === 'number') return [rangeOf(axis, size, start, end, step)];
    // All examples of a batch, however many they are.
    if (start === 0 && step === 1 && (end === size || (typeof end === 'number' && end > 2 ** 30))) return [];
    return call.refuse(`cuts axis ${axis} of ${formatShape(shape)}, whose size is the number of examples in a batch`);
  });
  const value = call.value(0);
  if (value.kind === 'known') return slicedKnown(value, ranges);
  if (ranges.some(({ count }) => count === 0)) return call.refuse(`takes nothing of ${formatShape(shape)}`);
  return isFloat(value.tensor) ? call.apply(slice, [value.tensor], { ranges }) : computed(sliceRanges(call.graph, value.tensor, ranges));
}

function slicedKnown(value: Known, ranges: readonly Range[]): Known {
  const shape = value.shape.map((dim, axis): Dim => ranges.find((range) => range.axis === axis)?.count ?? dim);
  if (value.values.length === 1) return known(value.type, shape, shape.includes(0) ? [] : value.values);
  const offsets = offsetsOf(value.shape);
  return picked(value, shape, offsets.map((along, axis) => {
    const range = ranges.find((candidate) => candidate.axis === axis);
    return range === undefined ? along : Array.from({ length: range.count }, (_, index) => along[range.start + index * range.step] ?? 0);
  }));
}

function gatherFrom(call: Call): Value {
  const shape = call.shapeOf(0);
  const axis = call.axis(call.factor('axis', 0), shape.length);
  const [value, places] = [call.value(0), call.known(1)];
  const size = shape[axis];
  const counted = places === null || typeof size !== 'number' ? null : elementsOf(places).map((place) => (Number(place) < 0 ? Number(place) + size : Number(place)));
  if (value.kind === 'known' && counted !== null && places !== null) {
    const to = [...shape.slice(0, axis), ...places.shape, ...shape.slice(axis + 1)];
    const offsets = offsetsOf(shape);
    return known(value.type, to, picked(value, shape, offsets.with(axis, counted.map((place) => offsets[axis]?.[place] ?? call.refuse(`takes element ${place} of ${formatShape(shape)}`)))).values);
  }
  const tensor = call.tensor(0);
  // One place is a slice, whose gradient needs no product.
  if (counted !== null && places?.shape.length === 0) {
    const [start = 0] = counted;
    const range = { axis, start, step: 1, count: 1 };
    const one = isFloat(tensor) ? call.tape.apply(slice, [tensor], { ranges: [range] }) : sliceRanges(call.graph, tensor, [range]);
    return reshaped(call, computed(one), shape.filter((_, at) => at !== axis));
  }
  return isFloat(tensor) ? call.apply(gather, [tensor, call.indices(1)], { axis }) : computed(emitGather(call.graph, tensor, call.indices(1), axis));
}

function padWith(call: Call): Computed {
  const rank = call.shapeOf(0).length;
  const mode = call.text('mode', 'constant');
  if (mode !== 'constant' && mode !== 'reflect' && mode !== 'edge') return call.refuse(`pads in mode ${mode}`);
  const axes = call.has(3) ? call.ints(3).map((axis) => call.axis(axis, rank)) : Array.from({ length: rank }, (_, axis) => axis);
  const given = call.ints(1);
  const side = (offset: number): number[] => Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? (given[axes.indexOf(axis) + offset] ?? 0) : 0));
  return call.apply(pad, [call.float(0)], { before: side(0), after: side(axes.length), mode, value: call.number(2) ?? 0 });
}

function tileBy(call: Call): Computed {
  const tensor = call.tensor(0);
  const repeats = call.ints(1);
  return isFloat(tensor) ? call.apply(tile, [tensor], { repeats }) : computed(emitTile(call.graph, tensor, repeats));
}

/** The triangle of the last two axes; of a tensor a product with ones and zeros. */
function triangle(call: Call): Value {
  const shape = call.shapeOf(0);
  const [rows, columns] = shape.slice(-2);
  if (typeof rows !== 'number' || typeof columns !== 'number') return call.refuse(`takes a triangle of ${formatShape(shape)}`);
  const shift = call.number(1) ?? 0;
  const upper = call.factor('upper', 1) !== 0;
  const isKept = (index: number): boolean => (upper ? (index % columns) - Math.floor(index / columns) >= shift : (index % columns) - Math.floor(index / columns) <= shift);
  const value = call.known(0);
  if (value !== null) return known(value.type, shape, elementsOf(value).map((element, index) => (isKept(index % (rows * columns)) ? element : 0)));
  const ones = Float32Array.from({ length: rows * columns }, (_, index) => Number(isKept(index)));
  return call.apply(multiply, [call.float(0), call.graph.constant('float32', [rows, columns], ones)], undefined);
}

function shapeAsValue(call: Call): Value {
  const shape = call.shapeOf(0);
  return knownShape(shape.slice(call.factor('start', 0), call.factor('end', shape.length)));
}

function sizeAsValue(call: Call): Value {
  const size = call.shapeOf(0).reduce<Dim | null>((product, dim) => (product === null ? null : multiplied(product, dim)), 1);
  return known('int64', [], [size ?? call.refuse('counts elements of which the number is not known')]);
}

export const SHAPING: Readonly<Record<string, Converter>> = {
  Reshape: reshapeTo,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transposeAxes,
  Concat: concatenate,
  Split: splitInto,
  Slice: sliceOf,
  Gather: gatherFrom,
  Expand: expandTo,
  Tile: tileBy,
  Pad: padWith,
  Trilu: triangle,
  Shape: shapeAsValue,
  Size: sizeAsValue,
};
