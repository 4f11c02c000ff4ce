/** ONNX files made by hand for tests of their import. */
import { create, toBinary } from '@bufbuild/protobuf';
import { AttributeProto_AttributeType as Kind, AttributeProtoSchema, GraphProtoSchema, ModelProtoSchema, NodeProtoSchema, TensorProtoSchema, TensorProto_DataType, TensorShapeProto_DimensionSchema, ValueInfoProtoSchema, type AttributeProto, type TensorProto } from '../../../src/onnx/proto/onnx_pb';

export interface MadeTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array | Float64Array | Uint8Array;
  /** ONNX's number for the type; that of the array where left out. */
  readonly type?: TensorProto_DataType;
}

/** A number with a point in it is a float: `{ float: 1 }`. */
export type MadeAttribute = number | readonly number[] | string | { readonly float: number } | MadeTensor;

export interface MadeNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs?: readonly string[];
  readonly attributes?: Readonly<Record<string, MadeAttribute>>;
  readonly name?: string;
  readonly domain?: string;
}

export interface MadeFile {
  readonly nodes: readonly MadeNode[];
  readonly initializers?: Readonly<Record<string, MadeTensor>>;
  /** Sizes, names for sizes that are left open. */
  readonly input?: readonly (number | string)[];
  readonly inputType?: TensorProto_DataType;
  readonly moreInputs?: readonly string[];
  readonly outputs?: readonly string[];
  readonly opset?: number;
}

export const floats = (shape: readonly number[], values: readonly number[]): MadeTensor => ({ shape, data: Float32Array.from(values) });
export const ints = (...values: readonly number[]): MadeTensor => ({ shape: [values.length], data: BigInt64Array.from(values, BigInt) });

function tensor(name: string, { shape, data, type }: MadeTensor): TensorProto {
  const own = data instanceof Float32Array ? TensorProto_DataType.FLOAT : data instanceof BigInt64Array ? TensorProto_DataType.INT64 : data instanceof Float64Array ? TensorProto_DataType.DOUBLE : TensorProto_DataType.BOOL;
  return create(TensorProtoSchema, { name, dataType: type ?? own, dims: shape.map(BigInt), rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) });
}

function attribute(name: string, value: MadeAttribute): AttributeProto {
  if (typeof value === 'number') return create(AttributeProtoSchema, { name, type: Kind.INT, i: BigInt(value) });
  if (typeof value === 'string') return create(AttributeProtoSchema, { name, type: Kind.STRING, s: new TextEncoder().encode(value) });
  if ('float' in value) return create(AttributeProtoSchema, { name, type: Kind.FLOAT, f: value.float });
  if ('data' in value) return create(AttributeProtoSchema, { name, type: Kind.TENSOR, t: tensor(name, value) });
  return create(AttributeProtoSchema, { name, type: Kind.INTS, ints: (value as readonly number[]).map(BigInt) });
}

const valueInfo = (name: string, elemType: TensorProto_DataType, shape: readonly (number | string)[]) =>
  create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: 'tensorType', value: { elemType, shape: { dim: shape.map((dim) => create(TensorShapeProto_DimensionSchema, { value: typeof dim === 'number' ? { case: 'dimValue', value: BigInt(dim) } : { case: 'dimParam', value: dim } })) } } } },
  });

/** The bytes of a file with the input `x` and, unless it says others, the output `y`. */
export function madeFile({ nodes, initializers = {}, input = ['batch', 4], inputType = TensorProto_DataType.FLOAT, moreInputs = [], outputs = ['y'], opset = 17 }: MadeFile): Uint8Array {
  const graph = create(GraphProtoSchema, {
    name: 'made',
    input: ['x', ...moreInputs].map((name) => valueInfo(name, inputType, input)),
    output: outputs.map((name) => valueInfo(name, TensorProto_DataType.FLOAT, [])),
    initializer: Object.entries(initializers).map(([name, value]) => tensor(name, value)),
    node: nodes.map((node, index) =>
      create(NodeProtoSchema, {
        name: node.name ?? `${node.op.toLowerCase()}_${index}`,
        opType: node.op,
        domain: node.domain ?? '',
        input: [...node.inputs],
        output: [...(node.outputs ?? ['y'])],
        attribute: Object.entries(node.attributes ?? {}).map(([name, value]) => attribute(name, value)),
      }),
    ),
  });
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 8n, opsetImport: [{ domain: '', version: BigInt(opset) }], graph }));
}
