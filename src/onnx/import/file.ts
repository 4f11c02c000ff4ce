/** An ONNX file of a user, read and checked as far as that goes without data. */
import { RepriseError, type Problem } from '../../errors/errors';
import { decodeModel } from '../codec';
import { refuseExternalTensors } from '../external-data';
import { AttributeProto_AttributeType as Kind, type AttributeProto, type GraphProto, type NodeProto, type ValueInfoProto } from '../proto/onnx_pb';
import type { Dim } from '../types';
import { storedTensor, storedTypeOf, typeInWords, type StoredTensor, type StoredType } from './tensor-data';

export const OLDEST_OPSET = 13;
export const NEWEST_OPSET = 21;

/** What stands in an attribute; several texts are one, with commas. */
export type AttributeValue = number | string | readonly number[] | StoredTensor;

export interface FileNode {
  /** As messages call it: its name, or that of its first result. */
  readonly name: string;
  readonly opType: string;
  /** An input that is left out is empty. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, AttributeValue>;
}

export interface OnnxFile {
  readonly opset: number;
  readonly input: { readonly name: string; readonly type: StoredType; readonly shape: readonly Dim[] };
  readonly output: string;
  /** Nodes that the output depends on, in an order in which they can be computed. */
  readonly nodes: readonly FileNode[];
  /** Those that a node reads. */
  readonly initializers: ReadonlyMap<string, StoredTensor>;
}

export interface FileProblem {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** All that is wrong in this way; the message itself where it is the only one. */
  readonly problems?: readonly string[];
}

/** How a refusal of a broken file goes on. */
const DAMAGED = 'The file is damaged: export it again.';

/** A refusal of what `model.path` names. */
export function refusal({ code, message, hint, problems }: FileProblem): RepriseError {
  const listed = (problems ?? [message]).map((text): Problem => ({ path: 'model.path', message: text }));
  return new RepriseError(code, message, { kind: 'input', problems: listed, hint });
}

/** How a refusal of a node goes on. */
export const COVERED_HINT = 'Export the model with other operators or attributes in its place; README.md lists what is covered.';

/**
 * Reads and checks a file.
 * @param isCovered whether an operator of ONNX's own domain can be trained
 * @throws RepriseError ONNX_UNREADABLE, ONNX_EXTERNAL_DATA, ONNX_OPSET, ONNX_OPERATOR naming every operator that is not
 * covered with its node, ONNX_SEVERAL_INPUTS, ONNX_SEVERAL_OUTPUTS, ONNX_TYPE, ONNX_TENSOR
 */
export function readOnnxFile(bytes: Uint8Array, isCovered: (opType: string) => boolean): OnnxFile {
  const model = decodeModel(bytes);
  refuseExternalTensors(model);
  const graph = model.graph;
  if (graph === undefined) throw refusal({ code: 'ONNX_UNREADABLE', message: 'The ONNX file has no graph.', hint: DAMAGED });
  const opset = model.opsetImport.find(({ domain }) => isStandard(domain))?.version ?? 0n;
  if (opset < OLDEST_OPSET || opset > NEWEST_OPSET) {
    const found = opset === 0n ? 'names no operator set of ONNX' : `is of operator set ${opset}`;
    throw refusal({ code: 'ONNX_OPSET', message: `The ONNX file ${found}; sets ${OLDEST_OPSET} to ${NEWEST_OPSET} are read.`, hint: 'Export it with another set, e.g. torch.onnx.export(…, opset_version=17), or convert it with onnx.version_converter.' });
  }
  const output = outputOf(graph);
  const live = liveNodes(graph, output);
  refuseUncovered(live, isCovered);
  const initializers = initializersOf(graph, new Set([output, ...live.flatMap(({ input }) => input)]));
  return { opset: Number(opset), input: inputOf(graph), output, nodes: live.map((node) => fileNode(node)), initializers };
}

function isStandard(domain: string): boolean {
  return domain === '' || domain === 'ai.onnx';
}

function nameOf({ name, opType, output }: NodeProto): string {
  return name === '' ? (output[0] ?? opType) : name;
}

function outputOf({ output }: GraphProto): string {
  const [first, ...others] = output;
  if (first === undefined || others.length > 0) {
    throw refusal({
      code: 'ONNX_SEVERAL_OUTPUTS',
      message: `The ONNX file has ${output.length} outputs (${listed(output.map(({ name }) => name))}); a model that is trained has one.`,
      hint: 'Export a module that returns the logits or values alone.',
    });
  }
  return first.name;
}

function inputOf(graph: GraphProto): OnnxFile['input'] {
  const given = new Set(graph.initializer.map(({ name }) => name));
  const inputs = graph.input.filter(({ name }) => !given.has(name));
  const [first, ...others] = inputs;
  if (first === undefined || others.length > 0) {
    throw refusal({
      code: 'ONNX_SEVERAL_INPUTS',
      message: `The ONNX file has ${inputs.length} inputs (${listed(inputs.map(({ name }) => name))}); a model that is trained has one.`,
      hint: 'Export a module that takes one tensor: examples along its first axis.',
    });
  }
  return { name: first.name, ...typeAndShape(first) };
}

function typeAndShape({ name, type }: ValueInfoProto): { readonly type: StoredType; readonly shape: readonly Dim[] } {
  const tensor = type?.value.case === 'tensorType' ? type.value.value : null;
  const known = tensor === null ? null : storedTypeOf(tensor.elemType);
  if (tensor === null || (known !== 'float32' && known !== 'int32' && known !== 'int64')) {
    const found = tensor === null ? 'no tensor' : typeInWords(tensor.elemType);
    throw refusal({ code: 'ONNX_TYPE', message: `The input ${name} of the ONNX file is ${found}; float32, int32 and int64 are read.`, hint: 'Export the model in float32, e.g. after model.float().' });
  }
  if (tensor.shape === undefined) throw refusal({ code: 'ONNX_INPUT', message: `The input ${name} of the ONNX file has no shape.`, hint: 'Export it with the shape of its input.' });
  return { type: known, shape: tensor.shape.dim.map(({ value }, axis): Dim => (value.case === 'dimValue' && value.value > 0n ? Number(value.value) : `axis ${axis}`)) };
}

function liveNodes({ node, name }: GraphProto, output: string): readonly NodeProto[] {
  const wanted = new Set([output]);
  const live: NodeProto[] = [];
  // ONNX wants nodes in an order in which they can be computed.
  for (const one of node.toReversed()) {
    if (!one.output.some((result) => wanted.has(result))) continue;
    live.push(one);
    for (const input of one.input) if (input !== '') wanted.add(input);
  }
  if (live.length === 0) throw refusal({ code: 'ONNX_UNREADABLE', message: `The graph ${name} of the ONNX file has no node that makes its output ${output}.`, hint: DAMAGED });
  return live.reverse();
}

function refuseUncovered(nodes: readonly NodeProto[], isCovered: (opType: string) => boolean): void {
  const uncovered = nodes.filter(({ domain, opType }) => !isStandard(domain) || !isCovered(opType));
  if (uncovered.length === 0) return;
  const problems = uncovered.map((node) => `operator ${isStandard(node.domain) ? '' : `${node.domain}.`}${node.opType} of node ${nameOf(node)} is not covered.`);
  const more = uncovered.length === 1 ? '' : ` (and ${uncovered.length - 1} more nodes)`;
  throw refusal({ code: 'ONNX_OPERATOR', message: `The ONNX file cannot be trained: ${problems[0]?.slice(0, -1)}${more}.`, hint: COVERED_HINT, problems });
}

function initializersOf({ initializer, sparseInitializer }: GraphProto, read: ReadonlySet<string>): ReadonlyMap<string, StoredTensor> {
  const sparse = sparseInitializer.find(({ values }) => values !== undefined && read.has(values.name));
  if (sparse !== undefined) throw refusal({ code: 'ONNX_TYPE', message: `The initializer ${sparse.values?.name ?? ''} of the ONNX file is sparse; dense ones are read.`, hint: 'Export the model with dense weights.' });
  return new Map(
    initializer
      .filter(({ name }) => read.has(name))
      .map((proto) => {
        const found = storedTensor(proto);
        if (typeof found !== 'string') return [proto.name, found];
        const ofType = storedTypeOf(proto.dataType) === null;
        throw refusal({ code: ofType ? 'ONNX_TYPE' : 'ONNX_TENSOR', message: `The initializer ${proto.name} of the ONNX file ${found}.`, hint: ofType ? 'Export the model in float32, e.g. after model.float().' : DAMAGED });
      }),
  );
}

function fileNode(node: NodeProto): FileNode {
  const name = nameOf(node);
  const attributes = new Map(node.attribute.flatMap((attribute): [string, AttributeValue][] => {
    const value = attributeValue(attribute, `operator ${node.opType} of node ${name}`);
    return value === null ? [] : [[attribute.name, value]];
  }));
  return { name, opType: node.opType, inputs: node.input, outputs: node.output, attributes };
}

/** Null for what no covered operator has. */
function attributeValue({ name, type, f, i, s, t, floats, ints, strings }: AttributeProto, node: string): AttributeValue | null {
  switch (type) {
    case Kind.FLOAT:
      return f;
    case Kind.INT:
      return Number(i);
    case Kind.STRING:
      return new TextDecoder().decode(s);
    case Kind.STRINGS:
      return strings.map((text) => new TextDecoder().decode(text)).join(', ');
    case Kind.FLOATS:
      return floats;
    case Kind.INTS:
      return ints.map(Number);
    case Kind.TENSOR: {
      const found = t === undefined ? 'is empty' : storedTensor(t);
      if (typeof found === 'string') throw refusal({ code: 'ONNX_TYPE', message: `The attribute ${name} of ${node} ${found}.`, hint: 'Export the model in float32, e.g. after model.float().' });
      return found;
    }
    default:
      return null;
  }
}

function listed(names: readonly string[]): string {
  return names.length > 4 ? `${names.slice(0, 4).join(', ')}, …` : names.join(', ');
}
