import type { ModelConfig, OptimizerConfig } from '../config/schema';
import { Tape } from '../onnx/autodiff';
import { GraphBuilder } from '../onnx/graph';
import { loop } from '../onnx/loop';
import { crossEntropy } from '../onnx/operators/cross-entropy';
import { adam, sgd, type Update } from '../onnx/optimizers';
import { gather } from '../onnx/primitives';
import type { FloatTensor } from '../onnx/types';
import { emitLogits, layOut } from './network';
import type { DataShape, TensorSpec, TrainingGraph } from './types';

/**
 * The training graph of a model: forward pass, backward pass and optimizer update inside one ONNX
 * Loop, as `TrainingGraph` describes. The loss of a step is Σᵢ wᵢ·CE(logitsᵢ, labelᵢ) with the step's
 * `exampleWeights`. Equal arguments give equal bytes. The inputs of the update that change from step
 * to step are columns of `scalars`, which `models/scalars` computes.
 * @throws RepriseError MODEL_NEEDS_IMAGES, MODEL_IMAGE_TOO_SMALL
 */
export function buildTrainingGraph(model: ModelConfig, optimizer: OptimizerConfig, data: DataShape, batchSize: number): TrainingGraph {
  const network = layOut(model, data);
  const { parameters, masks } = network;
  const perParameter = stateNames(optimizer);
  const optimizerState = parameters.flatMap((parameter) => perParameter.map((name): TensorSpec => ({ name: `${name}/${parameter.name}`, type: 'float32', shape: parameter.shape })));
  const scalarNames = scalarNamesOf(optimizer);

  const graph = new GraphBuilder('training');
  const carried = [...parameters, ...optimizerState].map(({ name, shape }) => graph.input(name, 'float32', shape));
  const steps = graph.input('steps', 'int64', []);
  const features = graph.input('features', data.featureType, [data.trainSize, data.features]);
  const labels = graph.input('labels', 'int64', [data.trainSize]);
  const batches = graph.input('batches', 'int32', ['steps', batchSize]);
  const exampleWeights = graph.input('exampleWeights', 'float32', ['steps', batchSize]);
  const scalars = graph.input('scalars', 'float32', ['steps', scalarNames.length]);
  const maskInputs = masks.map((mask) => graph.input(mask.name, 'uint8', ['steps', batchSize, mask.width]));

  const names = [...parameters, ...optimizerState].map(({ name }) => `next/${name}`);
  const result = loop(graph, steps, carried, [...names, 'losses'], (step, iteration, values) => {
    const current = new Map(parameters.map((parameter, position) => [parameter.name, at(values, position)]));
    const rows = gather(step, batches, iteration);
    const tape = new Tape(step);
    const logits = emitLogits(tape, network, gather(step, features, rows), current, new Map(maskInputs.map((mask) => [mask.name, gather(step, mask, iteration)])));
    const loss = tape.apply(crossEntropy, [logits, gather(step, labels, rows), gather(step, exampleWeights, iteration)], undefined);
    const gradients = tape.gradients(loss, [...current.values()]);

    const row = gather(step, scalars, iteration);
    const scalar = new Map(scalarNames.map((name, column) => [name, lazily(() => gather(step, row, step.constant('int32', [], Int32Array.of(column))))]));
    const updates = parameters.map((parameter, position) => {
      const start = parameters.length + position * perParameter.length;
      const state = values.slice(start, start + perParameter.length);
      return emitUpdate(step, optimizer, (name) => at(scalar, name)(), at(current, parameter.name), at(gradients, position), state);
    });
    return { carried: [...updates.map((update) => update.parameter), ...updates.flatMap((update) => update.state)], kept: [loss] };
  });
  for (const tensor of [...result.kept, ...result.carried]) graph.output(tensor);

  return {
    bytes: graph.encode({ description: 'Training steps of a Reprise run: forward pass, backward pass and optimizer update in one loop.' }),
    parameters,
    optimizerState,
    scalarNames,
    masks,
    batchesType: 'int32',
    flopsPerStep: result.flopsPerStep,
  };
}

/** What an optimizer keeps for each parameter. */
function stateNames(optimizer: OptimizerConfig): readonly string[] {
  switch (optimizer.kind) {
    case 'sgd':
      return optimizer.momentum === 0 ? [] : ['sgd.momentum'];
    case 'adam':
    case 'adamw':
      return ['adam.first', 'adam.second'];
  }
}

/** The columns of `scalars` an optimizer reads; `learningRate` is always there, so that it is stored with the run. */
function scalarNamesOf(optimizer: OptimizerConfig): readonly string[] {
  switch (optimizer.kind) {
    case 'sgd':
      return ['learningRate'];
    case 'adam':
      return ['learningRate', 'adam.stepSize', 'adam.denominatorScale'];
    case 'adamw':
      return ['learningRate', 'adam.stepSize', 'adam.denominatorScale', 'adamw.decay'];
  }
}

function emitUpdate(
  step: GraphBuilder,
  optimizer: OptimizerConfig,
  scalar: (name: string) => FloatTensor,
  parameter: FloatTensor,
  gradient: FloatTensor,
  state: readonly FloatTensor[],
): Update {
  switch (optimizer.kind) {
    case 'sgd':
      return sgd(step, optimizer, { learningRate: scalar('learningRate') }, parameter, gradient, state[0] ?? null);
    case 'adam':
    case 'adamw': {
      const decay = optimizer.kind === 'adamw' ? scalar('adamw.decay') : null;
      const scalars = { stepSize: scalar('adam.stepSize'), denominatorScale: scalar('adam.denominatorScale'), decay };
      return adam(step, optimizer, scalars, parameter, gradient, at(state, 0), at(state, 1));
    }
  }
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

