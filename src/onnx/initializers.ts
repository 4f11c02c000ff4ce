import { decodeModel } from './codec';

/**
 * The little-endian data of a model's initializers, by name; empty for those kept in a typed field, as Reprise never does.
 * @throws RepriseError ONNX_UNREADABLE when the bytes are no ONNX model
 */
export function initializerData(bytes: Uint8Array): ReadonlyMap<string, Uint8Array> {
  return new Map(decodeModel(bytes).graph?.initializer.map(({ name, rawData }) => [name, rawData]));
}
