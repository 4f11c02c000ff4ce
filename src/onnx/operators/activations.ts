/** Activation functions. */
import { inBlocks } from '../blocks';
import type { GraphBuilder } from '../graph';
import {
  add,
  and,
  cast,
  divide,
  elu as emitElu,
  erf,
  exp,
  greater,
  hardSigmoid as emitHardSigmoid,
  leakyRelu as emitLeakyRelu,
  less,
  logSoftmax as emitLogSoftmax,
  multiply,
  relu as emitRelu,
  sigmoid as emitSigmoid,
  softmax as emitSoftmax,
  softplus as emitSoftplus,
  subtract,
  sumOver,
  tanh as emitTanh,
  where,
} from '../primitives';
import { dimOf } from '../shapes';
import type { Dim, FloatTensor } from '../types';
import { unary } from './arithmetic';
import { single, type AnyOperator, type Operator } from './operator';

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
export const tanh = unary('tanh', emitTanh, (graph, gradient, _, y) => multiply(graph, gradient, complement(graph, multiply(graph, y, y))));

/** 1/(1 + e^−x); the derivative is y(1 − y). */
export const sigmoid = unary('sigmoid', emitSigmoid, (graph, gradient, _, y) => multiply(graph, gradient, multiply(graph, y, complement(graph, y))));

/**
 * x·Φ(x) with the exact normal distribution function (Hendrycks & Gimpel, 2016), PyTorch's default;
 * the derivative is Φ(x) + x·φ(x).
 */
export const gelu: Operator<One, undefined> = single({
  name: 'gelu',
  shape: ([x]) => x.shape,
  // As PyTorch exports it, which ONNX Runtime knows to compute in one pass.
  forward: (graph, [x]) => {
    const twice = add(graph, erf(graph, divide(graph, x, graph.scalar(Math.SQRT2))), graph.scalar(1));
    return { output: multiply(graph, multiply(graph, x, twice), graph.scalar(0.5)), saved: [] };
  },
  vjp: (graph, { inputs: [x], gradient }) =>
    inBlocks(graph, [x, gradient], (block, [part, ofPart]) => {
      // With u = x/√2, x·φ(x) is u/√π divided by e to the u².
      const scaled = multiply(block, part!, block.scalar(Math.SQRT1_2));
      // (1 + erf u)/2 in one pass: it never leaves 0 … 1, where a hard sigmoid is a line.
      const distribution = emitHardSigmoid(block, erf(block, scaled), 0.5, 0.5);
      const weighed = divide(block, multiply(block, scaled, block.scalar(1 / Math.sqrt(Math.PI))), exp(block, multiply(block, scaled, scaled)));
      return [multiply(block, ofPart!, add(block, distribution, weighed))];
    }),
});

/** √(8/π) and the coefficient of the cube in the approximation of the normal distribution function. */
const TANH_SLOPE = 2 * Math.sqrt(2 / Math.PI);
const TANH_CUBE = 0.044715;

/**
 * The approximation of GELU by ½x(1 + tanh(√(2/π)(x + 0.044715x³))) (Hendrycks & Gimpel, 2016), written as
 * x·σ(x(a + bx²)), which is the same; the derivative is σ + y(1 − σ)(a + 3bx²).
 */
export const geluTanh: Operator<One, undefined, readonly [FloatTensor, FloatTensor]> = single({
  name: 'geluTanh',
  shape: ([x]) => x.shape,
  forward: (graph, [x]) => {
    const squared = multiply(graph, x, x);
    const gate = emitSigmoid(graph, multiply(graph, x, evenPolynomial(graph, squared, TANH_SLOPE, TANH_SLOPE * TANH_CUBE)));
    return { output: multiply(graph, x, gate), saved: [gate, squared] };
  },
  vjp: (graph, { output, saved: [gate, squared], gradient }) => {
    const slope = evenPolynomial(graph, squared, TANH_SLOPE, 3 * TANH_SLOPE * TANH_CUBE);
    return [multiply(graph, gradient, add(graph, gate, multiply(graph, multiply(graph, output, complement(graph, gate)), slope)))];
  },
});

/** x·σ(x) (Elfwing et al., 2017), also called swish; the derivative is σ + y(1 − σ). */
export const silu: Operator<One, undefined, One> = single({
  name: 'silu',
  shape: ([x]) => x.shape,
  forward: (graph, [x]) => {
    const gate = emitSigmoid(graph, x);
    return { output: multiply(graph, x, gate), saved: [gate] };
  },
  vjp: (graph, { output, saved: [gate], gradient }) => [multiply(graph, gradient, add(graph, gate, multiply(graph, output, complement(graph, gate))))],
});

/** x where it is positive, alpha·x elsewhere; the derivative at 0 is alpha, as in PyTorch. */
export const leakyRelu: Operator<One, { readonly alpha: number }> = single({
  name: 'leakyRelu',
  shape: ([x]) => x.shape,
  forward: (graph, [x], { alpha }) => ({ output: emitLeakyRelu(graph, x, alpha), saved: [] }),
  vjp: (graph, { inputs: [x], attributes: { alpha }, gradient }) => [where(graph, greater(graph, x, graph.scalar(0)), gradient, multiply(graph, gradient, graph.scalar(alpha)))],
});

/** x where it is positive, alpha·(e^x − 1) elsewhere (Clevert et al., 2015); the derivative there is y + alpha, at 0 too, as in PyTorch. */
export const elu: Operator<One, { readonly alpha: number }> = single({
  name: 'elu',
  shape: ([x]) => x.shape,
  forward: (graph, [x], { alpha }) => ({ output: emitElu(graph, x, alpha), saved: [] }),
  vjp: (graph, { inputs: [x], attributes: { alpha }, output, gradient }) => [
    where(graph, greater(graph, x, graph.scalar(0)), gradient, multiply(graph, gradient, add(graph, output, graph.scalar(alpha)))),
  ],
});

/** ln(1 + e^x); the derivative is σ(x). */
export const softplus = unary('softplus', emitSoftplus, (graph, gradient, x) => multiply(graph, gradient, emitSigmoid(graph, x)));

/** alpha·x + beta, kept within 0 … 1 (PyTorch: 1/6 and 1/2); the derivative on the bounds is 0, as in PyTorch. */
export const hardSigmoid: Operator<One, { readonly alpha: number; readonly beta: number }> = single({
  name: 'hardSigmoid',
  shape: ([x]) => x.shape,
  forward: (graph, [x], { alpha, beta }) => ({ output: emitHardSigmoid(graph, x, alpha, beta), saved: [] }),
  vjp: (graph, { attributes: { alpha }, output, gradient }) => [multiply(graph, gradient, multiply(graph, withinUnit(graph, output), graph.scalar(alpha)))],
});

/** x·h(x) with the hard sigmoid h = x/6 + 1/2 (Howard et al., 2019); the derivative is h + x·h′. */
export const hardSwish: Operator<One, undefined, One> = single({
  name: 'hardSwish',
  shape: ([x]) => x.shape,
  forward: (graph, [x]) => {
    const gate = emitHardSigmoid(graph, x, 1 / 6, 0.5);
    return { output: multiply(graph, x, gate), saved: [gate] };
  },
  vjp: (graph, { inputs: [x], saved: [gate], gradient }) => {
    const slope = multiply(graph, withinUnit(graph, gate), graph.scalar(1 / 6));
    return [multiply(graph, gradient, add(graph, gate, multiply(graph, x, slope)))];
  },
});

interface AlongAxis {
  /** The last axis where it is left out. */
  readonly axis?: number;
}

/** e^x divided by its sum along an axis; gradient y(g − Σ y·g). */
export const softmax: Operator<One, AlongAxis> = single({
  name: 'softmax',
  shape: normalizedShape,
  forward: (graph, [x], { axis }) => ({ output: emitSoftmax(graph, x, axis), saved: [] }),
  vjp: (graph, { attributes: { axis }, output, gradient }) => {
    const shared = sumOver(graph, multiply(graph, output, gradient), [axis ?? output.shape.length - 1]);
    return [multiply(graph, output, subtract(graph, gradient, shared))];
  },
});

/** The logarithm of softmax; gradient g − e^y·Σ g. */
export const logSoftmax: Operator<One, AlongAxis> = single({
  name: 'logSoftmax',
  shape: normalizedShape,
  forward: (graph, [x], { axis }) => ({ output: emitLogSoftmax(graph, x, axis), saved: [] }),
  vjp: (graph, { attributes: { axis }, output, gradient }) => {
    const shared = sumOver(graph, gradient, [axis ?? output.shape.length - 1]);
    return [subtract(graph, gradient, multiply(graph, exp(graph, output), shared))];
  },
});

export const activationOperators: readonly AnyOperator[] = [relu, tanh, sigmoid, gelu, geluTanh, silu, leakyRelu, elu, softplus, hardSigmoid, hardSwish, softmax, logSoftmax];

function normalizedShape([x]: One, { axis }: AlongAxis): readonly Dim[] {
  dimOf(x, axis ?? x.shape.length - 1);
  return x.shape;
}

/** 1 − x. */
function complement(graph: GraphBuilder, x: FloatTensor): FloatTensor {
  return subtract(graph, graph.scalar(1), x);
}

/** constant + quadratic·x² of x². */
function evenPolynomial(graph: GraphBuilder, squared: FloatTensor, constant: number, quadratic: number): FloatTensor {
  return add(graph, multiply(graph, squared, graph.scalar(quadratic)), graph.scalar(constant));
}

/** 1 where 0 < x < 1, 0 elsewhere. */
function withinUnit(graph: GraphBuilder, x: FloatTensor): FloatTensor {
  return cast(graph, and(graph, greater(graph, x, graph.scalar(0)), less(graph, x, graph.scalar(1))), 'float32');
}
