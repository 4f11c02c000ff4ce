/** How the config's optimizer changes the parameters in a step: what it keeps, what it reads, and the nodes it comes to. */
import type { OptimizerConfig, TrainingConfig } from '../config/schema';
import type { GraphBuilder } from '../onnx/graph';
import { adam, averaged, rmsprop, sgd, type Update } from '../onnx/optimizers';
import { add, divide, minimum, multiply, reshape, squareRoot, squaresOver } from '../onnx/primitives';
import type { FloatTensor } from '../onnx/types';
import type { NamedTensor } from '../tensors/safetensors';
import type { TensorSpec } from './types';

/** The name of a parameter's moving average in the optimizer's state. */
export function averageOf(parameter: string): string {
  return `ema/${parameter}`;
}

/**
 * Parameters and buffers as they are evaluated, selected and handed on, taken from all tensors of a training: of a
 * parameter its moving average where there is one. Before the first step the averages are still empty.
 */
export function evaluatedWeights(specs: readonly TensorSpec[], tensors: readonly NamedTensor[]): NamedTensor[] {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  return specs.map(({ name }) => {
    const tensor = byName.get(averageOf(name)) ?? byName.get(name);
    if (tensor === undefined) throw new Error(`the training has no tensor named ${name}`);
    return { ...tensor, name };
  });
}

/** What is kept for a parameter, in the order of `emitUpdates`. */
export function stateSpecs(training: TrainingConfig, { name, shape }: TensorSpec): readonly TensorSpec[] {
  const names = [...optimizerStates(training.optimizer).map((kind) => `${kind}/${name}`), ...(training.ema === undefined ? [] : [averageOf(name)])];
  return names.map((state): TensorSpec => ({ name: state, type: 'float32', shape }));
}

function optimizerStates(optimizer: OptimizerConfig): readonly string[] {
  switch (optimizer.kind) {
    case 'sgd':
      return optimizer.momentum === 0 ? [] : ['sgd.momentum'];
    case 'adam':
    case 'adamw':
      return ['adam.first', 'adam.second'];
    case 'rmsprop':
      return ['rmsprop.square', ...(optimizer.centered ? ['rmsprop.mean'] : []), ...(optimizer.momentum === 0 ? [] : ['rmsprop.momentum'])];
  }
}

/** The columns of `scalars` that the update reads; `learningRate` is always there, so that it is stored with the run. */
export function scalarNamesOf({ optimizer, ema }: TrainingConfig): readonly string[] {
  const average = ema === undefined ? [] : ['ema.share'];
  switch (optimizer.kind) {
    case 'sgd':
      return ['learningRate', ...average];
    case 'adam':
      return ['learningRate', 'adam.stepSize', 'adam.epsilon', ...average];
    case 'adamw':
      return ['learningRate', 'adam.stepSize', 'adam.epsilon', 'adamw.decay', ...average];
    case 'rmsprop':
      return ['learningRate', 'rmsprop.stepSize', ...average];
  }
}

/** A parameter that is to be updated. */
export interface Trained {
  readonly parameter: FloatTensor;
  readonly gradient: FloatTensor;
  /** In the order of `stateSpecs`. */
  readonly state: readonly FloatTensor[];
}

/**
 * Emits the update of all parameters.
 * @param scalar a value of the step by its name in `scalarNamesOf`
 * @returns the parameters in their order, and the norm of all gradients before they are clipped, where it is told
 */
export function emitUpdates(graph: GraphBuilder, training: TrainingConfig, scalar: (name: string) => FloatTensor, parameters: readonly Trained[]): { readonly updated: readonly Update[]; readonly gradientNorm: FloatTensor | null } {
  const gradientNorm = !tellsGradientNorm(training) ? null : globalNorm(graph, parameters.map(({ gradient }) => gradient));
  const share = gradientNorm === null || training.clipNorm === undefined ? null : clipShare(graph, gradientNorm, training.clipNorm);
  const updated = parameters.map(({ parameter, gradient, state }): Update => {
    const update = emitOptimizer(graph, training.optimizer, scalar, parameter, share === null ? gradient : multiply(graph, gradient, share), state);
    // The average comes last in what is kept.
    return training.ema === undefined ? update : { ...update, state: [...update.state, averaged(graph, scalar('ema.share'), state.at(-1)!, update.parameter)] };
  });
  return { updated, gradientNorm };
}

/** Whether the norm of the gradients is computed: a pass over all of them, which takes an MLP of 784-256-10 units 8% of a step of SGD, 3% of one of Adam. */
export function tellsGradientNorm({ clipNorm, logGradientNorm }: TrainingConfig): boolean {
  return clipNorm !== undefined || logGradientNorm;
}

/** √Σg² over all gradients. */
function globalNorm(graph: GraphBuilder, gradients: readonly FloatTensor[]): FloatTensor {
  const squares = gradients.map((gradient) => (gradient.shape.length === 0 ? multiply(graph, gradient, gradient) : reshape(graph, squaresOver(graph, gradient, [...gradient.shape.keys()]), [])));
  return squareRoot(graph, squares.reduce((sum, square) => add(graph, sum, square)));
}

/** What torch.nn.utils.clip_grad_norm_ multiplies gradients by: min(1, most/(norm + 10⁻⁶)). */
function clipShare(graph: GraphBuilder, norm: FloatTensor, most: number): FloatTensor {
  return minimum(graph, divide(graph, graph.scalar(most), add(graph, norm, graph.scalar(1e-6))), graph.scalar(1));
}

/** Updates one parameter. */
function emitOptimizer(
  graph: GraphBuilder,
  optimizer: OptimizerConfig,
  scalar: (name: string) => FloatTensor,
  parameter: FloatTensor,
  gradient: FloatTensor,
  state: readonly FloatTensor[],
): Update {
  const decays = optimizer.weightDecay > 0 && (optimizer.decay === 'all' || parameter.shape.length >= 2);
  const weightDecay = decays ? optimizer.weightDecay : 0;
  const next = state.values();
  const take = (): FloatTensor => next.next().value!;
  switch (optimizer.kind) {
    case 'sgd':
      return sgd(graph, { ...optimizer, weightDecay }, { learningRate: scalar('learningRate') }, parameter, gradient, optimizer.momentum === 0 ? null : take());
    case 'adam':
    case 'adamw': {
      const decoupled = optimizer.kind === 'adamw';
      const scalars = { stepSize: scalar('adam.stepSize'), epsilon: scalar('adam.epsilon'), decay: decoupled && decays ? scalar('adamw.decay') : null };
      return adam(graph, { ...optimizer, weightDecay: decoupled ? 0 : weightDecay }, scalars, parameter, gradient, take(), take());
    }
    case 'rmsprop': {
      const kept = { square: take(), mean: optimizer.centered ? take() : null, buffer: optimizer.momentum === 0 ? null : take() };
      return rmsprop(graph, { ...optimizer, weightDecay }, { stepSize: scalar('rmsprop.stepSize') }, parameter, gradient, kept);
    }
  }
}
