/** Users' ONNX files as models: each covered operator against ONNX Runtime on the file itself, roles of initializers, refusals. */
import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { onnxSchema } from '../../../src/config/models';
import { trainingSchema } from '../../../src/config/training';
import { sha256Bytes } from '../../../src/files/hash';
import { buildEvaluationGraph } from '../../../src/models/evaluation-graph';
import { buildInferenceGraph } from '../../../src/models/inference-graph';
import { initialState, initialWeights } from '../../../src/models/initialize';
import { layOut } from '../../../src/models/model';
import { resolvedModel, type OnnxModel } from '../../../src/models/onnx-file';
import { buildTrainingGraph } from '../../../src/models/training-graph';
import { inputSize, inputType, type DataShape } from '../../../src/models/types';
import { COVERED, readTrainable } from '../../../src/onnx/import/emit';
import { TensorProto_DataType } from '../../../src/onnx/proto/onnx_pb';
import { normals } from '../../../src/random/streams';
import { floats, ints, madeFile, type MadeFile, type MadeNode } from '../onnx/made-file';
import { makeExamples, planBatches, runTraining, SESSION_OPTIONS } from './run-training';

const table: DataShape = { input: { kind: 'features', size: 4, type: 'float32' }, target: { kind: 'values', size: 3 }, trainSize: 24 };
const classes: DataShape = { ...table, target: { kind: 'class', classes: 3 } };
const images: DataShape = { input: { kind: 'image', channels: 4, rows: 6, columns: 5, type: 'float32' }, target: { kind: 'values', size: 3 }, trainSize: 24 };
const tokens: DataShape = { input: { kind: 'tokens', length: 5, vocabulary: 7 }, target: { kind: 'class', classes: 3 }, trainSize: 24 };

const drawn = (name: string, ...shape: number[]) => floats(shape, [...normals(3, 'data', name, shape.reduce((product, size) => product * size, 1))].map((value) => 0.5 * value));

function modelOf(file: MadeFile, roles: { readonly train?: string[]; readonly freeze?: string[] } = {}): OnnxModel {
  const bytes = madeFile(file);
  return resolvedModel(onnxSchema.parse({ kind: 'onnx', path: 'made.onnx', ...roles }), { sha256: sha256Bytes(bytes), file: readTrainable(bytes) }) as OnnxModel;
}

const training = trainingSchema.parse({ learningRate: 0.05, batchSize: 6, steps: 1 });
const HEAD = { 'head.weight': drawn('head', 4, 3), 'head.bias': floats([3], [0.1, -0.2, 0.3]) };
const head = (from: string): MadeNode => ({ op: 'Gemm', inputs: [from, 'head.weight', 'head.bias'], name: 'head' });

/** Outputs for `count` examples, by the file itself (one at a time where it is for one) and as the model is handed on. */
async function outputs(made: MadeFile, data: DataShape, count: number): Promise<{ readonly own: readonly number[]; readonly ours: readonly number[] }> {
  const model = modelOf(made);
  const { parameters, buffers } = layOut(model, data);
  const isTokens = data.input.kind === 'tokens';
  const size = inputSize(data.input);
  const values = isTokens ? Array.from({ length: count * size }, (_, index) => (index * 3) % 7) : [...normals(4, 'data', 'x', count * size)].map((value) => 0.7 * value);
  const example = data.input.kind === 'image' ? [4, 6, 5] : [size];
  const single = made.input?.[0] === 1;
  const session = await ort.InferenceSession.create(madeFile(made), { ...SESSION_OPTIONS, logSeverityLevel: 3 });
  const own: number[] = [];
  for (let first = 0; first < count; first += single ? 1 : count) {
    const part = single ? values.slice(first * size, (first + 1) * size) : values;
    const dims = [single ? 1 : count, ...example];
    const found = await session.run({ x: isTokens ? new ort.Tensor('int64', BigInt64Array.from(part, BigInt), dims) : new ort.Tensor('float32', Float32Array.from(part), dims) });
    own.push(...(found['y']!.data as Float32Array));
  }
  await session.release();
  const inference = await ort.InferenceSession.create(buildInferenceGraph(model, data, initialWeights([...parameters, ...buffers], 1)), SESSION_OPTIONS);
  const input = isTokens ? new ort.Tensor('int32', Int32Array.from(values), [count, size]) : new ort.Tensor(inputType(data.input) as 'float32', Float32Array.from(values), [count, size]);
  const found = await inference.run({ input });
  await inference.release();
  return { own, ours: [...((found['values'] ?? found['logits'])!.data as Float32Array)] };
}

interface Case {
  readonly name: string;
  readonly data: DataShape;
  readonly file: MadeFile;
}

/** A chain of nodes on `x` [batch, 4], each reading what the one before made, and a linear head. */
function chain(name: string, nodes: readonly MadeNode[], more: MadeFile['initializers'] = {}, opset = 17): Case {
  const wired = nodes.map((node, index) => ({ ...node, inputs: node.inputs.map((input) => (input === '' ? '' : input.replace('<', index === 0 ? 'x' : `v${index - 1}`))), outputs: node.outputs ?? [`v${index}`] }));
  return { name, data: table, file: { nodes: [...wired, head(`v${nodes.length - 1}`)], initializers: { ...HEAD, ...more }, opset } };
}
const one = (op: string, attributes: MadeNode['attributes'] = {}, opset = 17): Case => chain(op, [{ op, inputs: ['<'], attributes }], {}, opset);
const two = (op: string, other: string, more: MadeFile['initializers'], attributes: MadeNode['attributes'] = {}): Case => chain(op, [{ op, inputs: ['<', other], attributes }], more);

/** [4, 6, 5] → [batch, 4] by way of `nodes`, from `x` to `v`. */
const onImages = (name: string, nodes: readonly MadeNode[], more: MadeFile['initializers'] = {}, opset = 17): Case => ({
  name,
  data: images,
  file: {
    nodes: [...nodes, { op: 'GlobalAveragePool', inputs: ['v'], outputs: ['mean'] }, { op: 'Flatten', inputs: ['mean'], outputs: ['flat'] }, head('flat')],
    initializers: { ...HEAD, ...more },
    input: ['batch', 4, 6, 5],
    opset,
  },
});

const positive: MadeNode = { op: 'Abs', inputs: ['<'] };
const cases: readonly Case[] = [
  ...['Relu', 'Tanh', 'Sigmoid', 'Softplus', 'HardSwish', 'Erf', 'Exp', 'Sin', 'Cos', 'Neg', 'Abs', 'Identity', 'Softsign', 'Sum', 'Max'].map((op) => one(op)),
  one('LeakyRelu', { alpha: { float: 0.3 } }),
  one('Elu', { alpha: { float: 0.7 } }),
  one('Selu'),
  one('Celu', { alpha: { float: 1.5 } }),
  one('HardSigmoid', { alpha: { float: 0.3 } }),
  one('Softmax', { axis: -1 }),
  one('LogSoftmax', { axis: 1 }),
  one('Mish', {}, 18),
  one('Gelu', {}, 20),
  one('Gelu', { approximate: 'tanh' }, 20),
  one('Cast', { to: TensorProto_DataType.FLOAT }),
  chain('Sqrt', [positive, { op: 'Sqrt', inputs: ['<'] }]),
  chain('Log', [positive, { op: 'Add', inputs: ['<', 'half'] }, { op: 'Log', inputs: ['<'] }], { half: floats([], [0.5]) }),
  chain('Reciprocal', [positive, { op: 'Add', inputs: ['<', 'half'] }, { op: 'Reciprocal', inputs: ['<'] }], { half: floats([], [0.5]) }),
  ...['Add', 'Sub', 'Mul', 'Min'].map((op) => two(op, 'gain', { gain: drawn('gain', 4) })),
  two('Div', 'gain', { gain: floats([4], [1, 2, -2, 3]) }),
  two('PRelu', 'slope', { slope: drawn('slope', 4) }),
  two('Pow', 'cube', { cube: floats([], [3]) }),
  two('Pow', 'cube', { cube: ints(2) }),
  chain('Clip', [{ op: 'Clip', inputs: ['<', '', 'top'] }], { top: floats([], [0.4]) }),
  chain('Where', [
    { op: 'Greater', inputs: ['<', 'zero'], outputs: ['above'] },
    { op: 'Not', inputs: ['above'], outputs: ['below'] },
    { op: 'Where', inputs: ['below', 'x', 'gain'] },
  ], { zero: floats([], [0]), gain: drawn('gain', 4) }),
  chain('comparisons of constants', [
    { op: 'Shape', inputs: ['x'], outputs: ['shape'] },
    { op: 'Gather', inputs: ['shape', 'second'], outputs: ['width'] },
    { op: 'Range', inputs: ['none', 'width', 'once'], outputs: ['places'] },
    { op: 'Less', inputs: ['places', 'two'], outputs: ['near'] },
    { op: 'Cast', inputs: ['near'], outputs: ['mask'], attributes: { to: TensorProto_DataType.FLOAT } },
    { op: 'Mul', inputs: ['x', 'mask'] },
  ], { second: { shape: [], data: BigInt64Array.of(1n) }, none: { shape: [], data: BigInt64Array.of(0n) }, once: { shape: [], data: BigInt64Array.of(1n) }, two: { shape: [], data: BigInt64Array.of(2n) } }),
  chain('Reshape, Transpose, Squeeze, Unsqueeze', [
    { op: 'Reshape', inputs: ['<', 'pairs'] },
    { op: 'Transpose', inputs: ['<'], attributes: { perm: [0, 2, 1] } },
    { op: 'Unsqueeze', inputs: ['<', 'first'] },
    { op: 'Squeeze', inputs: ['<', 'first'] },
    { op: 'Flatten', inputs: ['<'] },
  ], { pairs: ints(0, -1, 2), first: ints(1) }),
  chain('Split, Concat, Slice', [
    { op: 'Split', inputs: ['<', 'sizes'], outputs: ['left', 'right'], attributes: { axis: 1 } },
    { op: 'Concat', inputs: ['right', 'left'], attributes: { axis: -1 } },
    { op: 'Slice', inputs: ['<', 'last', 'before', 'axis', 'back'] },
  ], { sizes: ints(1, 3), last: ints(-1), before: ints(-100), axis: ints(1), back: ints(-1) }),
  chain('Split by a number of outputs', [
    { op: 'Split', inputs: ['<'], outputs: ['left', 'right'], attributes: { axis: 1, num_outputs: 2 } },
    { op: 'Concat', inputs: ['right', 'left'], attributes: { axis: 1 } },
  ], {}, 18),
  chain('Pad, Slice', [{ op: 'Pad', inputs: ['<', 'around'] }, { op: 'Slice', inputs: ['<', 'from', 'to', 'axis'] }], { around: ints(0, 1, 0, 2), from: ints(1), to: ints(5), axis: ints(1) }),
  chain('Pad along an axis', [{ op: 'Pad', inputs: ['<', 'around', '', 'axis'], attributes: { mode: 'reflect' } }, { op: 'Slice', inputs: ['<', 'from', 'to', 'axis'] }], { around: ints(1, 1), from: ints(0), to: ints(4), axis: ints(1) }, 18),
  chain('Tile, ReduceMean', [{ op: 'Unsqueeze', inputs: ['<', 'first'] }, { op: 'Tile', inputs: ['<', 'times'] }, { op: 'ReduceMean', inputs: ['<'], attributes: { axes: [1], keepdims: 0 } }], { first: ints(1), times: ints(1, 3, 1) }),
  chain('Expand to the batch', [
    { op: 'Shape', inputs: ['x'], outputs: ['shape'] },
    { op: 'Slice', inputs: ['shape', 'zero', 'one'], outputs: ['rows'] },
    { op: 'Concat', inputs: ['rows', 'one', 'four'], outputs: ['to'], attributes: { axis: 0 } },
    { op: 'Expand', inputs: ['token', 'to'], outputs: ['tokens'] },
    { op: 'Unsqueeze', inputs: ['x', 'one'], outputs: ['apart'] },
    { op: 'Concat', inputs: ['tokens', 'apart'], outputs: ['both'], attributes: { axis: 1 } },
    { op: 'ReduceSum', inputs: ['both', 'one'], attributes: { keepdims: 0 } },
  ], { zero: ints(0), one: ints(1), four: ints(4), token: drawn('token', 1, 1, 4) }),
  chain('zeros of the batch’s shape', [
    { op: 'Shape', inputs: ['x'], outputs: ['shape'] },
    { op: 'ConstantOfShape', inputs: ['shape'], outputs: ['ones'], attributes: { value: floats([1], [1]) } },
    { op: 'Concat', inputs: ['x', 'ones'], outputs: ['wide'], attributes: { axis: 1 } },
    { op: 'MatMul', inputs: ['wide', 'mix'] },
  ], { mix: drawn('mix', 8, 4) }),
  ...(['ReduceMax', 'ReduceMin', 'ReduceL1', 'ReduceL2', 'ReduceSumSquare', 'ReduceMean'] as const).map((op) => chain(op, [
    { op: 'Reshape', inputs: ['<', 'pairs'] },
    { op, inputs: ['<'], attributes: { axes: [2], keepdims: 1 } },
    { op: 'Mul', inputs: ['<', 'spread'] },
    { op: 'Flatten', inputs: ['<'] },
  ], { pairs: ints(0, 2, 2), spread: drawn('spread', 2, 2) })),
  chain('ReduceMax by an input', [{ op: 'ReduceMax', inputs: ['<', 'axis'] }, { op: 'Mul', inputs: ['<', 'gain'] }], { axis: ints(-1), gain: drawn('gain', 4) }, 18),
  chain('CumSum', [{ op: 'CumSum', inputs: ['<', 'axis'], attributes: { exclusive: 1, reverse: 1 } }], { axis: { shape: [], data: BigInt64Array.of(1n) } }),
  chain('Trilu', [{ op: 'Unsqueeze', inputs: ['<', 'first'] }, { op: 'Mul', inputs: ['<', 'square'] }, { op: 'Trilu', inputs: ['<'], attributes: { upper: 0 } }, { op: 'ReduceSum', inputs: ['<', 'first'], attributes: { keepdims: 0 } }], { first: ints(1), square: drawn('square', 4, 4) }),
  chain('Gather of one and of several places', [
    { op: 'Gather', inputs: ['x', 'places'], outputs: ['some'], attributes: { axis: 1 } },
    { op: 'Gather', inputs: ['x', 'last'], outputs: ['lastOne'], attributes: { axis: 1 } },
    { op: 'Unsqueeze', inputs: ['lastOne', 'first'], outputs: ['column'] },
    { op: 'Concat', inputs: ['some', 'column'], attributes: { axis: 1 } },
  ], { places: ints(2, 0, -1), last: { shape: [], data: BigInt64Array.of(-1n) }, first: ints(1) }),
  chain('MatMul with a vector', [{ op: 'MatMul', inputs: ['<', 'vector'] }, { op: 'Unsqueeze', inputs: ['<', 'first'] }, { op: 'Mul', inputs: ['<', 'gain'] }], { vector: drawn('vector', 4), first: ints(1), gain: drawn('gain', 4) }),
  chain('Gemm', [{ op: 'Gemm', inputs: ['<', 'square', 'shift'], attributes: { transB: 1, alpha: { float: 0.5 }, beta: { float: 2 } } }], { square: drawn('square', 4, 4), shift: drawn('shift', 1, 4) }),
  chain('LayerNormalization', [{ op: 'LayerNormalization', inputs: ['<', 'gain', 'shift'], attributes: { epsilon: { float: 1e-3 } } }], { gain: drawn('gain', 4), shift: drawn('shift', 4) }),
  chain('LayerNormalization over two axes', [{ op: 'Reshape', inputs: ['<', 'pairs'] }, { op: 'LayerNormalization', inputs: ['<', 'gain'], attributes: { axis: 1 } }, { op: 'Flatten', inputs: ['<'] }], { pairs: ints(0, 2, 2), gain: drawn('gain', 2, 2) }),
  chain('BatchNormalization of rows', [{ op: 'BatchNormalization', inputs: ['<', 'gain', 'shift', 'mean', 'variance'] }], { gain: drawn('gain', 4), shift: drawn('shift', 4), mean: drawn('mean', 4), variance: floats([4], [1, 2, 0.5, 1.5]) }),
  chain('Dropout', [{ op: 'Dropout', inputs: ['<', 'ratio'] }], { ratio: floats([], [0.5]) }),
  chain('constants of all kinds', [
    { op: 'Constant', inputs: [], outputs: ['a'], attributes: { value_float: { float: 0.5 } } },
    { op: 'Constant', inputs: [], outputs: ['b'], attributes: { value: floats([4], [1, 2, 3, 4]) } },
    { op: 'Mul', inputs: ['x', 'a'], outputs: ['c'] },
    { op: 'CastLike', inputs: ['b', 'x'], outputs: ['d'] },
    { op: 'Add', inputs: ['c', 'd'] },
  ]),
  onImages('Conv with padding to the same size', [{ op: 'Conv', inputs: ['x', 'kernel', 'shift'], outputs: ['v'], attributes: { auto_pad: 'SAME_UPPER', strides: [2, 2] } }], { kernel: drawn('kernel', 4, 4, 3, 2), shift: drawn('shift', 4) }),
  onImages('grouped Conv with dilation', [{ op: 'Conv', inputs: ['x', 'kernel'], outputs: ['v'], attributes: { group: 2, dilations: [2, 1], pads: [1, 0, 2, 1] } }], { kernel: drawn('kernel', 4, 2, 2, 3) }),
  onImages('ConvTranspose', [{ op: 'ConvTranspose', inputs: ['x', 'kernel'], outputs: ['v'], attributes: { strides: [2, 1], pads: [1, 0, 0, 1], output_padding: [1, 0] } }], { kernel: drawn('kernel', 4, 4, 3, 2) }),
  onImages('MaxPool', [{ op: 'MaxPool', inputs: ['x'], outputs: ['v'], attributes: { kernel_shape: [3, 2], strides: [2, 1], pads: [1, 0, 1, 0] } }]),
  onImages('AveragePool', [{ op: 'AveragePool', inputs: ['x'], outputs: ['v'], attributes: { kernel_shape: [2, 2], auto_pad: 'SAME_LOWER', ceil_mode: 0 } }]),
  onImages('GlobalMaxPool', [{ op: 'GlobalMaxPool', inputs: ['x'], outputs: ['v'] }]),
  onImages('InstanceNormalization', [{ op: 'InstanceNormalization', inputs: ['x', 'gain', 'shift'], outputs: ['n'] }, { op: 'Exp', inputs: ['n'], outputs: ['v'] }], { gain: drawn('gain', 4), shift: drawn('shift', 4) }),
  onImages('GroupNormalization', [{ op: 'GroupNormalization', inputs: ['x', 'gain', 'shift'], outputs: ['n'], attributes: { num_groups: 2 } }, { op: 'Exp', inputs: ['n'], outputs: ['v'] }], { gain: drawn('gain', 4), shift: drawn('shift', 4) }, 21),
  onImages('GroupNormalization by gains of groups', [{ op: 'GroupNormalization', inputs: ['x', 'gain', 'shift'], outputs: ['n'], attributes: { num_groups: 2 } }, { op: 'Exp', inputs: ['n'], outputs: ['v'] }], { gain: drawn('gain', 2), shift: drawn('shift', 2) }, 18),
];

/** Tokens [batch, 5] → embeddings, time first, an LSTM, its last state → classes. */
function recurrent(name: string, direction: string, extra: readonly string[] = [], more: MadeFile['initializers'] = {}, batch: 1 | 'batch' = 'batch'): Case {
  const directions = direction === 'bidirectional' ? 2 : 1;
  return {
    name: `LSTM, ${name}`,
    data: tokens,
    file: {
      nodes: [
        { op: 'Gather', inputs: ['table', 'x'], outputs: ['e'] },
        { op: 'Transpose', inputs: ['e'], outputs: ['t'], attributes: { perm: [1, 0, 2] } },
        { op: 'LSTM', inputs: ['t', 'W', 'R', 'B', ...extra], outputs: ['all', 'last', 'cell'], attributes: { hidden_size: 2, direction } },
        { op: 'ReduceMean', inputs: ['all'], outputs: ['mean'], attributes: { axes: [0], keepdims: 0 } },
        { op: 'Add', inputs: ['mean', 'last'], outputs: ['sum'] },
        { op: 'Add', inputs: ['sum', 'cell'], outputs: ['total'] },
        { op: 'Transpose', inputs: ['total'], outputs: ['rows'], attributes: { perm: [1, 0, 2] } },
        { op: 'Reshape', inputs: ['rows', 'flat'], outputs: ['features'] },
        { op: 'Gemm', inputs: ['features', 'head.weight', 'head.bias'] },
      ],
      initializers: { table: drawn('table', 7, 3), W: drawn('W', directions, 8, 3), R: drawn('R', directions, 8, 2), B: drawn('B', directions, 16), flat: ints(batch === 1 ? 1 : -1, 2 * directions), 'head.weight': drawn('w', 2 * directions, 3), 'head.bias': drawn('b', 3), ...more },
      input: [batch, 5],
      inputType: TensorProto_DataType.INT64,
    },
  };
}

describe('a covered operator', () => {
  const recurrentCases = [recurrent('forward', 'forward'), recurrent('from the end', 'reverse'), recurrent('both ways, for one example', 'bidirectional', [], {}, 1), recurrent('with a state to begin with, for one example', 'forward', ['', 'h', 'c'], { h: drawn('h', 1, 1, 2), c: drawn('c', 1, 1, 2) }, 1)];
  it('is tested here, each one', () => {
    const tested = new Set([...cases, ...recurrentCases].flatMap(({ file }) => file.nodes.map(({ op }) => op)));
    const folded = ['And', 'Ceil', 'Equal', 'Floor', 'GreaterOrEqual', 'LessOrEqual', 'Mod', 'Or', 'ReduceProd', 'Sign', 'Size', 'Xor'];
    expect(COVERED.filter((op) => !tested.has(op))).toEqual(folded);
  });

  it('is told of in the README', () => {
    const [, list = ''] = /^Covered are (.+)\. Another one/mu.exec(readFileSync('README.md', 'utf8')) ?? [];
    expect(list.match(/\w+(?=`)/gu)).toEqual(COVERED);
  });

  it.each([...cases, ...recurrentCases])('computes as ONNX Runtime does, and trains: $name', async ({ file, data }) => {
    // Some operators are written in others here, so the bits may differ.
    const { ours, own: expected } = await outputs(file, data, 3);
    expect(ours.length).toBe(expected.length);
    ours.forEach((value, index) => expect(Math.abs(value - expected[index]!)).toBeLessThan(2e-6 * Math.max(1, Math.abs(expected[index]!))));
    const model = modelOf(file);
    const graph = buildTrainingGraph(model, training, data);
    const session = await ort.InferenceSession.create(graph.bytes, { ...SESSION_OPTIONS, logSeverityLevel: 3 });
    await session.release();
    const evaluation = await ort.InferenceSession.create(buildEvaluationGraph(model, data).bytes, { ...SESSION_OPTIONS, logSeverityLevel: 3 });
    await evaluation.release();
    expect(graph.parameters.map(({ name }) => name)).toContain('head.weight');
  });

  it('that only numbers meet is computed before the graph is built', async () => {
    const number = (value: number) => ({ shape: [], data: BigInt64Array.of(BigInt(value)) });
    const nodes: MadeNode[] = [
      { op: 'Shape', inputs: ['x'], outputs: ['shape'] },
      { op: 'ReduceProd', inputs: ['tail'], outputs: ['eight'], attributes: { keepdims: 0 } },
      { op: 'Mod', inputs: ['eight', 'three'], outputs: ['two'] },
      { op: 'Slice', inputs: ['shape', 'from', 'to'], outputs: ['own'] },
      { op: 'Size', inputs: ['own'], outputs: ['one'] },
      { op: 'Equal', inputs: ['one', 'two'], outputs: ['same'] },
      { op: 'LessOrEqual', inputs: ['one', 'two'], outputs: ['less'] },
      { op: 'GreaterOrEqual', inputs: ['one', 'two'], outputs: ['more'] },
      { op: 'Or', inputs: ['same', 'less'], outputs: ['either'] },
      { op: 'And', inputs: ['either', 'less'], outputs: ['both'] },
      { op: 'Xor', inputs: ['both', 'more'], outputs: ['odd'] },
      { op: 'Cast', inputs: ['odd'], outputs: ['f'], attributes: { to: TensorProto_DataType.FLOAT } },
      { op: 'Mul', inputs: ['f', 'half'], outputs: ['g'] },
      { op: 'Ceil', inputs: ['g'], outputs: ['up'] },
      { op: 'Floor', inputs: ['g'], outputs: ['down'] },
      { op: 'Sub', inputs: ['down', 'up'], outputs: ['minus'] },
      { op: 'Sign', inputs: ['minusX'], outputs: ['signs'] },
      { op: 'Mul', inputs: ['x', 'minus'], outputs: ['turned'] },
      { op: 'Mul', inputs: ['turned', 'signs'], outputs: ['v'] },
      head('v'),
    ];
    const file: MadeFile = { nodes: [{ op: 'Neg', inputs: ['x'], outputs: ['minusX'] }, ...nodes], initializers: { ...HEAD, tail: ints(2, 4), three: number(3), from: ints(1), to: ints(2), half: floats([], [0.5]) } };
    const { own, ours } = await outputs(file, table, 3);
    expect(ours).toEqual(own);
  });
});

describe('the initializers of a file', () => {
  const net: MadeFile = {
    nodes: [
      { op: 'Gemm', inputs: ['x', 'one/weight', 'features'], outputs: ['a'] },
      { op: 'BatchNormalization', inputs: ['a', 'gain', 'shift', 'mean', 'variance'], outputs: ['b'], attributes: { momentum: { float: 0.9 } } },
      { op: 'Mul', inputs: ['b', 'temperature'], outputs: ['c'] },
      { op: 'Add', inputs: ['c', 'mask'], outputs: ['d'] },
      { op: 'BatchNormalization', inputs: ['d', 'gain2', 'shift', 'mean', 'variance'], outputs: ['e'] },
      { op: 'Relu', inputs: ['e'], outputs: ['f'] },
      head('f'),
    ],
    initializers: { ...HEAD, 'one/weight': drawn('one', 4, 4), features: drawn('features', 4), gain: floats([4], [1, 1, 1, 1]), gain2: floats([4], [1, 1, 1, 1]), shift: floats([4], [0, 0, 0, 0]), mean: floats([4], [0, 0, 0, 0]), variance: floats([4], [1, 1, 1, 1]), temperature: floats([1], [0.5]), mask: floats([4], [0, 0, 0, -Infinity]) },
  };

  it('are trained, but for statistics, masks and single factors; names that Reprise uses are changed', () => {
    const { parameters, buffers } = layOut(modelOf(net), classes);
    expect(parameters.map(({ name }) => name)).toEqual(['one.weight', 'onnx.features', 'gain', 'shift', 'gain2', 'shift.1', 'head.weight', 'head.bias']);
    expect(buffers.map(({ name }) => name)).toEqual(['mean', 'variance', 'mean.1', 'variance.1']);
  });

  it('are trained and frozen by name', () => {
    const roles = (train: string[] | undefined, freeze: string[] = []) => layOut(modelOf(net, { ...(train === undefined ? {} : { train }), freeze }), classes);
    expect(roles(['head.*']).parameters.map(({ name }) => name)).toEqual(['head.weight', 'head.bias']);
    expect(roles(undefined, ['*.weight', 'one/*']).parameters.map(({ name }) => name)).toEqual(['onnx.features', 'gain', 'shift', 'gain2', 'shift.1', 'head.bias']);
    expect(roles(['temperature', 'head.bias']).parameters.map(({ name }) => name)).toEqual(['temperature', 'head.bias']);
    expect(roles(['h*d.*t*']).parameters.map(({ name }) => name)).toEqual(['head.weight']);
    expect(() => roles(['head.*s.*bias'])).toThrow(expect.objectContaining({ code: 'ONNX_NAME' }));
    expect(() => roles(['nothing.*'])).toThrow(expect.objectContaining({ code: 'ONNX_NAME', message: expect.stringContaining('"nothing.*"') }));
    expect(() => roles(undefined, ['*'])).toThrow(expect.objectContaining({ code: 'ONNX_NOTHING_TO_TRAIN' }));
  });

  it('of which an exporter made one because they began alike are trained each on its own', () => {
    const names = (values: readonly number[], freeze: string[] = []) => layOut(modelOf({
      nodes: [
        { op: 'LayerNormalization', inputs: ['x', 'norm.weight', 'norm.bias'], outputs: ['a'] },
        { op: 'LayerNormalization', inputs: ['a', 'norm.weight', 'norm.bias'], outputs: ['b'] },
        { op: 'Mul', inputs: ['b', 'norm.weight'], outputs: ['c'] },
        head('c'),
      ],
      initializers: { ...HEAD, 'norm.weight': floats([4], values), 'norm.bias': floats([4], [0, 0, 0, 0]) },
    }, { freeze }), classes).parameters.map(({ name }) => name);
    expect(names([1, 1, 1, 1])).toEqual(['norm.weight', 'norm.bias', 'norm.weight.1', 'norm.bias.1', 'head.weight', 'head.bias']);
    expect(names([1, 1, 1, 1], ['norm.weight'])).toEqual(['norm.bias', 'norm.bias.1', 'head.weight', 'head.bias']);
    expect(names([1, 1, 1, 1.5])).toEqual(['norm.weight', 'norm.bias', 'norm.bias.1', 'head.weight', 'head.bias']);
  });

  it('are named by characters that mean something elsewhere', () => {
    const file: MadeFile = { nodes: [{ op: 'Mul', inputs: ['x', 'layer-1.(gain)+'], outputs: ['a'] }, head('a')], initializers: { ...HEAD, 'layer-1.(gain)+': drawn('gain', 4) } };
    const frozen = (freeze: string) => layOut(modelOf(file, { freeze: [freeze] }), classes).buffers.map(({ name }) => name);
    expect(frozen('layer-1.(gain)+')).toEqual(['layer-1.(gain)+']);
    expect(frozen('layer-1*')).toEqual(['layer-1.(gain)+']);
    expect(() => frozen('layer-1.(gain)')).toThrow(expect.objectContaining({ code: 'ONNX_NAME' }));
  });

  it('never take the name of another tensor', () => {
    const own = ['ranks', 'confidences', 'losses', 'predictions', 'features', 'labels', 'batches', 'scalars', 'steps', 'input', 'probabilities', 'logits'];
    const file: MadeFile = { nodes: [...own.map((name, place): MadeNode => ({ op: 'Add', inputs: [place === 0 ? 'x' : `sum${place}`, name], outputs: [`sum${place + 1}`] })), head(`sum${own.length}`)], initializers: { ...HEAD, ...Object.fromEntries(own.map((name) => [name, drawn(name, 4)])) } };
    const model = modelOf(file);
    const { parameters, buffers } = layOut(model, classes);
    expect(parameters.map(({ name }) => name)).toEqual([...own.map((name) => `onnx.${name}`), 'head.weight', 'head.bias']);
    expect(buildTrainingGraph(model, training, classes).parameters).toHaveLength(parameters.length);
    expect(buildEvaluationGraph(model, classes).weights).toHaveLength(parameters.length);
    expect(buildInferenceGraph(model, classes, initialWeights([...parameters, ...buffers], 1)).length).toBeGreaterThan(0);
  });

  it('keep apart what is the statistic of several norms, a weight, or called as a copy would be', () => {
    const shared: MadeFile = { ...net, nodes: [{ op: 'Add', inputs: ['x', 'mean'], outputs: ['x0'] }, { op: 'Add', inputs: ['x0', 'mean.1'], outputs: ['x1'] }, { ...net.nodes[0]!, inputs: ['x1', 'one/weight', 'features'] }, ...net.nodes.slice(1)], initializers: { ...net.initializers, 'mean.1': drawn('mean.1', 4) } };
    const { parameters, buffers } = layOut(modelOf(shared), classes);
    expect(parameters.map(({ name }) => name).slice(0, 2)).toEqual(['mean', 'mean.1']);
    expect(buffers.map(({ name }) => name)).toEqual(['mean.2', 'variance', 'mean.3', 'variance.1']);
  });

  it('move where they are trained, and only there; a norm that is frozen keeps its statistics', async () => {
    const step = async (freeze: string[]): Promise<Set<string>> => {
      const model = modelOf({ ...net, initializers: { ...net.initializers, mask: drawn('mask', 4) } }, { freeze });
      const graph = buildTrainingGraph(model, training, classes);
      const start = [...initialWeights([...graph.parameters, ...graph.buffers], 1), ...initialState(graph.optimizerState)];
      const { tensors } = await runTraining(graph, training, classes, makeExamples(classes, 2), planBatches(24, 6, 1, 3), start);
      return new Set(start.flatMap(({ name, data }, index) => (Buffer.compare(Buffer.from(data.buffer), Buffer.from(tensors[index]!.data.buffer)) === 0 ? [] : [name])));
    };
    const all = await step([]);
    for (const name of ['one.weight', 'gain', 'gain2', 'mean', 'variance', 'mean.1', 'variance.1', 'head.bias']) expect(all, name).toContain(name);
    const some = await step(['one/*', 'features', 'gain', 'shift', 'mask']);
    for (const name of ['one.weight', 'onnx.features', 'gain', 'shift', 'mask', 'mean', 'variance']) expect(some, name).not.toContain(name);
    for (const name of ['gain2', 'mean.1', 'variance.1', 'head.weight']) expect(some, name).toContain(name);
  });

  it('give the same graph for the same bytes', () => {
    expect(buildTrainingGraph(modelOf(net), training, classes).bytes).toEqual(buildTrainingGraph(modelOf(net), training, classes).bytes);
  });
});

describe('a file is refused', () => {
  const linear: MadeFile = { nodes: [head('x')], initializers: HEAD };
  const refusal = (file: MadeFile | Uint8Array, data: DataShape = classes): unknown => {
    try {
      const bytes = file instanceof Uint8Array ? file : madeFile(file);
      layOut(resolvedModel(onnxSchema.parse({ kind: 'onnx', path: 'made.onnx' }), { sha256: '', file: readTrainable(bytes) }), data);
      return null;
    } catch (error) {
      return error;
    }
  };
  const counting = (start: number, end: number, step: number): MadeFile => {
    const bound = (value: number) => ({ shape: [], data: BigInt64Array.of(BigInt(value)) });
    return { nodes: [{ op: 'Range', inputs: ['start', 'end', 'step'], outputs: ['numbers'], name: 'range' }, { op: 'Cast', inputs: ['numbers'], outputs: ['floats'], attributes: { to: TensorProto_DataType.FLOAT } }, { op: 'Add', inputs: ['x', 'floats'], outputs: ['d'] }, head('d')], initializers: { ...HEAD, start: bound(start), end: bound(end), step: bound(step) } };
  };
  const filled = (node: MadeNode): MadeFile => ({ nodes: [{ ...node, inputs: ['six', 'none'], outputs: ['numbers'], name: 'odd' }, { op: 'Cast', inputs: ['numbers'], outputs: ['floats'], attributes: { to: TensorProto_DataType.FLOAT } }, { op: 'Add', inputs: ['x', 'floats'], outputs: ['d'] }, head('d')], initializers: { ...HEAD, six: ints(6), none: ints(0) } });
  const whole = { op: 'Cast', inputs: ['x'], outputs: ['counts'], attributes: { to: TensorProto_DataType.INT64 } };
  const cases: readonly (readonly [what: string, code: string, words: RegExp, file: MadeFile | Uint8Array, data?: DataShape])[] = [
    ['that is no ONNX file', 'ONNX_UNREADABLE', /not an ONNX model/u, new TextEncoder().encode('PK hello, this is not a model')],
    ['that is empty', 'ONNX_UNREADABLE', /not an ONNX model/u, new Uint8Array()],
    ['of an old operator set', 'ONNX_OPSET', /operator set 12; sets 13 to 21/u, { ...linear, opset: 12 }],
    ['of a new operator set', 'ONNX_OPSET', /operator set 22/u, { ...linear, opset: 22 }],
    ['with an operator that is not covered', 'ONNX_OPERATOR', /operator Det of node strange is not covered/u, { nodes: [{ op: 'Det', inputs: ['x'], outputs: ['d'], name: 'strange' }, head('d')], initializers: HEAD }],
    ['with an operator of another domain', 'ONNX_OPERATOR', /operator com\.microsoft\.Gelu of node g is not covered/u, { nodes: [{ op: 'Gelu', inputs: ['x'], outputs: ['d'], name: 'g', domain: 'com.microsoft' }, head('d')], initializers: HEAD }],
    ['with several inputs', 'ONNX_SEVERAL_INPUTS', /2 inputs \(x, mask\)/u, { ...linear, moreInputs: ['mask'] }],
    ['with several outputs', 'ONNX_SEVERAL_OUTPUTS', /2 outputs \(y, z\)/u, { ...linear, outputs: ['y', 'z'] }],
    ['in float16', 'ONNX_TYPE', /head\.weight of the ONNX file is of float16/u, { ...linear, initializers: { ...HEAD, 'head.weight': { shape: [4, 3], data: new Uint8Array(24), type: TensorProto_DataType.FLOAT16 } } }],
    ['that computes in float64', 'ONNX_NODE', /Cast of node cast.* float64|turns|computes in float64/u, { nodes: [{ op: 'Cast', inputs: ['x'], outputs: ['d'], name: 'cast', attributes: { to: TensorProto_DataType.DOUBLE } }, head('d')], initializers: HEAD }],
    ['whose tensor has another number of elements than its shape', 'ONNX_TENSOR', /has the shape \[4, 3\], but 2 elements/u, { ...linear, initializers: { ...HEAD, 'head.weight': { shape: [4, 3], data: Float32Array.of(1, 2) } } }],
    ['for several examples', 'ONNX_BATCH', /exactly 8 examples/u, { ...linear, input: [8, 4] }],
    ['for other data', 'ONNX_INPUT', /\[\?, 5\], but an example of the data is a row of features, \[4\]/u, { ...linear, input: ['batch', 5] }],
    ['with more than one open axis that the data do not fix', 'ONNX_INPUT', /\[\?, \?, \?\]/u, { ...linear, input: ['batch', 'a', 'b'] }],
    ['of numbers for tokens', 'ONNX_INPUT', /float32, but the data are tokens/u, { ...linear, input: ['batch', 5] }, tokens],
    ['whose embedding is too small', 'ONNX_INPUT', /knows 6 tokens, but the vocabulary of the data has 7/u, { ...recurrent('small', 'forward').file, initializers: { ...recurrent('small', 'forward').file.initializers, table: drawn('t', 6, 3) } }, tokens],
    ['with other outputs', 'ONNX_OUTPUT', /\[batch, 3\], but the data want a logit for each of 5 classes: \[batch, 5\]/u, linear, { ...classes, target: { kind: 'class', classes: 5 } }],
    ['that ends in a softmax', 'ONNX_OUTPUT', /ends in a softmax \(node end\)/u, { nodes: [{ ...head('x'), outputs: ['logits'] }, { op: 'Softmax', inputs: ['logits'], name: 'end' }], initializers: HEAD }],
    ['whose shapes do not fit', 'ONNX_SHAPES', /the shapes of operator Add of node plus do not fit: shapes \[1, 4\] and \[5\]/u, { nodes: [{ op: 'Add', inputs: ['x', 'five'], outputs: ['d'], name: 'plus' }, head('d')], initializers: { ...HEAD, five: drawn('five', 5) } }],
    ['whose shapes follow from the data', 'ONNX_NODE', /operator Reshape of node shaped has input 1 computed from the data/u, { nodes: [{ op: 'Cast', inputs: ['x'], outputs: ['to'], attributes: { to: TensorProto_DataType.INT64 } }, { op: 'Reshape', inputs: ['x', 'to'], outputs: ['d'], name: 'shaped' }, head('d')], initializers: HEAD }],
    ['with windows beyond the end', 'ONNX_NODE', /ceil_mode/u, { ...onImages('', [{ op: 'MaxPool', inputs: ['x'], outputs: ['v'], attributes: { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 } }]).file }, images],
    ['whose tensor has sizes below zero', 'ONNX_TENSOR', /has the shape \[-4, -3\]/u, { ...linear, initializers: { ...HEAD, 'head.weight': { ...HEAD['head.weight'], shape: [-4, -3] } } }],
    ['that counts without an end', 'ONNX_SHAPES', /Range of node range.*Infinity elements/u, counting(1, 4, 0)],
    ['that asks for more numbers than memory has', 'ONNX_SHAPES', /Range of node range.*1000000000000 elements are computed before there are data/u, counting(0, 1e12, 1)],
    ['that divides by 0', 'ONNX_NODE', /operator Div of node odd divides whole numbers by 0/u, filled({ op: 'Div', inputs: [] })],
    ['with a remainder of 0', 'ONNX_NODE', /operator Mod of node odd divides whole numbers by 0/u, filled({ op: 'Mod', inputs: [] })],
    ['that divides what it computes by 0', 'ONNX_NODE', /operator Div of node odd divides whole numbers by 0/u, { nodes: [whole, { op: 'Div', inputs: ['counts', 'none'], outputs: ['e'], name: 'odd' }, { op: 'Cast', inputs: ['e'], outputs: ['d'], attributes: { to: TensorProto_DataType.FLOAT } }, head('d')], initializers: { ...HEAD, none: ints(3, 1, 0, 2) } }],
    ['that takes the remainder as C does', 'ONNX_NODE', /operator Mod of node odd takes the remainder with the sign of its first input \(fmod\)/u, filled({ op: 'Mod', inputs: [], attributes: { fmod: 1 } })],
    ['that counts with infinity', 'ONNX_NODE', /operator Cast of node odd turns -Infinity into a whole number/u, { nodes: [{ op: 'Cast', inputs: ['edge'], outputs: ['i'], attributes: { to: TensorProto_DataType.INT64 }, name: 'odd' }, { op: 'Cast', inputs: ['i'], outputs: ['f'], attributes: { to: TensorProto_DataType.FLOAT } }, { op: 'Add', inputs: ['x', 'f'], outputs: ['d'] }, head('d')], initializers: { ...HEAD, edge: floats([1], [-Infinity]) } }],
    ['that fills more than memory has', 'ONNX_SHAPES', /Add of node plus.*1000000000000 elements/u, { nodes: [{ op: 'ConstantOfShape', inputs: ['sizes'], outputs: ['zeros'] }, { op: 'Add', inputs: ['zeros', 'pair'], outputs: ['many'], name: 'plus' }, { op: 'ReduceSum', inputs: ['many'], outputs: ['sum'] }, { op: 'Add', inputs: ['x', 'sum'], outputs: ['d'] }, head('d')], initializers: { ...HEAD, sizes: ints(5e11, 2), pair: floats([2], [-Infinity, 0]) } }],
    ['whose output is a mask of dropout', 'ONNX_NODE', /its output y is a result that no covered operator gives/u, { nodes: [{ ...head('x'), outputs: ['logits'] }, { op: 'Dropout', inputs: ['logits'], outputs: ['dropped', 'y'] }], initializers: HEAD }],
    ['with a weight that has no gradient', 'ONNX_NO_GRADIENT', /The initializer edge of the ONNX file cannot be trained/u, { nodes: [{ op: 'Greater', inputs: ['x', 'edge'], outputs: ['above'] }, { op: 'Cast', inputs: ['above'], outputs: ['d'], attributes: { to: TensorProto_DataType.FLOAT } }, head('d')], initializers: { ...HEAD, edge: drawn('edge', 4) } }],
    ['without a weight', 'ONNX_NOTHING_TO_TRAIN', /nothing would be trained/u, { nodes: [{ op: 'Slice', inputs: ['x', 'from', 'to', 'axis'] }], initializers: { from: ints(0), to: ints(3), axis: ints(1) } }],
  ];
  it.each(cases.map(([what, code, words, file, data]) => ({ what, code, words, file, data })))('$what: $code', ({ code, words, file, data }) => {
    const error = refusal(file, data);
    expect(error).toEqual(expect.objectContaining({ code, kind: 'input', message: expect.stringMatching(words), hint: expect.any(String) as unknown }));
  });
});
