/** Opens a workspace: as its one host, or to read beside it. */
import { existsSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { RepriseError } from '../errors/errors';
import { RUN_FILES } from '../events/manifest';
import { adoptFolders, ingestBehind } from './adopt';
import { corrupt, integrityProblems, openCopy, openDatabase, type Database } from './database';
import { fillRuns } from './fill';
import { behindFileOf, isId, runFolderOf, WORKSPACE_FILES } from './layout';
import { takeHostLock, type HostLock } from './lock';
import { latestVersion, migrate, schemaVersion } from './migrations';
import { refuseNetwork } from './network';
import { SqliteStore } from './sqlite-store';
import { tablesOf } from './tables/all';
import { adoptTrash } from './trash';
import type { Store } from './types';

/**
 * After a host that died, a database up to this size is looked through before it is used. A larger one would keep people
 * waiting for many seconds: a kill does not damage it, and what else does shows when it is read.
 */
const MOST_CHECKED_BYTES = 64 << 20;

export interface OpenOptions {
  /** `host` takes the workspace's lock, makes what is missing and may write; `reader` needs no lock and writes nothing. */
  readonly mode: 'host' | 'reader';
  /** Host: how long another host may take to let go, in milliseconds; 2000 by default. */
  readonly lockWaitMs?: number;
}

/**
 * Opens the store of a workspace folder: `reprise.db`, `runs/RUN_ID/…`, `studies/STUDY_ID.json`, `objects/ab/…`,
 * `cache/`, `host.lock`. A host makes the folder when it is missing, brings the schema up to date and, where the last
 * host died or the database is gone, takes in run folders and studies the database does not know.
 * @throws RepriseError WORKSPACE_IN_USE, WORKSPACE_READ_ONLY (host), WORKSPACE_NOT_FOUND, STORE_MISSING (reader), WORKSPACE_INVALID, WORKSPACE_ON_NETWORK,
 * STORE_TOO_NEW, STORE_TOO_OLD (reader), STORE_CORRUPT, STORE_BUSY, STORE_UNREADABLE, SQLITE_BINDING_MISSING
 */
export async function openStore(workspace: string, options: OpenOptions): Promise<Store> {
  const folder = resolve(workspace);
  switch (options.mode) {
    case 'host':
      return openAsHost(folder, options.lockWaitMs);
    case 'reader':
      return openAsReader(folder);
  }
}

/** Opens the database of a workspace for reading, with its schema checked. @throws RepriseError WORKSPACE_NOT_FOUND, STORE_MISSING, STORE_TOO_OLD, … */
export function openForReading(workspace: string): Database {
  const file = join(workspace, WORKSPACE_FILES.database);
  if (!existsSync(file)) throw noDatabase(workspace);
  const database = openReadable(file);
  try {
    const version = schemaVersion(database, file);
    if (version < latestVersion()) {
      throw new RepriseError('STORE_TOO_OLD', `The database ${file} has schema ${version}; this version of Reprise reads schema ${latestVersion()}.`, {
        kind: 'input',
        hint: 'Open the workspace once with the app, or run a training command in it: that brings the database up to date.',
      });
    }
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}

/** Takes the host lock of an existing or new workspace folder. @throws RepriseError WORKSPACE_IN_USE, WORKSPACE_READ_ONLY, WORKSPACE_ON_NETWORK */
export async function lockWorkspace(workspace: string, waitMs?: number): Promise<HostLock> {
  await refuseNetwork(realpathSync(nearestExisting(workspace)));
  try {
    await mkdir(workspace, { recursive: true });
    return await takeHostLock(join(workspace, WORKSPACE_FILES.lock), workspace, waitMs);
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    throw new RepriseError('WORKSPACE_READ_ONLY', `The workspace ${workspace} cannot be written by this user.`, {
      kind: 'system',
      hint: 'Change the permissions of the folder, or name another workspace with --workspace DIR.',
      cause: error,
    });
  }
}

/** Makes the folders of a workspace and clears run folders that were never finished being made. */
export async function makeFolders(workspace: string): Promise<void> {
  for (const name of [WORKSPACE_FILES.runs, WORKSPACE_FILES.studies, WORKSPACE_FILES.experiments, WORKSPACE_FILES.objects, WORKSPACE_FILES.cache]) {
    await mkdir(join(workspace, name), { recursive: true });
  }
  const runs = join(workspace, WORKSPACE_FILES.runs);
  for (const name of readdirSync(runs)) if (name.startsWith('.new-')) rmSync(join(runs, name), { recursive: true, force: true });
}

/** Whether a folder holds runs or studies that a database can be made from. Other programs have folders called `runs` too. */
export function holdsRecords(workspace: string): boolean {
  const runs = namesIn(join(workspace, WORKSPACE_FILES.runs)).filter(isId);
  if (runs.some((runId) => existsSync(join(runFolderOf(workspace, runId), RUN_FILES.manifest)))) return true;
  return namesIn(join(workspace, WORKSPACE_FILES.studies)).some((name) => name.endsWith('.json'));
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** The error for a workspace without a database: its records are still there, or it is none. */
export function noDatabase(workspace: string): RepriseError {
  if (!holdsRecords(workspace)) return workspaceNotFound(workspace);
  return new RepriseError('STORE_MISSING', `The database ${join(workspace, WORKSPACE_FILES.database)} is missing, but the runs and studies are there.`, {
    kind: 'system',
    hint: 'Run `reprise workspace rebuild`, or open the workspace with the app or a training command: each makes the database again from them.',
  });
}

export function workspaceNotFound(workspace: string): RepriseError {
  return new RepriseError('WORKSPACE_NOT_FOUND', `There is no workspace at ${workspace}.`, {
    kind: 'input',
    hint: 'Check --workspace; the first run makes a workspace.',
  });
}

async function openAsHost(workspace: string, lockWaitMs: number | undefined): Promise<Store> {
  refuseNoFolder(workspace);
  const file = join(workspace, WORKSPACE_FILES.database);
  const isNew = !existsSync(file);
  // Before anything is written: a database that this version must not touch, or cannot use.
  if (!isNew) preflight(file);
  const lock = await lockWorkspace(workspace, lockWaitMs);
  try {
    const database = openDatabase(file, { readonly: false });
    try {
      if (lock.takenOver && statSync(file).size <= MOST_CHECKED_BYTES) {
        const [problem] = integrityProblems(database, 'quick_check');
        if (problem !== undefined) throw corrupt(file, problem);
      }
      migrate(database, file);
      await makeFolders(workspace);
      const tables = tablesOf(database);
      await fillRuns(database, tables, workspace);
      if (lock.takenOver || isNew) await adoptFolders(database, tables, workspace);
      const behind = behindFileOf(workspace);
      if (lock.takenOver || existsSync(behind)) {
        await ingestBehind(database, tables, workspace);
        rmSync(behind, { force: true });
      }
      await adoptTrash(database, tables, workspace);
      return new SqliteStore(workspace, database, lock, tables);
    } catch (error) {
      database.close();
      throw error;
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function openAsReader(workspace: string): Promise<Store> {
  refuseNoFolder(workspace);
  const file = join(workspace, WORKSPACE_FILES.database);
  if (!existsSync(file)) throw noDatabase(workspace);
  await refuseNetwork(realpathSync(workspace));
  return new SqliteStore(workspace, openForReading(workspace), null);
}

function preflight(file: string): void {
  const database = openReadable(file);
  try {
    schemaVersion(database, file);
  } finally {
    database.close();
  }
}

function openReadable(file: string): Database {
  try {
    return openDatabase(file, { readonly: true });
  } catch (error) {
    const copy = error instanceof RepriseError && error.code === 'STORE_UNREADABLE' ? openCopy(file) : null;
    if (copy === null) throw error;
    return copy;
  }
}

function refuseNoFolder(workspace: string): void {
  if (existsSync(workspace) && !statSync(workspace).isDirectory()) {
    throw new RepriseError('WORKSPACE_INVALID', `The workspace ${workspace} is a file, not a folder.`, { kind: 'input', hint: 'Name a folder with --workspace DIR.' });
  }
}

function nearestExisting(path: string): string {
  return existsSync(path) ? path : nearestExisting(dirname(path));
}
