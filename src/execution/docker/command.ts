/** A command in a container: its working copy and its attempt's folder are there under the paths they have here. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutorOf } from '../../config/executor';
import { fillTask } from '../../config/task';
import { ATTEMPT_FILES, attemptFolder, COMMAND_FILES } from '../../events/command-files';
import { argumentsOf } from '../../events/command-run';
import type { CommandManifest } from '../../events/manifest';
import type { CommandOrder, Order } from '../executor';
import { linkTargets, type Share } from './carrier';
import { CommandContents, HOME_FOLDER } from './command-contents';
import { containerEnvironment } from './environment';
import type { Job, Placed } from './job';

const workOf = ({ runFolder }: Order): string => path.join(runFolder, COMMAND_FILES.work);
const attemptOf = ({ runFolder, attempt }: Order): string => attemptFolder(runFolder, attempt);

/** What the program may write, and what it reads besides: the inputs, and what of the code is linked to where it lies. */
async function sharesOf(order: Order, { provenance: { code } }: CommandManifest, inputs: CommandOrder['inputs']): Promise<Share[]> {
  const linked = await linkTargets(workOf(order), (code?.withheld ?? []).map((file) => file.path));
  return [...commandShares(order), ...[...new Set([...Object.values(inputs), ...linked])].filter((place) => existsSync(place)).map((place) => ({ path: place, writable: false }))];
}

export function commandShares(order: Order): Share[] {
  return [workOf(order), attemptOf(order)].map((place) => ({ path: place, writable: true }));
}

export interface CommandJobOptions {
  readonly order: Order;
  readonly manifest: CommandManifest;
  readonly command: CommandOrder;
  readonly executor: ExecutorOf<'docker'>;
  /** Whether the program's user has no home in the image. */
  readonly givesHome: boolean;
  /** Values that are in no config. */
  readonly secrets: Readonly<Record<string, string>>;
}

export async function commandJob({ order, manifest, command, executor, givesHome, secrets }: CommandJobOptions): Promise<Job> {
  const folder = attemptOf(order);
  const home = path.join(folder, HOME_FOLDER);
  if (givesHome) await mkdir(home, { recursive: true });
  const places = { ...(givesHome ? { HOME: home } : {}), WANDB_DIR: folder, REPRISE_METRICS: path.join(folder, ATTEMPT_FILES.metrics) };
  return {
    command: argumentsOf(command.command),
    cwd: path.join(workOf(order), ...command.cwd.split('/')),
    env: containerEnvironment({ places, order: command.env, executor, task: fillTask(manifest.config).env, secrets }),
    shares: await sharesOf(order, manifest, command.inputs),
    limits: command,
  };
}

export function commandContents({ order, container, carrier, known, takeBack, isWanted }: Placed, secrets: readonly string[]): CommandContents {
  return new CommandContents({ order, container, carrier, secrets, outputLimit: known.outputLimit, clockOffset: known.clockOffset, takeBack, isWanted });
}
