/** Arithmetic element by element, with ONNX's broadcasting in both directions. */
import type { GraphBuilder } from '../graph';
import {
  absolute as emitAbsolute,
  add as emitAdd,
  cast,
  clip as emitClip,
  cosine,
  divide as emitDivide,
  equal,
  erf as emitErf,
  exp as emitExp,
  greater,
  log as emitLog,
  maximum as emitMaximum,
  minimum as emitMinimum,
  multiply as emitMultiply,
  negate as emitNegate,
  power as emitPower,
  reciprocal as emitReciprocal,
  sign,
  sine,
  squareRoot,
  subtract as emitSubtract,
  sumTo,
  where as emitWhere,
} from '../primitives';
import { broadcastShapes, GraphError } from '../shapes';
import type { FloatTensor, Tensor } from '../types';
import { single, type AnyOperator, type Operator } from './operator';

export type Unary = Operator<readonly [FloatTensor], undefined>;
export type Binary = Operator<readonly [FloatTensor, FloatTensor], undefined>;

/** An operator of one input x with the result y; `pullBack` gives gradient · dy/dx. */
export function unary(name: string, emit: (graph: GraphBuilder, x: FloatTensor) => FloatTensor, pullBack: (graph: GraphBuilder, gradient: FloatTensor, x: FloatTensor, y: FloatTensor) => FloatTensor): Unary {
  return single({
    name,
    shape: ([x]) => x.shape,
    forward: (graph, [x]) => ({ output: emit(graph, x), saved: [] }),
    vjp: (graph, { inputs: [x], output, gradient }) => [pullBack(graph, gradient, x, output)],
  });
}

/** What the derivative of an operator of two inputs may use. */
interface Call {
  readonly gradient: FloatTensor;
  readonly left: FloatTensor;
  readonly right: FloatTensor;
  readonly output: FloatTensor;
}

type PullBack = (graph: GraphBuilder, call: Call) => FloatTensor;

/** An operator of two inputs; the pull-backs may leave the sum over broadcast axes undone. */
function binary(name: string, emit: (graph: GraphBuilder, left: FloatTensor, right: FloatTensor) => FloatTensor, pullLeft: PullBack, pullRight: PullBack): Binary {
  return single({
    name,
    shape: ([left, right]) => broadcastShapes(left.shape, right.shape),
    forward: (graph, [left, right]) => ({ output: emit(graph, left, right), saved: [] }),
    vjp: (graph, { inputs: [left, right], output, gradient, needs }) => {
      const call = { gradient, left, right, output };
      return [needs[0] === true ? sumTo(graph, pullLeft(graph, call), left.shape) : null, needs[1] === true ? sumTo(graph, pullRight(graph, call), right.shape) : null];
    },
  });
}

const unchanged: PullBack = (_, { gradient }) => gradient;

export const add = binary('add', emitAdd, unchanged, unchanged);

export const subtract: Binary = single({
  name: 'subtract',
  shape: ([left, right]) => broadcastShapes(left.shape, right.shape),
  forward: (graph, [left, right]) => ({ output: emitSubtract(graph, left, right), saved: [] }),
  vjp: (graph, { inputs: [left, right], gradient, needs }) => [
    needs[0] === true ? sumTo(graph, gradient, left.shape) : null,
    // Negated after the sum, where there is less to negate.
    needs[1] === true ? emitNegate(graph, sumTo(graph, gradient, right.shape)) : null,
  ],
});

export const multiply = binary(
  'multiply',
  emitMultiply,
  (graph, { gradient, right }) => emitMultiply(graph, gradient, right),
  (graph, { gradient, left }) => emitMultiply(graph, gradient, left),
);

export const divide: Binary = single({
  name: 'divide',
  shape: ([left, right]) => broadcastShapes(left.shape, right.shape),
  forward: (graph, [left, right]) => ({ output: emitDivide(graph, left, right), saved: [] }),
  vjp: (graph, { inputs: [left, right], output, gradient, needs }) => {
    const quotient = emitDivide(graph, gradient, right);
    return [
      needs[0] === true ? sumTo(graph, quotient, left.shape) : null,
      needs[1] === true ? emitNegate(graph, sumTo(graph, emitMultiply(graph, quotient, output), right.shape)) : null,
    ];
  },
});

/** left to the power right. As in PyTorch the derivative in the base is 0 where the exponent is 0, and that in the exponent is 0 where the base is 0. */
export const power = binary(
  'power',
  emitPower,
  (graph, { gradient, left, right }) => {
    // 0·x⁰ in place of 0·x⁻¹, which is no number at x = 0.
    const lowered = emitWhere(graph, equal(graph, right, graph.scalar(0)), graph.scalar(0), emitSubtract(graph, right, graph.scalar(1)));
    return emitMultiply(graph, gradient, emitMultiply(graph, right, emitPower(graph, left, lowered)));
  },
  (graph, { gradient, left, output }) => {
    const base = emitWhere(graph, equal(graph, left, graph.scalar(0)), graph.scalar(1), left);
    return emitMultiply(graph, gradient, emitMultiply(graph, output, emitLog(graph, base)));
  },
);

function raise(graph: GraphBuilder, x: FloatTensor, exponent: number): FloatTensor {
  switch (exponent) {
    case -1:
      return emitReciprocal(graph, x);
    case 0:
      return graph.scalar(1);
    case 0.5:
      return squareRoot(graph, x);
    case 1:
      return x;
    case 2:
      return emitMultiply(graph, x, x);
    default:
      return emitPower(graph, x, graph.scalar(exponent));
  }
}

/** x to a fixed exponent other than 0 and 1, for which there is nothing to compute. */
export const constantPower: Operator<readonly [FloatTensor], { readonly exponent: number }> = single({
  name: 'constantPower',
  shape: ([x], { exponent }) => {
    if (!Number.isFinite(exponent) || exponent === 0 || exponent === 1) throw new GraphError(`constantPower cannot take the exponent ${exponent}`);
    return x.shape;
  },
  forward: (graph, [x], { exponent }) => ({ output: raise(graph, x, exponent), saved: [] }),
  vjp: (graph, { inputs: [x], attributes: { exponent }, gradient }) => [emitMultiply(graph, gradient, emitMultiply(graph, raise(graph, x, exponent - 1), graph.scalar(exponent)))],
});

/** Of two operators of which one passes its input on: the gradient goes there, half to each on ties, as in PyTorch. */
function choice(name: string, emit: typeof emitMaximum, leftWins: typeof greater): Binary {
  return single({
    name,
    shape: ([left, right]) => broadcastShapes(left.shape, right.shape),
    forward: (graph, [left, right]) => ({ output: emit(graph, left, right), saved: [] }),
    vjp: (graph, { inputs: [left, right], gradient, needs }) => {
      const half = emitMultiply(graph, gradient, graph.scalar(0.5));
      const decided = emitWhere(graph, leftWins(graph, left, right), gradient, graph.scalar(0));
      const toLeft = emitWhere(graph, equal(graph, left, right), half, decided);
      return [needs[0] === true ? sumTo(graph, toLeft, left.shape) : null, needs[1] === true ? sumTo(graph, emitSubtract(graph, gradient, toLeft), right.shape) : null];
    },
  });
}

export const maximum = choice('maximum', emitMaximum, greater);
export const minimum = choice('minimum', emitMinimum, (graph, left, right) => greater(graph, right, left));

/** Keeps x within the bounds given; the derivative is 1 on the bounds themselves, as in PyTorch's clamp. */
export const clip: Operator<readonly [FloatTensor], { readonly low: number | null; readonly high: number | null }> = single({
  name: 'clip',
  shape: ([x], { low, high }) => {
    if ((low === null && high === null) || (low ?? -Infinity) > (high ?? Infinity)) throw new GraphError(`clip cannot keep x within ${low} … ${high}`);
    return x.shape;
  },
  forward: (graph, [x], { low, high }) => ({ output: emitClip(graph, x, low, high), saved: [] }),
  vjp: (graph, { inputs: [x], output, gradient }) => [emitMultiply(graph, gradient, cast(graph, equal(graph, x, output), 'float32'))],
});

/** `yes` where the condition holds, `no` elsewhere. */
export const where: Operator<readonly [Tensor<'bool'>, FloatTensor, FloatTensor], undefined> = single({
  name: 'where',
  shape: ([condition, yes, no]) => broadcastShapes(condition.shape, broadcastShapes(yes.shape, no.shape)),
  forward: (graph, [condition, yes, no]) => ({ output: emitWhere(graph, condition, yes, no), saved: [] }),
  vjp: (graph, { inputs: [condition, yes, no], gradient, needs }) => {
    // One product with the condition, which is often smaller than the gradient; the rest is for `no`.
    const toYes = emitMultiply(graph, gradient, cast(graph, condition, 'float32'));
    return [null, needs[1] === true ? sumTo(graph, toYes, yes.shape) : null, needs[2] === true ? sumTo(graph, emitSubtract(graph, gradient, toYes), no.shape) : null];
  },
});

export const negate = unary('negate', emitNegate, (graph, gradient) => emitNegate(graph, gradient));

/** |x|; the derivative at 0 is 0. */
export const absolute = unary('absolute', emitAbsolute, (graph, gradient, x) => emitMultiply(graph, gradient, sign(graph, x)));

export const reciprocal = unary('reciprocal', emitReciprocal, (graph, gradient, _, y) => emitNegate(graph, emitMultiply(graph, gradient, emitMultiply(graph, y, y))));

export const sqrt = unary('sqrt', squareRoot, (graph, gradient, _, y) => emitDivide(graph, gradient, emitAdd(graph, y, y)));

export const exp = unary('exp', emitExp, (graph, gradient, _, y) => emitMultiply(graph, gradient, y));

/** The natural logarithm. */
export const log = unary('log', emitLog, (graph, gradient, x) => emitDivide(graph, gradient, x));

export const sin = unary('sin', sine, (graph, gradient, x) => emitMultiply(graph, gradient, cosine(graph, x)));

export const cos = unary('cos', cosine, (graph, gradient, x) => emitNegate(graph, emitMultiply(graph, gradient, sine(graph, x))));

/** The error function; the derivative is 2/√π·e^(−x²). */
export const erf = unary('erf', emitErf, (graph, gradient, x) => {
  const density = emitExp(graph, emitNegate(graph, emitMultiply(graph, x, x)));
  return emitMultiply(graph, gradient, emitMultiply(graph, density, graph.scalar(2 / Math.sqrt(Math.PI))));
});

export const arithmeticOperators: readonly AnyOperator[] = [add, subtract, multiply, divide, power, constantPower, maximum, minimum, clip, where, negate, absolute, reciprocal, sqrt, exp, log, sin, cos, erf];
