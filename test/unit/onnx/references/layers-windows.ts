/** Convolutions and pooling, from the definition: a sum over the places of a window for each of its positions. */
import { indicesOf, offsetOf } from './indices';
import { Draw, floatValue, product, type Reference, type Sample, type Value } from './sample';

interface Sliding {
  readonly strides?: readonly number[];
  readonly dilations?: readonly number[];
  readonly pads?: readonly number[];
}

/** Of one window at one position: its places, with the index that each covers, null on padding. */
interface Place {
  readonly place: readonly number[];
  readonly covers: readonly number[] | null;
}

function slid(spatial: readonly number[], sides: readonly number[], { strides, dilations, pads }: Sliding): readonly number[] {
  return spatial.map((size, axis) => {
    const padded = size + (pads?.[axis] ?? 0) + (pads?.[axis + spatial.length] ?? 0);
    return Math.floor((padded - (sides[axis]! - 1) * (dilations?.[axis] ?? 1) - 1) / (strides?.[axis] ?? 1)) + 1;
  });
}

function placesOf(spatial: readonly number[], sides: readonly number[], { strides, dilations, pads }: Sliding, position: readonly number[]): readonly Place[] {
  return indicesOf(sides).map((place) => {
    const covers = place.map((at, axis) => position[axis]! * (strides?.[axis] ?? 1) + at * (dilations?.[axis] ?? 1) - (pads?.[axis] ?? 0));
    return { place, covers: covers.every((at, axis) => at >= 0 && at < spatial[axis]!) ? covers : null };
  });
}

/** A sliding of `axes` axes over sizes that it fits, and these. Even samples of the first eight leave everything out. */
function drawSliding(draw: Draw, plain: boolean, axes: number, withDilations = true): { readonly spatial: number[]; readonly sides: number[]; readonly sliding: Sliding } {
  const each = (low: number, high: number): number[] => Array.from({ length: axes }, () => draw.whole(low, high));
  const sides = each(1, 3);
  const strides = each(1, 3);
  const dilations = withDilations ? each(1, 2) : sides.map(() => 1);
  // PyTorch takes no more padding than half of a pooling window.
  const pads = [...sides, ...sides].map((side) => draw.whole(0, Math.floor(side / 2)));
  const spatial = sides.map((side, axis) => (side - 1) * (plain ? 1 : dilations[axis]!) + 1 + draw.whole(0, 4));
  return { spatial, sides, sliding: plain ? {} : { strides, dilations, pads } };
}

interface Channels {
  readonly groups: number;
  readonly perGroup: number;
  readonly outputs: number;
}

function drawChannels(draw: Draw, number: number): Channels {
  switch (number % 4) {
    case 0:
      return { groups: 1, perGroup: 1, outputs: draw.whole(1, 3) };
    case 1:
      return { groups: draw.whole(2, 3), perGroup: 1, outputs: draw.whole(1, 2) };
    case 2:
      return { groups: 2, perGroup: draw.whole(2, 3), outputs: draw.whole(1, 2) };
    default:
      return { groups: 1, perGroup: draw.whole(2, 4), outputs: draw.whole(1, 4) };
  }
}

const convolution: Reference = {
  sample(number) {
    const draw = new Draw('convolution', number);
    const axes = number % 3 === 0 ? 1 : 2;
    const { groups, perGroup, outputs } = drawChannels(draw, number);
    const { spatial, sides, sliding } = drawSliding(draw, number % 8 > 5, axes);
    // Padding on each side by itself, more than the kernel at times.
    const pads = sliding.pads?.map((padding) => (number % 5 === 4 ? draw.whole(0, 4) : padding));
    const inputs = [draw.floats([draw.whole(1, 3), groups * perGroup, ...spatial]), draw.floats([groups * outputs, perGroup, ...sides]), draw.floats([groups * outputs])];
    // Steps of 1 have a backward pass of their own.
    const strides = number % 2 === 0 ? spatial.map(() => 1) : sliding.strides;
    return {
      inputs: number % 7 === 6 ? inputs.slice(0, 2) : inputs,
      attributes: { ...sliding, ...(pads === undefined ? {} : { pads }), ...(strides === undefined ? {} : { strides }), ...(groups === 1 ? {} : { groups }) },
    };
  },
  evaluate([x, kernel, bias], attributes) {
    const { groups = 1, ...sliding } = attributes as Sliding & { groups?: number };
    const [batch, , ...spatial] = x!.shape as [number, number, ...number[]];
    const [outputs, perGroup, ...sides] = kernel!.shape as [number, number, ...number[]];
    return Float64Array.from(
      indicesOf([batch, outputs, ...slid(spatial, sides, sliding)]).map(([n, o, ...position]) => {
        const group = Math.floor(o! / (outputs / groups));
        let sum = bias?.data[o!] ?? 0;
        for (const { place, covers } of placesOf(spatial, sides, sliding, position)) {
          if (covers === null) continue;
          for (let c = 0; c < perGroup; c += 1) sum += x!.data[offsetOf(x!.shape, [n!, group * perGroup + c, ...covers])!]! * kernel!.data[offsetOf(kernel!.shape, [o!, c, ...place])!]!;
        }
        return sum;
      }),
    );
  },
};

const transposedConvolution: Reference = {
  sample(number) {
    const draw = new Draw('transposedConvolution', number);
    const axes = number % 3 === 0 ? 1 : 2;
    const { groups, perGroup, outputs } = drawChannels(draw, number);
    const { spatial, sides, sliding } = drawSliding(draw, number % 8 > 5, axes);
    // PyTorch pads both ends alike, and adds less at the end than the stride.
    const pads = sliding.pads?.map((_, end, all) => all[end % axes]!);
    const outputPadding = sliding.strides?.map((stride) => draw.whole(0, stride - 1));
    const inputs = [draw.floats([draw.whole(1, 2), groups * perGroup, ...spatial]), draw.floats([groups * perGroup, outputs, ...sides]), draw.floats([groups * outputs])];
    return {
      inputs: number % 7 === 6 ? inputs.slice(0, 2) : inputs,
      attributes: { ...sliding, ...(pads === undefined ? {} : { pads }), ...(outputPadding === undefined ? {} : { outputPadding }), ...(groups === 1 ? {} : { groups }) },
    };
  },
  evaluate([x, kernel, bias], attributes) {
    const { groups = 1, outputPadding, ...sliding } = attributes as Sliding & { groups?: number; outputPadding?: readonly number[] };
    const [batch, channels, ...spatial] = x!.shape as [number, number, ...number[]];
    const [, perGroup, ...sides] = kernel!.shape as [number, number, ...number[]];
    const large = spatial.map((size, axis) => {
      const padding = (sliding.pads?.[axis] ?? 0) + (sliding.pads?.[axis + spatial.length] ?? 0);
      return (sliding.strides?.[axis] ?? 1) * (size - 1) + (sliding.dilations?.[axis] ?? 1) * (sides[axis]! - 1) + 1 - padding + (outputPadding?.[axis] ?? 0);
    });
    const shape = [batch, groups * perGroup, ...large];
    const result = Float64Array.from(indicesOf(shape), ([, o]) => bias?.data[o!] ?? 0);
    for (const [n, c, ...position] of indicesOf([batch, channels, ...spatial])) {
      const group = Math.floor(c! / (channels / groups));
      for (const { place, covers } of placesOf(large, sides, sliding, position)) {
        if (covers === null) continue;
        for (let o = 0; o < perGroup; o += 1) {
          const at = offsetOf(shape, [n!, group * perGroup + o, ...covers])!;
          result[at]! += x!.data[offsetOf(x!.shape, [n!, c!, ...position])!]! * kernel!.data[offsetOf(kernel!.shape, [c!, o, ...place])!]!;
        }
      }
    }
    return result;
  },
};

/** Over the elements of each window, null where it lies on padding. */
function pooled(x: Value, kernel: readonly number[], sliding: Sliding, combine: (values: readonly (number | null)[]) => number): Float64Array {
  const [batch, channels, ...spatial] = x.shape as [number, number, ...number[]];
  const whole = { strides: kernel, ...sliding };
  return Float64Array.from(
    indicesOf([batch, channels, ...slid(spatial, kernel, whole)]).map(([n, c, ...position]) =>
      combine(placesOf(spatial, kernel, whole, position).map(({ covers }) => (covers === null ? null : x.data[offsetOf(x.shape, [n!, c!, ...covers])!]!))),
    ),
  );
}

function drawPooling(name: string, number: number, withDilations: boolean): { readonly shape: readonly number[]; readonly attributes: Sliding & { readonly kernel: readonly number[] } } {
  const draw = new Draw(name, number);
  const { spatial, sides, sliding } = drawSliding(draw, number % 3 === 0, number % 4 === 1 ? 1 : 2, withDilations);
  // PyTorch pads both ends alike.
  const pads = sliding.pads?.map((_, end, all) => all[end % sides.length]!);
  const { dilations, ...others } = sliding;
  return {
    shape: [draw.whole(1, 2), draw.whole(1, 3), ...spatial],
    attributes: { kernel: sides, ...others, ...(pads === undefined ? {} : { pads }), ...(withDilations && dilations !== undefined ? { dilations } : {}) },
  };
}

const maxPool: Reference = {
  sample(number) {
    const { shape, attributes } = drawPooling('maxPool', number, true);
    return { inputs: [new Draw('maxPool.values', number).apart(shape, 0.01)], attributes: { ...attributes, ...(number % 2 === 0 ? { backward: 'comparison' } : {}) } };
  },
  kinks(): readonly Sample[] {
    // Ties in every window, side by side and overlapping, by both ways of going back.
    const data = Float64Array.from({ length: 2 * 5 * 6 }, (_, index) => [0, 1, 1, -1, 0, 1, 0][index % 7]!);
    const windows = [{ kernel: [2, 2] }, { kernel: [3, 3], strides: [1, 2], pads: [1, 1, 1, 1] }, { kernel: [1, 3] }];
    return windows.flatMap((attributes) => ['positions', 'comparison'].map((backward) => ({ inputs: [floatValue([2, 1, 5, 6], data)], attributes: { ...attributes, backward } })));
  },
  evaluate([x], attributes) {
    const { kernel, backward: _, ...sliding } = attributes as Sliding & { kernel: readonly number[]; backward?: string };
    return pooled(x!, kernel, sliding, (values) => Math.max(...values.map((value) => value ?? -Infinity)));
  },
};

const averagePool: Reference = {
  sample(number) {
    const { shape, attributes } = drawPooling('averagePool', number, false);
    // Half of the plain windows divide the image exactly.
    const exact = number % 6 === 0 ? shape.map((size, axis) => (axis < 2 ? size : 2 * attributes.kernel[axis - 2]!)) : shape;
    return { inputs: [new Draw('averagePool.values', number).floats(exact)], attributes: { ...attributes, countPadding: number % 2 === 1 } };
  },
  evaluate([x], attributes) {
    const { kernel, countPadding, ...sliding } = attributes as Sliding & { kernel: readonly number[]; countPadding: boolean };
    return pooled(x!, kernel, sliding, (values) => {
      const real = values.filter((value) => value !== null);
      return real.reduce((sum, value) => sum + value, 0) / (countPadding ? values.length : real.length);
    });
  },
};

const globalAveragePool: Reference = {
  sample(number) {
    const draw = new Draw('globalAveragePool', number);
    const spatial = Array.from({ length: 1 + (number % 2) }, () => draw.whole(1, 5));
    return { inputs: [draw.floats([draw.whole(1, 3), draw.whole(1, 4), ...spatial])], attributes: undefined };
  },
  evaluate([x]) {
    const plane = product(x!.shape.slice(2));
    return Float64Array.from({ length: x!.data.length / plane }, (_, index) => x!.data.slice(index * plane, (index + 1) * plane).reduce((sum, value) => sum + value, 0) / plane);
  },
};

export const windowReferences: Readonly<Record<string, Reference>> = { convolution, transposedConvolution, maxPool, averagePool, globalAveragePool };
