/** A built-in training in a container: its worker has a run folder of its own there, whose log is taken in record by record. */
import { constants, closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { copyFile, mkdir, open, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutorOf } from '../../config/executor';
import { RepriseError } from '../../errors/errors';
import { RUN_FILES, type TrainingManifest } from '../../events/manifest';
import { ownerFile } from '../../events/owner';
import type { ArtifactRecord } from '../../events/records';
import { sha256File } from '../../files/hash';
import { objectPath } from '../../files/objects';
import type { AttemptEnd, Order } from '../executor';
import { WORKER_LOG } from '../local/local-spawn';
import { TrainingLog } from '../remote/training-log';
import type { Contents } from './attempt';
import type { Share } from './carrier';
import type { ContainerEnd } from './end';
import type { Job, Placed } from './job';
import type { LogPiece } from './logs';
import { KIT_IN_IMAGE } from './training-image';

/** The worker's own run folder, inside that of the run: it stays until the run is finished, for the attempts to come. */
const FOLDER = 'container';
const HOME = 'home';
/** Bytes of a log that are read at once. */
const PIECE = 8 << 20;

/** Locale, time zone and precision, which nothing of the machine may decide. */
const FIXED = { LC_ALL: 'C', LANG: 'C', TZ: 'UTC', NVIDIA_TF32_OVERRIDE: '0' };

const folderOf = ({ runFolder }: Pick<Order, 'runFolder'>): string => path.join(runFolder, FOLDER);

export function trainingShares(order: Order): Share[] {
  return [{ path: folderOf(order), writable: true }];
}

export interface TrainingJobOptions {
  readonly order: Order;
  readonly manifest: TrainingManifest;
  readonly dataFile: string;
  readonly executor: ExecutorOf<'docker'>;
  /** Values that are in no config. */
  readonly secrets: Readonly<Record<string, string>>;
}

export async function trainingJob({ order, manifest, dataFile, executor, secrets }: TrainingJobOptions): Promise<Job> {
  const folder = folderOf(order);
  await mkdir(path.join(folder, HOME), { recursive: true });
  await copyFile(path.join(order.runFolder, RUN_FILES.manifest), path.join(folder, RUN_FILES.manifest));
  await rm(path.join(folder, RUN_FILES.cancel), { force: true });
  // The container that had the log is gone, with all its processes.
  await rm(ownerFile(path.join(folder, RUN_FILES.events)), { force: true });
  const model = manifest.model === undefined ? [] : [objectPath(order.workspace, manifest.model.sha256)];
  return {
    command: [`${KIT_IN_IMAGE}/bin/node`, `${KIT_IN_IMAGE}/worker.js`, folder, dataFile],
    cwd: folder,
    env: { HOME: path.join(folder, HOME), ...FIXED, ...executor.env, ...secrets },
    shares: [...trainingShares(order), ...[dataFile, ...model].map((file) => ({ path: file, writable: false }))],
    // What has a checkpoint needs no time to end well.
    limits: { timeLimitMs: null, graceMs: 0, outputLimit: 0 },
  };
}

export class TrainingContents implements Contents {
  readonly #placed: Placed;
  readonly #folder: string;
  readonly #log: TrainingLog;
  #printed: number | null = null;

  constructor(placed: Placed) {
    this.#placed = placed;
    this.#folder = folderOf(placed.order);
    this.#log = new TrainingLog({ order: placed.order, aheadMs: Math.round(placed.known.clockOffset), fetch: (artifact) => this.#fetch(artifact) });
  }

  begin(): void {
    this.close();
    this.#printed = openSync(path.join(this.#placed.order.runFolder, WORKER_LOG), 'w');
  }

  piece({ bytes }: LogPiece): void {
    if (this.#printed !== null) writeSync(this.#printed, bytes);
  }

  async look(): Promise<void> {
    const { carrier, container } = this.#placed;
    await carrier.fetch(container, this.#events);
    await this.#takeIn();
  }

  /** The worker looks for the file between two chunks of steps. */
  async cancel(): Promise<void> {
    const { carrier, container } = this.#placed;
    const file = path.join(this.#folder, RUN_FILES.cancel);
    await writeFile(file, '');
    await carrier.put(container, file);
  }

  async collect({ reason, exitCode, signal }: ContainerEnd): Promise<AttemptEnd> {
    const { carrier, container, takeBack, order } = this.#placed;
    await carrier.collect(container);
    await takeBack();
    await this.#takeIn();
    await copyFile(path.join(this.#folder, RUN_FILES.replay), path.join(order.runFolder, RUN_FILES.replay)).catch(() => undefined);
    const isFinished = reason === 'ended' && exitCode === 0;
    if (isFinished) await rm(this.#folder, { recursive: true, force: true });
    const problem = reason === 'out-of-memory' ? { code: 'OUT_OF_MEMORY', message: 'The training was ended because it took more memory than its container may. Give `executor.memory` more, or choose a smaller batch.' } : null;
    return { exitCode, signal, problem };
  }

  close(): void {
    if (this.#printed !== null) closeSync(this.#printed);
    this.#printed = null;
  }

  get #events(): string {
    return path.join(this.#folder, RUN_FILES.events);
  }

  async #takeIn(): Promise<void> {
    const handle = await open(this.#events, 'r').catch((error: unknown) => {
      // It has not written anything yet, or an earlier host has taken in all of it.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    });
    if (handle === null) return;
    try {
      const piece = Buffer.alloc(PIECE);
      for (;;) {
        const before = this.#log.offset;
        const { bytesRead } = await handle.read(piece, 0, PIECE, before);
        await this.#log.take(piece.subarray(0, bytesRead));
        if (this.#log.offset === before) return;
      }
    } finally {
      await handle.close();
    }
  }

  /** @throws RepriseError ARTIFACT_DAMAGED */
  async #fetch({ name, file, sha256 }: ArtifactRecord): Promise<void> {
    const { carrier, container, order } = this.#placed;
    if (path.basename(file) !== file) throw new RepriseError('ARTIFACT_DAMAGED', `The worker names ${JSON.stringify(file)} as its ${name}, which is no name of a file.`, { kind: 'system' });
    const [there, here] = [path.join(this.#folder, file), path.join(order.runFolder, file)];
    await carrier.fetch(container, there);
    await copyFile(there, here, constants.COPYFILE_FICLONE);
    if ((await sha256File(here)) === sha256) return;
    rmSync(here, { force: true });
    throw new RepriseError('ARTIFACT_DAMAGED', `The file ${file} that the container wrote is not the one that its log tells of.`, { kind: 'system', hint: 'Retry the run.' });
  }
}
