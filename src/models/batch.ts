/** The examples of a data set in a graph: whole, and a batch of them. */
import type { GraphBuilder } from '../onnx/graph';
import { cast, gather, multiply, reshape } from '../onnx/primitives';
import { sizeOf } from '../onnx/shapes';
import type { FloatTensor, IndexTensor, Tensor } from '../onnx/types';
import { inputSize, inputType, type DataShape } from './types';

/** The inputs `features` and `labels` of a training graph, as `TrainingGraph` describes them. */
export interface Examples {
  readonly features: Tensor;
  /** Null for next tokens. */
  readonly labels: Tensor<'int64'> | FloatTensor | null;
}

/** A batch as a model and its loss read it. */
export interface Batch {
  /** [batch, size of an example]. */
  readonly input: Tensor;
  /** int64 [rows] or float32 [rows, size]. */
  readonly targets: Tensor<'int64'> | FloatTensor;
  /** [rows]: the share of each in the loss. */
  readonly weights: FloatTensor;
}

export function declareExamples(graph: GraphBuilder, { input, target }: DataShape): Examples {
  if (target.kind === 'next-token') return { features: graph.input('features', 'int32', ['tokens']), labels: null };
  const features = graph.input('features', inputType(input), ['examples', inputSize(input)]);
  return { features, labels: declareLabels(graph, target, 'examples') };
}

/** The input `labels`, for so many examples. */
export function declareLabels(graph: GraphBuilder, target: Exclude<DataShape['target'], { kind: 'next-token' }>, examples: string | number): Tensor<'int64'> | FloatTensor {
  return target.kind === 'class' ? graph.input('labels', 'int64', [examples]) : graph.input('labels', 'float32', [examples, target.size]);
}

/**
 * Takes the examples `rows` [batch], of which each counts as `exampleWeights` [batch] says. Tokens of one example share its weight evenly.
 */
export function takeBatch(graph: GraphBuilder, data: DataShape, { features, labels }: Examples, rows: IndexTensor, exampleWeights: FloatTensor): Batch {
  if (labels !== null) return { input: gather(graph, features, rows), targets: gather(graph, labels, rows) as Batch['targets'], weights: exampleWeights };
  const length = inputSize(data.input);
  const starts = reshape(graph, cast(graph, rows, 'int32'), [sizeOf(rows, 0), 1]);
  const offset = (from: number): Tensor<'int32'> => graph.constant('int32', [1, length], Int32Array.from({ length }, (_, index) => from + index));
  const first = graph.node('Mul', [starts, graph.constant('int32', [], Int32Array.of(length))], [{ type: 'int32', shape: starts.shape }])[0];
  const places = (from: number): Tensor<'int32'> => graph.node('Add', [first, offset(from)], [{ type: 'int32', shape: [sizeOf(rows, 0), length] }])[0];
  return { input: gather(graph, features, places(0)), ...rowsOfTokens(graph, gather(graph, features, places(1)), exampleWeights) };
}

/** The next tokens `following` int32 [batch, length] and the weights of their examples, row by row. */
export function rowsOfTokens(graph: GraphBuilder, following: Tensor, exampleWeights: FloatTensor): Pick<Batch, 'targets' | 'weights'> {
  const [batch, length] = [sizeOf(following, 0), sizeOf(following, 1)];
  const share = graph.constant('float32', [1, length], new Float32Array(length).fill(1 / length));
  return {
    targets: cast(graph, reshape(graph, following, [batch * length]), 'int64'),
    weights: reshape(graph, multiply(graph, reshape(graph, exampleWeights, [batch, 1]), share), [batch * length]),
  };
}
