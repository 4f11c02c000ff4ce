/** How a model is written: one function that names its tensors as it emits its forward pass. */
import { Tape } from '../onnx/autodiff';
import { GraphBuilder } from '../onnx/graph';
import type { Dim, FloatTensor, Tensor } from '../onnx/types';
import type { Init, MaskSpec, WeightSpec } from './types';

/** What of a batch are examples, where some of it may only fill it up. */
export interface Filling {
  /** [batch]: 1/n for each of n examples, 0 for the rest; all 0 in a part of a batch that has none. */
  readonly shares: FloatTensor;
  /** n, [1]. */
  readonly count: FloatTensor;
}

/** Where the tensors a model names come from. */
export interface Sources {
  parameter(spec: WeightSpec): FloatTensor;
  buffer(spec: WeightSpec): FloatTensor;
  /** [batch, width]. */
  mask(spec: MaskSpec): Tensor<'uint8'>;
  /** Null where every batch is full. */
  filling(): Filling | null;
}

/** One emission of a model's forward pass. */
export class Emission {
  /** What the buffers are after this step, by name; those left out stay. */
  readonly updates = new Map<string, FloatTensor>();

  /**
   * @param training whether dropout drops and batch statistics are those of the batch
   * @param batch examples of a batch; a name where it is known only at run time
   */
  constructor(
    readonly tape: Tape,
    readonly training: boolean,
    readonly batch: Dim,
    private readonly sources: Sources,
  ) {}

  get graph(): GraphBuilder {
    return this.tape.graph;
  }

  /** A tensor that the optimizer trains; each name once. */
  parameter(name: string, shape: readonly number[], init: Init): FloatTensor {
    return this.sources.parameter({ name, type: 'float32', shape, init });
  }

  /** A tensor that is kept with the weights but not trained, such as running statistics. */
  buffer(name: string, shape: readonly number[], init: Init): FloatTensor {
    return this.sources.buffer({ name, type: 'float32', shape, init });
  }

  /** Says what a buffer is after this step of training. */
  update(name: string, value: FloatTensor): void {
    this.updates.set(name, value);
  }

  /** The dropout mask of this step, [batch, width]. */
  mask(name: string, width: number, dropProbability: number): Tensor<'uint8'> {
    return this.sources.mask({ name, width, dropProbability });
  }

  /** What of the batch are examples; null where all of it is. Asked for in training only. */
  filling(): Filling | null {
    return this.sources.filling();
  }
}

/** The tensors of a model, in the order in which it names them. */
export interface Layout {
  readonly parameters: readonly WeightSpec[];
  readonly buffers: readonly WeightSpec[];
  /** None where nothing is dropped. */
  readonly masks: readonly MaskSpec[];
}

/** Finds a model's tensors by emitting it once into a graph that is thrown away. */
export function layoutOf(emit: (emission: Emission) => void): Layout {
  const graph = new GraphBuilder('layout');
  const parameters: WeightSpec[] = [];
  const buffers: WeightSpec[] = [];
  const masks: MaskSpec[] = [];
  const weight = (list: WeightSpec[]) => (spec: WeightSpec) => {
    list.push(spec);
    return graph.input(spec.name, spec.type, spec.shape);
  };
  const mask = (spec: MaskSpec): Tensor<'uint8'> => {
    masks.push(spec);
    return graph.input(spec.name, 'uint8', [1, spec.width]);
  };
  emit(new Emission(new Tape(graph), true, 1, { parameter: weight(parameters), buffer: weight(buffers), mask, filling: () => null }));
  return { parameters, buffers, masks };
}
