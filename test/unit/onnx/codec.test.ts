import { create, toBinary } from '@bufbuild/protobuf';
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { decodeModel, encodeModel, IR_VERSION, OPSET_VERSION, tensorProto } from '../../../src/onnx/codec';
import { refuseExternalData } from '../../../src/onnx/external-data';
import { GraphBuilder } from '../../../src/onnx/graph';
import { loop } from '../../../src/onnx/loop';
import { add, gemm, multiply, reshape } from '../../../src/onnx/primitives';
import {
  AttributeProto_AttributeType,
  FunctionProtoSchema,
  ModelProtoSchema,
  SparseTensorProtoSchema,
  TensorProto_DataLocation,
  type ModelProto,
  type TensorProto,
} from '../../../src/onnx/proto/onnx_pb';

/** start + Σ of `count` rounds of (value · 2 + row), one row of `rows` a round. */
function sample(): Uint8Array {
  const graph = new GraphBuilder('sample');
  const count = graph.input('count', 'int64', []);
  const start = graph.input('start', 'float32', [2]);
  const weight = graph.initializer('weight', 'float32', [2], Float32Array.of(3, 4));
  const result = loop(graph, 'step', count, [start], (step, _, [value]) => {
    const next = add(step, multiply(step, value!, step.scalar(2)), weight);
    return { carried: [next], kept: [value!] };
  });
  graph.output(result.carried[0]!, 'end');
  graph.output(result.kept[0]!, 'kept');
  return graph.encode({ description: 'sample', metadata: { b: '1', a: '2' } });
}

describe('encoding', () => {
  test('gives the same bytes for the same calls, and the same model back', () => {
    const bytes = sample();
    expect(sample()).toEqual(bytes);
    const model = decodeModel(bytes);
    expect(toBinary(ModelProtoSchema, model)).toEqual(bytes);
    expect(model.irVersion).toBe(BigInt(IR_VERSION));
    expect(model.opsetImport.map(({ domain, version }) => [domain, version])).toEqual([['', BigInt(OPSET_VERSION)]]);
    expect(model.metadataProps.map(({ key, value }) => [key, value])).toEqual([['b', '1'], ['a', '2']]);
    expect(model.graph?.output.map(({ name }) => name)).toEqual(['end', 'kept']);
  });

  test('runs in ONNX Runtime: a loop carries and keeps values', async () => {
    const session = await ort.InferenceSession.create(sample());
    const results = await session.run({ count: new ort.Tensor('int64', [3n], []), start: new ort.Tensor('float32', [1, 0], [2]) });
    expect([...(results['end']!.data as Float32Array)]).toEqual([29, 28]);
    expect(results['kept']!.dims).toEqual([3, 2]);
    expect([...(results['kept']!.data as Float32Array)]).toEqual([1, 0, 5, 4, 13, 12]);
    await session.release();
  });

  test('refuses what is no ONNX model', () => {
    expect(() => decodeModel(new TextEncoder().encode('not a model at all'))).toThrow(expect.objectContaining({ code: 'ONNX_UNREADABLE', kind: 'input' }));
    expect(() => decodeModel(new Uint8Array())).toThrow(expect.objectContaining({ code: 'ONNX_UNREADABLE' }));
    expect(() => decodeModel(sample().subarray(0, 100))).toThrow(expect.objectContaining({ code: 'ONNX_UNREADABLE' }));
  });
});

describe('the graph builder', () => {
  test('stores equal constants once and keeps names apart', () => {
    const graph = new GraphBuilder('constants');
    expect(graph.scalar(0.5).name).toBe(graph.scalar(0.5).name);
    expect(graph.scalar(0.5).name).not.toBe(graph.scalar(0.25).name);
    graph.input('x', 'float32', [1]);
    expect(() => graph.input('x', 'float32', [1])).toThrow('taken');
  });

  test('gives one value out under several names, and an input unchanged', async () => {
    const graph = new GraphBuilder('names');
    const x = graph.input('x', 'float32', [1]);
    const sum = add(graph, x, x);
    graph.output(sum, 'first');
    graph.output(sum, 'second');
    graph.output(x, 'same');
    const session = await ort.InferenceSession.create(graph.encode({ description: '' }));
    const results = await session.run({ x: new ort.Tensor('float32', [4], [1]) });
    expect(Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, tensor.data[0]]))).toEqual({ first: 8, second: 8, same: 4 });
    await session.release();
  });

  test('refuses shapes that do not fit', () => {
    const graph = new GraphBuilder('shapes');
    const a = graph.input('a', 'float32', ['batch', 3]);
    const b = graph.input('b', 'float32', [4, 2]);
    expect(() => gemm(graph, a, b)).toThrow('cannot multiply');
    expect(() => add(graph, a, b)).toThrow('do not broadcast');
    expect(() => reshape(graph, a, ['batch', 4])).toThrow('cannot reshape');
    expect(() => reshape(graph, b, ['batch', 8])).toThrow('cannot reshape');
    expect(() => graph.constant('float32', [3], Float32Array.of(1, 2))).toThrow('was given 2 elements');
    expect(reshape(graph, a, [3, 'batch', 1]).shape).toEqual([3, 'batch', 1]);
  });
});

describe('refuseExternalData', () => {
  const external = (name: string): TensorProto => {
    const tensor = tensorProto(name, 'float32', [1], Float32Array.of(1));
    tensor.rawData = new Uint8Array();
    tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
    tensor.externalData = [{ $typeName: 'onnx.StringStringEntryProto', key: 'location', value: '../../secret' }];
    return tensor;
  };
  const changed = (change: (model: ModelProto) => void): Uint8Array => {
    const model = decodeModel(sample());
    change(model);
    return toBinary(ModelProtoSchema, model);
  };
  const attribute = { $typeName: 'onnx.AttributeProto' as const };
  const loopBody = (model: ModelProto) => model.graph!.node.find((node) => node.opType === 'Loop')!.attribute.find(({ name }) => name === 'body')!.g!;

  const hidden: Record<string, (model: ModelProto) => void> = {
    'an initializer': (model) => void model.graph!.initializer.push(external('planted')),
    'an initializer of a loop body': (model) => void loopBody(model).initializer.push(external('planted')),
    'a constant in an attribute of a loop body': (model) => {
      const node = loopBody(model).node[0]!;
      const inner = decodeModel(encodeModel(model.graph!, { description: '' })).graph!.node[0]!.attribute[0]!;
      node.attribute.push({ ...inner, ...attribute, name: 'value', type: AttributeProto_AttributeType.TENSOR, g: undefined, t: external('planted') });
    },
    'a list of tensors in an attribute': (model) => {
      const [body] = model.graph!.node[0]!.attribute;
      model.graph!.node[0]!.attribute.push({ ...body!, ...attribute, name: 'values', type: AttributeProto_AttributeType.TENSORS, g: undefined, tensors: [external('planted')] });
    },
    'a sparse initializer': (model) => void model.graph!.sparseInitializer.push(create(SparseTensorProtoSchema, { values: external('planted') })),
    'a function': (model) => {
      const node = decodeModel(sample()).graph!.node[0]!;
      node.attribute[0]!.g!.initializer.push(external('planted'));
      model.functions.push(create(FunctionProtoSchema, { name: 'f', node: [node] }));
    },
    'a tensor that has only the keys of external data': (model) => {
      const tensor = external('planted');
      tensor.dataLocation = TensorProto_DataLocation.DEFAULT;
      model.graph!.initializer.push(tensor);
    },
  };

  test('accepts a model that holds its data', () => {
    expect(() => refuseExternalData(sample())).not.toThrow();
  });

  test.each(Object.entries(hidden))('finds %s', (_, change) => {
    expect(() => refuseExternalData(changed(change))).toThrow(expect.objectContaining({ code: 'ONNX_EXTERNAL_DATA', problems: [{ path: 'planted', message: 'has external data.' }] }));
  });
});
