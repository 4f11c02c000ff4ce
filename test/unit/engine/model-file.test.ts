import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { modelSchema } from '../../../src/config/models';
import { prepareModel } from '../../../src/engine/model-file';
import { sha256Bytes } from '../../../src/files/hash';
import { objectPath } from '../../../src/files/objects';
import { withDataInside } from '../../../src/onnx/external-data';
import { ModelProtoSchema, StringStringEntryProtoSchema, TensorProto_DataLocation, type ModelProto } from '../../../src/onnx/proto/onnx_pb';
import { temporaryFolder } from '../../helpers/cli';
import { floats, madeFile } from '../onnx/made-file';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

const SECRET = '/home/ada/thesis/train.py';
const linear = (): ModelProto =>
  fromBinary(ModelProtoSchema, madeFile({ nodes: [{ op: 'Gemm', inputs: ['x', 'weight', 'bias'], attributes: { transB: 1 } }], initializers: { weight: floats([3, 4], Array<number>(12).fill(0.5)), bias: floats([3], [0, 0, 0]) } }));

/** With notes wherever a file can have some. */
function annotated(): ModelProto {
  const model = linear();
  const graph = model.graph!;
  const [node] = graph.node;
  for (const holder of [model, graph, node!, graph.initializer[0]!, graph.input[0]!, graph.output[0]!]) {
    holder.docString = `of ${SECRET}`;
    holder.metadataProps = [create(StringStringEntryProtoSchema, { key: 'pkg.torch.onnx.stack_trace', value: `File "${SECRET}", line 7` })];
  }
  for (const attribute of node!.attribute) attribute.docString = SECRET;
  return model;
}

describe('the file of a model', () => {
  it('is kept without what its exporter noted of the machine it comes from', async () => {
    const source = toBinary(ModelProtoSchema, annotated());
    expect(Buffer.from(source).includes(SECRET)).toBe(true);
    await writeFile(join(folder.path, 'model.onnx'), source);
    const prepared = await prepareModel(modelSchema.parse({ kind: 'onnx', path: 'model.onnx' }), folder.path, join(folder.path, 'workspace'));
    const kept = await readFile(objectPath(join(folder.path, 'workspace'), prepared!.ref.sha256));
    expect(kept.includes(SECRET)).toBe(false);
    expect(kept.includes('stack_trace')).toBe(false);
    expect(sha256Bytes(kept)).toBe(sha256Bytes(toBinary(ModelProtoSchema, linear())));
    expect(prepared!.ref).toMatchObject({ sourceSha256: sha256Bytes(source), bytes: kept.length });
  });

  it('is named where it is no ONNX file', async () => {
    await writeFile(join(folder.path, 'model.onnx'), 'PK hello, this is not a model');
    const prepared = prepareModel(modelSchema.parse({ kind: 'onnx', path: 'model.onnx' }), folder.path, join(folder.path, 'workspace'));
    await expect(prepared).rejects.toMatchObject({ code: 'ONNX_UNREADABLE', message: 'The file model.onnx is not an ONNX model: its bytes cannot be read as one.' });
  });

  it('is refused where its tensors name more of the files beside it than may be read', () => {
    const model = linear();
    for (const tensor of model.graph!.initializer) {
      tensor.rawData = new Uint8Array();
      tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
      tensor.externalData = [create(StringStringEntryProtoSchema, { key: 'location', value: 'data' }), create(StringStringEntryProtoSchema, { key: 'length', value: '12' })];
    }
    const files = new Map([['data', new Uint8Array(12)]]);
    expect(() => withDataInside(structuredClone(model), files, 23)).toThrow(expect.objectContaining({ code: 'ONNX_TOO_LARGE' }));
    expect(withDataInside(model, files, 24).length).toBeGreaterThan(24);
  });
});
