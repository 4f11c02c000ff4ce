/** What a complete config says, for those who do not have to check it: no schema is loaded with it. */
import type { AugmentConfig, Data } from './data';
import type { ExecutorConfig } from './executor';
import type { Config } from './schema';

/** The four seeds a run uses, resolved. */
export interface ResolvedSeeds {
  readonly split: number;
  readonly init: number;
  readonly order: number;
  readonly noise: number;
}

/** Purposes that have no seed of their own follow `seed`; the split stays fixed. */
export function resolveSeeds(config: Pick<Config, 'seed' | 'seeds'>): ResolvedSeeds {
  return {
    split: config.seeds.split,
    init: config.seeds.init ?? config.seed,
    order: config.seeds.order ?? config.seed,
    noise: config.seeds.noise ?? config.seed,
  };
}

/** How training images are changed; null where they are not. */
export function augmentOf(data: Data): AugmentConfig | null {
  if (!('augment' in data)) return null;
  const { crop, flip, shift } = data.augment;
  return crop > 0 || flip || shift > 0 ? data.augment : null;
}

const BYTES: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };
const SIZE = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/iu;

/** Bytes of a size as people write it: `512m`, `8 GiB`, `1.5g` (powers of 1024); null where it is none. */
export function bytesOf(size: string): number | null {
  const match = SIZE.exec(size.trim());
  if (match === null) return null;
  return Math.floor(Number(match[1]) * (BYTES[(match[2] ?? '').toLowerCase()] ?? 1));
}

/** One text for each place that runs wait for by itself: `local`, else `KIND:MACHINE`, with an empty name for this machine. */
export function placeOf(executor: ExecutorConfig): string {
  return executor.kind === 'local' ? 'local' : `${executor.kind}:${executor.machine ?? ''}`;
}

/** Whether Reprise says which GPUs of this machine a run gets, so that variables of the person who starts it do not. */
export function hasOwnGpus(executor: ExecutorConfig): boolean {
  return executor.kind === 'local' && (executor.gpus ?? 0) > 0;
}

/** The name of the machine that an executor names; null for this one. */
export function machineOf(executor: ExecutorConfig): string | null {
  return executor.kind === 'local' ? null : (executor.machine ?? null);
}
