import type { TrainingConfig } from '../config/schema';
import { Tape } from '../onnx/autodiff';
import { GraphBuilder } from '../onnx/graph';
import { loop, once, type EmitBody, type LoopBody } from '../onnx/loop';
import { add, cast, divide, filled, gather, greater, maximum, reshape, sumOver } from '../onnx/primitives';
import type { FloatTensor, IndexTensor, Tensor } from '../onnx/types';
import { declareExamples, takeBatch, type Examples } from './batch';
import { Emission, type Filling, type Layout } from './emission';
import { emitLoss, lossFor, type Loss } from './loss';
import { refuseLoneExamples } from './mlp';
import { emitModel, layOut, type Model } from './model';
import { fitted, IN_A_LOOP, type GraphTarget } from './target';
import type { DataShape, TensorSpec, TrainingGraph } from './types';
import { emitUpdates, scalarNamesOf, stateSpecs, tellsGradientNorm } from './update';

/**
 * The training graph of a model: forward pass, backward pass and optimizer update, inside one ONNX
 * Loop unless `target` says otherwise, as `TrainingGraph` describes. The loss of a step is that of `emitLoss`, with the step's
 * `exampleWeights`. Equal arguments give equal bytes. The inputs of the update that change from step
 * to step are columns of `scalars`, which `models/scalars` computes.
 * @throws RepriseError MODEL_… where the model does not fit the data, LOSS_… where the loss does not
 */
export function buildTrainingGraph(model: Model, training: TrainingConfig, data: DataShape, target: GraphTarget = IN_A_LOOP): TrainingGraph {
  return assemble(planOf(model, training, data, target));
}

/** All that the construction of a training graph goes by. */
interface Plan extends Layout {
  readonly model: Model;
  readonly training: TrainingConfig;
  readonly data: DataShape;
  readonly target: GraphTarget;
  readonly loss: Loss;
  readonly scalarNames: readonly string[];
  readonly optimizerState: readonly TensorSpec[];
}

function planOf(model: Model, training: TrainingConfig, data: DataShape, target: GraphTarget): Plan {
  const layout = layOut(model, data);
  if (model.kind === 'mlp') refuseLoneExamples(model, training, data.trainSize);
  const optimizerState = layout.parameters.flatMap((parameter) => stateSpecs(training, parameter));
  return { ...layout, model, training, data, target: fitted(target, [...layout.parameters, ...layout.buffers, ...optimizerState]), loss: lossFor(training, data.target), scalarNames: scalarNamesOf(training), optimizerState };
}

/** The examples of a batch, or of a part of one; with a leading axis, of several. */
interface BatchInputs {
  readonly rows: IndexTensor;
  readonly exampleWeights: FloatTensor;
  readonly masks: ReadonlyMap<string, Tensor<'uint8'>>;
}

/** What the steps read, all with a leading axis of steps. */
interface Inputs extends BatchInputs {
  readonly scalars: FloatTensor;
}

/** The tensors of the state by name. */
type State = ReadonlyMap<string, FloatTensor>;

function assemble(plan: Plan): TrainingGraph {
  const { parameters, buffers, optimizerState, masks, scalarNames, training, data, target: { form, portable } } = plan;
  const graph = new GraphBuilder('training', '', portable);
  const specs = [...parameters, ...buffers, ...optimizerState];
  const carried = specs.map(({ name, shape }) => graph.input(name, 'float32', shape));
  const steps = form === 'loop' ? graph.input('steps', 'int64', []) : null;
  const axis = steps === null ? 1 : 'steps';
  const examples = declareExamples(graph, data);
  const inputs: Inputs = {
    rows: graph.input('batches', 'int32', [axis, training.batchSize]),
    exampleWeights: graph.input('exampleWeights', 'float32', [axis, training.batchSize]),
    scalars: graph.input('scalars', 'float32', [axis, scalarNames.length]),
    masks: new Map(masks.map((mask) => [mask.name, graph.input(mask.name, 'uint8', [axis, training.batchSize, mask.width])])),
  };

  const emitSteps: EmitBody = (step, iteration, values) => emitStep(step, plan, examples, inputs, iteration, new Map(specs.map(({ name }, position) => [name, at(values, position)])));
  const result = steps === null ? once(graph, carried, emitSteps) : loop(graph, 'step', steps, carried, emitSteps);
  const keptNames = ['losses', ...(tellsGradientNorm(training) ? ['gradientNorms'] : [])];
  result.kept.forEach((tensor, position) => graph.output(tensor, at(keptNames, position)));
  result.carried.forEach((tensor, position) => graph.output(tensor, `next/${at(specs, position).name}`));

  return {
    form,
    bytes: graph.encode({ description: `Training ${steps === null ? 'step' : 'steps'} of a Reprise run: forward pass, backward pass and optimizer update${steps === null ? '' : ' in one loop'}.` }),
    parameters,
    buffers,
    optimizerState,
    scalarNames,
    masks,
    flopsPerStep: result.flopsPerStep,
  };
}

/** A step: the state afterwards in its order, and what is kept of it. */
function emitStep(step: GraphBuilder, plan: Plan, examples: Examples, inputs: Inputs, iteration: Tensor<'int64'>, current: State): LoopBody {
  const { parameters, training, scalarNames } = plan;
  const { loss, gradients, updates } = emitGradients(step, plan, examples, batchAt(step, inputs, iteration), current);

  const row = gather(step, inputs.scalars, iteration);
  const columns = new Map(scalarNames.map((name, column) => [name, lazily(() => gather(step, row, step.constant('int32', [], Int32Array.of(column))))]));
  const { updated, gradientNorm } = emitUpdates(
    step,
    training,
    (name) => at(columns, name)(),
    parameters.map((spec, position) => ({ parameter: at(current, spec.name), gradient: at(gradients, position), state: stateSpecs(training, spec).map(({ name }) => at(current, name)) })),
  );
  return {
    carried: [...updated.map(({ parameter }) => parameter), ...updates, ...updated.flatMap(({ state }) => state)],
    kept: gradientNorm === null ? [loss] : [loss, gradientNorm],
  };
}

/** Those of one place of the leading axis. */
function batchAt(graph: GraphBuilder, { rows, exampleWeights, masks }: BatchInputs, place: Tensor<'int64'>): BatchInputs {
  return {
    rows: gather(graph, rows, place),
    exampleWeights: gather(graph, exampleWeights, place),
    masks: new Map([...masks].map(([name, mask]) => [name, gather(graph, mask, place)])),
  };
}

interface Gradients {
  readonly loss: FloatTensor;
  /** Of the parameters, in order. */
  readonly gradients: readonly FloatTensor[];
  /** The buffers afterwards, in order. */
  readonly updates: readonly FloatTensor[];
}

/** Loss and gradients of a batch, computed in as many parts as the config says. */
function emitGradients(graph: GraphBuilder, plan: Plan, examples: Examples, batch: BatchInputs, weights: ReadonlyMap<string, FloatTensor>): Gradients {
  const { parameters, buffers, training: { accumulate, batchSize } } = plan;
  if (accumulate === 1) return emitBackward(graph, plan, examples, batch, weights);
  const size = batchSize / accumulate;
  const inParts = <T extends Tensor>(tensor: T): T => reshape(graph, tensor, [accumulate, size, ...tensor.shape.slice(1)]) as T;
  const parts: BatchInputs = {
    rows: inParts(batch.rows),
    exampleWeights: inParts(batch.exampleWeights),
    masks: new Map([...batch.masks].map(([name, mask]) => [name, inParts(mask)])),
  };
  // Example weights are shares of the whole batch, so losses and gradients of the parts just add up.
  const sums = [filled(graph, 0, [1]), ...parameters.map(({ shape }) => filled(graph, 0, shape))];
  const carried = [...sums, ...buffers.map(({ name }) => at(weights, name))];
  const trips = graph.constant('int64', [], BigInt64Array.of(BigInt(accumulate)));
  const result = loop(graph, 'part', trips, carried, (part, iteration, values) => {
    const own = new Map(buffers.map(({ name }, position) => [name, at(values, sums.length + position)]));
    const { loss, gradients, updates } = emitBackward(part, plan, examples, batchAt(part, parts, iteration), new Map([...weights, ...own]));
    const added = [reshape(part, loss, [1]), ...gradients].map((value, position) => add(part, at(values, position), value));
    return { carried: [...added, ...updates], kept: [] };
  });
  graph.flops += result.flopsPerStep * accumulate;
  const [loss, ...rest] = result.carried;
  return { loss: reshape(graph, loss!, []), gradients: rest.slice(0, parameters.length), updates: rest.slice(parameters.length) };
}

/** Forward and backward pass over the examples. */
function emitBackward(graph: GraphBuilder, { model, training, data, loss, parameters, buffers }: Plan, examples: Examples, { rows, exampleWeights, masks }: BatchInputs, weights: ReadonlyMap<string, FloatTensor>): Gradients {
  const batch = takeBatch(graph, data, examples, rows, exampleWeights);
  const tape = new Tape(graph);
  const alwaysFull = data.trainSize % training.batchSize === 0;
  const emission = new Emission(tape, true, rows.shape[0]!, {
    parameter: ({ name }) => at(weights, name),
    buffer: ({ name }) => at(weights, name),
    mask: ({ name }) => at(masks, name),
    filling: lazily(() => (alwaysFull ? null : fillingOf(graph, exampleWeights))),
  });
  const value = emitLoss(tape, loss, emitModel(emission, model, data, batch.input), batch);
  return {
    loss: value,
    gradients: tape.gradients(value, parameters.map(({ name }) => at(weights, name))),
    updates: buffers.map(({ name }) => emission.updates.get(name) ?? at(weights, name)),
  };
}

/** Only what has a weight is an example. */
function fillingOf(graph: GraphBuilder, exampleWeights: FloatTensor): Filling {
  const examples = cast(graph, greater(graph, exampleWeights, graph.scalar(0)), 'float32');
  const count = sumOver(graph, examples, [0]);
  return { shares: divide(graph, examples, maximum(graph, count, graph.scalar(1))), count };
}

/** An element that the construction of this file guarantees. */
function at<K, V>(values: ReadonlyMap<K, V>, key: K): V;
function at<V>(values: readonly V[], key: number): V;
function at<V>(values: ReadonlyMap<unknown, V> | readonly V[], key: unknown): V {
  const value = values instanceof Map ? (values as ReadonlyMap<unknown, V>).get(key) : (values as readonly V[])[key as number];
  if (value === undefined) throw new Error(`the training graph has no element ${String(key)}`);
  return value;
}

/** Makes a value at its first use only, so that unread scalars leave no node behind. */
function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
