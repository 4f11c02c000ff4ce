/** Every differentiable operator once more, written for clarity in float64, with samples to try it on. */
import { normals, permutation, uniforms } from '../../../src/random/streams';

export interface Value {
  readonly type: 'float32' | 'uint8' | 'int64';
  readonly shape: readonly number[];
  /** Whole numbers where the type is an integer, float32 numbers otherwise. */
  readonly data: Float64Array;
  /** Whether the operator has a gradient here. */
  readonly differentiable: boolean;
}

export interface Sample {
  readonly inputs: readonly Value[];
  readonly attributes: unknown;
}

export interface Reference {
  /** A random sample; equal numbers give equal samples. */
  sample(number: number): Sample;
  /** The result, flattened, for other values of the inputs. */
  evaluate(inputs: readonly Value[], attributes: unknown): Float64Array;
}

/** Draws for one sample of one operator. */
class Draw {
  private calls = 0;
  constructor(
    private readonly operator: string,
    private readonly number: number,
  ) {}

  private next(): string {
    return `${this.operator}/${this.number}/${this.calls++}`;
  }

  /** A whole number in low … high. */
  whole(low: number, high: number): number {
    return low + Math.floor(uniforms(0, 'data', this.next(), 1)[0]! * (high - low + 1));
  }

  wholes(count: number, low: number, high: number): Float64Array {
    return uniforms(0, 'data', this.next(), count).map((value) => low + Math.floor(value * (high - low + 1)));
  }

  floats(shape: readonly number[], scale = 1): Value {
    return floatValue(shape, normals(0, 'data', this.next(), product(shape)).map((value) => value * scale));
  }

  /** Floats no two of which are closer than `gap`, none closer to zero than half of it: away from kinks and ties. */
  apart(shape: readonly number[], gap: number): Value {
    const count = product(shape);
    const order = permutation(0, 'data', this.next(), 0, count);
    return floatValue(shape, Float64Array.from(order, (rank) => (rank - Math.floor(count / 2) + 0.5) * gap));
  }
}

function product(shape: readonly number[]): number {
  return shape.reduce((count, size) => count * size, 1);
}

function floatValue(shape: readonly number[], data: Float64Array, differentiable = true): Value {
  return { type: 'float32', shape, data: data.map(Math.fround), differentiable };
}

function integerValue(type: 'uint8' | 'int64', shape: readonly number[], data: Float64Array): Value {
  return { type, shape, data, differentiable: false };
}

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

function elementwise(name: string, scalar: (x: number) => number, sample?: (draw: Draw, shape: readonly number[]) => Value): Reference {
  return {
    sample(number) {
      const draw = new Draw(name, number);
      const shape = number % 3 === 0 ? [draw.whole(1, 3), draw.whole(1, 3), draw.whole(1, 4), draw.whole(1, 4)] : [draw.whole(1, 6), draw.whole(1, 9)];
      return { inputs: [sample === undefined ? draw.floats(shape, 2) : sample(draw, shape)], attributes: undefined };
    },
    evaluate: ([x]) => x!.data.map(scalar),
  };
}

const linear: Reference = {
  sample(number) {
    const draw = new Draw('linear', number);
    const [batch, inputs, outputs] = [draw.whole(1, 7), draw.whole(1, 9), draw.whole(1, 8)];
    return { inputs: [draw.floats([batch, inputs]), draw.floats([outputs, inputs]), draw.floats([outputs])], attributes: undefined };
  },
  evaluate([x, weight, bias]) {
    const [batch, inputs] = x!.shape as [number, number];
    const outputs = bias!.shape[0]!;
    const result = new Float64Array(batch * outputs);
    for (let row = 0; row < batch; row += 1) {
      for (let output = 0; output < outputs; output += 1) {
        let sum = bias!.data[output]!;
        for (let input = 0; input < inputs; input += 1) sum += x!.data[row * inputs + input]! * weight!.data[output * inputs + input]!;
        result[row * outputs + output] = sum;
      }
    }
    return result;
  },
};

const convolution: Reference = {
  sample(number) {
    const draw = new Draw('convolution', number);
    // One channel and several have different backward passes: half of the samples each.
    const channels = number % 2 === 0 ? 1 : draw.whole(2, 3);
    const [batch, outputs, side] = [draw.whole(1, 3), draw.whole(1, 3), [1, 3, 3, 5][draw.whole(0, 3)]!];
    const [height, width] = [draw.whole(1, 5), draw.whole(1, 5)];
    return { inputs: [draw.floats([batch, channels, height, width]), draw.floats([outputs, channels, side, side]), draw.floats([outputs])], attributes: undefined };
  },
  evaluate([x, kernel, bias]) {
    const [batch, channels, height, width] = x!.shape as [number, number, number, number];
    const [outputs, , side] = kernel!.shape as [number, number, number, number];
    const padding = (side - 1) / 2;
    const result = new Float64Array(batch * outputs * height * width);
    let next = 0;
    for (let n = 0; n < batch; n += 1) {
      for (let o = 0; o < outputs; o += 1) {
        for (let h = 0; h < height; h += 1) {
          for (let w = 0; w < width; w += 1) {
            let sum = bias!.data[o]!;
            for (let c = 0; c < channels; c += 1) {
              for (let i = 0; i < side; i += 1) {
                for (let j = 0; j < side; j += 1) {
                  const [row, column] = [h + i - padding, w + j - padding];
                  if (row < 0 || row >= height || column < 0 || column >= width) continue;
                  sum += x!.data[((n * channels + c) * height + row) * width + column]! * kernel!.data[((o * channels + c) * side + i) * side + j]!;
                }
              }
            }
            result[next++] = sum;
          }
        }
      }
    }
    return result;
  },
};

const maxPool: Reference = {
  sample(number) {
    const draw = new Draw('maxPool', number);
    return { inputs: [draw.apart([draw.whole(1, 3), draw.whole(1, 3), draw.whole(2, 7), draw.whole(2, 7)], 0.01)], attributes: undefined };
  },
  evaluate([x]) {
    const [batch, channels, height, width] = x!.shape as [number, number, number, number];
    const result: number[] = [];
    for (let plane = 0; plane < batch * channels; plane += 1) {
      for (let h = 0; h + 1 < height; h += 2) {
        for (let w = 0; w + 1 < width; w += 2) {
          const at = (row: number, column: number): number => x!.data[(plane * height + row) * width + column]!;
          result.push(Math.max(at(h, w), at(h, w + 1), at(h + 1, w), at(h + 1, w + 1)));
        }
      }
    }
    return Float64Array.from(result);
  },
};

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

const dropout: Reference = {
  sample(number) {
    const draw = new Draw('dropout', number);
    const shape = [draw.whole(1, 6), draw.whole(1, 9)];
    return {
      inputs: [draw.floats(shape), integerValue('uint8', shape, draw.wholes(product(shape), 0, 1))],
      attributes: { dropProbability: draw.whole(0, 19) / 20 },
    };
  },
  evaluate([x, mask], attributes) {
    const { dropProbability } = attributes as { dropProbability: number };
    return x!.data.map((value, index) => (value * mask!.data[index]!) / (1 - dropProbability));
  },
};

const crossEntropy: Reference = {
  sample(number) {
    const draw = new Draw('crossEntropy', number);
    const [batch, classes] = [draw.whole(1, 7), draw.whole(2, 9)];
    const weights = draw.floats([batch]).data.map((value, index) => (index % 4 === 3 ? 0 : Math.abs(value)));
    return {
      inputs: [draw.floats([batch, classes], 3), integerValue('int64', [batch], draw.wholes(batch, 0, classes - 1)), floatValue([batch], weights, false)],
      attributes: undefined,
    };
  },
  evaluate([logits, labels, weights]) {
    const [batch, classes] = logits!.shape as [number, number];
    let loss = 0;
    for (let row = 0; row < batch; row += 1) {
      const values = logits!.data.slice(row * classes, (row + 1) * classes);
      const largest = Math.max(...values);
      const total = values.reduce((sum, value) => sum + Math.exp(value - largest), 0);
      loss += weights!.data[row]! * (largest + Math.log(total) - values[labels!.data[row]!]!);
    }
    return Float64Array.of(loss);
  },
};

/** One reference for each operator of the registry, by name. */
export const references: Readonly<Record<string, Reference>> = {
  linear,
  convolution,
  maxPool,
  relu: elementwise('relu', (x) => Math.max(0, x), (draw, shape) => draw.apart(shape, 0.05)),
  tanh: elementwise('tanh', Math.tanh),
  sigmoid: elementwise('sigmoid', (x) => 1 / (1 + Math.exp(-x))),
  gelu: elementwise('gelu', (x) => 0.5 * x * (1 + erf(x / Math.SQRT2))),
  reshape,
  dropout,
  crossEntropy,
};
