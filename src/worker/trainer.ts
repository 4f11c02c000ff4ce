/** Training steps on ONNX Runtime. */
import { Tensor, type InferenceSession } from 'onnxruntime-node';
import type { TensorSpec, TrainingGraph } from '../models/types';
import type { NamedTensor } from '../tensors/safetensors';
import { exampleTensors, type Split, type SplitData } from './examples';
import { createSession, outputOf, run, toTensor, type Executor } from './runtime';
import { discard, staysOnDevice, Transfer } from './transfer';

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

/**
 * Runs training steps; holds the parameters and the optimizer's state between calls. On WebGPU both the state and the
 * examples stay on the device.
 */
export class Trainer {
  private state: ReadonlyMap<string, Tensor>;
  /** The state on the host; null after a step on a device until it is fetched. */
  private onHost: ReadonlyMap<string, Tensor> | null;
  /** The training split, where the graph reads it; null where each call brings its own. */
  private examples: Record<string, Tensor> | null = null;
  private toDevice: Transfer | null = null;
  private toHost: Transfer | null = null;

  private constructor(
    private readonly session: InferenceSession,
    private readonly graph: TrainingGraph,
    private readonly executor: Executor,
    initial: readonly NamedTensor[],
  ) {
    this.state = new Map(initial.map((tensor) => [tensor.name, toTensor(tensor)]));
    this.onHost = this.state;
  }

  /** @param train null where each call brings its own examples. @throws RepriseError PROVIDER_MISSING, ONNX_RUNTIME_FAILED */
  static async create(graph: TrainingGraph, train: SplitData | null, initial: readonly NamedTensor[], executor: Executor): Promise<Trainer> {
    const onDevice = staysOnDevice(executor) ? initial.map(({ name }) => `next/${name}`) : [];
    const trainer = new Trainer(await createSession(graph.bytes, executor, 'training', { onDevice }), graph, executor, initial);
    if (train !== null) trainer.examples = await trainer.place(train);
    return trainer;
  }

  /** Computes `inputs.steps` steps. Blocks the thread. @throws RepriseError ONNX_RUNTIME_FAILED */
  async step(inputs: ChunkInputs): Promise<ChunkOutputs> {
    const own = inputs.examples === null ? null : await this.place(inputs.examples);
    const atOnce = this.graph.form === 'loop' ? inputs.steps : 1;
    const parts: ChunkOutputs[] = [];
    for (let from = 0; from < inputs.steps; from += atOnce) parts.push(await this.compute(inputs, own ?? this.examples ?? {}, from, atOnce));
    if (own !== null) discard(Object.values(own));
    const [first] = parts;
    if (parts.length === 1 && first !== undefined) return first;
    const norms = parts.flatMap(({ gradientNorms }) => [...(gradientNorms ?? [])]);
    return { losses: Float32Array.from(parts.flatMap(({ losses }) => [...losses])), gradientNorms: norms.length === 0 ? null : Float32Array.from(norms) };
  }

  /** One run of the graph: the steps from … to from + count − 1 of a call. */
  private async compute(inputs: ChunkInputs, examples: Record<string, Tensor>, from: number, count: number): Promise<ChunkOutputs> {
    const { steps, masks } = inputs;
    const part = <T extends Int32Array | Float32Array | Uint8Array>(values: T): T => values.subarray((from * values.length) / steps, ((from + count) * values.length) / steps) as T;
    const batch = inputs.batches.length / steps;
    const feeds: Record<string, Tensor> = {
      ...Object.fromEntries(this.state),
      ...examples,
      ...(this.graph.form === 'loop' ? { steps: new Tensor('int64', BigInt64Array.of(BigInt(count)), []) } : {}),
      batches: new Tensor('int32', part(inputs.batches), [count, batch]),
      exampleWeights: new Tensor('float32', part(inputs.exampleWeights), [count, batch]),
      scalars: new Tensor('float32', part(inputs.scalars), [count, inputs.scalars.length / steps]),
    };
    for (const [name, mask] of masks) feeds[name] = new Tensor('uint8', part(mask.data), [count, batch, mask.width]);
    const outputs = await run(this.session, feeds, 'training');
    discard(this.state.values());
    this.state = new Map([...this.state.keys()].map((name) => [name, outputOf(outputs, `next/${name}`)]));
    this.onHost = staysOnDevice(this.executor) ? null : this.state;
    return { losses: outputOf(outputs, 'losses').data as Float32Array, gradientNorms: 'gradientNorms' in outputs ? (outputOf(outputs, 'gradientNorms').data as Float32Array) : null };
  }

  /** Brings examples to where the graph gathers its batches: bytes and classes stay on the host, since WebGPU cannot gather them. */
  private async place(split: SplitData): Promise<Record<string, Tensor>> {
    const tensors = exampleTensors(split);
    if (!staysOnDevice(this.executor)) return tensors;
    const cargo = Object.entries(tensors).flatMap(([name, { type, dims }]) => (type === 'float32' || type === 'int32' ? [{ name, type, shape: dims.map((_, axis) => `${name}.${axis}`) }] : []));
    if (cargo.length === 0) return tensors;
    this.toDevice ??= await Transfer.create(cargo, this.executor, 'device');
    const moving = new Map(cargo.map(({ name }) => [name, tensors[name]!]));
    return { ...tensors, ...Object.fromEntries(await this.toDevice.move(moving)) };
  }

  /** Brings the state to the host, where it lies on a device: `weights` and `optimizerState` read it there. @throws RepriseError ONNX_RUNTIME_FAILED */
  async fetch(): Promise<void> {
    if (this.onHost !== null) return;
    const specs = [...this.graph.parameters, ...this.graph.buffers, ...this.graph.optimizerState];
    this.toHost ??= await Transfer.create(specs.map(({ name, shape }) => ({ name, type: 'float32', shape })), this.executor, 'host');
    this.onHost = await this.toHost.move(this.state);
  }

  private read(specs: readonly TensorSpec[]): NamedTensor[] {
    const state = this.onHost;
    if (state === null) throw new Error('the state was not fetched after the last step');
    return specs.map(({ name, type, shape }) => ({ name, type, shape, data: state.get(name)!.data }) as NamedTensor);
  }

  /** Parameters and buffers: what the model is. */
  weights(): NamedTensor[] {
    return this.read([...this.graph.parameters, ...this.graph.buffers]);
  }

  optimizerState(): NamedTensor[] {
    return this.read(this.graph.optimizerState);
  }
}

/** Bytes of one buffer that WebGPU promises on every device (the limit maxStorageBufferBindingSize). */
const LARGEST_BUFFER = 2 ** 27;

/** A split as a trainer can take it: one that is too large for a buffer of a GPU is brought there call by call. */
export function placeable(split: Split, executor: Executor): Split {
  const fits = !staysOnDevice(executor) || split.whole === null || split.whole.features.byteLength <= LARGEST_BUFFER;
  return fits ? split : { ...split, whole: null };
}
