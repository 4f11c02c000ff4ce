/** ONNX Runtime: sessions for training and evaluation, and the way of tensors in and out. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { RepriseError } from '../errors/errors';
import { inputSize, rowsPerExample, type DataShape, type EvaluationGraph, type TensorSpec, type TrainingGraph } from '../models/types';
import type { NamedTensor } from '../tensors/safetensors';

async function createSession(bytes: Uint8Array, threads: number, what: string): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(bytes, {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      // Threads that spin take the cores from the workers beside.
      extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
    });
  } catch (error) {
    throw runtimeError(`ONNX Runtime cannot load the ${what} graph`, error);
  }
}

function runtimeError(what: string, error: unknown): RepriseError {
  return new RepriseError('ONNX_RUNTIME_FAILED', `${what}: ${error instanceof Error ? error.message : String(error)}`, {
    kind: 'system',
    hint: 'Check that there is enough memory; else report this message with the config.',
    cause: error,
  });
}

async function run(session: InferenceSession, feeds: Record<string, Tensor>, what: string): Promise<InferenceSession.OnnxValueMapType> {
  try {
    return await session.run(feeds);
  } catch (error) {
    throw runtimeError(`ONNX Runtime failed in the ${what} graph`, error);
  }
}

function toTensor(tensor: NamedTensor): Tensor {
  return new Tensor(tensor.type, tensor.data as Float32Array, tensor.shape);
}

function outputOf(outputs: InferenceSession.OnnxValueMapType, name: string): Tensor {
  const output = outputs[name];
  if (output === undefined) throw new RepriseError('ONNX_RUNTIME_FAILED', `The graph gave no output "${name}".`, { kind: 'system' });
  return output as Tensor;
}

/** The examples of a split, in its order. */
export interface SplitData {
  /** Number of examples. */
  readonly rows: number;
  /** [rows, size of an example]; of next tokens one stream of rows · length + 1 tokens. */
  readonly features: Uint8Array | Float32Array | Int32Array;
  /** [rows], or [rows, size]; null for next tokens. */
  readonly labels: BigInt64Array | Float32Array | null;
}

function featureTensor(data: SplitData['features'], shape: readonly number[]): Tensor {
  if (data instanceof Uint8Array) return new Tensor('uint8', data, shape);
  return data instanceof Int32Array ? new Tensor('int32', data, shape) : new Tensor('float32', data, shape);
}

function labelTensor(labels: BigInt64Array | Float32Array, examples: number): Tensor {
  return labels instanceof BigInt64Array ? new Tensor('int64', labels, [examples]) : new Tensor('float32', labels, [examples, labels.length / examples]);
}

function exampleTensors({ rows, features, labels }: SplitData): Record<string, Tensor> {
  if (labels === null) return { features: featureTensor(features, [features.length]) };
  return { features: featureTensor(features, [rows, features.length / rows]), labels: labelTensor(labels, rows) };
}

function emptyLike<T extends Uint8Array | Float32Array | Int32Array | BigInt64Array>(values: T, length: number): T {
  const made: (length: number) => unknown = (size) => {
    if (values instanceof Uint8Array) return new Uint8Array(size);
    if (values instanceof Float32Array) return new Float32Array(size);
    return values instanceof Int32Array ? new Int32Array(size) : new BigInt64Array(size);
  };
  return made(length) as T;
}

/** Rows of a matrix of `width` columns, in the order asked for. */
export function takeRows<T extends Uint8Array | Float32Array | Int32Array | BigInt64Array>(values: T, width: number, rows: Int32Array): T {
  const taken = emptyLike(values, rows.length * width);
  rows.forEach((row, index) => taken.set(values.subarray(row * width, (row + 1) * width) as Uint8Array & BigInt64Array, index * width));
  return taken;
}

/** What one call computes with, beside the state. */
export interface ChunkInputs {
  readonly steps: number;
  /** What `batches` numbers; null: the training split. */
  readonly examples: SplitData | null;
  /** [steps, batch]. */
  readonly batches: Int32Array;
  readonly exampleWeights: Float32Array;
  /** [steps, S]. */
  readonly scalars: Float32Array;
  /** By input name, each [steps, batch, width]. */
  readonly masks: ReadonlyMap<string, { readonly data: Uint8Array; readonly width: number }>;
}

/** Runs training steps; holds the parameters and the optimizer's state between calls. */
export class Trainer {
  private readonly examples: Record<string, Tensor>;
  private state: Map<string, Tensor>;

  private constructor(
    private readonly session: InferenceSession,
    private readonly graph: TrainingGraph,
    train: SplitData,
    initial: readonly NamedTensor[],
  ) {
    this.examples = exampleTensors(train);
    this.state = new Map(initial.map((tensor) => [tensor.name, toTensor(tensor)]));
  }

  /** @throws RepriseError ONNX_RUNTIME_FAILED */
  static async create(graph: TrainingGraph, train: SplitData, initial: readonly NamedTensor[], threads: number): Promise<Trainer> {
    return new Trainer(await createSession(graph.bytes, threads, 'training'), graph, train, initial);
  }

  /** Computes `inputs.steps` steps and gives their losses. Blocks the thread. @throws RepriseError ONNX_RUNTIME_FAILED */
  async step(inputs: ChunkInputs): Promise<Float32Array> {
    const { steps } = inputs;
    const batch = inputs.batches.length / steps;
    const feeds: Record<string, Tensor> = {
      ...Object.fromEntries(this.state),
      steps: new Tensor('int64', BigInt64Array.of(BigInt(steps)), []),
      ...(inputs.examples === null ? this.examples : exampleTensors(inputs.examples)),
      batches: new Tensor('int32', inputs.batches, [steps, batch]),
      exampleWeights: new Tensor('float32', inputs.exampleWeights, [steps, batch]),
      scalars: new Tensor('float32', inputs.scalars, [steps, inputs.scalars.length / steps]),
    };
    for (const [name, mask] of inputs.masks) feeds[name] = new Tensor('uint8', mask.data, [steps, batch, mask.width]);
    const outputs = await run(this.session, feeds, 'training');
    for (const name of this.state.keys()) this.state.set(name, outputOf(outputs, `next/${name}`));
    return outputOf(outputs, 'losses').data as Float32Array;
  }

  private read(specs: readonly TensorSpec[]): NamedTensor[] {
    return specs.map((spec) => {
      const tensor = this.state.get(spec.name)!;
      return { name: spec.name, type: spec.type, shape: spec.shape, data: tensor.data } as NamedTensor;
    });
  }

  /** Parameters and buffers: what the model is. */
  weights(): NamedTensor[] {
    return this.read([...this.graph.parameters, ...this.graph.buffers]);
  }

  optimizerState(): NamedTensor[] {
    return this.read(this.graph.optimizerState);
  }
}

/** What was measured on a split. */
export interface Measured {
  /** Mean of the rows. */
  readonly loss: number;
  /** Share of the rows whose class or token was told; NaN where the targets are values. */
  readonly accuracy: number;
}

/** Measures a model on a split. */
export class Evaluator {
  private constructor(
    private readonly session: InferenceSession,
    private readonly graph: EvaluationGraph,
    private readonly data: DataShape,
  ) {}

  /** @throws RepriseError ONNX_RUNTIME_FAILED */
  static async create(graph: EvaluationGraph, data: DataShape, threads: number): Promise<Evaluator> {
    return new Evaluator(await createSession(graph.bytes, threads, 'evaluation'), graph, data);
  }

  /**
   * Means over the rows of the split, summed in float64 in their order.
   * @param weights parameters and buffers
   * @param between is awaited after each call, so that a caller can look after other things
   * @throws RepriseError ONNX_RUNTIME_FAILED
   */
  async evaluate(weights: readonly NamedTensor[], split: SplitData, between: () => Promise<void>): Promise<Measured> {
    const tensors = Object.fromEntries(weights.map((tensor) => [tensor.name, toTensor(tensor)]));
    const { batch } = this.graph;
    let loss = 0;
    let correct = 0;
    for (let start = 0; start < split.rows; start += batch) {
      const count = Math.min(batch, split.rows - start);
      const { features, labels, expected } = this.take(split, start, count);
      const outputs = await run(this.session, { ...tensors, features, ...(labels === null ? {} : { labels }) }, 'evaluation');
      const losses = outputOf(outputs, 'losses').data as Float32Array;
      const predictions = outputOf(outputs, 'predictions').data as BigInt64Array;
      for (let row = 0; row < count * rowsPerExample(this.data); row++) {
        loss += losses[row]!;
        if (predictions[row] === expected(row)) correct++;
      }
      await between();
    }
    const rows = split.rows * rowsPerExample(this.data);
    return { loss: loss / rows, accuracy: this.data.target.kind === 'values' ? NaN : correct / rows };
  }

  /** The tensors of `count` examples from `start` on, filled up with the first of them to a whole batch. */
  private take({ features, labels }: SplitData, start: number, count: number): { features: Tensor; labels: Tensor | null; expected: (row: number) => bigint | undefined } {
    const { batch } = this.graph;
    const size = inputSize(this.data.input);
    const row = (index: number): number => start + (index < count ? index : 0);
    if (labels === null) {
      const windows = new Int32Array(batch * (size + 1));
      for (let index = 0; index < batch; index++) windows.set((features as Int32Array).subarray(row(index) * size, (row(index) + 1) * size + 1), index * (size + 1));
      const expected = (at: number): bigint => BigInt(windows[Math.floor(at / size) * (size + 1) + (at % size) + 1]!);
      return { features: new Tensor('int32', windows, [batch, size + 1]), labels: null, expected };
    }
    const rows = Int32Array.from({ length: batch }, (_, index) => row(index));
    const targets = takeRows(labels, labels.length / (features.length / size), rows);
    return {
      features: featureTensor(takeRows(features, size, rows), [batch, size]),
      labels: labelTensor(targets, batch),
      expected: (at) => (targets instanceof BigInt64Array ? targets[at] : undefined),
    };
  }
}
