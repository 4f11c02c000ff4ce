/** What has to be there before the worker of an attempt can begin, and how it is started. */
import { existsSync, rmSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { RepriseError } from '../errors/errors';
import { ATTEMPT_FILES, attemptFolder, COMMAND_FILES } from '../events/command-files';
import type { Launch } from '../events/command-run';
import { DEVICE_VARIABLES, RUN_FILES } from '../events/manifest';
import { ownerFile } from '../events/owner';
import { freeLog } from '../execution/host-log';
import { localSpawn } from '../execution/local/local-spawn';
import { GPU_VARIABLES, type WorkerProcess } from '../execution/local/spawn';
import { atomicWriteWith } from '../files/atomic-write';
import { holderOf } from '../files/claim';
import { objectPath } from '../files/objects';
import { lifeOf } from '../files/process-identity';
import { makeWorkingCopy } from '../provenance/working-copy';
import { forgetEventFiles, passOverEventFiles } from './event-files';
import type { OutpostOrder } from './layout';
import { programs } from './programs';

type WorkOf<K extends OutpostOrder['work']['kind']> = Extract<OutpostOrder['work'], { readonly kind: K }>;

export interface Beginning {
  /** Absolute. */
  readonly base: string;
  readonly runFolder: string;
  readonly attempt: number;
  readonly order: OutpostOrder;
}

const spawn = localSpawn(programs.worker);

/**
 * Whoever starts an attempt vouches that the one before is over. So the note of a process that cannot be looked at from
 * here (it was on a node that is gone) stands in nobody's way; one that still lives here is waited for, then ended.
 */
export async function makeWay(runFolder: string): Promise<void> {
  const log = path.join(runFolder, RUN_FILES.events);
  for (const file of [ownerFile(log), path.join(runFolder, RUN_FILES.worker)]) {
    const holder = holderOf(file);
    if (holder !== null && lifeOf(holder.process) === 'unknown') rmSync(file, { force: true });
  }
  await freeLog(log);
  await rm(path.join(runFolder, COMMAND_FILES.stop), { force: true });
}

/** Starts the worker of a training, or the supervisor of a command. @throws RepriseError why it cannot begin */
export async function begin(beginning: Beginning): Promise<WorkerProcess> {
  const { work } = beginning.order;
  switch (work.kind) {
    case 'training':
      return beginTraining(beginning, work);
    case 'command':
      return beginCommand(beginning, work);
  }
}

async function beginTraining({ base, runFolder, order }: Beginning, { data }: WorkOf<'training'>): Promise<WorkerProcess> {
  const file = objectPath(base, data);
  if (!existsSync(file)) throw new RepriseError('OBJECT_MISSING', `The prepared data ${data} are not in ${base}.`, { kind: 'system', hint: 'Start the run again: they are sent anew.' });
  // A training gets a fixed environment; of what is set, it may know its devices alone.
  const devices = [...GPU_VARIABLES, ...DEVICE_VARIABLES].flatMap((name) => {
    const value = order.env[name] ?? process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return spawn(runFolder, file, Object.fromEntries(devices));
}

async function beginCommand({ base, runFolder, attempt, order }: Beginning, work: WorkOf<'command'>): Promise<WorkerProcess> {
  const { command, timeLimitMs, graceMs, outputLimit, snapshot, folder, cwd, parameterFile } = work;
  const inputs = new Map(Object.entries(work.inputs).map(([name, place]) => [name, path.resolve(base, place)]));
  await forgetEventFiles(runFolder);
  const copy = await makeWorkingCopy({ workspace: base, runFolder, snapshot, folder, inputs, parameterFile, cwd: path.posix.relative(folder, cwd), source: null });
  await passOverEventFiles(runFolder);
  const written = attemptFolder(runFolder, attempt);
  await rm(written, { recursive: true, force: true });
  await mkdir(written, { recursive: true });
  const metrics = path.join(written, ATTEMPT_FILES.metrics);
  // So that there is a file to append to, for programs that do not make one.
  await writeFile(metrics, '');
  const env = { WANDB_DIR: written, REPRISE_METRICS: metrics, ...order.env };
  await writeLaunch(runFolder, { runId: order.runId, attempt, command, cwd: path.join(copy.top, cwd), env, ...(order.secrets === undefined ? {} : { secrets: order.secrets }), timeLimitMs, graceMs, outputLimit });
  return spawn(runFolder, null, {});
}

/** It may hold what nobody else should read. */
async function writeLaunch(runFolder: string, launch: Launch): Promise<void> {
  await atomicWriteWith(path.join(runFolder, COMMAND_FILES.launch), async (handle) => {
    await handle.chmod(0o600);
    await handle.writeFile(JSON.stringify(launch));
  });
}
