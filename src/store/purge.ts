/** Removes deleted runs for good: rows, folders, and the objects that nothing else refers to. */
import { rmSync } from 'node:fs';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RepriseError } from '../errors/errors';
import { objectPath } from '../files/objects';
import type { Database } from './database';
import { WORKSPACE_FILES } from './layout';
import { inTransaction, removeRun, type Tables } from './tables/all';
import type { PurgePlan } from './tracking';
import { presentFolderOf } from './trash';

/** Folders of a workspace whose files may name objects, besides those of runs: every 64 hexadecimal digits in them count. */
const NAMING_FOLDERS = [WORKSPACE_FILES.studies, WORKSPACE_FILES.experiments, 'verdicts'] as const;

/** So long a deleted run can be restored. */
const TRASH_MS = 30 * 24 * 3_600_000;

/**
 * What a purge would remove: the deleted runs among those named, or all of them. An object counts only when no other
 * run, study or verdict refers to it.
 */
export async function planPurge(tables: Tables, workspace: string, runIds?: readonly string[]): Promise<PurgePlan> {
  const named = runIds === undefined ? null : new Set(runIds);
  const runs = tables.runs.deleted().map(({ runId }) => runId).filter((runId) => named?.has(runId) ?? true);
  let bytes = 0;
  for (const runId of runs) bytes += await sizeOf(presentFolderOf(workspace, runId));
  const objects: { sha256: string; bytes: number }[] = [];
  for (const sha256 of await unreferenced(tables, workspace, new Set(tables.runs.withMore(runs).map(({ number }) => number)))) {
    const size = await sizeOf(objectPath(workspace, sha256));
    objects.push({ sha256, bytes: size });
    bytes += size;
  }
  return { runs, objects, bytes };
}

/** Runs that were deleted over 30 days ago. */
export function expiredRuns(tables: Tables, now: number): string[] {
  return tables.runs.deleted().filter(({ deletedAt }) => now - deletedAt > TRASH_MS).map(({ runId }) => runId);
}

/**
 * Removes what `planPurge` names. Rows and folders go first: a crash leaves objects that nothing refers to, never the
 * other way round.
 * @param index makes the database hold all that was logged
 */
export async function purge(database: Database, tables: Tables, workspace: string, index: () => void, runIds?: readonly string[]): Promise<PurgePlan> {
  const plan = await planPurge(tables, workspace, runIds);
  inTransaction(database, tables, () => {
    for (const runId of plan.runs) removeRun(tables, runId);
    tables.variants.dropUnused();
  });
  for (const runId of plan.runs) await rm(presentFolderOf(workspace, runId), { recursive: true, force: true });
  // What was logged in the meantime may refer to the same content.
  index();
  const free = new Map(plan.objects.map((object) => [object.sha256, object]));
  let { bytes } = plan;
  for (const { sha256 } of tables.files.references()) {
    bytes -= free.get(sha256)?.bytes ?? 0;
    free.delete(sha256);
  }
  for (const sha256 of free.keys()) rmSync(objectPath(workspace, sha256), { force: true });
  return { runs: plan.runs, objects: [...free.values()], bytes };
}

/** Objects that runs refer to and nothing else does. @param going numbers of the runs */
async function unreferenced(tables: Tables, workspace: string, going: ReadonlySet<number>): Promise<string[]> {
  const candidates = new Set<string>();
  const goingCode = new Set<string>();
  for (const { run, sha256, isCode } of tables.files.references()) {
    if (!going.has(run)) continue;
    candidates.add(sha256);
    if (isCode) goingCode.add(sha256);
  }
  for (const sha256 of goingCode) for (const file of await filesOfCode(workspace, sha256)) candidates.add(file);
  if (candidates.size === 0) return [];
  const keptCode = new Set<string>();
  for (const { run, sha256, isCode } of tables.files.references()) {
    if (going.has(run)) continue;
    candidates.delete(sha256);
    if (isCode) keptCode.add(sha256);
  }
  for (const sha256 of keptCode) for (const file of await filesOfCode(workspace, sha256)) candidates.delete(file);
  for (const folder of NAMING_FOLDERS) await keepNamed(join(workspace, folder), candidates);
  return [...candidates].sort();
}

/** @throws RepriseError SNAPSHOT_INVALID: which files a code state needs must be known before any is removed */
async function filesOfCode(workspace: string, sha256: string): Promise<string[]> {
  let text: string;
  try {
    text = await readFile(objectPath(workspace, sha256), 'utf8');
  } catch (error) {
    // A list that is gone keeps nothing.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new RepriseError('SNAPSHOT_INVALID', `The code state ${sha256} cannot be read.`, { kind: 'system', hint: 'Check the permissions of the workspace folder.', cause: error });
  }
  const { parseSnapshot, snapshotObjects } = await import('../events/snapshot');
  return snapshotObjects(parseSnapshot(text));
}

async function keepNamed(folder: string, candidates: Set<string>): Promise<void> {
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await keepNamed(path, candidates);
    else if (entry.isFile()) for (const [sha256] of (await readFile(path, 'utf8')).matchAll(/[0-9a-f]{64}/gu)) candidates.delete(sha256);
  }
}

/** Bytes of a file, or of all files below a folder; 0 where there is none. */
async function sizeOf(path: string): Promise<number> {
  try {
    const found = await stat(path);
    if (!found.isDirectory()) return found.size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
  let bytes = 0;
  for (const entry of await entriesOf(path)) if (!entry.isSymbolicLink()) bytes += await sizeOf(join(path, entry.name));
  return bytes;
}

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
