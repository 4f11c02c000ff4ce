import { erf } from './elementwise';
import { Draw, integerValue, product, type Reference, type Value } from './sample';

/** The element of `value`, broadcast to `shape`, at a flat position of that shape. */
function broadcastAt(value: Value, shape: readonly number[], flat: number): number {
  const missing = shape.length - value.shape.length;
  let rest = flat;
  let offset = 0;
  let stride = 1;
  for (let axis = shape.length - 1; axis >= missing; axis -= 1) {
    const size = value.shape[axis - missing]!;
    if (size !== 1) offset += (rest % shape[axis]!) * stride;
    rest = Math.floor(rest / shape[axis]!);
    stride *= size;
  }
  return value.data[offset]!;
}

function broadcastShape(values: readonly Value[]): readonly number[] {
  const rank = Math.max(...values.map(({ shape }) => shape.length));
  return Array.from({ length: rank }, (_, axis) => Math.max(...values.map(({ shape }) => shape[axis - rank + shape.length] ?? 1)));
}

/** Random shapes that broadcast to one: axes of size 1 and missing leading axes, on either side. */
function broadcastable(draw: Draw, count: number): readonly (readonly number[])[] {
  const full = Array.from({ length: draw.whole(1, 4) }, () => draw.whole(1, 5));
  return Array.from({ length: count }, () => full.map((size) => (draw.whole(0, 3) === 0 ? 1 : size)).slice(draw.whole(0, 2) === 0 ? draw.whole(0, full.length) : 0));
}

function broadcasting(name: string, combine: (...elements: number[]) => number, values: (draw: Draw, shape: readonly number[], position: number) => Value, count = 2, kinks?: () => readonly (readonly Value[])[]): Reference {
  return {
    sample(number) {
      const draw = new Draw(name, number);
      return { inputs: broadcastable(draw, count).map((shape, position) => values(draw, shape, position)), attributes: undefined };
    },
    ...(kinks === undefined ? {} : { kinks: () => kinks().map((inputs) => ({ inputs, attributes: undefined })) }),
    evaluate(inputs) {
      const shape = broadcastShape(inputs);
      return Float64Array.from({ length: product(shape) }, (_, flat) => combine(...inputs.map((value) => broadcastAt(value, shape, flat))));
    },
  };
}

/** A function of one element on random values of `values`. */
function pointwise(name: string, scalar: (x: number) => number, values: (draw: Draw, shape: readonly number[]) => Value, kinks?: () => readonly Value[]): Reference {
  return {
    sample(number) {
      const draw = new Draw(name, number);
      return { inputs: [values(draw, pointwiseShape(draw, number))], attributes: undefined };
    },
    ...(kinks === undefined ? {} : { kinks: () => kinks().map((value) => ({ inputs: [value], attributes: undefined })) }),
    evaluate: ([x]) => x!.data.map(scalar),
  };
}

/** Shapes of one to four axes, now and then one that fills vectors of the processor several times. */
function pointwiseShape(draw: Draw, number: number): readonly number[] {
  return number % 8 === 7 ? [draw.whole(3, 9), draw.whole(17, 40)] : Array.from({ length: 1 + (number % 4) }, () => draw.whole(1, number % 4 === 0 ? 30 : 7));
}

const floats = (draw: Draw, shape: readonly number[]): Value => draw.floats(shape);
/** Away from zero, in 0.5 … about 4. */
const positive = (draw: Draw, shape: readonly number[]): Value => {
  const value = draw.floats(shape);
  return { ...value, data: value.data.map((x) => Math.fround(0.5 + Math.abs(x))) };
};
const given = (...data: number[]): Value => ({ type: 'float32', shape: [data.length], data: Float64Array.from(data), differentiable: true });
/** No element of one input is closer than 0.1 to one of the other. */
const untied = (draw: Draw, shape: readonly number[], position: number): Value => {
  const value = draw.floats(shape);
  return { ...value, data: value.data.map((x) => Math.fround(Math.round(x * 4) / 4 + 0.1 * position)) };
};
const ties = () => [[given(1, 2, 3), given(1, 5, -3)]];

interface Bounds {
  readonly low: number | null;
  readonly high: number | null;
}

const clip: Reference = {
  sample(number) {
    const draw = new Draw('clip', number);
    const shape = Array.from({ length: draw.whole(1, 4) }, () => draw.whole(2, 5));
    // Quarters less a tenth, so that no element is on a bound.
    return { inputs: [untied(draw, shape, 1)], attributes: { low: number % 3 === 1 ? null : -0.5, high: number % 3 === 2 ? null : 0.75 } };
  },
  kinks: () => [{ inputs: [given(-2, -0.5, 0, 0.75, 3)], attributes: { low: -0.5, high: 0.75 } }],
  evaluate([x], attributes) {
    const { low, high } = attributes as Bounds;
    return x!.data.map((value) => Math.min(Math.max(value, low ?? -Infinity), high ?? Infinity));
  },
};

const constantPower: Reference = {
  sample(number) {
    const draw = new Draw('constantPower', number);
    return { inputs: [positive(draw, pointwiseShape(draw, number))], attributes: { exponent: [2, -1, 0.5, 3, -0.5, 1.7][number % 6]! } };
  },
  evaluate: ([x], attributes) => x!.data.map((value) => value ** (attributes as { exponent: number }).exponent),
};

export const arithmeticReferences: Readonly<Record<string, Reference>> = {
  add: broadcasting('add', (a, b) => a! + b!, floats),
  subtract: broadcasting('subtract', (a, b) => a! - b!, floats),
  multiply: broadcasting('multiply', (a, b) => a! * b!, floats),
  divide: broadcasting('divide', (a, b) => a! / b!, (draw, shape, position) => (position === 0 ? floats : positive)(draw, shape)),
  power: broadcasting('power', (a, b) => a! ** b!, (draw, shape, position) => (position === 0 ? positive : floats)(draw, shape), 2, () => [[given(2, 0, 0), given(0, 2, 0)]]),
  constantPower,
  maximum: broadcasting('maximum', (a, b) => Math.max(a!, b!), untied, 2, ties),
  minimum: broadcasting('minimum', (a, b) => Math.min(a!, b!), untied, 2, ties),
  clip,
  where: broadcasting('where', (condition, yes, no) => (condition === 1 ? yes! : no!), (draw, shape, position) => (position === 0 ? integerValue('bool', shape, draw.wholes(product(shape), 0, 1)) : draw.floats(shape)), 3),
  negate: pointwise('negate', (x) => -x, floats),
  absolute: pointwise('absolute', Math.abs, (draw, shape) => draw.apart(shape, 0.05), () => [given(-1, 0, 2)]),
  reciprocal: pointwise('reciprocal', (x) => 1 / x, positive),
  sqrt: pointwise('sqrt', Math.sqrt, positive),
  exp: pointwise('exp', Math.exp, floats),
  log: pointwise('log', Math.log, positive),
  sin: pointwise('sin', Math.sin, floats),
  cos: pointwise('cos', Math.cos, floats),
  erf: pointwise('erf', erf, floats),
};
