/** What an order is in terms of containers: here a command and a training part. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Container, MountSettings } from 'dockerode';
import type { ExecutorOf } from '../../config/executor';
import { RUN_FILES } from '../../events/manifest';
import type { Order } from '../executor';
import type { Contents } from './attempt';
import type { Carrier, Share } from './carrier';
import { commandContents, commandJob, commandShares } from './command';
import type { ContainerPlan } from './container';
import type { Known, Limits } from './known';
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

export function dockerConfigOf({ manifest }: Order): ExecutorOf<'docker'> {
  const { executor } = manifest.config;
  if (executor.kind !== 'docker') throw new Error('The run goes to no container.');
  return executor;
}

export function isCancelled({ runFolder }: Order): boolean {
  return existsSync(path.join(runFolder, RUN_FILES.cancel));
}

export async function jobFor(order: Order, { isHere, givesHome }: JobOptions): Promise<Job & { readonly volumes: readonly MountSettings[] }> {
  const { manifest, command } = order;
  const executor = dockerConfigOf(order);
  if (manifest.kind !== 'command' || command === null) throw new Error('TRAINING');
  const job = await commandJob({ order, manifest, command, executor, givesHome, secrets: {} });
  return { ...job, volumes: volumeMounts(executor.volumes ?? [], configFolder(order), isHere) };
}

export function writableShares(order: Order): readonly Share[] {
  return commandShares(order);
}

export function contentsOf(placed: Placed): Contents {
  return commandContents(placed);
}

/** The folder of the config on this machine; null where the code came from elsewhere. */
function configFolder({ runFolder }: Order): string | null {
  try {
    const { folder } = JSON.parse(readFileSync(path.join(runFolder, 'origin.json'), 'utf8')) as { readonly folder?: unknown };
    return typeof folder === 'string' ? folder : null;
  } catch {
    return null;
  }
}
