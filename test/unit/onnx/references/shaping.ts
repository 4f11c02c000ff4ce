/** Operators that put elements elsewhere: for each place of the result, the place where its element came from. */
import { broadcast, indicesOf, offsetOf, offsetWithin } from './indices';
import { Draw, integerValue, product, type Reference, type Value } from './sample';

/** The element at an index. */
function at({ shape, data }: Value, index: readonly number[]): number {
  return data[offsetOf(shape, index)!]!;
}

/** The element at each index of `shape`, in order. */
function filledWith(shape: readonly number[], element: (index: readonly number[]) => number): Float64Array {
  return Float64Array.from(indicesOf(shape), element);
}

/** A shape of one to four axes. */
function drawShape(draw: Draw, number: number, largest = 5): number[] {
  return Array.from({ length: 1 + (number % 4) }, () => draw.whole(1, largest));
}

/** Positive whole numbers of the sum `total`. */
function drawParts(draw: Draw, total: number): number[] {
  const parts: number[] = [];
  for (let left = total; left > 0; left -= parts.at(-1)!) parts.push(draw.whole(1, Math.min(left, 3)));
  return parts;
}

const reshape: Reference = {
  sample(number) {
    const draw = new Draw('reshape', number);
    const [a, b, c, d] = [draw.whole(1, 4), draw.whole(1, 4), draw.whole(1, 4), draw.whole(1, 4)];
    return number % 2 === 0
      ? { inputs: [draw.floats([a, b, c, d])], attributes: { shape: [a, b * c * d] } }
      : { inputs: [draw.floats([a, b * c * d])], attributes: { shape: [a, b, c, d] } };
  },
  evaluate: ([x]) => x!.data.slice(),
};

const transpose: Reference = {
  sample(number) {
    const draw = new Draw('transpose', number);
    const shape = drawShape(draw, number);
    return { inputs: [draw.floats(shape)], attributes: { permutation: draw.order(shape.length) } };
  },
  evaluate([x], attributes) {
    const { permutation } = attributes as { permutation: readonly number[] };
    return filledWith(permutation.map((axis) => x!.shape[axis]!), (index) => at(x!, x!.shape.map((_, axis) => index[permutation.indexOf(axis)]!)));
  },
};

interface Range {
  readonly axis: number;
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

const slice: Reference = {
  sample(number) {
    const draw = new Draw('slice', number);
    const shape = drawShape(draw, number, 7);
    const ranges = shape.flatMap((size, axis): Range[] => {
      if (draw.whole(0, 3) === 0) return [];
      const stride = draw.whole(1, 3);
      const first = draw.whole(0, size - 1);
      const count = draw.whole(1, Math.floor((size - 1 - first) / stride) + 1);
      return [draw.whole(0, 1) === 0 ? { axis, start: first, step: stride, count } : { axis, start: first + stride * (count - 1), step: -stride, count }];
    });
    return { inputs: [draw.floats(shape)], attributes: { ranges } };
  },
  evaluate([x], attributes) {
    const { ranges } = attributes as { ranges: readonly Range[] };
    const along = x!.shape.map((count, axis) => ranges.find((range) => range.axis === axis) ?? { start: 0, step: 1, count });
    return filledWith(along.map(({ count }) => count), (index) => at(x!, along.map(({ start, step }, axis) => start + step * index[axis]!)));
  },
};

const concat: Reference = {
  sample(number) {
    const draw = new Draw('concat', number);
    const shape = drawShape(draw, number);
    const axis = draw.whole(0, shape.length - 1);
    return { inputs: Array.from({ length: 1 + (number % 3) }, () => draw.floats(shape.with(axis, draw.whole(1, 4)))), attributes: { axis } };
  },
  evaluate(inputs, attributes) {
    const { axis } = attributes as { axis: number };
    const places = inputs.flatMap((input) => Array.from({ length: input.shape[axis]! }, (_, place) => ({ input, place })));
    return filledWith(inputs[0]!.shape.with(axis, places.length), (index) => {
      const { input, place } = places[index[axis]!]!;
      return at(input, index.with(axis, place));
    });
  },
};

const split: Reference = {
  sample(number) {
    const draw = new Draw('split', number);
    const axis = draw.whole(0, number % 4);
    const shape = drawShape(draw, number).with(axis, draw.whole(2, 9));
    return { inputs: [draw.floats(shape)], attributes: { axis, sizes: drawParts(draw, shape[axis]!) } };
  },
  evaluate([x], attributes) {
    const { axis, sizes } = attributes as { axis: number; sizes: readonly number[] };
    return sizes.map((size, part) => {
      const start = sizes.slice(0, part).reduce((sum, before) => sum + before, 0);
      return filledWith(x!.shape.with(axis, size), (index) => at(x!, index.with(axis, index[axis]! + start)));
    });
  },
};

interface Padding {
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly mode: 'constant' | 'reflect' | 'edge';
  readonly value?: number;
}

const pad: Reference = {
  sample(number) {
    const draw = new Draw('pad', number);
    const shape = drawShape(draw, Math.floor(number / 3));
    const mode = (['constant', 'reflect', 'edge'] as const)[number % 3]!;
    const count = (size: number): number => (draw.whole(0, 3) === 0 ? 0 : mode === 'constant' ? draw.whole(-Math.floor((size - 1) / 2), 3) : draw.whole(0, mode === 'reflect' ? size - 1 : 3));
    return { inputs: [draw.floats(shape)], attributes: { before: shape.map(count), after: shape.map(count), mode, ...(number % 2 === 0 ? {} : { value: 1.5 }) } };
  },
  evaluate([x], attributes) {
    const { before, after, mode, value = 0 } = attributes as Padding;
    const source = (place: number, size: number): number => {
      if (mode === 'edge') return Math.min(Math.max(place, 0), size - 1);
      if (mode === 'reflect' && place < 0) return -place;
      return mode === 'reflect' && place >= size ? 2 * (size - 1) - place : place;
    };
    return filledWith(x!.shape.map((size, axis) => before[axis]! + size + after[axis]!), (index) => {
      const from = offsetOf(x!.shape, index.map((place, axis) => source(place - before[axis]!, x!.shape[axis]!)));
      return from === null ? value : x!.data[from]!;
    });
  },
};

const expand: Reference = {
  sample(number) {
    const draw = new Draw('expand', number);
    const full = drawShape(draw, number);
    // Axes of size 1 and missing ones on both sides, but not on one axis.
    const kept = full.map((size) => (draw.whole(0, 1) === 0 ? 1 : size)).slice(draw.whole(0, full.length - 1));
    const target = full.map((size, axis) => (kept[axis - full.length + kept.length] === size && draw.whole(0, 2) === 0 ? 1 : size));
    return { inputs: [draw.floats(kept)], attributes: { shape: target } };
  },
  evaluate([x], attributes) {
    const { shape } = attributes as { shape: readonly number[] };
    return filledWith(broadcast(x!.shape, shape), (index) => x!.data[offsetWithin(x!.shape, index)]!);
  },
};

const tile: Reference = {
  sample(number) {
    const draw = new Draw('tile', number);
    const shape = drawShape(draw, number, 4);
    return { inputs: [draw.floats(shape)], attributes: { repeats: shape.map(() => draw.whole(1, 3)) } };
  },
  evaluate([x], attributes) {
    const { repeats } = attributes as { repeats: readonly number[] };
    return filledWith(x!.shape.map((size, axis) => size * repeats[axis]!), (index) => at(x!, index.map((place, axis) => place % x!.shape[axis]!)));
  },
};

const gather: Reference = {
  sample(number) {
    const draw = new Draw('gather', number);
    // Every sixth is a large table: more places than are looked for one by one, often the same few, from more rows than fit one block.
    const table = number % 6 === 4;
    const shape = table ? [draw.whole(257, 300), draw.whole(1, 2)] : drawShape(draw, number);
    const axis = table ? 0 : draw.whole(0, shape.length - 1);
    const size = shape[axis]!;
    const places = table ? [draw.whole(1, 2), draw.whole(50, 180)] : Array.from({ length: draw.whole(0, 2) }, () => draw.whole(1, 5));
    // Negative indices count from the end.
    const drawn = draw.wholes(product(places), number % 3 === 0 || table ? -size : 0, size - 1);
    const indices = table ? drawn.map((place, row) => (row % 3 === 0 ? place : place % 4)) : drawn;
    return { inputs: [draw.floats(shape), integerValue(number % 2 === 0 ? 'int64' : 'int32', places, indices)], attributes: { axis } };
  },
  evaluate([x, indices], attributes) {
    const { axis } = attributes as { axis: number };
    const size = x!.shape[axis]!;
    const end = axis + indices!.shape.length;
    return filledWith([...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)], (index) => {
      const place = at(indices!, index.slice(axis, end));
      return at(x!, [...index.slice(0, axis), place < 0 ? place + size : place, ...index.slice(end)]);
    });
  },
};

export const shapingReferences: Readonly<Record<string, Reference>> = { reshape, transpose, slice, concat, split, pad, expand, tile, gather };
