import { indicesOf, offsetOf } from './indices';
import { Draw, floatValue, type Reference, type Value } from './sample';

interface Reduction {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

interface Choices {
  readonly values?: (draw: Draw, shape: readonly number[]) => Value;
  /** A matrix whose rows meet a convention, such as a tie. */
  readonly kinks?: readonly (readonly number[])[];
}

/** A number from the elements that share their indices on all other axes. */
function reduction(name: string, fold: (values: readonly number[]) => number, { values, kinks }: Choices = {}): Reference {
  return {
    sample(number) {
      const draw = new Draw(name, number);
      const shape = Array.from({ length: 1 + (number % 4) }, () => draw.whole(1, 5));
      // Each number of axes in turn; the last of every five samples goes over all of them.
      const axes = draw.order(shape.length).slice(0, number % 5 === 4 ? shape.length : draw.whole(1, shape.length));
      return { inputs: [values === undefined ? draw.floats(shape) : values(draw, shape)], attributes: { axes, keepDims: draw.whole(0, 1) === 1 } };
    },
    ...(kinks === undefined
      ? {}
      : { kinks: () => [{ inputs: [floatValue([kinks.length, kinks[0]!.length], Float64Array.from(kinks.flat()))], attributes: { axes: [1], keepDims: false } }] }),
    evaluate([x], attributes) {
      const { axes } = attributes as Reduction;
      const groups = new Map<number, number[]>();
      const reduced = x!.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
      indicesOf(x!.shape).forEach((index, position) => {
        const place = offsetOf(reduced, index.map((at, axis) => (axes.includes(axis) ? 0 : at)))!;
        const group = groups.get(place);
        if (group === undefined) groups.set(place, [x!.data[position]!]);
        else group.push(x!.data[position]!);
      });
      return Float64Array.from(indicesOf(reduced), (_, place) => fold(groups.get(place)!));
    },
  };
}

const apart = (draw: Draw, shape: readonly number[]): Value => draw.apart(shape, 0.05);
const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

const cumsum: Reference = {
  sample(number) {
    const draw = new Draw('cumsum', number);
    const shape = Array.from({ length: 1 + (number % 3) }, () => draw.whole(1, 6));
    return { inputs: [draw.floats(shape)], attributes: { axis: draw.whole(0, shape.length - 1), exclusive: number % 2 === 1, reverse: number % 4 > 1 } };
  },
  evaluate([x], attributes) {
    const { axis, exclusive, reverse } = attributes as { axis: number; exclusive: boolean; reverse: boolean };
    return Float64Array.from(indicesOf(x!.shape), (index) => {
      const own = index[axis]!;
      const counts = (at: number): boolean => (at === own ? !exclusive : reverse ? at > own : at < own);
      return total(Array.from({ length: x!.shape[axis]! }, (_, at) => (counts(at) ? x!.data[offsetOf(x!.shape, index.with(axis, at))!]! : 0)));
    });
  },
};

export const reductionReferences: Readonly<Record<string, Reference>> = {
  reduceSum: reduction('reduceSum', total),
  reduceMean: reduction('reduceMean', (values) => total(values) / values.length),
  reduceMax: reduction('reduceMax', (values) => Math.max(...values), { values: apart, kinks: [[1, 3, 3], [2, 2, 2]] }),
  reduceMin: reduction('reduceMin', (values) => Math.min(...values), { values: apart, kinks: [[1, 1, 3], [2, 2, 2]] }),
  reduceL2: reduction('reduceL2', (values) => Math.sqrt(total(values.map((value) => value * value))), { values: apart, kinks: [[0, 0], [3, 4]] }),
  cumsum,
};
