/** ONNX Runtime: sessions, and the way of tensors in and out. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { RepriseError } from '../errors/errors';
import type { NamedTensor } from '../tensors/safetensors';

/**
 * How threads wait for their part of the next operator. To sleep and be woken takes longer than most operators of a small
 * model: with two threads its steps are a third quicker where they spin. After 50 µs they sleep all the same: a thread
 * that spins takes a core from whatever else runs, and where the cores are busy, ONNX Runtime's own 1 ms makes steps 3
 * to 7 times slower.
 */
function waiting(threads: number): Readonly<Record<string, string>> {
  return threads > 1 ? { allow_spinning: '1', spin_duration_us: '50' } : { allow_spinning: '0' };
}

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
      extra: { session: { intra_op: waiting(threads), inter_op: { allow_spinning: '0' } } },
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
