/** Refuses models that make ONNX Runtime open further files. */
import { RepriseError } from '../errors/errors';
import { decodeModel } from './codec';
import { TensorProto_DataLocation, type AttributeProto, type FunctionProto, type GraphProto, type SparseTensorProto, type TensorProto, type TrainingInfoProto } from './proto/onnx_pb';

/**
 * Checks that every tensor of an ONNX file has its data inside the file: initializers, constants in
 * attributes, subgraphs, functions and training information. A tensor with external data names a
 * path that ONNX Runtime would open, which a bundle from elsewhere must not be able to choose.
 * @throws RepriseError ONNX_EXTERNAL_DATA naming every such tensor; ONNX_UNREADABLE when the bytes are no ONNX model.
 */
export function refuseExternalData(bytes: Uint8Array): void {
  const model = decodeModel(bytes);
  const found: string[] = [];
  const tensor = (value: TensorProto | undefined, where: string): void => {
    if (value === undefined) return;
    // Either mark is enough: a loader may go by the list of keys alone.
    if (value.dataLocation === TensorProto_DataLocation.EXTERNAL || value.externalData.length > 0) {
      found.push(value.name === '' ? where : value.name);
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

  if (found.length > 0) {
    throw new RepriseError('ONNX_EXTERNAL_DATA', `The ONNX file keeps ${found.length} of its tensors in other files (first: ${found[0]}); Reprise reads models that hold all their data.`, {
      hint: 'Save the model with its data inside, e.g. with onnx.save(model, path, save_as_external_data=False).',
      problems: found.map((name) => ({ path: name, message: 'has external data.' })),
    });
  }
}
