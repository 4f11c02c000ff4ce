/** What a differentiable operator is. */
import type { GraphBuilder } from '../graph';
import type { Dim, FloatTensor, Tensor } from '../types';

/** What the forward pass made: the result, and what the backward pass wants to see again. */
export interface Forward<Saved extends readonly Tensor[]> {
  readonly output: FloatTensor;
  readonly saved: Saved;
}

/** Everything a vector-Jacobian product may use. */
export interface Backward<Inputs extends readonly Tensor[], Attributes, Saved extends readonly Tensor[]> extends Forward<Saved> {
  readonly inputs: Inputs;
  readonly attributes: Attributes;
  /** The gradient of the loss in `output`, of its shape. */
  readonly gradient: FloatTensor;
  /** For each input, whether its gradient is wanted; the others may be given as null. */
  readonly needs: readonly boolean[];
}

/**
 * A differentiable operator: it emits its forward pass and its vector-Jacobian product as ONNX
 * nodes. Methods rather than function properties, so that operators over different inputs fit one list.
 */
export interface Operator<Inputs extends readonly Tensor[], Attributes, Saved extends readonly Tensor[] = readonly []> {
  readonly name: string;
  /** The shape of the result. Throws GraphError for inputs that do not fit. */
  shape(inputs: Inputs, attributes: Attributes): readonly Dim[];
  forward(graph: GraphBuilder, inputs: Inputs, attributes: Attributes): Forward<Saved>;
  /** Σ gradient · ∂output/∂input for each input: null where it is not wanted or the input is no float. Shapes are static here. */
  vjp(graph: GraphBuilder, call: Backward<Inputs, Attributes, Saved>): readonly (FloatTensor | null)[];
}

/** An operator of which only the common part is known. */
export type AnyOperator = Operator<readonly Tensor[], unknown, readonly Tensor[]>;
