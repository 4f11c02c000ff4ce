/** Reverse-mode differentiation on a tape of registered operators. */
import type { GraphBuilder } from './graph';
import type { AnyOperator, Operator } from './operators/operator';
import { operators } from './operators/registry';
import { add } from './primitives';
import { formatShape, GraphError, sameShape } from './shapes';
import type { FloatTensor, Tensor } from './types';

interface Entry {
  readonly operator: AnyOperator;
  readonly inputs: readonly Tensor[];
  readonly attributes: unknown;
  readonly outputs: readonly FloatTensor[];
  readonly saved: readonly Tensor[];
}

/** A value and the gradient of the loss in it, of its shape. */
export interface Seed {
  readonly output: FloatTensor;
  readonly gradient: FloatTensor;
}

export class Tape {
  private readonly entries: Entry[] = [];

  /** `known` is the registry; a test may give another. */
  constructor(
    readonly graph: GraphBuilder,
    private readonly known: readonly AnyOperator[] = operators,
  ) {}

  /** The first result of `applyAll`. */
  apply<I extends readonly Tensor[], A, S extends readonly Tensor[]>(operator: Operator<I, A, S>, inputs: I, attributes: A): FloatTensor {
    const [output] = this.applyAll(operator, inputs, attributes);
    if (output === undefined) throw new GraphError(`${operator.name} has no result`);
    return output;
  }

  /**
   * Emits an operator's forward pass and remembers it.
   * @throws GraphError for an operator that is not registered, or a result that breaks the operator's shape rule.
   */
  applyAll<I extends readonly Tensor[], A, S extends readonly Tensor[]>(operator: Operator<I, A, S>, inputs: I, attributes: A): readonly FloatTensor[] {
    const erased: AnyOperator = operator;
    if (!this.known.includes(erased)) throw new GraphError(`operator ${operator.name} is not in the registry`);
    const shapes = operator.shapes(inputs, attributes);
    const { outputs, saved } = operator.forward(this.graph, inputs, attributes);
    if (shapes.length !== outputs.length) throw new GraphError(`${operator.name} made ${outputs.length} results where its rule says ${shapes.length}`);
    outputs.forEach((output, position) => {
      const shape = shapes[position] ?? [];
      if (!sameShape(shape, output.shape)) throw new GraphError(`${operator.name} made ${formatShape(output.shape)} where its rule says ${formatShape(shape)}`);
    });
    // An operator without anything to do gave its input back: the gradient is there already.
    if (outputs.length === 1 && inputs.some(({ name }) => name === outputs[0]?.name)) return outputs;
    this.entries.push({ operator: erased, inputs, attributes, outputs, saved });
    return outputs;
  }

  /**
   * Emits the backward pass from `output` and gives the gradient in each tensor of `wanted`, in order.
   * `seed` is the gradient in `output`, of its shape; a scalar loss has 1 when it is left out.
   * @throws GraphError when a wanted tensor does not reach `output`.
   */
  gradients(output: FloatTensor, wanted: readonly FloatTensor[], seed?: FloatTensor): readonly FloatTensor[] {
    if (seed === undefined && output.shape.length > 0) throw new GraphError(`${output.name} ${formatShape(output.shape)} is no scalar and needs a seed`);
    return this.gradientsFrom([{ output, gradient: seed ?? this.graph.scalar(1) }], wanted);
  }

  /**
   * As `gradients`, from several values at once: the gradient of Σ gradient · output over the seeds in each tensor of `wanted`.
   * @throws GraphError when a seed is not of its output's shape, or a wanted tensor reaches none of the outputs.
   */
  gradientsFrom(seeds: readonly Seed[], wanted: readonly FloatTensor[]): readonly FloatTensor[] {
    const reaching = this.reachedFrom(wanted);
    const gradients = new Map<string, FloatTensor>();
    const accumulate = (name: string, gradient: FloatTensor): void => {
      const sum = gradients.get(name);
      gradients.set(name, sum === undefined ? gradient : add(this.graph, sum, gradient));
    };
    for (const { output, gradient } of seeds) {
      if (!sameShape(output.shape, gradient.shape)) throw new GraphError(`${output.name} ${formatShape(output.shape)} was given a seed ${formatShape(gradient.shape)}`);
      accumulate(output.name, gradient);
    }
    for (const entry of this.entries.toReversed()) {
      const known = entry.outputs.map(({ name }) => gradients.get(name) ?? null);
      const needs = entry.inputs.map((input) => reaching.has(input.name));
      if (known.every((gradient) => gradient === null) || !needs.includes(true)) continue;
      const products = entry.operator.vjp(this.graph, { ...entry, gradients: known, needs });
      entry.inputs.forEach((input, position) => {
        const product = products[position];
        if (needs[position] !== true) return;
        if (product === null || product === undefined) throw new GraphError(`${entry.operator.name} gave no gradient in its input ${position}`);
        if (!sameShape(product.shape, input.shape)) {
          throw new GraphError(`${entry.operator.name} gave a gradient ${formatShape(product.shape)} in an input ${formatShape(input.shape)}`);
        }
        accumulate(input.name, product);
      });
    }
    return wanted.map((tensor) => {
      const gradient = gradients.get(tensor.name);
      if (gradient === undefined) throw new GraphError(`${tensor.name} has no part in ${seeds.map(({ output }) => output.name).join(', ')}`);
      return gradient;
    });
  }

  /** Names of the tensors that a value depends on, its own included: others have no gradient. */
  behind(output: FloatTensor): ReadonlySet<string> {
    const names = new Set([output.name]);
    for (const { inputs, outputs } of this.entries.toReversed()) {
      if (outputs.some(({ name }) => names.has(name))) for (const { name } of inputs) names.add(name);
    }
    return names;
  }

  /** Names of the tensors that depend on the wanted ones, these included. */
  private reachedFrom(wanted: readonly FloatTensor[]): ReadonlySet<string> {
    const names = new Set(wanted.map((tensor) => tensor.name));
    for (const { inputs, outputs } of this.entries) {
      if (inputs.some((input) => names.has(input.name))) for (const { name } of outputs) names.add(name);
    }
    return names;
  }
}
