/** Products, windows, norms, reductions and dropout. */
import { logSoftmax, softmax } from '../operators/activations';
import { absolute, multiply } from '../operators/arithmetic';
import { fixedBatchNorm, groupNorm } from '../operators/channel-norms';
import { convolution, transposedConvolution } from '../operators/convolution';
import { dropout } from '../operators/dropout';
import { gemm } from '../operators/linear';
import { matmul } from '../operators/matmul';
import { layerNorm } from '../operators/normalization';
import { averagePool, globalAveragePool, maxPool } from '../operators/pooling';
import { cumsum, reduceL2, reduceMax, reduceMean, reduceMin, reduceSum } from '../operators/reductions';
import { reshape } from '../operators/reshape';
import { expand } from '../operators/shaping';
import { reshape as emitReshape, staticShape } from '../primitives';
import { dimOf, formatShape, sizeOf } from '../shapes';
import type { Dim, FloatTensor } from '../types';
import { computed, type Call, type Computed, type Converter, type Value } from './call';
import { productOf } from './dims';
import { isZero } from './known';

function general(call: Call): Computed {
  const attributes = { transA: call.factor('transA', 0) !== 0, transB: call.factor('transB', 0) !== 0, alpha: call.factor('alpha', 1), beta: call.factor('beta', 1) };
  return call.apply(gemm, call.has(2) ? [call.float(0), call.float(1), call.float(2)] : [call.float(0), call.float(1)], attributes);
}

/** A vector is a matrix of one row on the left, of one column on the right; the result has no such axis. */
function product(call: Call): Value {
  const [left, right] = [call.float(0), call.float(1)];
  const [isRow, isColumn] = [left.shape.length === 1, right.shape.length === 1];
  const a = isRow ? call.tape.apply(reshape, [left], { shape: [1, dimOf(left, 0)] }) : left;
  const b = isColumn ? call.tape.apply(reshape, [right], { shape: [dimOf(right, 0), 1] }) : right;
  const found = call.tape.apply(matmul, [a, b], {});
  if (!isRow && !isColumn) return computed(found);
  const dropped = new Set([...(isRow ? [found.shape.length - 2] : []), ...(isColumn ? [found.shape.length - 1] : [])]);
  return call.apply(reshape, [found], { shape: found.shape.filter((_, axis) => !dropped.has(axis)) });
}

interface Window {
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
}

/** The attributes of a window, with what `auto_pad` and `ceil_mode` stand for. */
function windowOf(call: Call, x: FloatTensor, kernel: readonly number[]): Window {
  const axes = kernel.length;
  const ones = kernel.map(() => 1);
  const strides = call.sizes('strides') ?? ones;
  const dilations = call.sizes('dilations') ?? ones;
  const extents = kernel.map((side, axis) => (side - 1) * (dilations[axis] ?? 1) + 1);
  const mode = call.text('auto_pad', 'NOTSET');
  if (mode === 'NOTSET') return { strides, dilations, pads: roundedUp(call, x, { strides, dilations, pads: call.sizes('pads') ?? [...ones, ...ones].map(() => 0) }, extents) };
  const whole = extents.map((extent, axis) => {
    const [size, stride] = [sizeOf(x, axis + 2), strides[axis] ?? 1];
    return mode === 'VALID' ? 0 : Math.max(0, (Math.ceil(size / stride) - 1) * stride + extent - size);
  });
  const small = whole.map((padding) => Math.floor(padding / 2));
  const large = whole.map((padding, axis) => padding - (small[axis] ?? 0));
  return { strides, dilations, pads: (mode === 'SAME_LOWER' ? [...large, ...small] : [...small, ...large]).slice(0, 2 * axes) };
}

/** With `ceil_mode` a last window may reach beyond the end; refused where there is such a one, since its elements count in other ways. */
function roundedUp(call: Call, x: FloatTensor, { strides, pads }: Window, extents: readonly number[]): readonly number[] {
  if (call.factor('ceil_mode', 0) === 0) return pads;
  const axes = extents.length;
  const reaches = extents.some((extent, axis) => (sizeOf(x, axis + 2) + (pads[axis] ?? 0) + (pads[axis + axes] ?? 0) - extent) % (strides[axis] ?? 1) !== 0);
  return reaches ? call.refuse(`rounds the number of its windows over ${formatShape(x.shape)} up (ceil_mode)`, 'Export it with ceil_mode=False, or with a size that the windows fill.') : pads;
}

/** Input, kernel, and the bias if there is one that is not 0 throughout. */
function convolved(call: Call): readonly [FloatTensor, FloatTensor] | readonly [FloatTensor, FloatTensor, FloatTensor] {
  const bias = call.known(2);
  return call.has(2) && !(bias !== null && isZero(bias)) ? [call.float(0), call.float(1), call.float(2)] : [call.float(0), call.float(1)];
}

function convolve(call: Call): Computed {
  const inputs = convolved(call);
  return call.apply(convolution, inputs, { ...windowOf(call, inputs[0], staticShape(inputs[1]).slice(2)), groups: call.factor('group', 1) });
}

function convolveTransposed(call: Call): Computed {
  const inputs = convolved(call);
  if (call.text('auto_pad', 'NOTSET') !== 'NOTSET' || call.sizes('output_shape') !== null) return call.refuse('finds its padding from the shape of its result', 'Export it with pads and output_padding.');
  const outputPadding = call.sizes('output_padding');
  return call.apply(transposedConvolution, inputs, { ...windowOf(call, inputs[0], staticShape(inputs[1]).slice(2)), groups: call.factor('group', 1), ...(outputPadding === null ? {} : { outputPadding }) });
}

function pooled(pool: (call: Call, x: FloatTensor, kernel: readonly number[], window: Window) => Computed): Converter {
  return (call) => {
    const kernel = call.sizes('kernel_shape') ?? call.refuse('has no kernel_shape');
    return pool(call, call.float(0), kernel, windowOf(call, call.float(0), kernel));
  };
}

function maximaOfWindows(call: Call, x: FloatTensor, kernel: readonly number[], window: Window): Computed {
  if ((call.node.outputs[1] ?? '') !== '') return call.refuse('gives the positions of its maxima');
  const { training } = call.around.host;
  return call.apply(maxPool, [x], { kernel, ...window, backward: training ? 'positions' : 'comparison' });
}

function meansOfWindows(call: Call, x: FloatTensor, kernel: readonly number[], { strides, dilations, pads }: Window): Computed {
  if (dilations.some((dilation) => dilation !== 1)) return call.refuse('has dilations');
  return call.apply(averagePool, [x], { kernel, strides, pads, countPadding: call.factor('count_include_pad', 0) !== 0 });
}

/**
 * Training takes the statistics of the batch, whatever mode the file was exported in, and keeps running ones as
 * torch.nn.BatchNorm does. One whose gain and bias are both frozen stays as it is.
 */
function normalizeBatch(call: Call): Computed {
  const { host, initializers } = call.around;
  const [x, gain, bias] = [call.float(0), call.float(1), call.float(2)];
  const epsilon = call.factor('epsilon', 1e-5);
  const [mean, variance] = [3, 4].map((position) => {
    const stored = initializers.get(call.node.inputs[position] ?? '');
    return stored === undefined ? call.refuse('has running statistics that are no initializers') : host.statistic(stored);
  });
  const trained = [1, 2].some((position) => host.isTrained(call.node.inputs[position] ?? ''));
  if (!host.training || !trained) return call.apply(fixedBatchNorm, [x, gain, bias, mean!.value, variance!.value], { epsilon });
  // ONNX's momentum is the share that stays.
  return computed(host.normalizeBatch(x, [gain, bias], { mean: mean!, variance: variance! }, { epsilon, momentum: 1 - call.factor('momentum', 0.9) }));
}

function normalizeInstance(call: Call): Computed {
  const x = call.float(0);
  return call.apply(groupNorm, [x, call.float(1), call.float(2)], { groups: sizeOf(x, 1), epsilon: call.factor('epsilon', 1e-5) });
}

/** Gain and bias are of each group before operator set 21, of each channel since. */
function normalizeGroups(call: Call): Computed {
  const x = call.float(0);
  const [channels, groups] = [sizeOf(x, 1), call.factor('num_groups', 1)];
  const ofChannels = (value: FloatTensor): FloatTensor => {
    if (sizeOf(value, 0) === channels) return value;
    const apart = call.tape.apply(reshape, [value], { shape: [groups, 1] });
    return call.tape.apply(reshape, [call.tape.apply(expand, [apart], { shape: [groups, channels / groups] })], { shape: [channels] });
  };
  return call.apply(groupNorm, [x, ofChannels(call.float(1)), ofChannels(call.float(2))], { groups, epsilon: call.factor('epsilon', 1e-5) });
}

/** Over several axes it is a norm over one that they are put together to. */
function normalizeLayer(call: Call): Value {
  const x = call.float(0);
  const axis = call.axis(call.factor('axis', -1), x.shape.length);
  const width = productOf(x.shape.slice(axis));
  if (typeof width !== 'number') return call.refuse(`norms axis ${axis} of ${formatShape(x.shape)}, whose size is the number of examples in a batch`);
  const flat = (value: FloatTensor, shape: readonly Dim[]): FloatTensor => call.tape.apply(reshape, [value], { shape });
  const rows = flat(x, [...x.shape.slice(0, axis), width]);
  const gain = flat(call.float(1), [width]);
  const normed = call.tape.apply(layerNorm, call.has(2) ? [rows, gain, flat(call.float(2), [width])] : [rows, gain], { epsilon: call.factor('epsilon', 1e-5) });
  return computed(flat(normed, x.shape));
}

/** In training by the masks of the run, whatever mode the file was exported in. */
function drop(call: Call): Value {
  const { host } = call.around;
  const dropProbability = call.has(1) ? (call.number(1) ?? 0) : 0.5;
  if (!host.training || dropProbability === 0) return call.value(0);
  const x = call.float(0);
  const elements = staticShape(x).reduce((product, size) => product * size, 1);
  const width = elements / Number(host.batch);
  if (!Number.isInteger(width)) return call.refuse(`drops values of ${formatShape(x.shape)}, which has no axis of examples`);
  return call.apply(dropout, [x, emitReshape(call.graph, host.mask(call.node, width, dropProbability), x.shape)], { dropProbability });
}

type Reduction = typeof reduceSum;

/** The axes came as an attribute before operator set 18 (ReduceSum: 13), as an input since. All where there are none. */
function reduced(operator: Reduction, before: (call: Call, x: FloatTensor) => FloatTensor = (_, x) => x): Converter {
  return (call) => {
    const x = call.float(0);
    const given = call.has(1) ? call.ints(1) : call.sizes('axes');
    if ((given === null || given.length === 0) && (call.factor('noop_with_empty_axes', 0) !== 0 || x.shape.length === 0)) return computed(before(call, x));
    const axes = given === null || given.length === 0 ? [...x.shape.keys()] : given.map((axis) => call.axis(axis, x.shape.length));
    return call.apply(operator, [before(call, x)], { axes, keepDims: call.factor('keepdims', 1) !== 0 });
  };
}

function largestOfAll(call: Call): Computed {
  const x = call.float(0);
  return call.apply(reduceMax, [x], { axes: [...x.shape.keys()].slice(2), keepDims: true });
}

function runningSum(call: Call): Computed {
  const x = call.float(0);
  const axis = call.axis(call.number(1) ?? 0, x.shape.length);
  return call.apply(cumsum, [x], { axis, exclusive: call.factor('exclusive', 0) !== 0, reverse: call.factor('reverse', 0) !== 0 });
}

function along(operator: typeof softmax): Converter {
  return (call) => call.apply(operator, [call.float(0)], { axis: call.axis(call.factor('axis', -1), call.shapeOf(0).length) });
}

export const LAYERS: Readonly<Record<string, Converter>> = {
  Gemm: general,
  MatMul: product,
  Conv: convolve,
  ConvTranspose: convolveTransposed,
  MaxPool: pooled(maximaOfWindows),
  AveragePool: pooled(meansOfWindows),
  GlobalAveragePool: (call) => call.apply(globalAveragePool, [call.float(0)], undefined),
  GlobalMaxPool: largestOfAll,
  BatchNormalization: normalizeBatch,
  InstanceNormalization: normalizeInstance,
  GroupNormalization: normalizeGroups,
  LayerNormalization: normalizeLayer,
  Softmax: along(softmax),
  LogSoftmax: along(logSoftmax),
  Dropout: drop,
  ReduceSum: reduced(reduceSum),
  ReduceMean: reduced(reduceMean),
  ReduceMax: reduced(reduceMax),
  ReduceMin: reduced(reduceMin),
  ReduceL2: reduced(reduceL2),
  ReduceL1: reduced(reduceSum, (call, x) => call.tape.apply(absolute, [x], undefined)),
  ReduceSumSquare: reduced(reduceSum, (call, x) => call.tape.apply(multiply, [x, x], undefined)),
  CumSum: runningSum,
};
