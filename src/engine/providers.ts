/** Which execution providers work on this machine, found out by a worker for each: one that fails may end its process. */
import { execFile } from 'node:child_process';
import { isCommandConfig, type RunConfig } from '../config/command';
import { PROVIDERS, type Provider } from '../config/executor';
import { RepriseError } from '../errors/errors';
import { workerEnvironment } from '../execution/local/local-spawn';
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

/** The operating systems of the providers that are not made for all. */
const SYSTEMS: Readonly<Partial<Record<Provider, readonly NodeJS.Platform[]>>> = { cuda: ['linux', 'win32'], directml: ['win32'], coreml: ['darwin'] };
const SYSTEM_NAMES: Readonly<Partial<Record<NodeJS.Platform, string>>> = { darwin: 'macOS', linux: 'Linux', win32: 'Windows' };

/** Why a provider cannot be on an operating system, the end of a sentence; null where it can. Whether it works here, a worker alone can tell. */
export function providerObstacle(provider: Provider, platform: NodeJS.Platform = process.platform): string | null {
  const name = (system: NodeJS.Platform): string => SYSTEM_NAMES[system] ?? system;
  const canBe = (one: Provider): boolean => SYSTEMS[one]?.includes(platform) ?? true;
  if (canBe(provider)) return null;
  return `${provider} is for ${SYSTEMS[provider]?.map(name).join(' and ')} alone; ${name(platform)} can have ${PROVIDERS.filter(canBe).join(', ')}`;
}

/** Another machine's config may name a provider that cannot be here: it can be read, but not run. @throws RepriseError PROVIDER_MISSING */
export function refuseProvider(config: RunConfig, platform: NodeJS.Platform = process.platform): void {
  const provider = isCommandConfig(config) ? undefined : config.executor.provider;
  const obstacle = provider === undefined || provider === 'auto' ? null : providerObstacle(provider, platform);
  if (obstacle === null) return;
  throw new RepriseError('PROVIDER_MISSING', `executor.provider is ${provider}, but ${obstacle}.`, {
    kind: 'input',
    hint: 'Set executor.provider to one that `reprise doctor` shows as working, or to auto.',
  });
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
