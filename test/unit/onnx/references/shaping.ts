/** Operators that put elements elsewhere: for each place of the result, the place where its element came from. */
import { indicesOf, offsetOf } from './indices';
import { Draw, type Reference, type Value } from './sample';

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

export const shapingReferences: Readonly<Record<string, Reference>> = { reshape, transpose, slice, concat, split };
