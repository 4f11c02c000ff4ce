/**
 * Deleted runs: their folders lie in `trash/RUN_ID` for 30 days; their rows stay, with the time of their deletion, and
 * no list shows them.
 */
import { existsSync, mkdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { RepriseError } from '../errors/errors';
import { adoptRuns, type Adoption } from './adopt';
import type { Database } from './database';
import { readManifestFile } from './documents';
import { ingestRun } from './ingest';
import { isId, runFolderOf } from './layout';
import { inTransaction, type Tables } from './tables/all';
import { trashedRunIds, trashFolderOf } from './trash-folder';
import type { RunRow, RunStatus } from './types';

/** Runs moved in one go, so that nothing else waits long. */
const AT_ONCE = 50;

const ENDED: readonly RunStatus[] = ['finished', 'failed', 'cancelled'];

/** Where the folder of a run lies that may be deleted. */
export function presentFolderOf(workspace: string, runId: string): string {
  const folder = runFolderOf(workspace, runId);
  const trashed = join(trashFolderOf(workspace), runId);
  return !existsSync(folder) && existsSync(trashed) ? trashed : folder;
}

/**
 * Moves folders into the trash. A run whose folder is gone is deleted all the same. Nobody here works at a logged run,
 * so it can be deleted while it goes on; it takes nothing more then.
 * @returns ids of the runs that were deleted: all, but for those that went on in the meantime
 * @throws RepriseError RUN_ACTIVE where one is not at an end; nothing is deleted then
 */
export async function trashRuns(database: Database, tables: Tables, workspace: string, runIds: readonly string[]): Promise<string[]> {
  const active = tables.runs.byIds(runIds).filter((run) => !canGo(run));
  if (active.length > 0) throw runActive(active);
  mkdirSync(trashFolderOf(workspace), { recursive: true });
  const deleted: string[] = [];
  for (let from = 0; from < runIds.length; from += AT_ONCE) {
    // Without giving way in between: nobody can take up a run whose folder is moved.
    const runs = tables.runs.byIds(runIds.slice(from, from + AT_ONCE)).filter(canGo);
    const now = Date.now();
    const moved: string[] = [];
    try {
      for (const { runId } of runs) {
        moveIntoTrash(workspace, runId, now);
        moved.push(runId);
      }
    } finally {
      // Where one cannot be moved the others of this go lie in the trash already.
      inTransaction(database, tables, () => {
        for (const runId of moved) tables.runs.setDeleted(runId, now);
      });
    }
    deleted.push(...runs.map((run) => run.runId));
    await setImmediate();
  }
  return deleted;
}

function canGo(run: RunRow): boolean {
  return run.kind === 'logged' || ENDED.includes(run.status);
}

/**
 * Ends what a host that was killed had begun: a run whose folder lies in the trash, and not among the runs, is deleted,
 * so that it is not shown, compared or reused; one whose folder is back is not.
 */
export function finishDeletions(database: Database, tables: Tables, workspace: string): void {
  const trashed = trashedRunIds(workspace).filter((runId) => isId(runId) && !existsSync(runFolderOf(workspace, runId)));
  const gone = tables.runs.byIds(trashed);
  const back = tables.runs.deleted().filter(({ runId }) => !trashed.includes(runId) && existsSync(runFolderOf(workspace, runId)));
  if (gone.length === 0 && back.length === 0) return;
  inTransaction(database, tables, () => {
    for (const { runId } of gone) tables.runs.setDeleted(runId, deletedAt(workspace, runId));
    for (const { runId } of back) tables.runs.setDeleted(runId, deletionOfExperiment(tables, runId));
  });
}

/** Makes rows for runs in the trash that have none, so that they can be found and restored. */
export async function adoptTrash(database: Database, tables: Tables, workspace: string): Promise<Adoption> {
  const trashed = trashedRunIds(workspace).filter((runId) => isId(runId) && !existsSync(runFolderOf(workspace, runId)) && tables.runs.number(runId) === null);
  const adoption = await adoptRuns(database, tables, workspace, trashed, (runId) => join(trashFolderOf(workspace), runId));
  inTransaction(database, tables, () => {
    for (const runId of trashed) tables.runs.setDeleted(runId, deletedAt(workspace, runId));
  });
  finishDeletions(database, tables, workspace);
  return adoption;
}

function moveIntoTrash(workspace: string, runId: string, now: number): void {
  const folder = runFolderOf(workspace, runId);
  const target = join(trashFolderOf(workspace), runId);
  if (!existsSync(folder)) return;
  // An older copy of a run that is there again.
  rmSync(target, { recursive: true, force: true });
  // When it was deleted; set first, for a folder that was moved with its old time would be removed at the next start.
  utimesSync(folder, now / 1000, now / 1000);
  renameSync(folder, target);
}

function deletedAt(workspace: string, runId: string): number {
  return Math.round(statSync(join(trashFolderOf(workspace), runId)).mtimeMs);
}

/** When the experiment of a run was deleted, and the run with it; null where it is not. */
function deletionOfExperiment(tables: Tables, runId: string): number | null {
  const [found] = tables.runs.withMore([runId]);
  return found === undefined ? null : (tables.experiments.byId(found.more.experimentId)?.deleted_at ?? null);
}

/**
 * Brings runs back from the trash. One whose manifest cannot be read stays there. A run whose experiment is deleted comes
 * back with that.
 * @returns ids of those that are back
 */
export async function restoreRuns(database: Database, tables: Tables, workspace: string, runIds: readonly string[]): Promise<string[]> {
  finishDeletions(database, tables, workspace);
  const restored: string[] = [];
  for (const runId of runIds) {
    if (!isId(runId)) continue;
    const source = join(trashFolderOf(workspace), runId);
    const folder = runFolderOf(workspace, runId);
    if (!existsSync(source) || existsSync(folder) || !(await isWhole(source, runId))) continue;
    renameSync(source, folder);
    inTransaction(database, tables, () => tables.runs.setDeleted(runId, deletionOfExperiment(tables, runId)));
    if (tables.runs.number(runId) === null) await adoptRuns(database, tables, workspace, [runId]);
    else await ingestRun(database, tables, folder, workspace, runId);
    restored.push(runId);
  }
  return restored;
}

async function isWhole(folder: string, runId: string): Promise<boolean> {
  try {
    await readManifestFile(folder, runId);
    return true;
  } catch (error) {
    if (error instanceof RepriseError) return false;
    throw error;
  }
}

function runActive(runs: readonly RunRow[]): RepriseError {
  const [first] = runs;
  const what = runs.length === 1 ? `Run ${first?.runId ?? ''} is ${first?.status ?? 'active'}` : `${runs.length} of the runs are not at an end (${first?.runId ?? ''} is ${first?.status ?? 'active'})`;
  return new RepriseError('RUN_ACTIVE', `${what} and cannot be deleted; nothing was deleted.`, {
    kind: 'input',
    hint: 'Cancel what still runs or waits, then delete again.',
    problems: runs.slice(0, 20).map((run) => ({ path: run.runId, message: `is ${run.status}` })),
  });
}
