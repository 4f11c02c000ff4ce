/**
 * What a step of training takes on ONNX Runtime at the very least: its products, convolutions and max pooling, forward
 * and backward as the engine emits them, and one pass over the parameters for the optimizer. No activations, norms,
 * softmax, biases, loss or other passes of Adam are among them: with all of these it takes longer.
 */
import { performance } from 'node:perf_hooks';
import { Tensor } from 'onnxruntime-node';
import { Tape } from '../../src/onnx/autodiff';
import { GraphBuilder } from '../../src/onnx/graph';
import { loop } from '../../src/onnx/loop';
import { convolution } from '../../src/onnx/operators/convolution';
import { linear } from '../../src/onnx/operators/linear';
import { matmul } from '../../src/onnx/operators/matmul';
import type { AnyOperator } from '../../src/onnx/operators/operator';
import { maxPool } from '../../src/onnx/operators/pooling';
import { multiply, reshape, slice } from '../../src/onnx/primitives';
import { elementCount } from '../../src/onnx/shapes';
import type { FloatTensor } from '../../src/onnx/types';
import { createSession, release } from '../../src/worker/runtime';
import { quartile } from './rows';

/** An operator of a model with the shapes of its inputs. */
export interface Part {
  readonly operator: AnyOperator;
  readonly inputs: readonly (readonly number[])[];
  readonly attributes?: unknown;
  /** The inputs whose gradients are computed, all if left out. */
  readonly wanted?: readonly number[];
  /** How often a step has it, once if left out. */
  readonly times?: number;
}

const dense = (rows: number, inputs: number, outputs: number, more: Partial<Part> = {}): Part => ({ operator: linear, inputs: [[rows, inputs], [outputs, inputs]], ...more });
const WEIGHT_ONLY = { wanted: [1] };
const CONVOLVED = { operator: convolution, attributes: { pads: [1, 1, 1, 1] } };
const POOLED = { operator: maxPool, attributes: { kernel: [2, 2] } };
const LAYERS = { times: 4 };
const STEPS = { times: 64, wanted: [] };

/** By the names of the benchmark's cases, with the sizes that these have there; V is the vocabulary of Moby-Dick. */
export const floors: Readonly<Record<string, (vocabulary: number) => readonly Part[]>> = {
  mlp: () => [dense(64, 784, 256, WEIGHT_ONLY), dense(64, 256, 10)],
  cnn: () => [
    { ...CONVOLVED, inputs: [[64, 1, 28, 28], [16, 1, 3, 3]], ...WEIGHT_ONLY },
    { ...POOLED, inputs: [[64, 16, 28, 28]] },
    { ...CONVOLVED, inputs: [[64, 16, 14, 14], [32, 16, 3, 3]] },
    { ...POOLED, inputs: [[64, 32, 14, 14]] },
    dense(64, 1568, 10),
  ],
  'decoder-lm': (vocabulary) => [
    dense(2048, 128, 384, LAYERS),
    { operator: matmul, inputs: [[16, 4, 128, 32], [16, 4, 128, 32]], attributes: { transB: true }, ...LAYERS },
    { operator: matmul, inputs: [[16, 4, 128, 128], [16, 4, 128, 32]], attributes: {}, ...LAYERS },
    dense(2048, 128, 128, LAYERS),
    dense(2048, 128, 512, LAYERS),
    dense(2048, 512, 128, LAYERS),
    dense(2048, 128, vocabulary),
  ],
  'lstm-lm': (vocabulary) => [
    dense(vocabulary, 256, 1024),
    { operator: matmul, inputs: [[1024, 256], [256, 32]], attributes: {}, ...STEPS },
    { operator: matmul, inputs: [[256, 1024], [1024, 32]], attributes: {}, ...STEPS },
    { operator: matmul, inputs: [[1024, 2048], [2048, 256]], attributes: {}, wanted: [] },
    dense(2048, 256, vocabulary),
  ],
};

/** Steps of one call, so that what is handed over does not count. */
const TRIPS = 10;

/** Milliseconds of a step of these parts and nothing else: the lower quartile of so many seconds. */
export async function floorOf(parts: readonly Part[], parameters: number, threads: number, seconds: number): Promise<number> {
  const graph = new GraphBuilder('floor');
  const shapes = new Map<string, readonly number[]>();
  const input = (shape: readonly number[]): FloatTensor => {
    const name = `input_${shapes.size}`;
    shapes.set(name, shape);
    return graph.input(name, 'float32', shape);
  };
  // Each has inputs of its own: what is equal would be computed once.
  const all = parts.flatMap((part) => Array.from({ length: part.times ?? 1 }, () => ({ ...part, tensors: part.inputs.map(input) })));
  const seeds = all.map(({ operator, tensors, attributes }) => input(operator.shapes(tensors, attributes)[0]!.map(Number)));
  const optimized = [input([parameters]), input([parameters])] as const;
  const trips = graph.constant('int64', [], BigInt64Array.of(BigInt(TRIPS)));
  const { kept } = loop(graph, 'step', trips, [], (step) => {
    const results = all.flatMap(({ operator, tensors, attributes, wanted = [...tensors.keys()] }, index) => {
      const tape = new Tape(step);
      const output = tape.apply(operator, tensors, attributes);
      return [output, ...(wanted.length === 0 ? [] : tape.gradients(output, wanted.map((position) => tensors[position]!), seeds[index]!))];
    });
    // Of each result one number is kept: what nobody reads would not be computed.
    return { carried: [], kept: [...results, multiply(step, ...optimized)].map((tensor) => slice(step, reshape(step, tensor, [elementCount(tensor.shape)!]), 0, 0, 1)) };
  });
  kept.forEach((tensor, index) => graph.output(tensor, `kept_${index}`));
  const session = await createSession(graph.encode({ description: 'The products of a step.' }), { provider: 'cpu', threads }, 'floor');
  const feeds = Object.fromEntries([...shapes].map(([name, shape]) => [name, new Tensor('float32', Float32Array.from({ length: elementCount(shape)! }, (_, index) => ((index * 7919) % 1000) / 1000 - 0.5), shape)]));
  const times: number[] = [];
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end || times.length < 3) {
    const start = performance.now();
    await session.run(feeds);
    times.push((performance.now() - start) / TRIPS);
  }
  await release(session);
  return quartile(times.slice(1));
}
