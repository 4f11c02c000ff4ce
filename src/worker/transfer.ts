/** Brings tensors to a GPU and back. */
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import { GraphBuilder } from '../onnx/graph';
import type { Dim } from '../onnx/types';
import { createSession, outputOf, run, type Executor } from './runtime';

/** What is brought: names, element types and shapes. */
export interface Cargo {
  readonly name: string;
  readonly type: 'float32' | 'int32';
  readonly shape: readonly Dim[];
}

/**
 * A graph that hands its inputs on: reading a tensor on a GPU from JavaScript ends the process, so ONNX Runtime itself
 * must copy. What it brought to a device is its session's, and is lost with it.
 */
export class Transfer {
  private constructor(
    private readonly session: InferenceSession,
    private readonly cargo: readonly Cargo[],
  ) {}

  /** @param to where the tensors that `move` gives lie. @throws RepriseError ONNX_RUNTIME_FAILED */
  static async create(cargo: readonly Cargo[], executor: Executor, to: 'device' | 'host'): Promise<Transfer> {
    const graph = new GraphBuilder('transfer');
    for (const { name, type, shape } of cargo) graph.output(graph.input(name, type, shape), moved(name));
    const bytes = graph.encode({ description: `Tensors on their way to the ${to}.` });
    return new Transfer(await createSession(bytes, executor, 'transfer', { onDevice: to === 'device' ? cargo.map(({ name }) => moved(name)) : [] }), cargo);
  }

  /** @throws RepriseError ONNX_RUNTIME_FAILED */
  async move(tensors: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>> {
    const outputs = await run(this.session, Object.fromEntries(tensors), 'transfer');
    return new Map(this.cargo.map(({ name }) => [name, outputOf(outputs, moved(name))]));
  }
}

/** ONNX Runtime's Node binding can leave outputs where WebGPU made them, and nowhere else. */
export function staysOnDevice({ provider }: Executor): boolean {
  return provider === 'webgpu';
}

/** Frees what lies on a device; what lies on the host is the garbage collector's. */
export function discard(tensors: Iterable<Tensor>): void {
  for (const tensor of tensors) if (tensor.location === 'gpu-buffer') tensor.dispose();
}

function moved(name: string): string {
  return `moved/${name}`;
}
