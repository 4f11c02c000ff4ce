import { add, cast, erf, exp, multiply, relu as emitRelu, sigmoid as emitSigmoid, subtract, tanh as emitTanh } from '../primitives';
import type { FloatTensor, Tensor } from '../types';
import { single, type Operator } from './operator';

type One = readonly [FloatTensor];

/** max(0, x); the derivative at 0 is 0. */
export const relu: Operator<One, undefined> = single({
  name: 'relu',
  shape: ([x]) => x.shape,
  forward: (graph, [x]) => ({ output: emitRelu(graph, x), saved: [] }),
  // The result is never negative, so "not zero" says where x was positive; two casts and a product beat Where.
  vjp: (graph, { output, gradient }) => [multiply(graph, gradient, cast(graph, cast(graph, output, 'bool'), 'float32'))],
});

/** tanh x; the derivative is 1 − y². */
export const tanh: Operator<One, undefined> = single({
  name: 'tanh',
  shape: ([x]) => x.shape,
  forward: (graph, [x]) => ({ output: emitTanh(graph, x), saved: [] }),
  vjp: (graph, { output, gradient }) => [multiply(graph, gradient, subtract(graph, graph.scalar(1), multiply(graph, output, output)))],
});

/** 1/(1 + e^−x); the derivative is y(1 − y). */
export const sigmoid: Operator<One, undefined> = single({
  name: 'sigmoid',
  shape: ([x]) => x.shape,
  forward: (graph, [x]) => ({ output: emitSigmoid(graph, x), saved: [] }),
  vjp: (graph, { output, gradient }) => [multiply(graph, gradient, multiply(graph, output, subtract(graph, graph.scalar(1), output)))],
});

/**
 * x·Φ(x) with the exact normal distribution function (Hendrycks & Gimpel, 2016), PyTorch's default;
 * the derivative is Φ(x) + x·φ(x).
 */
export const gelu: Operator<One, undefined, readonly [Tensor<'float32'>]> = single({
  name: 'gelu',
  shape: ([x]) => x.shape,
  forward: (graph, [x]) => {
    const half = graph.scalar(0.5);
    const distribution = add(graph, multiply(graph, erf(graph, multiply(graph, x, graph.scalar(Math.SQRT1_2))), half), half);
    return { output: multiply(graph, x, distribution), saved: [distribution] };
  },
  vjp: (graph, { inputs: [x], saved: [distribution], gradient }) => {
    const squared = multiply(graph, multiply(graph, x, x), graph.scalar(-0.5));
    const density = multiply(graph, exp(graph, squared), graph.scalar(1 / Math.sqrt(2 * Math.PI)));
    return [multiply(graph, gradient, add(graph, distribution, multiply(graph, x, density)))];
  },
});
