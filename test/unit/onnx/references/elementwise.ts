import { Draw, floatValue, product, type Reference, type Value } from './sample';

/** 2/√π·e^(−x²)·Σ 2ⁿx^(2n+1)/(1·3·…·(2n+1)) (Abramowitz & Stegun 7.1.6): all terms have one sign, so nothing cancels. */
export function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n += 1) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

interface Choices {
  /** The attributes of one sample. */
  readonly attributes?: (number: number) => Readonly<Record<string, number>>;
  readonly values?: (draw: Draw, shape: readonly number[]) => Value;
  /** Where the derivative is a convention, or far out, where a careless formula overflows. */
  readonly kinks?: readonly number[];
}

function elementwise(name: string, scalar: (x: number, attributes: Readonly<Record<string, number>>) => number, { attributes, values, kinks }: Choices = {}): Reference {
  return {
    sample(number) {
      const draw = new Draw(name, number);
      const shape = number % 3 === 0 ? [draw.whole(1, 3), draw.whole(1, 3), draw.whole(1, 4), draw.whole(1, 4)] : [draw.whole(1, 6), draw.whole(1, 9)];
      return { inputs: [values === undefined ? draw.floats(shape, 2) : values(draw, shape)], attributes: attributes?.(number) };
    },
    ...(kinks === undefined ? {} : { kinks: () => [{ inputs: [floatValue([kinks.length], Float64Array.from(kinks))], attributes: attributes?.(0) }] }),
    evaluate: ([x], given) => x!.data.map((value) => scalar(value, given as Readonly<Record<string, number>>)),
  };
}

/** Away from 0, where a derivative jumps. */
const apart = (draw: Draw, shape: readonly number[]): Value => draw.apart(shape, 0.05);

/** Quarters and an eighth, further than all of them from the bounds, which lie on quarters. */
const betweenQuarters = (draw: Draw, shape: readonly number[]): Value => {
  const value = draw.floats(shape, 3);
  return { ...value, data: value.data.map((x) => Math.floor(x * 4) / 4 + 0.125) };
};

const FAR_OUT = [-1e4, -100, -20, 0, 20, 100, 1e4];

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const hardSigmoid = (x: number, alpha: number, beta: number): number => Math.min(Math.max(alpha * x + beta, 0), 1);

/** A function of the elements along one axis, at any place among the others. */
function along(name: string, line: (values: Float64Array) => Float64Array): Reference {
  return {
    sample(number) {
      const draw = new Draw(name, number);
      const shape = Array.from({ length: 1 + (number % 4) }, () => draw.whole(1, 6));
      const axis = draw.whole(0, shape.length - 1);
      return { inputs: [draw.floats(shape, 3)], attributes: number % 3 === 0 ? {} : { axis } };
    },
    kinks: () => [{ inputs: [floatValue([2, 3], Float64Array.of(1e4, 0, -1e4, 1e4, 1e4, 50))], attributes: {} }],
    evaluate([x], attributes) {
      const { axis = x!.shape.length - 1 } = attributes as { axis?: number };
      const size = x!.shape[axis]!;
      const stride = product(x!.shape.slice(axis + 1));
      const found = new Float64Array(x!.data.length);
      for (let start = 0; start < found.length; start += 1) {
        if (Math.floor(start / stride) % size !== 0) continue;
        line(Float64Array.from({ length: size }, (_, at) => x!.data[start + at * stride]!)).forEach((value, at) => {
          found[start + at * stride] = value;
        });
      }
      return found;
    },
  };
}

function logSoftmax(values: Float64Array): Float64Array {
  const largest = Math.max(...values);
  const total = values.reduce((sum, value) => sum + Math.exp(value - largest), 0);
  return values.map((value) => value - largest - Math.log(total));
}

export const elementwiseReferences: Readonly<Record<string, Reference>> = {
  relu: elementwise('relu', (x) => Math.max(0, x), { values: apart, kinks: [-1, 0, 1] }),
  tanh: elementwise('tanh', Math.tanh, { kinks: FAR_OUT }),
  sigmoid: elementwise('sigmoid', sigmoid, { kinks: FAR_OUT }),
  gelu: elementwise('gelu', (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)), { kinks: FAR_OUT }),
  geluTanh: elementwise('geluTanh', (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))), { kinks: FAR_OUT }),
  silu: elementwise('silu', (x) => x * sigmoid(x), { kinks: FAR_OUT }),
  leakyRelu: elementwise('leakyRelu', (x, { alpha }) => (x > 0 ? x : alpha! * x), { attributes: (number) => ({ alpha: [0.01, 0.2, 0.5][number % 3]! }), values: apart, kinks: [-1, 0, 1] }),
  elu: elementwise('elu', (x, { alpha }) => (x > 0 ? x : alpha! * Math.expm1(x)), { attributes: (number) => ({ alpha: [0.5, 1, 2][number % 3]! }), values: apart, kinks: FAR_OUT }),
  softplus: elementwise('softplus', (x) => Math.log1p(Math.exp(x)), { kinks: FAR_OUT }),
  hardSigmoid: elementwise('hardSigmoid', (x, { alpha, beta }) => hardSigmoid(x, alpha!, beta!), {
    attributes: (number) => (number % 2 === 0 ? { alpha: 1 / 6, beta: 0.5 } : { alpha: 0.25, beta: 0.5 }),
    values: betweenQuarters,
    kinks: [-4, -3, 0, 3, 4],
  }),
  hardSwish: elementwise('hardSwish', (x) => x * hardSigmoid(x, 1 / 6, 0.5), { values: betweenQuarters, kinks: [-4, -3, 0, 3, 4] }),
  softmax: along('softmax', (values) => logSoftmax(values).map(Math.exp)),
  logSoftmax: along('logSoftmax', logSoftmax),
};
