/** How a command gets an engine: as host of its workspace where it trains, as reader where it only looks. */
import { resolve } from 'node:path';
import type { Input, Method, Output } from '../api/contract';
import { defaultWorkspace } from '../engine/default-workspace';
import { createEngine, type Engine } from '../engine/engine';
import { localWorkers } from '../engine/local-workers';
import { inScratchFolder } from '../engine/scratch';
import { isWorkspace, workspaceNotFound } from '../engine/workspace';
import { RepriseError } from '../errors/errors';
import { ReportedError } from './reported-error';

export interface GlobalOptions {
  readonly workspace?: string;
  readonly json?: boolean;
}

export function workspaceOf(options: GlobalOptions): string {
  return resolve(options.workspace ?? defaultWorkspace());
}

export const spawnWorker = localWorkers();

/**
 * - `host`: trains; goes on with what was interrupted.
 * - `present-host`: the same, in a workspace that exists.
 * - `quiet-host`: changes the queue but starts nothing.
 * - `fill`: puts runs into the store and starts nothing; makes the workspace where there is none.
 * - `look`: reads; brings the index up to date when nobody hosts the workspace, else reads beside the host.
 * - `scratch`: like `look`, but where there is no workspace yet a temporary one does, so that nothing is written.
 */
export type Access = 'host' | 'present-host' | 'quiet-host' | 'fill' | 'look' | 'scratch';

/** Opens the engine, does the work, and lets go of the workspace whatever happens. */
export async function withEngine<T>(options: GlobalOptions, access: Access, work: (engine: Engine) => Promise<T>): Promise<T> {
  const workspace = workspaceOf(options);
  const exists = isWorkspace(workspace);
  if (access === 'scratch' && !exists) {
    return inScratchFolder(async (folder) => using(await createEngine({ workspace: folder, mode: 'host', spawn: spawnWorker }), work));
  }
  if ((access === 'present-host' || access === 'quiet-host') && !exists) throw workspaceNotFound(workspace);
  if (access !== 'look' && access !== 'scratch') return using(await createEngine({ workspace, mode: 'host', spawn: spawnWorker, resume: access !== 'quiet-host' && access !== 'fill' }), work);
  return using(await openToLook(workspace, exists), work);
}

async function openToLook(workspace: string, exists: boolean): Promise<Engine> {
  if (exists) {
    try {
      return await createEngine({ workspace, mode: 'host', spawn: spawnWorker, resume: false, lockWaitMs: 0 });
    } catch (error) {
      const beside = error instanceof RepriseError && (error.code === 'WORKSPACE_IN_USE' || error.code === 'WORKSPACE_READ_ONLY');
      if (!beside) throw error;
    }
  }
  return createEngine({ workspace, mode: 'reader', spawn: spawnWorker });
}

async function using<T>(engine: Engine, work: (engine: Engine) => Promise<T>): Promise<T> {
  try {
    return await work(engine);
  } finally {
    await engine.close();
  }
}

/** Calls a method and throws what it reports. */
export async function call<M extends Method>(engine: Engine, method: M, input: Input<M>): Promise<Output<M>> {
  const result = await engine.call(method, input);
  if (!result.ok) throw new ReportedError(result.error);
  return result.value;
}
