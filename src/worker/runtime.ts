/** ONNX Runtime: sessions on an execution provider, and the way of tensors in and out. */
import path from 'node:path';
import { InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node';
import { PROVIDERS, type Provider } from '../config/executor';
import { RepriseError } from '../errors/errors';
import type { NamedTensor } from '../tensors/safetensors';

/** What computes. */
export interface Executor {
  readonly provider: Provider;
  readonly threads: number;
}

/** What ONNX Runtime calls the providers. */
const NAMES: Readonly<Record<Provider, string>> = { cpu: 'cpu', webgpu: 'webgpu', cuda: 'cuda', directml: 'dml', coreml: 'coreml' };

/** The providers that the installed ONNX Runtime was built with, in the order of `PROVIDERS`. One may still lack its libraries, driver or device. */
export function builtInProviders(): readonly Provider[] {
  const names = new Set(listSupportedBackends().map(({ name }) => name));
  return PROVIDERS.filter((provider) => names.has(NAMES[provider]));
}

/** @throws RepriseError PROVIDER_MISSING where the installed ONNX Runtime was built without the provider */
export function checkBuiltIn(provider: Provider): void {
  const here = builtInProviders();
  if (here.includes(provider)) return;
  throw new RepriseError('PROVIDER_MISSING', `executor.provider is ${provider}, but the ONNX Runtime for ${process.platform} ${process.arch} has only ${here.join(', ')}.`, {
    hint: 'Set executor.provider to one that `reprise doctor` shows as working, or to auto for a new run.',
  });
}

/**
 * How threads wait for their part of the next operator. To sleep and be woken takes longer than most operators of a small
 * model: with two threads its steps are a third quicker where they spin. After 50 µs they sleep all the same: a thread
 * that spins takes a core from whatever else runs, and where the cores are busy, ONNX Runtime's own 1 ms makes steps 3
 * to 7 times slower.
 */
function waiting(threads: number): Readonly<Record<string, string>> {
  return threads > 1 ? { allow_spinning: '1', spin_duration_us: '50' } : { allow_spinning: '0' };
}

/** Where the profiles of sessions are written, one file each; a developer sets it. */
const PROFILES = process.env['REPRISE_PROFILES'];
const profiled = new Set<InferenceSession>();
if (PROFILES !== undefined) process.once('exit', () => profiled.forEach((session) => session.endProfiling()));

export interface SessionOptions {
  /** Outputs that stay where the provider made them; WebGPU alone can keep them. */
  readonly onDevice?: readonly string[];
  /** The folder its profile is written to when it is released. */
  readonly profiles?: string | undefined;
}

/**
 * @param what the kind of graph, for messages
 * @throws RepriseError PROVIDER_MISSING, ONNX_RUNTIME_FAILED
 */
export async function createSession(bytes: Uint8Array, { provider, threads }: Executor, what: string, { onDevice = [], profiles = PROFILES }: SessionOptions = {}): Promise<InferenceSession> {
  checkBuiltIn(provider);
  try {
    const session = await InferenceSession.create(bytes, {
      executionProviders: [NAMES[provider]],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      // A plan of all that a step holds is for the steps of a Loop more than they hold: without it a transformer takes a
      // quarter less memory, and an LSTM 3 % less time.
      enableMemPattern: false,
      logSeverityLevel: 3,
      extra: {
        session: {
          intra_op: waiting(threads),
          inter_op: { allow_spinning: '0' },
          // Adam's moments of a weight without a gradient, and what causal attention may not see, fade into numbers below
          // 10⁻³⁸, on which processors are a hundred times slower: an MLP on digits took twice as long. They count as 0.
          set_denormal_as_zero: '1',
        },
      },
      ...(onDevice.length > 0 ? { preferredOutputLocation: Object.fromEntries(onDevice.map((name) => [name, 'gpu-buffer' as const])) } : {}),
      ...(profiles === undefined ? {} : { enableProfiling: true, profileFilePrefix: path.join(profiles, what) }),
    });
    if (profiles !== undefined) profiled.add(session);
    return session;
  } catch (error) {
    throw runtimeError(`ONNX Runtime cannot load the ${what} graph${onProvider(provider)}`, error);
  }
}

function onProvider(provider: Provider): string {
  return provider === 'cpu' ? '' : ` on ${provider}`;
}

function runtimeError(what: string, error: unknown): RepriseError {
  return new RepriseError('ONNX_RUNTIME_FAILED', `${what}: ${error instanceof Error ? error.message : String(error)}`, {
    kind: 'system',
    hint: 'Check that there is enough memory; else report this message with the config.',
    cause: error,
  });
}

/** Frees what a session holds. */
export async function release(session: InferenceSession): Promise<void> {
  if (profiled.delete(session)) session.endProfiling();
  await session.release();
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
