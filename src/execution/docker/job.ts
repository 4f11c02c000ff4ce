/** What an order is in terms of containers; here the ways of a command and of a training part. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Container, MountSettings } from 'dockerode';
import { COMMAND_FILES } from '../../events/command-files';
import { RUN_FILES } from '../../events/manifest';
import type { Order } from '../executor';
import { secretsOf } from '../secrets';
import type { Contents } from './attempt';
import type { Carrier, Share } from './carrier';
import { commandContents, commandJob, commandShares } from './command';
import { dockerConfigOf, type ContainerPlan } from './container';
import type { Known, Limits } from './known';
import { trainingJob, TrainingContents, trainingShares } from './training';
import { volumeMounts } from './volumes';

/** What a container is to do, and what it sees of this machine. */
export interface Job extends Pick<ContainerPlan, 'command' | 'cwd' | 'env'> {
  readonly shares: readonly Share[];
  readonly limits: Limits;
}

export interface JobOptions {
  /** Whether the engine sees this machine's files. */
  readonly isHere: boolean;
  /** Whether the program's user has no home in the image. */
  readonly givesHome: boolean;
}

/** An attempt that has a container. */
export interface Placed {
  readonly order: Order;
  readonly container: Container;
  readonly carrier: Carrier;
  readonly known: Known;
  /** Makes what the program wrote the caller's. */
  readonly takeBack: () => Promise<void>;
  /** Whether anybody still waits for what it wrote. */
  readonly isWanted: () => boolean;
}

export function isCancelled({ runFolder }: Order): boolean {
  return existsSync(path.join(runFolder, RUN_FILES.cancel));
}

/** @throws RepriseError SECRET_MISSING, VOLUME_… */
export async function jobFor(order: Order, { isHere, givesHome }: JobOptions): Promise<Job & { readonly volumes: readonly MountSettings[] }> {
  const { manifest, command, dataFile } = order;
  const executor = dockerConfigOf(order);
  const secrets = secretsOf(executor);
  const volumes = volumeMounts(executor.volumes ?? [], configFolder(order), isHere);
  if (manifest.kind === 'command') {
    if (command === null) throw new Error('An attempt that was begun before is not started again.');
    return { ...(await commandJob({ order, manifest, command, executor, givesHome, secrets })), volumes };
  }
  if (dataFile === null) throw new Error('A training has data.');
  return { ...(await trainingJob({ order, manifest, dataFile, executor, secrets })), volumes };
}

export function writableShares(order: Order): readonly Share[] {
  return order.manifest.kind === 'command' ? commandShares(order) : trainingShares(order);
}

export function contentsOf(placed: Placed): Contents {
  const { order } = placed;
  if (order.manifest.kind !== 'command') return new TrainingContents(placed);
  // One that is not set any more by a later host cannot be looked for.
  const secrets = (dockerConfigOf(order).secrets ?? []).map((name) => process.env[name] ?? '');
  return commandContents(placed, secrets);
}

/** The folder of the config on this machine; null where the code came from elsewhere. */
function configFolder({ runFolder }: Order): string | null {
  try {
    const { folder } = JSON.parse(readFileSync(path.join(runFolder, COMMAND_FILES.origin), 'utf8')) as { readonly folder?: unknown };
    return typeof folder === 'string' ? folder : null;
  } catch {
    return null;
  }
}
