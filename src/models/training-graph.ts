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
import { IN_A_LOOP, type GraphTarget } from './target';
import type { DataShape, ReplicatesGraph, TensorSpec, TrainingGraph } from './types';
import { cut, emitUpdates, joined, pieceSizes, scalarNamesOf, stateSpecs } from './update';

/**
 * The training graph of a model: forward pass, backward pass and optimizer update, inside one ONNX
 * Loop unless `target` says otherwise, as `TrainingGraph` describes. The loss of a step is that of `emitLoss`, with the step's
 * `exampleWeights`. Equal arguments give equal bytes. The inputs of the update that change from step
 * to step are columns of `scalars`, which `models/scalars` computes.
 * @throws RepriseError MODEL_… where the model does not fit the data, LOSS_… where the loss does not
 */
export function buildTrainingGraph(model: Model, training: TrainingConfig, data: DataShape, target: GraphTarget = IN_A_LOOP): TrainingGraph {
  return assemble(planOf(model, training, data, target), ['']);
}

/**
 * Several trainings of one model side by side in one graph, as `ReplicatesGraph` describes: each with its own initial
 * weights, batches, masks and scalars, so seeds and learning rates may differ. They share the data alone and each has
 * the nodes it would have alone, so each has the bits it would have alone at the same number of threads.
 * @throws RepriseError as `buildTrainingGraph`
 */
export function buildReplicatesGraph(model: Model, training: TrainingConfig, data: DataShape, replicates: number): ReplicatesGraph {
  const prefixes = Array.from({ length: replicates }, (_, index) => `replicate.${index}/`);
  return { ...assemble(planOf(model, training, data, IN_A_LOOP), prefixes), prefixes };
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
  return { ...layout, model, training, data, target, loss: lossFor(training, data.target), scalarNames: scalarNamesOf(training), optimizerState };
}

/** The examples of a batch, or of a part of one; with a leading axis, of several. */
interface BatchInputs {
  readonly rows: IndexTensor;
  readonly exampleWeights: FloatTensor;
  readonly masks: ReadonlyMap<string, Tensor<'uint8'>>;
}

/** What one replicate reads in each step, all with a leading axis of steps. */
interface Inputs extends BatchInputs {
  readonly scalars: FloatTensor;
}

/** The tensors of one replicate's state by name, each in its pieces. */
type State = ReadonlyMap<string, readonly FloatTensor[]>;

function assemble(plan: Plan, prefixes: readonly string[]): TrainingGraph {
  const { parameters, buffers, optimizerState, masks, scalarNames, training, data, target: { form } } = plan;
  const graph = new GraphBuilder('training');
  const specs = [...parameters, ...buffers, ...optimizerState];
  const buffered = new Set(buffers.map(({ name }) => name));
  const sizes = new Map(specs.map(({ name, shape }) => [name, buffered.has(name) || form === 'step' ? [shape[0] ?? 1] : pieceSizes(training, shape)]));
  const state = prefixes.map((prefix) => specs.map(({ name, shape }) => graph.input(`${prefix}${name}`, 'float32', shape)));
  const steps = form === 'loop' ? graph.input('steps', 'int64', []) : null;
  const axis = steps === null ? 1 : 'steps';
  const examples = declareExamples(graph, data);
  const inputs = prefixes.map((prefix): Inputs => ({
    rows: graph.input(`${prefix}batches`, 'int32', [axis, training.batchSize]),
    exampleWeights: graph.input(`${prefix}exampleWeights`, 'float32', [axis, training.batchSize]),
    scalars: graph.input(`${prefix}scalars`, 'float32', [axis, scalarNames.length]),
    masks: new Map(masks.map((mask) => [mask.name, graph.input(`${prefix}${mask.name}`, 'uint8', [axis, training.batchSize, mask.width])])),
  }));

  const carried = state.flatMap((tensors) => tensors.flatMap((tensor, position) => cut(graph, tensor, at(sizes, at(specs, position).name))));
  const emitSteps: EmitBody = (step, iteration, values) => {
    const ofReplicates = inPieces(prefixes.map(() => specs), sizes, values);
    const bodies = ofReplicates.map((current, index) => emitStep(step, plan, examples, at(inputs, index), iteration, current));
    return { carried: bodies.flatMap((body) => body.carried), kept: bodies.flatMap(({ kept }) => kept) };
  };
  const result = steps === null ? once(graph, carried, emitSteps) : loop(graph, 'step', steps, carried, emitSteps);
  const keptNames = ['losses', ...(training.clipNorm === undefined ? [] : ['gradientNorms'])];
  result.kept.forEach((tensor, position) => graph.output(tensor, `${at(prefixes, Math.floor(position / keptNames.length))}${at(keptNames, position % keptNames.length)}`));
  inPieces(prefixes.map(() => specs), sizes, result.carried).forEach((after, index) => {
    for (const [name, pieces] of after) graph.output(joined(graph, pieces), `${at(prefixes, index)}next/${name}`);
  });

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

/** Carried values, all in a row, as the states of the replicates. */
function inPieces(replicates: readonly (readonly TensorSpec[])[], sizes: ReadonlyMap<string, readonly number[]>, values: readonly FloatTensor[]): readonly State[] {
  let next = 0;
  return replicates.map((specs) => new Map(specs.map(({ name }) => [name, values.slice(next, (next += at(sizes, name).length))])));
}

/** One replicate's step: its state afterwards in the order of the state, and its loss. */
function emitStep(step: GraphBuilder, plan: Plan, examples: Examples, inputs: Inputs, iteration: Tensor<'int64'>, current: State): LoopBody {
  const { parameters, buffers, training, scalarNames } = plan;
  const whole = new Map([...parameters, ...buffers].map(({ name }) => [name, joined(step, at(current, name))]));
  const { loss, gradients, updates } = emitGradients(step, plan, examples, batchAt(step, inputs, iteration), whole);

  const row = gather(step, inputs.scalars, iteration);
  const columns = new Map(scalarNames.map((name, column) => [name, lazily(() => gather(step, row, step.constant('int32', [], Int32Array.of(column))))]));
  const { updated, gradientNorm } = emitUpdates(
    step,
    training,
    (name) => at(columns, name)(),
    parameters.map((spec, position) => ({ spec, gradient: at(gradients, position), pieces: at(current, spec.name), state: stateSpecs(training, spec).map(({ name }) => at(current, name)) })),
  );
  return {
    carried: [...updated.flatMap(({ pieces }) => pieces), ...updates, ...updated.flatMap(({ state }) => state.flat())],
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
function emitBackward(graph: GraphBuilder, { model, training, data, target, loss, parameters, buffers }: Plan, examples: Examples, { rows, exampleWeights, masks }: BatchInputs, weights: ReadonlyMap<string, FloatTensor>): Gradients {
  const batch = takeBatch(graph, data, examples, rows, exampleWeights);
  const tape = new Tape(graph);
  const alwaysFull = data.trainSize % training.batchSize === 0;
  const emission = new Emission(tape, true, rows.shape[0]!, {
    parameter: ({ name }) => at(weights, name),
    buffer: ({ name }) => at(weights, name),
    mask: ({ name }) => at(masks, name),
    filling: lazily(() => (alwaysFull ? null : fillingOf(graph, exampleWeights))),
  }, target.portable);
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
