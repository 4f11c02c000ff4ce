/** Norms of [N, C, …] with a gain and a bias for each channel. */
import type { GraphBuilder } from '../graph';
import { add, divide, expand, filled, meanOver, multiply, reshape, squareRoot, staticShape, subtract } from '../primitives';
import { sumOfChannels } from '../primitives/layers';
import { dimOf, formatShape, GraphError, sameShape, sizeOf, timesDim } from '../shapes';
import type { FloatTensor } from '../types';
import type { NormAttributes } from './normalization';
import { single, type Operator } from './operator';

/** x [N, C, …], gain [C], bias [C]. */
type Inputs = readonly [x: FloatTensor, gain: FloatTensor, bias: FloatTensor];

/**
 * (x − mean)/√(variance + ε)·gain + bias with mean and biased variance of each channel over the batch (Ioffe & Szegedy,
 * 2015); then these two, [C] each, from which a model makes its running statistics. With `shares` [N], which add up to 1
 * and get no gradient, an example counts so much in the two: 0 for one that only fills a batch up.
 */
export const batchNorm: Operator<Inputs | readonly [...Inputs, shares: FloatTensor], NormAttributes, readonly [normed: FloatTensor, deviation: FloatTensor]> = {
  name: 'batchNorm',
  shapes: ([x, gain, bias, shares]) => {
    checkChannels('batchNorm', [x, gain, bias]);
    if (shares !== undefined && !sameShape(shares.shape, [dimOf(x, 0)])) throw new GraphError(`batchNorm of ${formatShape(x.shape)} cannot take shares ${formatShape(shares.shape)}`);
    const channels = [dimOf(x, 1)];
    return [x.shape, channels, channels];
  },
  forward: (graph, [x, gain, bias, shares], { epsilon }) => {
    const mean = channelMean(graph, x, shares);
    const centred = subtract(graph, x, perChannel(graph, mean, x));
    const variance = channelMean(graph, multiply(graph, centred, centred), shares);
    const deviation = squareRoot(graph, add(graph, variance, graph.scalar(epsilon)));
    const normed = divide(graph, centred, perChannel(graph, deviation, x));
    return { outputs: [scaled(graph, normed, gain, bias), mean, variance], saved: [normed, deviation] };
  },
  vjp: (graph, { inputs: [x, gain, bias, shares], saved: [normed, deviation], gradients: [toOutput = null, toMean = null, toVariance = null], needs }) => {
    if (needs[3] === true) throw new GraphError('batchNorm has no gradient in its shares');
    const share = graph.scalar(1 / (shares === undefined ? perChannelCount(x) : positionsOf(x)));
    const toBias = toOutput === null ? null : sumOfChannels(graph, toOutput);
    const toGain = toOutput === null ? null : sumOfChannels(graph, multiply(graph, toOutput, normed));
    // Each term is an offset and a multiple of `normed` for each channel.
    const toX = (): FloatTensor => {
      const terms: FloatTensor[] = [];
      const spread = (value: FloatTensor): FloatTensor => {
        const even = perChannel(graph, multiply(graph, value, share), x);
        return shares === undefined ? even : multiply(graph, even, perExample(graph, shares, x));
      };
      if (toOutput !== null && toBias !== null && toGain !== null) {
        const along = subtract(graph, subtract(graph, toOutput, spread(toBias)), multiply(graph, normed, spread(toGain)));
        terms.push(multiply(graph, along, perChannel(graph, divide(graph, gain, deviation), x)));
      }
      if (toMean !== null) terms.push(spread(toMean));
      if (toVariance !== null) terms.push(multiply(graph, normed, spread(multiply(graph, multiply(graph, toVariance, deviation), graph.scalar(2)))));
      return expand(graph, terms.reduce((sum, term) => add(graph, sum, term)), staticShape(x));
    };
    const gradient = needs[0] === true ? toX() : null;
    // Gain and bias have no part in the statistics.
    const none = (factor: FloatTensor): FloatTensor => filled(graph, 0, staticShape(factor));
    return [gradient, needs[1] === true ? (toGain ?? none(gain)) : null, needs[2] === true ? (toBias ?? none(bias)) : null, null];
  },
};

/** The same with a mean and a variance that are given, [C] each, and get no gradient: batch norm outside training. */
export const fixedBatchNorm: Operator<readonly [...Inputs, mean: FloatTensor, variance: FloatTensor], NormAttributes, readonly [normed: FloatTensor, deviation: FloatTensor]> = single({
  name: 'fixedBatchNorm',
  shape: ([x, ...factors]) => {
    checkChannels('fixedBatchNorm', [x, ...factors]);
    return x.shape;
  },
  forward: (graph, [x, gain, bias, mean, variance], { epsilon }) => {
    const deviation = squareRoot(graph, add(graph, variance, graph.scalar(epsilon)));
    const normed = divide(graph, subtract(graph, x, perChannel(graph, mean, x)), perChannel(graph, deviation, x));
    return { output: scaled(graph, normed, gain, bias), saved: [normed, deviation] };
  },
  vjp: (graph, { inputs: [x, gain], saved: [normed, deviation], gradient, needs }) => {
    if (needs[3] === true || needs[4] === true) throw new GraphError('fixedBatchNorm has no gradient in its mean and variance');
    return [
      needs[0] === true ? multiply(graph, gradient, perChannel(graph, divide(graph, gain, deviation), x)) : null,
      needs[1] === true ? sumOfChannels(graph, multiply(graph, gradient, normed)) : null,
      needs[2] === true ? sumOfChannels(graph, gradient) : null,
      null,
      null,
    ];
  },
});

/**
 * (x − mean)/√(variance + ε)·gain + bias, mean and variance over each of `groups` groups of channels of each example
 * (Wu & He, 2018). As many groups as channels are an instance norm.
 */
export const groupNorm: Operator<Inputs, NormAttributes & { readonly groups: number }, readonly [normed: FloatTensor, inverse: FloatTensor]> = single({
  name: 'groupNorm',
  shape: (inputs, { groups }) => {
    checkChannels('groupNorm', inputs);
    const channels = sizeOf(inputs[0], 1);
    if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0) throw new GraphError(`groupNorm cannot part ${channels} channels into ${groups} groups`);
    return inputs[0].shape;
  },
  forward: (graph, [x, gain, bias], { groups, epsilon }) => {
    const rows = grouped(graph, x, groups);
    const moment = { type: 'float32', shape: [dimOf(rows, 0), 1] } as const;
    const [normed, , inverse] = graph.node('LayerNormalization', [rows, filled(graph, 1, [sizeOf(rows, 1)])], [{ type: 'float32', shape: rows.shape }, moment, moment], { axis: { int: -1 }, epsilon: { float: epsilon } });
    return { output: scaled(graph, reshape(graph, normed, x.shape), gain, bias), saved: [normed, inverse] };
  },
  vjp: (graph, { inputs: [x, gain], attributes: { groups }, saved: [normed, inverse], gradient, needs }) => {
    const toX = (): FloatTensor => {
      const rows = grouped(graph, multiply(graph, gradient, perChannel(graph, gain, x)), groups);
      const along = multiply(graph, normed, meanOver(graph, multiply(graph, rows, normed), [1]));
      return reshape(graph, multiply(graph, subtract(graph, subtract(graph, rows, meanOver(graph, rows, [1])), along), inverse), x.shape);
    };
    return [
      needs[0] === true ? toX() : null,
      needs[1] === true ? sumOfChannels(graph, multiply(graph, gradient, reshape(graph, normed, x.shape))) : null,
      needs[2] === true ? sumOfChannels(graph, gradient) : null,
    ];
  },
});

export const channelNormOperators = [batchNorm, fixedBatchNorm, groupNorm] as const;

function checkChannels(name: string, [x, ...factors]: readonly [FloatTensor, ...FloatTensor[]]): void {
  const channels = dimOf(x, 1);
  for (const factor of factors) {
    if (factor.shape.length !== 1 || factor.shape[0] !== channels) throw new GraphError(`${name} of ${formatShape(x.shape)} cannot take ${formatShape(factor.shape)}`);
  }
}

/** [C] → [C, 1, …], to broadcast to `x`. */
function perChannel(graph: GraphBuilder, value: FloatTensor, x: FloatTensor): FloatTensor {
  return reshape(graph, value, [dimOf(x, 1), ...x.shape.slice(2).map(() => 1)]);
}

/** [N, C, …] → [N · groups, the rest]. */
function grouped(graph: GraphBuilder, x: FloatTensor, groups: number): FloatTensor {
  return reshape(graph, x, [timesDim(dimOf(x, 0), groups), (sizeOf(x, 1) / groups) * positionsOf(x)]);
}

function scaled(graph: GraphBuilder, normed: FloatTensor, gain: FloatTensor, bias: FloatTensor): FloatTensor {
  return add(graph, multiply(graph, normed, perChannel(graph, gain, normed)), perChannel(graph, bias, normed));
}

/** [N] → [N, 1, …], to broadcast to `x`. */
function perExample(graph: GraphBuilder, value: FloatTensor, x: FloatTensor): FloatTensor {
  return reshape(graph, value, [dimOf(x, 0), ...x.shape.slice(1).map(() => 1)]);
}

function channelMean(graph: GraphBuilder, x: FloatTensor, shares: FloatTensor | undefined): FloatTensor {
  if (shares === undefined) return multiply(graph, sumOfChannels(graph, x), graph.scalar(1 / perChannelCount(x)));
  return multiply(graph, sumOfChannels(graph, multiply(graph, x, perExample(graph, shares, x))), graph.scalar(1 / positionsOf(x)));
}

/** How many elements a channel of one example has. */
function positionsOf(x: FloatTensor): number {
  return x.shape.slice(2).reduce<number>((product, _, axis) => product * sizeOf(x, axis + 2), 1);
}

/** How many elements of [N, C, …] a channel has. */
function perChannelCount(x: FloatTensor): number {
  return positionsOf(x) * sizeOf(x, 0);
}
