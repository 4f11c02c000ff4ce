/** Training steps on ONNX Runtime. */
import { Tensor, type InferenceSession } from 'onnxruntime-node';
import type { TensorSpec, TrainingGraph } from '../models/types';
import type { NamedTensor } from '../tensors/safetensors';
import { exampleTensors, type SplitData } from './examples';
import { createSession, outputOf, run, toTensor } from './runtime';

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

/** What the steps of one call tell. */
export interface ChunkOutputs {
  readonly losses: Float32Array;
  /** Null where the graph does not tell them. */
  readonly gradientNorms: Float32Array | null;
}

/** Runs training steps; holds the parameters and the optimizer's state between calls. */
export class Trainer {
  private readonly examples: Record<string, Tensor> | null;
  private state: Map<string, Tensor>;

  private constructor(
    private readonly session: InferenceSession,
    private readonly graph: TrainingGraph,
    train: SplitData | null,
    initial: readonly NamedTensor[],
  ) {
    this.examples = train === null ? null : exampleTensors(train);
    this.state = new Map(initial.map((tensor) => [tensor.name, toTensor(tensor)]));
  }

  /** @throws RepriseError ONNX_RUNTIME_FAILED */
  static async create(graph: TrainingGraph, train: SplitData | null, initial: readonly NamedTensor[], threads: number): Promise<Trainer> {
    return new Trainer(await createSession(graph.bytes, threads, 'training'), graph, train, initial);
  }

  /** Computes `inputs.steps` steps. Blocks the thread. @throws RepriseError ONNX_RUNTIME_FAILED */
  async step(inputs: ChunkInputs): Promise<ChunkOutputs> {
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
    return { losses: outputOf(outputs, 'losses').data as Float32Array, gradientNorms: 'gradientNorms' in outputs ? (outputOf(outputs, 'gradientNorms').data as Float32Array) : null };
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
