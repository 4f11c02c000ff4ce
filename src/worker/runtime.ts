/** ONNX Runtime: sessions, and the way of tensors in and out. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { RepriseError } from '../errors/errors';
import type { NamedTensor } from '../tensors/safetensors';

/** @param what the kind of graph, for messages. @throws RepriseError ONNX_RUNTIME_FAILED */
export async function createSession(bytes: Uint8Array, threads: number, what: string): Promise<InferenceSession> {
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

/** Blocks the thread. @throws RepriseError ONNX_RUNTIME_FAILED */
export async function run(session: InferenceSession, feeds: Record<string, Tensor>, what: string): Promise<InferenceSession.OnnxValueMapType> {
  try {
    return await session.run(feeds);
  } catch (error) {
    throw runtimeError(`ONNX Runtime failed in the ${what} graph`, error);
  }
}

export function toTensor(tensor: NamedTensor): Tensor {
  return new Tensor(tensor.type, tensor.data as Float32Array, tensor.shape);
}

export function outputOf(outputs: InferenceSession.OnnxValueMapType, name: string): Tensor {
  const output = outputs[name];
  if (output === undefined) throw new RepriseError('ONNX_RUNTIME_FAILED', `The graph gave no output "${name}".`, { kind: 'system' });
  return output as Tensor;
}
