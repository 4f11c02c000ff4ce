/** Tensors that an ONNX file keeps in other files. */
import { toBinary } from '@bufbuild/protobuf';
import { RepriseError } from '../errors/errors';
import { decodeModel } from './codec';
import { ModelProtoSchema, TensorProto_DataLocation, type AttributeProto, type FunctionProto, type GraphProto, type ModelProto, type SparseTensorProto, type TensorProto, type TrainingInfoProto } from './proto/onnx_pb';

interface ExternalTensor {
  readonly tensor: TensorProto;
  /** Its own, or where it stands. */
  readonly name: string;
}

/** Every tensor with data outside the file: initializers, constants in attributes, subgraphs, functions and training information. */
function externalTensors(model: ModelProto): readonly ExternalTensor[] {
  const found: ExternalTensor[] = [];
  const tensor = (value: TensorProto | undefined, where: string): void => {
    if (value === undefined) return;
    // Either mark is enough: a loader may go by the list of keys alone.
    if (value.dataLocation === TensorProto_DataLocation.EXTERNAL || value.externalData.length > 0) {
      found.push({ tensor: value, name: value.name === '' ? where : value.name });
    }
  };
  const sparse = (value: SparseTensorProto | undefined, where: string): void => {
    tensor(value?.values, where);
    tensor(value?.indices, where);
  };
  const attribute = (value: AttributeProto, where: string): void => {
    const place = `${where}/${value.name}`;
    tensor(value.t, place);
    for (const item of value.tensors) tensor(item, place);
    sparse(value.sparseTensor, place);
    for (const item of value.sparseTensors) sparse(item, place);
    if (value.g !== undefined) graph(value.g, place);
    for (const item of value.graphs) graph(item, place);
  };
  const graph = (value: GraphProto, where: string): void => {
    for (const item of value.initializer) tensor(item, where);
    for (const item of value.sparseInitializer) sparse(item, where);
    for (const node of value.node) for (const item of node.attribute) attribute(item, `${where}/${node.name || node.opType}`);
  };
  const functionBody = (value: FunctionProto): void => {
    for (const item of value.attributeProto) attribute(item, value.name);
    for (const node of value.node) for (const item of node.attribute) attribute(item, `${value.name}/${node.name || node.opType}`);
  };
  const training = (value: TrainingInfoProto): void => {
    if (value.initialization !== undefined) graph(value.initialization, 'initialization');
    if (value.algorithm !== undefined) graph(value.algorithm, 'algorithm');
  };

  if (model.graph !== undefined) graph(model.graph, model.graph.name || 'graph');
  for (const item of model.functions) functionBody(item);
  for (const item of model.trainingInfo) training(item);
  return found;
}

/**
 * Checks that every tensor of an ONNX model has its data inside the file. A tensor with external data names a
 * path that ONNX Runtime would open, which a bundle from elsewhere must not be able to choose.
 * @throws RepriseError ONNX_EXTERNAL_DATA naming every such tensor
 */
export function refuseExternalTensors(model: ModelProto): void {
  const found = externalTensors(model);
  const [first] = found;
  if (first === undefined) return;
  throw new RepriseError('ONNX_EXTERNAL_DATA', `The ONNX file keeps ${found.length} of its tensors in other files (first: ${first.name}); Reprise reads models that hold all their data.`, {
    hint: 'Save the model with its data inside, e.g. with onnx.save(model, path, save_as_external_data=False).',
    problems: found.map(({ name }) => ({ path: name, message: 'has external data.' })),
  });
}

/** The same for the bytes of a file. @throws RepriseError ONNX_EXTERNAL_DATA; ONNX_UNREADABLE when the bytes are no ONNX model */
export function refuseExternalData(bytes: Uint8Array): void {
  refuseExternalTensors(decodeModel(bytes));
}

const valueOf = ({ externalData }: TensorProto, key: string): string | undefined => externalData.find((entry) => entry.key === key)?.value;

/** The other files that a model keeps data in, as it names them; sorted, each once. */
export function externalFiles(model: ModelProto): readonly string[] {
  return [...new Set(externalTensors(model).map(({ tensor }) => valueOf(tensor, 'location') ?? ''))].sort();
}

/**
 * The bytes of an ONNX file that holds all its data, and nothing that ONNX does not know. Equal models and files give
 * equal bytes.
 * @param files by the names of `externalFiles`; none where the model has all its data
 * @param most bytes of data that are copied: many tensors may name the same stretch of a file
 * @throws RepriseError ONNX_EXTERNAL_DATA where a tensor reaches beyond the end of its file, ONNX_TOO_LARGE
 */
export function withDataInside(model: ModelProto, files: ReadonlyMap<string, Uint8Array>, most: number): Uint8Array {
  let copied = 0;
  for (const { tensor, name } of externalTensors(model)) {
    const location = valueOf(tensor, 'location') ?? '';
    const bytes = files.get(location) ?? new Uint8Array();
    const offset = Number(valueOf(tensor, 'offset') ?? 0);
    const length = Number(valueOf(tensor, 'length') ?? bytes.length - offset);
    if (!(offset >= 0 && length >= 0 && offset + length <= bytes.length)) {
      throw new RepriseError('ONNX_EXTERNAL_DATA', `The tensor ${name} of the ONNX file is bytes ${offset} to ${offset + length} of ${location}, which has ${bytes.length}.`, {
        hint: 'The two files do not belong together: export the model again.',
        problems: [{ path: name, message: `lies beyond the end of ${location}.` }],
      });
    }
    copied += length;
    if (copied > most) {
      throw new RepriseError('ONNX_TOO_LARGE', `The tensors of the ONNX file have more than ${most} bytes in other files.`, { hint: 'Train a smaller model.' });
    }
    tensor.rawData = bytes.slice(offset, offset + length);
    tensor.externalData = [];
    tensor.dataLocation = TensorProto_DataLocation.DEFAULT;
  }
  return toBinary(ModelProtoSchema, model, { writeUnknownFields: false });
}
