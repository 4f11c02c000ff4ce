/** What a container is made with. */
import type { ContainerCreateOptions, DeviceRequest, MountSettings } from 'dockerode';
import type { ExecutorOf } from '../../config/executor';
import { bytesOf } from '../../config/facts';
import type { Order } from '../executor';

/** By these a container is found again. */
export const LABELS = { run: 'reprise.run', attempt: 'reprise.attempt', workspace: 'reprise.workspace' } as const;

export interface ContainerPlan {
  /** Id of the image. */
  readonly image: string;
  /** The program and its arguments, in place of what the image would start. */
  readonly command: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Null: the one of the image. */
  readonly user: string | null;
  /** Whether user ids are those of the machine in an engine that gives containers others. */
  readonly ownIds: boolean;
  readonly mounts: readonly MountSettings[];
  readonly labels: Readonly<Record<string, string>>;
}

type Limits = Pick<ExecutorOf<'docker'>, 'memory' | 'sharedMemory' | 'ulimits' | 'gpus' | 'network' | 'threads'>;

export function dockerConfigOf({ manifest }: Order): ExecutorOf<'docker'> {
  const { executor } = manifest.config;
  if (executor.kind !== 'docker') throw new Error('The run goes to no container.');
  return executor;
}

/** The program is the main process; Docker's own init, which the engine brings along, hands it signals and takes in orphans. */
export function containerOptions(plan: ContainerPlan, limits: Limits): ContainerCreateOptions {
  const [program = '', ...args] = plan.command;
  const memory = limits.memory === undefined ? null : bytesOf(limits.memory);
  const shared = limits.sharedMemory === undefined ? null : bytesOf(limits.sharedMemory);
  return {
    Image: plan.image,
    Entrypoint: [program],
    Cmd: args,
    WorkingDir: plan.cwd,
    Env: Object.entries(plan.env).map(([name, value]) => `${name}=${value}`),
    Labels: { ...plan.labels },
    ...(plan.user === null ? {} : { User: plan.user }),
    HostConfig: {
      Init: true,
      NetworkMode: limits.network ?? 'none',
      Mounts: [...plan.mounts],
      NanoCpus: limits.threads * 1e9,
      // No swap besides: what takes more than it may is ended, not slowed down for hours.
      ...(memory === null ? {} : { Memory: memory, MemorySwap: memory }),
      ...(shared === null ? {} : { ShmSize: shared }),
      Ulimits: Object.entries(limits.ulimits ?? {}).map(([Name, limit]) => (typeof limit === 'number' ? { Name, Soft: limit, Hard: limit } : { Name, Soft: limit.soft, Hard: limit.hard })),
      DeviceRequests: devices(limits.gpus),
      ...(plan.ownIds ? { UsernsMode: 'host' } : {}),
      // All of it can be read again from its beginning, whatever the engine does with the output of others.
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1024t' } },
    },
  };
}

function devices(gpus: Limits['gpus']): DeviceRequest[] {
  const capabilities = { Driver: '', Capabilities: [['gpu']], Options: {} };
  if (gpus === undefined || gpus === 0) return [];
  if (gpus === 'all') return [{ ...capabilities, Count: -1, DeviceIDs: [] }];
  return [typeof gpus === 'number' ? { ...capabilities, Count: gpus, DeviceIDs: [] } : { ...capabilities, Count: 0, DeviceIDs: [...gpus] }];
}
