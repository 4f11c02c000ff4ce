import { fromBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf';

/** A message of its bytes; null where they are none of the kind. */
export function decode<T extends DescMessage>(schema: T, bytes: Uint8Array): MessageShape<T> | null {
  try {
    return fromBinary(schema, bytes);
  } catch {
    return null;
  }
}
