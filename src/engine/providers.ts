/** Which execution providers work on this machine, found out by a worker for each: one that fails may end its process. */
import { execFile } from 'node:child_process';
import { PROVIDERS, type Provider } from '../config/schema';
import { workerEnvironment } from '../execution/local-spawn';
import { workerEntry } from './local-workers';

export interface ProviderFound {
  readonly provider: Provider;
  /** Milliseconds of a product of two matrices of 1024 × 1024; null where the provider does not work. */
  readonly milliseconds: number | null;
  /** Why it does not work, a sentence; null where it does. */
  readonly problem: string | null;
  /** Whether the installed ONNX Runtime was built with it. */
  readonly builtIn: boolean;
}

/** Time for a driver to wake and to translate its first programs. */
const LIMIT_MS = 60_000;

function ask(provider: Provider): Promise<ProviderFound> {
  return new Promise((resolve) => {
    execFile(process.execPath, [workerEntry(), '--provider', provider], { env: workerEnvironment(process.env), timeout: LIMIT_MS, windowsHide: true }, (error, stdout) => {
      try {
        resolve({ provider, ...(JSON.parse(stdout) as Omit<ProviderFound, 'provider'>) });
      } catch {
        resolve({ provider, milliseconds: null, problem: `The process that tried it ended without an answer${error === null ? '' : ` (${error.killed === true ? `after ${LIMIT_MS / 1000} s` : (error.signal ?? `exit code ${error.code ?? 'unknown'}`)})`}.`, builtIn: true });
      }
    });
  });
}

/** Tries each provider, one after another: they are measured. */
export async function askProviders(): Promise<readonly ProviderFound[]> {
  const found: ProviderFound[] = [];
  for (const provider of PROVIDERS) found.push(await ask(provider));
  return found;
}

let known: Promise<readonly ProviderFound[]> | undefined;

/** Floating-point operations of a step below which handing its nodes to a GPU costs more than the GPU saves. */
const SMALL_STEP = 1e9;
/** How many times quicker than the processor another provider has to be: near it, the one whose bits can be had again is better. */
const CLEARLY = 2;

/**
 * What `auto` stands for: the processor for small steps; for others the provider that multiplied two matrices quickest,
 * if it was at least twice as quick as the processor.
 */
export function quickest(flopsPerStep: number, found: readonly ProviderFound[]): Provider {
  const time = (provider: Provider): number => found.find((entry) => entry.provider === provider)?.milliseconds ?? Infinity;
  if (flopsPerStep < SMALL_STEP) return 'cpu';
  const best = PROVIDERS.reduce((left, right) => (time(right) < time(left) ? right : left));
  return time(best) * CLEARLY <= time('cpu') ? best : 'cpu';
}

/** `quickest` on this machine, whose providers are tried once a process and only where it matters. */
export async function chooseProvider(flopsPerStep: number): Promise<Provider> {
  if (flopsPerStep < SMALL_STEP) return 'cpu';
  known ??= askProviders();
  return quickest(flopsPerStep, await known);
}
