/** Norms over the last axis. */
import type { GraphBuilder } from '../graph';
import { add, countFlops, divide, meanOver, multiply, squareRoot, subtract, sumTo } from '../primitives';
import { dimOf, formatShape, GraphError } from '../shapes';
import type { Dim, FloatTensor } from '../types';
import { single, type Operator } from './operator';

/** x [..., size], the gain [size] and what is added, if anything, [size]. */
type Inputs = readonly [FloatTensor, FloatTensor] | readonly [FloatTensor, FloatTensor, FloatTensor];

export interface NormAttributes {
  /** Added to the variance or the mean square. */
  readonly epsilon: number;
}

/** (x − mean)/√(variance + ε)·gain + bias, mean and variance over the last axis (Ba et al., 2016). */
export const layerNorm: Operator<Inputs, NormAttributes, readonly [FloatTensor, FloatTensor]> = single({
  name: 'layerNorm',
  shape: normalizedShape.bind(null, 'layerNorm'),
  forward: (graph, [x, gain, bias], { epsilon }) => {
    countFlops(graph, x.shape, 8);
    const moment = { type: 'float32', shape: [...x.shape.slice(0, -1), 1] } as const;
    const [output, mean, inverse] = graph.node('LayerNormalization', bias === undefined ? [x, gain] : [x, gain, bias], [{ type: 'float32', shape: x.shape }, moment, moment], { axis: { int: -1 }, epsilon: { float: epsilon } });
    return { output, saved: [mean, inverse] };
  },
  vjp: (graph, { inputs: [x, gain, bias], saved: [mean, inverse], gradient, needs }) => {
    const normed = multiply(graph, subtract(graph, x, mean), inverse);
    const scaled = multiply(graph, gradient, gain);
    const toX = (): FloatTensor => multiply(graph, subtract(graph, subtract(graph, scaled, lastMean(graph, scaled)), alongOutput(graph, normed, scaled)), inverse);
    return [
      needs[0] === true ? toX() : null,
      needs[1] === true ? sumTo(graph, multiply(graph, gradient, normed), gain.shape) : null,
      needs[2] === true && bias !== undefined ? sumTo(graph, gradient, bias.shape) : null,
    ];
  },
});

/** x/√(mean of x² + ε)·gain + bias over the last axis (Zhang & Sennrich, 2019). */
export const rmsNorm: Operator<Inputs, NormAttributes, readonly [FloatTensor, FloatTensor]> = single({
  name: 'rmsNorm',
  shape: normalizedShape.bind(null, 'rmsNorm'),
  forward: (graph, [x, gain, bias], { epsilon }) => {
    const size = squareRoot(graph, add(graph, lastMean(graph, multiply(graph, x, x)), graph.scalar(epsilon)));
    const normed = divide(graph, x, size);
    const product = multiply(graph, normed, gain);
    return { output: bias === undefined ? product : add(graph, product, bias), saved: [normed, size] };
  },
  vjp: (graph, { inputs: [, gain, bias], saved: [normed, size], gradient, needs }) => {
    const scaled = multiply(graph, gradient, gain);
    return [
      needs[0] === true ? divide(graph, subtract(graph, scaled, alongOutput(graph, normed, scaled)), size) : null,
      needs[1] === true ? sumTo(graph, multiply(graph, gradient, normed), gain.shape) : null,
      needs[2] === true && bias !== undefined ? sumTo(graph, gradient, bias.shape) : null,
    ];
  },
});

export const normOperators = [layerNorm, rmsNorm] as const;

function normalizedShape(name: string, [x, gain, bias]: Inputs): readonly Dim[] {
  const size = dimOf(x, x.shape.length - 1);
  for (const factor of bias === undefined ? [gain] : [gain, bias]) {
    if (factor.shape.length !== 1 || factor.shape[0] !== size) throw new GraphError(`${name} of ${formatShape(x.shape)} cannot take ${formatShape(factor.shape)}`);
  }
  return x.shape;
}

/** The mean over the last axis, which stays with size 1. */
function lastMean(graph: GraphBuilder, value: FloatTensor): FloatTensor {
  return meanOver(graph, value, [value.shape.length - 1]);
}

/** The part of a gradient that would only change the length of what was normed, which the norm keeps. */
function alongOutput(graph: GraphBuilder, normed: FloatTensor, gradient: FloatTensor): FloatTensor {
  return multiply(graph, normed, lastMean(graph, multiply(graph, gradient, normed)));
}
