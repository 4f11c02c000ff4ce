/** The numbers of TensorFlow's tensors as they stand in event files. */
import { DataType, type Tensor } from './proto/events_pb';

function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function bfloat16(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint16(0, bits);
  return view.getFloat32(0);
}

/** How an element lies in `tensor_content`: its size in bytes and how to read it. */
const LAYOUT: Partial<Record<DataType, { readonly size: number; readonly read: (view: DataView, at: number) => number }>> = {
  [DataType.DT_FLOAT]: { size: 4, read: (view, at) => view.getFloat32(at, true) },
  [DataType.DT_DOUBLE]: { size: 8, read: (view, at) => view.getFloat64(at, true) },
  [DataType.DT_INT32]: { size: 4, read: (view, at) => view.getInt32(at, true) },
  [DataType.DT_UINT8]: { size: 1, read: (view, at) => view.getUint8(at) },
  [DataType.DT_INT16]: { size: 2, read: (view, at) => view.getInt16(at, true) },
  [DataType.DT_INT8]: { size: 1, read: (view, at) => view.getInt8(at) },
  [DataType.DT_INT64]: { size: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
  [DataType.DT_BOOL]: { size: 1, read: (view, at) => view.getUint8(at) },
  [DataType.DT_BFLOAT16]: { size: 2, read: (view, at) => bfloat16(view.getUint16(at, true)) },
  [DataType.DT_UINT16]: { size: 2, read: (view, at) => view.getUint16(at, true) },
  [DataType.DT_HALF]: { size: 2, read: (view, at) => half(view.getUint16(at, true)) },
  [DataType.DT_UINT32]: { size: 4, read: (view, at) => view.getUint32(at, true) },
  [DataType.DT_UINT64]: { size: 8, read: (view, at) => Number(view.getBigUint64(at, true)) },
};

function listed(tensor: Tensor): readonly number[] {
  switch (tensor.dtype) {
    case DataType.DT_FLOAT:
      return tensor.floatVal;
    case DataType.DT_DOUBLE:
      return tensor.doubleVal;
    case DataType.DT_INT64:
      return tensor.int64Val.map(Number);
    case DataType.DT_UINT64:
      return tensor.uint64Val.map(Number);
    case DataType.DT_UINT32:
      return tensor.uint32Val;
    case DataType.DT_BOOL:
      return tensor.boolVal.map(Number);
    case DataType.DT_HALF:
      return tensor.halfVal.map(half);
    case DataType.DT_BFLOAT16:
      return tensor.halfVal.map(bfloat16);
    default:
      return tensor.intVal;
  }
}

export function shapeOf(tensor: Tensor): number[] {
  return (tensor.tensorShape?.dim ?? []).map(({ size }) => Number(size));
}

/** Elements in row-major order; null where they are no numbers. A list that is too short repeats its last element, as TensorFlow has it. */
export function numbersOf(tensor: Tensor): number[] | null {
  const layout = LAYOUT[tensor.dtype];
  if (layout === undefined) return null;
  const { tensorContent } = tensor;
  if (tensorContent.length > 0) {
    const view = new DataView(tensorContent.buffer, tensorContent.byteOffset, tensorContent.byteLength);
    return Array.from({ length: Math.floor(tensorContent.length / layout.size) }, (_, index) => layout.read(view, index * layout.size));
  }
  const given = listed(tensor);
  const last = given.at(-1);
  const count = shapeOf(tensor).reduce((product, size) => product * size, 1);
  // A shape is only a claim: no more than a gigabyte of numbers is made of one.
  if (last === undefined || given.length >= count || count > 1 << 27) return [...given];
  return [...given, ...Array.from({ length: count - given.length }, () => last)];
}
