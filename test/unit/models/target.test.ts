/** What a training graph is built as for each execution provider. */
import { describe, expect, it } from 'vitest';
import { modelSchema } from '../../../src/config/models';
import { PROVIDERS } from '../../../src/config/executor';
import { trainingSchema } from '../../../src/config/training';
import { buildInferenceGraph } from '../../../src/models/inference-graph';
import { initialWeights } from '../../../src/models/initialize';
import { targetOf } from '../../../src/models/target';
import { buildTrainingGraph } from '../../../src/models/training-graph';
import type { DataShape } from '../../../src/models/types';
import { decodeModel } from '../../../src/onnx/codec';
import type { GraphProto } from '../../../src/onnx/proto/onnx_pb';

const training = trainingSchema.parse({ learningRate: 0.01, batchSize: 8 });
const images: DataShape = { input: { kind: 'image', rows: 8, columns: 8, channels: 1, type: 'uint8' }, target: { kind: 'class', classes: 4 }, trainSize: 40 };
const cnn = modelSchema.parse({ kind: 'cnn', channels: [3] });

/** The operators of a graph and of the graphs inside it. */
function operatorsOf(graph: GraphProto | undefined): ReadonlySet<string> {
  const nodes = graph?.node ?? [];
  return new Set(nodes.flatMap(({ opType, attribute }) => [opType, ...attribute.flatMap(({ g }) => [...operatorsOf(g)])]));
}

describe('the graph for a provider', () => {
  it.each(PROVIDERS)('has only what it can do: %s', (provider) => {
    const graph = buildTrainingGraph(cnn, training, images, targetOf(provider));
    const { graph: proto } = decodeModel(graph.bytes);
    const operators = operatorsOf(proto);
    const loops = provider === 'cpu' || provider === 'cuda';
    expect(graph.form).toBe(loops ? 'loop' : 'step');
    expect(operators.has('Loop')).toBe(loops);
    expect(proto!.input.some(({ name }) => name === 'steps')).toBe(loops);
    // Where a maximum was, only the processor can tell.
    expect(operators.has('MaxUnpool')).toBe(provider === 'cpu');
    expect(proto!.node.concat(proto!.node.flatMap(({ attribute }) => attribute.flatMap(({ g }) => g?.node ?? []))).filter(({ opType }) => opType === 'MaxPool').map(({ output }) => output.length)).toEqual([provider === 'cpu' ? 2 : 1]);
  });

  it('asks for no place of a maximum where nothing is trained', () => {
    const { parameters } = buildTrainingGraph(cnn, training, images);
    const { graph } = decodeModel(buildInferenceGraph(cnn, images, initialWeights(parameters, 1)));
    expect(graph!.node.filter(({ opType }) => opType === 'MaxPool').map(({ output }) => output.length)).toEqual([1]);
  });

  it('is one step where a Loop would hold too much', () => {
    const linear = modelSchema.parse({ kind: 'linear' });
    // Weights and what Adam keeps of them are 12 bytes a weight and class.
    const wide = (size: number): DataShape => ({ input: { kind: 'features', size, type: 'float32' }, target: { kind: 'class', classes: 4 }, trainSize: 40 });
    const largest = Math.floor(2 ** 30 / 48) - 1;
    expect([largest, largest + 1].map((size) => buildTrainingGraph(linear, training, wide(size)).form)).toEqual(['loop', 'step']);
  });
});
