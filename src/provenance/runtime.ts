/** What decides the bits of a run besides its config: ONNX Runtime and the instruction sets it may pick from. */
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import path from 'node:path';
import { readFileSync } from 'node:fs';
import { RepriseError } from '../errors/errors';
import type { Provider } from '../config/executor';
import { TRAINER } from '../config/trainer';
import { DEVICE_VARIABLES, type RuntimeIdentity } from '../events/manifest';
import type { Gpu } from '../events/provenance';
import { cpuFlags } from './cpu';

/**
 * Instruction sets that numeric kernels are chosen by. Others (aes, rdrand, …) cannot change a float.
 * x86 names as in Linux' /proc/cpuinfo; ARM names as there and as macOS spells its FEAT_ flags.
 */
const NUMERIC_FLAG =
  /^(ssse3|sse4_[12]|avx|avx2|avx512.*|avx_.*|avx10.*|fma|f16c|amx.*|neon|advsimd.*|asimd.*|fphp|feat_(fp16|fhm|dotprod|bf16|i8mm|fcma|sme(?!p$).*)|fcma|i8mm|bf16|sve.*|sme(?!p$).*|vsx|rvv|zv.*)$/u;

/** The flags among `flags` that can change the bits of a result, sorted, each once. */
export function numericFlags(flags: readonly string[]): string[] {
  return [...new Set(flags)].filter((flag) => NUMERIC_FLAG.test(flag)).sort();
}

let packageFolder: string | undefined;

/**
 * The folder of the installed onnxruntime-node. Only its package.json is read: the worker alone may load the library.
 * @throws RepriseError ONNXRUNTIME_MISSING
 */
export function onnxruntimeFolder(): string {
  try {
    packageFolder ??= path.dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
    return packageFolder;
  } catch (cause) {
    throw new RepriseError('ONNXRUNTIME_MISSING', 'The package onnxruntime-node is not installed, so nothing can be trained.', {
      kind: 'system',
      hint: 'Install Reprise again: in a checkout run `npm ci`.',
      cause,
    });
  }
}

let version: string | undefined;

/** Version of ONNX Runtime that workers load. @throws RepriseError ONNXRUNTIME_MISSING */
export function onnxruntimeVersion(): string {
  if (version === undefined) {
    const text = readFileSync(path.join(onnxruntimeFolder(), 'package.json'), 'utf8');
    version = (JSON.parse(text) as { version: string }).version;
  }
  return version;
}

/** What a provider on a GPU computes on, as far as it can be known: ONNX Runtime does not tell which one it took. */
function deviceOf(gpus: readonly Gpu[], isGiven: boolean): readonly string[] {
  const variables = DEVICE_VARIABLES.filter((name) => !isGiven || name !== 'CUDA_VISIBLE_DEVICES');
  const chosen = variables.flatMap((name) => (process.env[name] === undefined ? [] : [`${name}=${path.basename(process.env[name])}`]));
  return [...gpus.map(({ name, driver }) => (driver === null ? name : `${name}, driver ${driver}`)), ...chosen];
}

/** What a machine says of itself that decides the runtime of a worker on its processor. */
export interface RuntimeMachine {
  readonly onnxruntime: string;
  readonly platform: string;
  readonly arch: string;
  readonly cpu: { readonly model: string; readonly flags: readonly string[] };
}

/** The runtime that a worker of this Reprise with so many threads has on the processor of a machine. */
export function processorRuntime({ onnxruntime, platform, arch, cpu }: RuntimeMachine, threads: number): RuntimeIdentity {
  const flags = numericFlags(cpu.flags);
  return {
    trainer: TRAINER,
    onnxruntime,
    executionProvider: 'cpu',
    optimizationLevel: 'all',
    threads,
    platform,
    arch,
    // Two processors of which nothing is known are not the same one.
    cpuFlags: flags.length > 0 ? flags : [`model: ${cpu.model}`],
  };
}

/**
 * The runtime that a worker with this many threads has on this machine. Synchronous; what is read is kept for the
 * life of the process.
 * @param gpus of this machine; no part of it where the processor computes
 * @param isGiven whether Reprise chooses among them: which one a run gets is another each time, and no part of it
 * @throws RepriseError ONNXRUNTIME_MISSING
 */
export function runtimeIdentity(threads: number, provider: Provider = 'cpu', gpus: readonly Gpu[] = [], isGiven = false): RuntimeIdentity {
  const { platform, arch } = process;
  const runtime = processorRuntime({ onnxruntime: onnxruntimeVersion(), platform, arch, cpu: { model: cpus()[0]?.model ?? 'unknown', flags: cpuFlags() } }, threads);
  return provider === 'cpu' ? runtime : { ...runtime, executionProvider: provider, device: deviceOf(gpus, isGiven) };
}
