import type { ModelConfig, OptimizerConfig, TrainingConfig } from '../config/schema';
import { Tape } from '../onnx/autodiff';
import { GraphBuilder } from '../onnx/graph';
import { loop } from '../onnx/loop';
import { adam, sgd, type Update } from '../onnx/optimizers';
import { gather } from '../onnx/primitives';
import type { FloatTensor } from '../onnx/types';
import { declareExamples, takeBatch } from './batch';
import { Emission } from './emission';
import { emitLoss } from './loss';
import { emitModel, layOut } from './model';
import type { DataShape, TensorSpec, TrainingGraph } from './types';

/**
 * The training graph of a model: forward pass, backward pass and optimizer update inside one ONNX
 * Loop, as `TrainingGraph` describes. The loss of a step is that of `emitLoss`, with the step's
 * `exampleWeights`. Equal arguments give equal bytes. The inputs of the update that change from step
 * to step are columns of `scalars`, which `models/scalars` computes.
 * @throws RepriseError MODEL_… where the model does not fit the data
 */
export function buildTrainingGraph(model: ModelConfig, { optimizer, batchSize }: TrainingConfig, data: DataShape): TrainingGraph {
  const { parameters, buffers, masks } = layOut(model, data);
  const perParameter = stateNames(optimizer);
  const optimizerState = parameters.flatMap((parameter) => perParameter.map((name): TensorSpec => ({ name: `${name}/${parameter.name}`, type: 'float32', shape: parameter.shape })));
  const scalarNames = scalarNamesOf(optimizer);

  const graph = new GraphBuilder('training');
  const state = [...parameters, ...buffers, ...optimizerState];
  const carried = state.map(({ name, shape }) => graph.input(name, 'float32', shape));
  const steps = graph.input('steps', 'int64', []);
  const examples = declareExamples(graph, data);
  const batches = graph.input('batches', 'int32', ['steps', batchSize]);
  const exampleWeights = graph.input('exampleWeights', 'float32', ['steps', batchSize]);
  const scalars = graph.input('scalars', 'float32', ['steps', scalarNames.length]);
  const maskInputs = new Map(masks.map((mask) => [mask.name, graph.input(mask.name, 'uint8', ['steps', batchSize, mask.width])]));

  const names = state.map(({ name }) => `next/${name}`);
  const result = loop(graph, steps, carried, [...names, 'losses'], (step, iteration, values) => {
    const current = new Map(state.map(({ name }, position) => [name, at(values, position)]));
    const batch = takeBatch(step, data, examples, gather(step, batches, iteration), gather(step, exampleWeights, iteration));
    const tape = new Tape(step);
    const emission = new Emission(tape, true, batchSize, {
      parameter: ({ name }) => at(current, name),
      buffer: ({ name }) => at(current, name),
      mask: ({ name }) => gather(step, at(maskInputs, name), iteration),
    });
    const loss = emitLoss(tape, emitModel(emission, model, data, batch.input), batch);
    const gradients = tape.gradients(loss, parameters.map(({ name }) => at(current, name)));

    const row = gather(step, scalars, iteration);
    const scalar = new Map(scalarNames.map((name, column) => [name, lazily(() => gather(step, row, step.constant('int32', [], Int32Array.of(column))))]));
    const updates = parameters.map((parameter, position) => {
      const kept = perParameter.map((name) => at(current, `${name}/${parameter.name}`));
      return emitUpdate(step, optimizer, (name) => at(scalar, name)(), at(current, parameter.name), at(gradients, position), kept);
    });
    return {
      carried: [...updates.map(({ parameter }) => parameter), ...buffers.map(({ name }) => emission.updates.get(name) ?? at(current, name)), ...updates.flatMap((update) => update.state)],
      kept: [loss],
    };
  });
  for (const tensor of [...result.kept, ...result.carried]) graph.output(tensor);

  return {
    bytes: graph.encode({ description: 'Training steps of a Reprise run: forward pass, backward pass and optimizer update in one loop.' }),
    parameters,
    buffers,
    optimizerState,
    scalarNames,
    masks,
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

