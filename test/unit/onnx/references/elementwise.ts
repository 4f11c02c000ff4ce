import { Draw, type Reference, type Value } from './sample';

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

export const elementwiseReferences: Readonly<Record<string, Reference>> = {
  relu: elementwise('relu', (x) => Math.max(0, x), (draw, shape) => draw.apart(shape, 0.05)),
  tanh: elementwise('tanh', Math.tanh),
  sigmoid: elementwise('sigmoid', (x) => 1 / (1 + Math.exp(-x))),
  gelu: elementwise('gelu', (x) => 0.5 * x * (1 + erf(x / Math.SQRT2))),
  reshape,
};
