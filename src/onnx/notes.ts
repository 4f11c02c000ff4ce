/** What an ONNX file says of itself beside what it computes. */
import type { ModelProto } from './proto/onnx_pb';

/**
 * Takes the notes out of a model, wherever they stand: descriptions, and the properties in which exporters keep where
 * the model came from. PyTorch's name the folders of whoever exported it and quote lines of their programs.
 * Nothing of it is computed with.
 */
export function withoutNotes(model: ModelProto): ModelProto {
  const clear = (value: unknown): void => {
    if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return;
    if (Array.isArray(value)) {
      // Numbers, of which there may be very many, hold nothing.
      if (typeof value[0] === 'object') value.forEach(clear);
      return;
    }
    // An empty one would still be written.
    if ('docString' in value) Reflect.deleteProperty(value, 'docString');
    if ('metadataProps' in value) value.metadataProps = [];
    Object.values(value).forEach(clear);
  };
  clear(model);
  return model;
}
