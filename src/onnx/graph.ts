/** Builds one ONNX graph node by node; names are deterministic, so equal calls give equal bytes. */
import { create } from '@bufbuild/protobuf';
import { encodeModel, tensorProto, valueInfo, type ModelHeader } from './codec';
import { AttributeProto_AttributeType, AttributeProtoSchema, GraphProtoSchema, NodeProtoSchema, type AttributeProto, type GraphProto, type TensorProto } from './proto/onnx_pb';
import { GraphError } from './shapes';
import type { Dim, ElementArrays, ElementType, FloatTensor, Tensor } from './types';

/** An attribute of a node; ONNX distinguishes 1 from 1.0, so the kind is written out. */
export type Attribute =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly graph: GraphProto };

/** Type and shape of a value that a node is about to make. */
export interface OutputSpec<T extends ElementType = ElementType> {
  readonly type: T;
  readonly shape: readonly Dim[];
}

interface NodeRecord {
  readonly opType: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export class GraphBuilder {
  private readonly inputs: Tensor[] = [];
  private readonly outputs: Tensor[] = [];
  private readonly initializers: TensorProto[] = [];
  private readonly nodes: NodeRecord[] = [];
  private readonly names = new Set<string>();
  private readonly constants = new Map<string, Tensor>();
  private readonly renamed = new Map<string, string>();
  private readonly made = new Set<string>();
  /** Floating-point operations of one run of this graph, without its subgraphs: an estimate that counts products and sums. */
  flops = 0;

  /**
   * @param prefix comes before every generated name: a subgraph needs one of its own, since ONNX forbids shadowing
   * @param portable whether operators are chosen that execution providers on GPUs have, too
   */
  constructor(
    private readonly name: string,
    private readonly prefix = '',
    readonly portable = false,
  ) {}

  /** Declares an input of the graph. */
  input<T extends ElementType>(name: string, type: T, shape: readonly Dim[]): Tensor<T> {
    const tensor = { name: this.claim(name), type, shape };
    this.inputs.push(tensor);
    return tensor;
  }

  /** A tensor stored in the graph under a name of its own, such as a trained weight. */
  initializer<T extends ElementType>(name: string, type: T, shape: readonly number[], data: ElementArrays[T]): Tensor<T> {
    const proto = tensorProto(name, type, shape, data);
    this.claim(name);
    this.initializers.push(proto);
    return { name, type, shape };
  }

  /** A constant; equal constants are stored once. */
  constant<T extends ElementType>(type: T, shape: readonly number[], data: ElementArrays[T]): Tensor<T> {
    const key = `${type} ${shape.join(',')} ${data.join(',')}`;
    const known = this.constants.get(key);
    if (known !== undefined) return { name: known.name, type, shape };
    const tensor = this.initializer(`${this.prefix}constant_${this.constants.size}`, type, shape, data);
    this.constants.set(key, tensor);
    return tensor;
  }

  /** A float32 scalar constant. */
  scalar(value: number): FloatTensor {
    return this.constant('float32', [], Float32Array.of(value));
  }

  /** Adds a node; `null` stands for an optional input left out. */
  node<const S extends readonly OutputSpec[]>(
    opType: string,
    inputs: readonly (Tensor | null)[],
    outputs: S,
    attributes: Readonly<Record<string, Attribute>> = {},
    outputNames: readonly string[] = [],
  ): { readonly [K in keyof S]: Tensor<S[K]['type']> } {
    const index = this.nodes.length;
    const tensors = outputs.map((spec, position) => {
      const generated = `${this.prefix}${opType}_${index}${position === 0 ? '' : `_${position}`}`;
      const name = this.claim(outputNames[position] ?? generated);
      this.made.add(name);
      return { name, type: spec.type, shape: spec.shape };
    });
    this.nodes.push({ opType, inputs: inputs.map((tensor) => tensor?.name ?? ''), outputs: tensors.map((tensor) => tensor.name), attributes });
    return tensors as { readonly [K in keyof S]: Tensor<S[K]['type']> };
  }

  /** Declares an output of the graph, under a name of its own if one is given. */
  output(tensor: Tensor, name: string = tensor.name): void {
    let source = tensor;
    const declared = this.outputs.some((output) => output.name === source.name || output.name === this.renamed.get(source.name));
    // Only a value made here and not yet declared can take another name; anything else goes out through a copy.
    if (!this.made.has(source.name) || declared) {
      [source] = this.node('Identity', [tensor], [{ type: tensor.type, shape: tensor.shape }]);
    }
    if (name !== tensor.name) this.renamed.set(source.name, this.claim(name));
    this.outputs.push({ name: this.renamed.get(source.name) ?? source.name, type: source.type, shape: source.shape });
  }

  /** The graph as a message, e.g. for the body of a loop. */
  build(): GraphProto {
    const final = (name: string): string => this.renamed.get(name) ?? name;
    return create(GraphProtoSchema, {
      name: this.name,
      input: this.inputs.map(valueInfo),
      output: this.outputs.map(valueInfo),
      initializer: this.initializers,
      node: this.nodes.map((node) =>
        create(NodeProtoSchema, {
          name: `${this.prefix}${node.opType}:${node.outputs[0] ?? ''}`,
          opType: node.opType,
          input: node.inputs.map(final),
          output: node.outputs.map(final),
          attribute: Object.entries(node.attributes).map(([name, value]) => attributeProto(name, value)),
        }),
      ),
    });
  }

  /** The bytes of an ONNX file with this graph. */
  encode(header: ModelHeader): Uint8Array {
    return encodeModel(this.build(), header);
  }

  private claim(name: string): string {
    if (name === '' || this.names.has(name)) throw new GraphError(`the name ${JSON.stringify(name)} is empty or taken in graph ${this.name}`);
    this.names.add(name);
    return name;
  }
}

function attributeProto(name: string, value: Attribute): AttributeProto {
  const proto = create(AttributeProtoSchema, { name });
  if ('int' in value) {
    proto.type = AttributeProto_AttributeType.INT;
    proto.i = BigInt(value.int);
  } else if ('ints' in value) {
    proto.type = AttributeProto_AttributeType.INTS;
    proto.ints = value.ints.map((item) => BigInt(item));
  } else if ('float' in value) {
    proto.type = AttributeProto_AttributeType.FLOAT;
    proto.f = value.float;
  } else if ('string' in value) {
    proto.type = AttributeProto_AttributeType.STRING;
    proto.s = new TextEncoder().encode(value.string);
  } else {
    proto.type = AttributeProto_AttributeType.GRAPH;
    proto.g = value.graph;
  }
  return proto;
}
