/** ONNX Runtime: sessions for training and evaluation, and the way of tensors in and out. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { RepriseError } from '../errors/errors';
import type { EvaluationGraph, TensorSpec, TrainingGraph } from '../models/types';
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

function features(data: Uint8Array | Float32Array, rows: number): Tensor {
  const shape = [rows, data.length / rows];
  return data instanceof Uint8Array ? new Tensor('uint8', data, shape) : new Tensor('float32', data, shape);
}

/** Rows of a split, in its order. */
export interface SplitData {
  readonly rows: number;
  /** [rows, D]. */
  readonly features: Uint8Array | Float32Array;
  readonly labels: BigInt64Array;
}

/** What one call computes with, beside the state. */
export interface ChunkInputs {
  readonly steps: number;
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
  private readonly features: Tensor;
  private readonly labels: Tensor;
  private state: Map<string, Tensor>;

  private constructor(
    private readonly session: InferenceSession,
    private readonly graph: TrainingGraph,
    train: SplitData,
    initial: readonly NamedTensor[],
  ) {
    this.features = features(train.features, train.rows);
    this.labels = new Tensor('int64', train.labels, [train.rows]);
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
    const rows = this.graph.batchesType === 'int32' ? inputs.batches : BigInt64Array.from(inputs.batches, BigInt);
    const feeds: Record<string, Tensor> = {
      ...Object.fromEntries(this.state),
      steps: new Tensor('int64', BigInt64Array.of(BigInt(steps)), []),
      features: this.features,
      labels: this.labels,
      batches: rows instanceof Int32Array ? new Tensor('int32', rows, [steps, batch]) : new Tensor('int64', rows, [steps, batch]),
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

  parameters(): NamedTensor[] {
    return this.read(this.graph.parameters);
  }

  optimizerState(): NamedTensor[] {
    return this.read(this.graph.optimizerState);
  }
}

/** Examples a call evaluates: fixed, so that equal weights give equal bits. */
const EVALUATION_BATCH = 500;

/** Measures a model on a split. */
export class Evaluator {
  private constructor(private readonly session: InferenceSession) {}

  /** @throws RepriseError ONNX_RUNTIME_FAILED */
  static async create(graph: EvaluationGraph, threads: number): Promise<Evaluator> {
    return new Evaluator(await createSession(graph.bytes, threads, 'evaluation'));
  }

  /**
   * Mean cross-entropy (nats) and accuracy, summed in float64 in the order of the rows.
   * @param between is awaited after each call, so that a caller can look after other things
   * @throws RepriseError ONNX_RUNTIME_FAILED
   */
  async evaluate(parameters: readonly NamedTensor[], split: SplitData, between: () => Promise<void>): Promise<{ loss: number; accuracy: number }> {
    const weights = Object.fromEntries(parameters.map((tensor) => [tensor.name, toTensor(tensor)]));
    const width = split.features.length / split.rows;
    let loss = 0;
    let correct = 0;
    for (let start = 0; start < split.rows; start += EVALUATION_BATCH) {
      const rows = Math.min(EVALUATION_BATCH, split.rows - start);
      const labels = split.labels.subarray(start, start + rows);
      const outputs = await run(
        this.session,
        { ...weights, input: features(split.features.subarray(start * width, (start + rows) * width), rows), labels: new Tensor('int64', labels, [rows]) },
        'evaluation',
      );
      const losses = outputOf(outputs, 'losses').data as Float32Array;
      const predictions = outputOf(outputs, 'predictions').data as BigInt64Array;
      for (let row = 0; row < rows; row++) {
        loss += losses[row]!;
        if (predictions[row] === labels[row]) correct++;
      }
      await between();
    }
    return { loss: loss / split.rows, accuracy: correct / split.rows };
  }
}
