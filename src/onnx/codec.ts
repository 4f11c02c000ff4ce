/**
 * ONNX's protobuf encoding. The message classes in proto/ are generated from `onnx-ml.proto` of the
 * `onnx` package on PyPI (1.23.2, Apache-2.0, copied to proto/onnx.proto):
 *   python -m grpc_tools.protoc -I. --plugin=protoc-gen-es=node_modules/.bin/protoc-gen-es --es_out=. --es_opt=target=ts onnx.proto
 * Equal models encode to equal bytes: fields are written in the order of their numbers and
 * nothing in a message is a map.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { RepriseError } from '../errors/errors';
import {
  ModelProtoSchema,
  TensorProtoSchema,
  TensorProto_DataType,
  TensorShapeProto_DimensionSchema,
  ValueInfoProtoSchema,
  type GraphProto,
  type ModelProto,
  type TensorProto,
  type ValueInfoProto,
} from './proto/onnx_pb';
import { elementCount, formatShape, GraphError } from './shapes';
import type { Dim, ElementArrays, ElementType, Tensor } from './types';

/** Operator set 17 and IR 8: every operator used here has a kernel there, and ONNX Runtime reads it since 1.12. */
export const OPSET_VERSION = 17;
export const IR_VERSION = 8;

const DATA_TYPES: Readonly<Record<ElementType, TensorProto_DataType>> = {
  float32: TensorProto_DataType.FLOAT,
  uint8: TensorProto_DataType.UINT8,
  int32: TensorProto_DataType.INT32,
  int64: TensorProto_DataType.INT64,
  bool: TensorProto_DataType.BOOL,
};

/** ONNX's number for an element type. */
export function dataTypeOf(type: ElementType): TensorProto_DataType {
  return DATA_TYPES[type];
}

/** A tensor with its data inside the file. ONNX wants little-endian, which every platform of Electron is. */
export function tensorProto<T extends ElementType>(name: string, type: T, shape: readonly number[], data: ElementArrays[T]): TensorProto {
  if (elementCount(shape) !== data.length) {
    throw new GraphError(`tensor ${name} ${formatShape(shape)} was given ${data.length} elements`);
  }
  return create(TensorProtoSchema, {
    name,
    dataType: dataTypeOf(type),
    dims: shape.map((size) => BigInt(size)),
    // A copy, so that the caller may go on writing to its array.
    rawData: new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength).slice(),
  });
}

/** The declaration of a graph's input or output. */
export function valueInfo(tensor: Pick<Tensor, 'name' | 'type' | 'shape'>): ValueInfoProto {
  return create(ValueInfoProtoSchema, {
    name: tensor.name,
    type: {
      value: { case: 'tensorType', value: { elemType: dataTypeOf(tensor.type), shape: { dim: tensor.shape.map(dimension) } } },
    },
  });
}

function dimension(dim: Dim) {
  return create(TensorShapeProto_DimensionSchema, {
    value: typeof dim === 'number' ? { case: 'dimValue', value: BigInt(dim) } : { case: 'dimParam', value: dim },
  });
}

export interface ModelHeader {
  readonly description: string;
  /** Shown by tools as the model's metadata; written in the order of the keys given. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The bytes of an ONNX file around a graph. Deterministic. */
export function encodeModel(graph: GraphProto, header: ModelHeader): Uint8Array {
  const model = create(ModelProtoSchema, {
    irVersion: BigInt(IR_VERSION),
    producerName: 'reprise',
    docString: header.description,
    opsetImport: [{ domain: '', version: BigInt(OPSET_VERSION) }],
    metadataProps: Object.entries(header.metadata ?? {}).map(([key, value]) => ({ key, value })),
    graph,
  });
  return toBinary(ModelProtoSchema, model);
}

/**
 * Reads an ONNX file.
 * @param named what it is called in errors
 * @throws RepriseError ONNX_UNREADABLE when the bytes are no ONNX model.
 */
export function decodeModel(bytes: Uint8Array, named = 'The file'): ModelProto {
  let model: ModelProto;
  try {
    model = fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    throw unreadable(named, error);
  }
  if (model.graph === undefined) throw unreadable(named, undefined);
  return model;
}

function unreadable(named: string, cause: unknown): RepriseError {
  return new RepriseError('ONNX_UNREADABLE', `${named} is not an ONNX model: its bytes cannot be read as one.`, {
    hint: 'Check that the file was copied whole, and that it was exported in the ONNX format.',
    cause,
  });
}
