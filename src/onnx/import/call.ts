/** One node of a file while it is emitted: its inputs, its attributes, and the graph that it becomes a part of. */
import type { Tape } from '../autodiff';
import type { Attribute, GraphBuilder } from '../graph';
import type { Operator } from '../operators/operator';
import { concat, expand, filled, int64Vector } from '../primitives';
import { elementCount, factorsOf, GraphError } from '../shapes';
import type { Dim, ElementType, FloatTensor, IndexTensor, Tensor } from '../types';
import { COVERED_HINT, refusal, type AttributeValue, type FileNode } from './file';
import { elementsOf, scalarOf, type Known } from './known';
import type { StoredTensor } from './tensor-data';

/** A value that the graph computes. */
export interface Computed {
  readonly kind: 'computed';
  readonly tensor: Tensor;
}

export type Value = Known | Computed;

export function computed(tensor: Tensor): Computed {
  return { kind: 'computed', tensor };
}

/** A tensor [channels] that is kept with the model but not trained. */
export interface Statistic {
  readonly name: string;
  readonly value: FloatTensor;
}

/** Where a file is emitted to, and who keeps its weights. */
export interface Host {
  readonly tape: Tape;
  /** Whether dropout drops and batch norms take the statistics of the batch. */
  readonly training: boolean;
  /** Examples of a batch; a name where it is known only at run time. */
  readonly batch: Dim;
  /** Whether a float32 initializer is kept with the model, trained or frozen; else it is a constant of the graph. */
  isWeight(initializer: string): boolean;
  /** The tensor that stands for a weight; null where it is none. */
  weight(stored: StoredTensor): FloatTensor | null;
  /** Whether the optimizer changes an initializer. */
  isTrained(initializer: string): boolean;
  /** The running statistic that an initializer of a batch norm holds; each norm has its own. */
  statistic(stored: StoredTensor): Statistic;
  /** A batch norm in training: by the statistics of the batch, towards which it moves the running ones by the share `momentum`. */
  normalizeBatch(x: FloatTensor, factors: readonly [gain: FloatTensor, bias: FloatTensor], running: { readonly mean: Statistic; readonly variance: Statistic }, attributes: { readonly epsilon: number; readonly momentum: number }): FloatTensor;
  /** The dropout mask of this step, [batch, width]. */
  mask(of: FileNode, width: number, dropProbability: number): Tensor<'uint8'>;
}

/** What the nodes of one emission share. */
export interface Surroundings {
  readonly host: Host;
  readonly opset: number;
  /** The whole input, from which the number of examples can be had at run time. */
  readonly input: Tensor;
  readonly initializers: ReadonlyMap<string, StoredTensor>;
  /** For a file that was written for one example: the shapes that its Reshape nodes get, with the batch by name. */
  readonly rooms: Map<FileNode, readonly Dim[]> | null;
  /** Known values that are tensors of the graph already. */
  readonly made: Map<Known, Tensor>;
  valueOf(name: string): Value | undefined;
}

export class Call {
  constructor(
    readonly node: FileNode,
    readonly around: Surroundings,
  ) {}

  get tape(): Tape {
    return this.around.host.tape;
  }

  get graph(): GraphBuilder {
    return this.tape.graph;
  }

  /** `operator Conv of node conv1`. */
  get title(): string {
    return titleOf(this.node);
  }

  /** @throws RepriseError ONNX_NODE */
  refuse(what: string, hint = COVERED_HINT): never {
    throw refusal({ code: 'ONNX_NODE', message: `The ONNX file cannot be trained: ${this.title} ${what}.`, hint });
  }

  has(position: number): boolean {
    return (this.node.inputs[position] ?? '') !== '';
  }

  value(position: number): Value {
    const name = this.node.inputs[position] ?? '';
    const value = name === '' ? undefined : this.around.valueOf(name);
    return value ?? this.refuse(name === '' ? `has no input ${position}` : `reads ${name}, which nothing makes`);
  }

  /** Null for a value that the graph computes, and for an input that is left out. */
  known(position: number): Known | null {
    const value = this.has(position) ? this.value(position) : null;
    return value?.kind === 'known' ? value : null;
  }

  typeOf(position: number): string {
    const value = this.value(position);
    return value.kind === 'known' ? value.type : value.tensor.type;
  }

  shapeOf(position: number): readonly Dim[] {
    const value = this.value(position);
    return value.kind === 'known' ? value.shape : value.tensor.shape;
  }

  tensor(position: number): Tensor {
    const value = this.value(position);
    return value.kind === 'known' ? this.materialized(value) : value.tensor;
  }

  float(position: number): FloatTensor {
    const tensor = this.tensor(position);
    if (tensor.type !== 'float32') this.refuse(`is given ${tensor.type} where float32 is expected`);
    return { ...tensor, type: 'float32' };
  }

  indices(position: number): IndexTensor {
    const tensor = this.tensor(position);
    if (tensor.type !== 'int32' && tensor.type !== 'int64') this.refuse(`is given ${tensor.type} where whole numbers are expected`);
    return { ...tensor, type: tensor.type };
  }

  /** An input that must be known: sizes, of which one may be a name. */
  dims(position: number): readonly Dim[] {
    const value = this.known(position);
    return value === null ? this.refuse(`has input ${position} computed from the data; it must follow from the shapes alone`) : elementsOf(value);
  }

  /** The same, of numbers alone. */
  ints(position: number): readonly number[] {
    return this.dims(position).map((dim) => (typeof dim === 'number' ? dim : this.refuse(`has input ${position} computed from the number of examples in a batch`)));
  }

  /** An input that must be one known number; null where it is left out. */
  number(position: number): number | null {
    if (!this.has(position)) return null;
    const value = this.known(position);
    return (value === null ? null : scalarOf(value)) ?? this.refuse(`has input ${position} computed from the data; it must be a constant number`);
  }

  attribute(name: string): AttributeValue | undefined {
    return this.node.attributes.get(name);
  }

  /** An attribute that is one number, whole or not. */
  factor(name: string, fallback: number): number {
    const value = this.attribute(name);
    return typeof value === 'number' ? value : fallback;
  }

  sizes(name: string): readonly number[] | null {
    const value = this.attribute(name);
    return Array.isArray(value) ? (value as readonly number[]) : null;
  }

  text(name: string, fallback: string): string {
    const value = this.attribute(name);
    return typeof value === 'string' ? value : fallback;
  }

  /** A place on an axis of `rank` axes, counted from the end where it is negative. */
  axis(value: number, rank: number): number {
    const axis = value < 0 ? value + rank : value;
    return Number.isInteger(axis) && axis >= 0 && axis < rank ? axis : this.refuse(`names axis ${value} of ${rank}`);
  }

  /** Emits a differentiable operator. */
  apply<I extends readonly Tensor[], A, S extends readonly Tensor[]>(operator: Operator<I, A, S>, inputs: I, attributes: A): Computed {
    return computed(this.tape.apply(operator, inputs, attributes));
  }

  /** Emits a node whose gradient is nobody's business: of whole numbers and of yes and no. */
  raw(inputs: readonly Tensor[], type: ElementType, shape: readonly Dim[], attributes: Readonly<Record<string, Attribute>> = {}): Computed {
    return computed(this.graph.node(this.node.opType, inputs, [{ type, shape }], attributes)[0]);
  }

  /** A known value as a tensor of the graph. */
  materialized(value: Known): Tensor {
    const { made } = this.around;
    const tensor = made.get(value) ?? this.tensorOf(value);
    made.set(value, tensor);
    return tensor;
  }

  private tensorOf({ type, shape, values }: Known): Tensor {
    if (type === 'float64') return this.refuse('computes in float64', 'Export the model in float32, e.g. after model.float().');
    const count = elementCount(shape);
    if (count !== null && values.length === count) return this.constant(type, shape as readonly number[], values);
    const [value] = values;
    if (count !== null && type === 'float32') return filled(this.graph, Number(value), shape as readonly number[]);
    const one = this.constant(type, [], [value ?? 0]);
    return count === null ? this.expanded(one, shape) : expand(this.graph, one, shape as readonly number[]);
  }

  private constant(type: ElementType, shape: readonly number[], values: readonly Dim[]): Tensor {
    const numbers = values.map((value) => (typeof value === 'number' ? value : this.refuse('computes with the number of examples in a batch')));
    switch (type) {
      case 'float32':
        return this.graph.constant('float32', shape, Float32Array.from(numbers));
      case 'int32':
        return this.graph.constant('int32', shape, Int32Array.from(numbers));
      case 'int64':
        return this.graph.constant('int64', shape, BigInt64Array.from(numbers, BigInt));
      case 'uint8':
      case 'bool':
        return this.graph.constant(type, shape, Uint8Array.from(numbers));
    }
  }

  /** A tensor broadcast to a shape in which the number of examples is known only at run time. */
  expanded<T extends ElementType>(tensor: Tensor<T>, shape: readonly Dim[]): Tensor<T> {
    return this.graph.node('Expand', [tensor, this.shapeVector(shape)], [{ type: tensor.type, shape }])[0];
  }

  private shapeVector(shape: readonly Dim[]): Tensor<'int64'> {
    const { graph } = this;
    const parts = shape.map((dim): Tensor<'int64'> => {
      if (typeof dim === 'number') return int64Vector(graph, [dim]);
      const [examples] = graph.node('Shape', [this.around.input], [{ type: 'int64', shape: [1] }], { start: { int: 0 }, end: { int: 1 } });
      return graph.node('Mul', [examples, int64Vector(graph, [factorsOf([dim]).known])], [{ type: 'int64', shape: [1] }])[0];
    });
    return concat(graph, parts, 0);
  }
}

export function titleOf({ opType, name }: FileNode): string {
  return `operator ${opType} of node ${name}`;
}

/** A mistake in shapes is the file's here, no defect of Reprise. */
export function naming<T>(node: FileNode, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof GraphError)) throw error;
    throw refusal({ code: 'ONNX_SHAPES', message: `The ONNX file cannot be trained: the shapes of ${titleOf(node)} do not fit: ${error.message}.`, hint: 'Export the model with the shape of the data, and with its first axis for the examples.' });
  }
}

/** What a converter makes of a node: its first result, or all of them. */
export type Converter = (call: Call) => Value | readonly (Value | null)[];
