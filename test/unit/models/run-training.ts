/** Drives training, evaluation and inference graphs in ONNX Runtime for tests, with random data in place of a data set. */
import * as ort from 'onnxruntime-node';
import type { ModelConfig, TrainingConfig } from '../../../src/config/schema';
import { buildInferenceGraph } from '../../../src/models/inference-graph';
import { stepScalars } from '../../../src/models/scalars';
import { inputSize, inputType, outputWidth, type DataShape, type MaskSpec, type TrainingGraph } from '../../../src/models/types';
import { fillMask, normals, permutation } from '../../../src/random/streams';
import type { NamedTensor } from '../../../src/tensors/safetensors';

export const SESSION_OPTIONS: ort.InferenceSession.SessionOptions = { intraOpNumThreads: 1, interOpNumThreads: 1, graphOptimizationLevel: 'all' };

export interface Examples<F extends Features = Uint8Array | Float32Array, L extends BigInt64Array | Float32Array = BigInt64Array | Float32Array> {
  /** Of next tokens one stream, one token longer than its examples. */
  readonly features: F;
  /** Classes, or numbers row by row; empty for next tokens. */
  readonly labels: L;
}

export type Features = Uint8Array | Float32Array | Int32Array;

/** A learnable set: each class has a pattern of its own, under noise; class numbers go round. */
export function makeExamples(data: DataShape, seed: number): Examples<Uint8Array | Float32Array, BigInt64Array> {
  const patterns = normals(seed, 'data', 'patterns', outputWidth(data) * inputSize(data.input));
  const noise = normals(seed, 'data', 'noise', data.trainSize * inputSize(data.input));
  const values = Float32Array.from(noise, (value, index) => {
    const label = Math.floor(index / inputSize(data.input)) % outputWidth(data);
    return 0.6 * patterns[label * inputSize(data.input) + (index % inputSize(data.input))]! + 0.8 * value;
  });
  return {
    features: inputType(data.input) === 'float32' ? values : Uint8Array.from(values, (value) => Math.max(0, Math.min(255, Math.round(90 + 70 * value)))),
    labels: BigInt64Array.from({ length: data.trainSize }, (_, index) => BigInt(index % outputWidth(data))),
  };
}

export interface Plan {
  readonly batches: Int32Array;
  readonly exampleWeights: Float32Array;
}

/** Row numbers and weights of `steps` batches over shuffled epochs; a short last batch is padded with row 0 at weight 0. */
export function planBatches(trainSize: number, batchSize: number, steps: number, seed: number): Plan {
  const batches = new Int32Array(steps * batchSize);
  const exampleWeights = new Float32Array(steps * batchSize);
  const perEpoch = Math.ceil(trainSize / batchSize);
  let order = new Int32Array(0);
  for (let step = 0; step < steps; step += 1) {
    const inEpoch = step % perEpoch;
    if (inEpoch === 0) order = permutation(seed, 'order', 'test', step / perEpoch, trainSize) as Int32Array<ArrayBuffer>;
    const rows = order.subarray(inEpoch * batchSize, (inEpoch + 1) * batchSize);
    batches.set(rows, step * batchSize);
    exampleWeights.fill(1 / rows.length, step * batchSize, step * batchSize + rows.length);
  }
  return { batches, exampleWeights };
}

/** The masks of `steps` steps by name, each [steps, batch, width]. */
export function drawMasks(masks: readonly MaskSpec[], steps: number, batch: number, seed: number): Record<string, Uint8Array> {
  return Object.fromEntries(
    masks.map(({ name, width, dropProbability }) => {
      const values = new Uint8Array(steps * batch * width);
      for (let step = 0; step < steps; step += 1) fillMask(values.subarray(step * batch * width, (step + 1) * batch * width), seed, name, step, dropProbability);
      return [name, values];
    }),
  );
}

export interface TrainingRun {
  readonly losses: Float32Array;
  /** Null where they are not told. */
  readonly gradientNorms: Float32Array | null;
  /** Parameters, then optimizer state. */
  readonly tensors: readonly NamedTensor[];
}

function labelTensor(labels: BigInt64Array | Float32Array, examples: number): ort.Tensor {
  return labels instanceof Float32Array ? new ort.Tensor('float32', labels, [examples, labels.length / examples]) : new ort.Tensor('int64', labels, [examples]);
}

/** A model's logits, row by row, for examples that follow one another, by the file the model is handed on as. */
export async function logitsOf(model: ModelConfig, data: DataShape, weights: readonly NamedTensor[], examples: Features): Promise<number[][]> {
  const session = await ort.InferenceSession.create(buildInferenceGraph(model, data, weights), SESSION_OPTIONS);
  const size = inputSize(data.input);
  const { logits } = await session.run({ input: new ort.Tensor(inputType(data.input), examples, [examples.length / size, size]) });
  await session.release();
  const [rows, width] = logits!.dims as [number, number];
  return Array.from({ length: rows }, (_, row) => [...(logits!.data as Float32Array).subarray(row * width, (row + 1) * width)]);
}

/** Runs `count` steps from `start` (parameters, then state); `masks` hold [count, batch, width] each. */
export async function runTraining(
  graph: TrainingGraph,
  training: TrainingConfig,
  data: DataShape,
  examples: Examples<Features>,
  plan: Plan,
  start: readonly NamedTensor[],
  options: { readonly firstStep?: number; readonly count?: number; readonly totalSteps?: number; readonly masks?: Readonly<Record<string, Uint8Array>>; readonly session?: ort.InferenceSession.SessionOptions } = {},
): Promise<TrainingRun> {
  const batchSize = training.batchSize;
  const totalSteps = options.totalSteps ?? plan.batches.length / batchSize;
  const firstStep = options.firstStep ?? 0;
  const count = options.count ?? totalSteps - firstStep;
  const session = await ort.InferenceSession.create(graph.bytes, options.session ?? SESSION_OPTIONS);
  const part = <T extends Int32Array | Float32Array>(values: T): T => values.slice(firstStep * batchSize, (firstStep + count) * batchSize) as T;
  const feeds: Record<string, ort.Tensor> = {
    steps: new ort.Tensor('int64', BigInt64Array.of(BigInt(count)), []),
    features: new ort.Tensor(inputType(data.input), examples.features, data.target.kind === 'next-token' ? [examples.features.length] : [data.trainSize, inputSize(data.input)]),
    ...(data.target.kind === 'next-token' ? {} : { labels: labelTensor(examples.labels, data.trainSize) }),
    batches: new ort.Tensor('int32', part(plan.batches), [count, batchSize]),
    exampleWeights: new ort.Tensor('float32', part(plan.exampleWeights), [count, batchSize]),
    scalars: new ort.Tensor('float32', stepScalars(training, graph.scalarNames, firstStep, count, totalSteps), [count, graph.scalarNames.length]),
  };
  for (const mask of graph.masks) feeds[mask.name] = new ort.Tensor('uint8', options.masks?.[mask.name] ?? new Uint8Array(count * batchSize * mask.width).fill(1), [count, batchSize, mask.width]);
  for (const tensor of start) feeds[tensor.name] = new ort.Tensor(tensor.type, tensor.data, [...tensor.shape]);
  const results = await session.run(feeds);
  const tensors = start.map((tensor) => ({ ...tensor, data: (results[`next/${tensor.name}`]!.data as Float32Array).slice() }));
  const losses = (results['losses']!.data as Float32Array).slice();
  const gradientNorms = (results['gradientNorms']?.data as Float32Array | undefined)?.slice() ?? null;
  await session.release();
  return { losses, gradientNorms, tensors };
}
