/** Tensors of an ONNX file, from whichever field holds their elements. */
import { TensorProto_DataType, type TensorProto } from '../proto/onnx_pb';
import { elementCount, formatShape } from '../shapes';

/** Element types that are read; numbers of float64 are only computed with while a graph is built. */
export type StoredType = 'float32' | 'float64' | 'int32' | 'int64' | 'uint8' | 'bool';

export interface StoredTensor {
  readonly name: string;
  /** Of a copy, the name of what it is a copy of. */
  readonly origin?: string;
  readonly type: StoredType;
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;
}

const TYPES: ReadonlyMap<TensorProto_DataType, StoredType> = new Map([
  [TensorProto_DataType.FLOAT, 'float32'],
  [TensorProto_DataType.DOUBLE, 'float64'],
  [TensorProto_DataType.INT32, 'int32'],
  [TensorProto_DataType.INT64, 'int64'],
  [TensorProto_DataType.UINT8, 'uint8'],
  [TensorProto_DataType.BOOL, 'bool'],
]);

/** The type that ONNX's number stands for; null for one that is not read. */
export function storedTypeOf(dataType: number): StoredType | null {
  return TYPES.get(dataType) ?? null;
}

/** `float16` for ONNX's number, for messages. */
export function typeInWords(dataType: number): string {
  if (dataType === TensorProto_DataType.FLOAT16) return 'float16';
  return (TensorProto_DataType[dataType] ?? `type ${dataType}`).toLowerCase();
}

/** Aligned and in memory of its own, as typed arrays want it. `slice` of Node's buffers would be a view. */
function copied(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

function elementsOf({ rawData, floatData, doubleData, int32Data, int64Data }: TensorProto, type: StoredType): StoredTensor['data'] | null {
  const isRaw = rawData.length > 0;
  const width = { float32: 4, float64: 8, int32: 4, int64: 8, uint8: 1, bool: 1 }[type];
  if (isRaw && rawData.length % width !== 0) return null;
  switch (type) {
    case 'float32':
      return isRaw ? new Float32Array(copied(rawData)) : Float32Array.from(floatData);
    case 'float64':
      return isRaw ? new Float64Array(copied(rawData)) : Float64Array.from(doubleData);
    case 'int32':
      return isRaw ? new Int32Array(copied(rawData)) : Int32Array.from(int32Data);
    case 'int64':
      return isRaw ? new BigInt64Array(copied(rawData)) : BigInt64Array.from(int64Data);
    case 'uint8':
    case 'bool':
      return isRaw ? new Uint8Array(copied(rawData)) : Uint8Array.from(int32Data);
  }
}

/** A tensor with its elements, or what is wrong with it, in words. */
export function storedTensor(proto: TensorProto): StoredTensor | string {
  const type = storedTypeOf(proto.dataType);
  if (type === null) return `is of ${typeInWords(proto.dataType)}`;
  const shape = proto.dims.map(Number);
  const data = elementsOf(proto, type);
  if (data === null || shape.some((size) => size < 0) || data.length !== elementCount(shape)) return `has the shape ${formatShape(shape)}, but ${data === null ? `${proto.rawData.length} bytes` : `${data.length} elements`}`;
  return { name: proto.name, type, shape, data };
}
