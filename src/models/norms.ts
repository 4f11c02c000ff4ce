/** Norms as layers: their gains, biases and running statistics. */
import { batchNorm, fixedBatchNorm, groupNorm } from '../onnx/operators/channel-norms';
import { layerNorm, rmsNorm } from '../onnx/operators/normalization';
import { add, divide, filled, maximum, minimum, multiply, subtract } from '../onnx/primitives';
import { sizeOf } from '../onnx/shapes';
import type { FloatTensor } from '../onnx/types';
import type { Emission } from './emission';

/** PyTorch's of LayerNorm, BatchNorm and GroupNorm; taken for RMSNorm, too, whose own is the float type's. */
const EPSILON = 1e-5;

/** The part of a batch in running statistics: PyTorch's. */
const MOMENTUM = 0.1;

/** The running statistics, as PyTorch calls them. */
const MEAN = 'running_mean';
const VARIANCE = 'running_var';

/** The last axis of [..., width] normed: `name.weight` [width] and, of a layer norm with a bias, `name.bias` [width]. */
export function normalizeRows(emission: Emission, norm: 'layer' | 'rms' | 'none', name: string, value: FloatTensor, bias: boolean): FloatTensor {
  if (norm === 'none') return value;
  const width = sizeOf(value, value.shape.length - 1);
  const gain = emission.parameter(`${name}.weight`, [width], { kind: 'constant', value: 1 });
  if (norm === 'rms') return emission.tape.apply(rmsNorm, [value, gain], { epsilon: EPSILON });
  const inputs = bias ? ([value, gain, emission.parameter(`${name}.bias`, [width], { kind: 'constant', value: 0 })] as const) : ([value, gain] as const);
  return emission.tape.apply(layerNorm, inputs, { epsilon: EPSILON });
}

/** The channels of [N, C, …] normed by so many groups of each example: `name.weight` and, with a bias, `name.bias` [C]. */
export function normalizeGroups(emission: Emission, groups: number, name: string, value: FloatTensor, bias: boolean): FloatTensor {
  return emission.tape.apply(groupNorm, [value, ...channelFactors(emission, name, value, bias)], { groups, epsilon: EPSILON });
}

/**
 * The channels of [N, C, …] normed over the batch: `name.weight` and, with a bias, `name.bias` [C]; outside training by
 * the running statistics `name.running_mean` and `name.running_var` [C], which each step of training moves a tenth of the
 * way to the mean and the unbiased variance of its batch, as in PyTorch. Examples that only fill a batch up do not count.
 */
export function normalizeBatch(emission: Emission, name: string, value: FloatTensor, bias: boolean): FloatTensor {
  const factors = channelFactors(emission, name, value, bias);
  const running = (what: string, start: number): FloatTensor => emission.buffer(`${name}.${what}`, [sizeOf(value, 1)], { kind: 'constant', value: start });
  const [runningMean, runningVariance] = [running(MEAN, 0), running(VARIANCE, 1)];
  if (!emission.training) return emission.tape.apply(fixedBatchNorm, [value, ...factors, runningMean, runningVariance], { epsilon: EPSILON });
  const { normed, mean, variance } = normalizeOverBatch(emission, value, factors, { mean: runningMean, variance: runningVariance }, { epsilon: EPSILON, momentum: MOMENTUM });
  emission.update(`${name}.${MEAN}`, mean);
  emission.update(`${name}.${VARIANCE}`, variance);
  return normed;
}

/** Running statistics of the channels of [N, C, …], [C] each. */
export interface Statistics {
  readonly mean: FloatTensor;
  readonly variance: FloatTensor;
}

/**
 * The channels of [N, C, …] normed by mean and variance of a batch in training, and the running statistics after it, which
 * move towards its mean and unbiased variance by the share `momentum`.
 */
export function normalizeOverBatch(
  emission: Emission,
  value: FloatTensor,
  factors: readonly [gain: FloatTensor, bias: FloatTensor],
  running: Statistics,
  { epsilon, momentum }: { readonly epsilon: number; readonly momentum: number },
): Statistics & { readonly normed: FloatTensor } {
  const { graph, tape } = emission;
  // Where rows are no examples, such as the tokens of all of them, nobody knows which only fill up.
  const filling = value.shape[0] === emission.batch ? emission.filling() : null;
  const results = tape.applyAll(batchNorm, filling === null ? [value, ...factors] : [value, ...factors, filling.shares], { epsilon });
  const [normed, mean, variance] = results as readonly [FloatTensor, FloatTensor, FloatTensor];
  const examples = filling?.count ?? graph.scalar(sizeOf(value, 0));
  const positions = value.shape.slice(2).reduce<number>((product, _, axis) => product * sizeOf(value, axis + 2), 1);
  const count = multiply(graph, examples, graph.scalar(positions));
  const unbiased = multiply(graph, variance, divide(graph, count, maximum(graph, subtract(graph, count, graph.scalar(1)), graph.scalar(1))));
  // A part of a batch that has no example leaves the statistics alone.
  const rate = multiply(graph, minimum(graph, examples, graph.scalar(1)), graph.scalar(momentum));
  const moved = (from: FloatTensor, to: FloatTensor): FloatTensor => add(graph, from, multiply(graph, rate, subtract(graph, to, from)));
  return { normed, mean: moved(running.mean, mean), variance: moved(running.variance, unbiased) };
}

/** Gain and bias of each channel of [N, C, …]; without a bias zeros stand for it. */
function channelFactors(emission: Emission, name: string, value: FloatTensor, bias: boolean): readonly [gain: FloatTensor, bias: FloatTensor] {
  const channels = [sizeOf(value, 1)];
  const gain = emission.parameter(`${name}.weight`, channels, { kind: 'constant', value: 1 });
  return [gain, bias ? emission.parameter(`${name}.bias`, channels, { kind: 'constant', value: 0 }) : filled(emission.graph, 0, channels)];
}
