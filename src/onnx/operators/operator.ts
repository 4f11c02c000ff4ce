/** What a differentiable operator is. */
import type { GraphBuilder } from '../graph';
import type { Dim, FloatTensor, Tensor } from '../types';

/** What the forward pass made: the results, and what the backward pass wants to see again. */
export interface Forward<Saved extends readonly Tensor[]> {
  readonly outputs: readonly FloatTensor[];
  readonly saved: Saved;
}

/** Everything a vector-Jacobian product may use. */
export interface Backward<Inputs extends readonly Tensor[], Attributes, Saved extends readonly Tensor[]> extends Forward<Saved> {
  readonly inputs: Inputs;
  readonly attributes: Attributes;
  /** The gradient of the loss in each output, of its shape; null in an output that the loss does not depend on. One at least is given. */
  readonly gradients: readonly (FloatTensor | null)[];
  /** For each input, whether its gradient is wanted; the others may be given as null. */
  readonly needs: readonly boolean[];
}

/**
 * A differentiable operator: it emits its forward pass and its vector-Jacobian product as ONNX
 * nodes. Methods rather than function properties, so that operators over different inputs fit one list.
 */
export interface Operator<Inputs extends readonly Tensor[], Attributes, Saved extends readonly Tensor[] = readonly []> {
  readonly name: string;
  /** The shapes of the results. Throws GraphError for inputs that do not fit. */
  shapes(inputs: Inputs, attributes: Attributes): readonly (readonly Dim[])[];
  forward(graph: GraphBuilder, inputs: Inputs, attributes: Attributes): Forward<Saved>;
  /** Σ gradient · ∂output/∂input for each input: null where it is not wanted or the input is no float. Shapes are static here. */
  vjp(graph: GraphBuilder, call: Backward<Inputs, Attributes, Saved>): readonly (FloatTensor | null)[];
}

/** An operator of which only the common part is known. */
export type AnyOperator = Operator<readonly Tensor[], unknown, readonly Tensor[]>;

/** An operator with one result, as almost all are. */
interface OneResult<Inputs extends readonly Tensor[], Attributes, Saved extends readonly Tensor[]> {
  readonly name: string;
  shape(inputs: Inputs, attributes: Attributes): readonly Dim[];
  forward(graph: GraphBuilder, inputs: Inputs, attributes: Attributes): { readonly output: FloatTensor; readonly saved: Saved };
  vjp(
    graph: GraphBuilder,
    call: {
      readonly inputs: Inputs;
      readonly attributes: Attributes;
      readonly output: FloatTensor;
      readonly saved: Saved;
      /** The gradient of the loss in `output`, of its shape. */
      readonly gradient: FloatTensor;
      readonly needs: readonly boolean[];
    },
  ): readonly (FloatTensor | null)[];
}

/** Writes an operator with one result. */
export function single<Inputs extends readonly Tensor[], Attributes, Saved extends readonly Tensor[]>(rule: OneResult<Inputs, Attributes, Saved>): Operator<Inputs, Attributes, Saved> {
  return {
    name: rule.name,
    shapes: (inputs, attributes) => [rule.shape(inputs, attributes)],
    forward: (graph, inputs, attributes) => {
      const { output, saved } = rule.forward(graph, inputs, attributes);
      return { outputs: [output], saved };
    },
    vjp: (graph, { inputs, attributes, outputs: [output], saved, gradients: [gradient], needs }) =>
      output === undefined || gradient === undefined || gradient === null ? inputs.map(() => null) : rule.vjp(graph, { inputs, attributes, output, saved, gradient, needs }),
  };
}
