/** Deleted runs: their folders lie in `trash/RUN_ID` for 30 days; rows they have none. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { RepriseError } from '../errors/errors';
import { adoptRuns } from './adopt';
import type { Database } from './database';
import { isId, runFolderOf, WORKSPACE_FILES } from './layout';
import type { Tables } from './tables/all';
import type { RunRow, RunStatus } from './types';

/** Runs moved in one go, so that nothing else waits long. */
const AT_ONCE = 50;

const ENDED: readonly RunStatus[] = ['finished', 'failed', 'cancelled'];

export function trashFolderOf(workspace: string): string {
  return join(workspace, WORKSPACE_FILES.trash);
}

/**
 * Moves folders into the trash and removes the rows. A run whose folder is gone loses its row all the same.
 * @returns ids of the runs that were deleted: all, but for those that went on in the meantime
 * @throws RepriseError RUN_ACTIVE where one is not at an end; nothing is deleted then
 */
export async function trashRuns(database: Database, tables: Tables, workspace: string, runIds: readonly string[]): Promise<string[]> {
  const active = tables.runs.byIds(runIds).filter((run) => !ENDED.includes(run.status));
  if (active.length > 0) throw runActive(active);
  mkdirSync(trashFolderOf(workspace), { recursive: true });
  const deleted: string[] = [];
  for (let from = 0; from < runIds.length; from += AT_ONCE) {
    // Without giving way in between: nobody can take up a run whose folder is moved.
    const runs = tables.runs.byIds(runIds.slice(from, from + AT_ONCE)).filter((run) => ENDED.includes(run.status));
    const moved: string[] = [];
    try {
      for (const { runId } of runs) {
        moveIntoTrash(workspace, runId);
        moved.push(runId);
      }
    } finally {
      // Where one cannot be moved the others of this go lie in the trash already.
      removeRows(database, tables, moved);
    }
    deleted.push(...runs.map((run) => run.runId));
    await setImmediate();
  }
  return deleted;
}

function removeRows(database: Database, tables: Tables, runIds: readonly string[]): void {
  database.transaction(() => {
    for (const runId of runIds) tables.runs.remove(runId);
    tables.variants.dropUnused();
  }).immediate();
}

/**
 * Ends what a host that was killed had begun: runs whose folder lies in the trash, and not among the runs, lose their
 * rows, so that none of them is shown, compared or reused.
 */
export function finishDeletions(database: Database, tables: Tables, workspace: string): void {
  const trash = trashFolderOf(workspace);
  if (!existsSync(trash)) return;
  const left = tables.runs.byIds(readdirSync(trash)).filter(({ runId }) => !existsSync(runFolderOf(workspace, runId)));
  if (left.length > 0) removeRows(database, tables, left.map(({ runId }) => runId));
}

function moveIntoTrash(workspace: string, runId: string): void {
  const folder = runFolderOf(workspace, runId);
  const target = join(trashFolderOf(workspace), runId);
  if (!existsSync(folder)) return;
  // An older copy of a run that is there again.
  rmSync(target, { recursive: true, force: true });
  // From now on it lies there (see `emptyTrash`); set first, for a folder that was moved with its old time would be removed at the next start.
  const now = new Date();
  utimesSync(folder, now, now);
  renameSync(folder, target);
}

/**
 * Brings runs back from the trash, with rows made from their folders. One whose manifest cannot be read stays there.
 * @returns ids of those that are back
 */
export async function restoreRuns(database: Database, tables: Tables, workspace: string, runIds: readonly string[]): Promise<string[]> {
  finishDeletions(database, tables, workspace);
  const restored = runIds.filter((runId) => {
    if (!isId(runId)) return false;
    const source = join(trashFolderOf(workspace), runId);
    if (!existsSync(source) || existsSync(runFolderOf(workspace, runId))) return false;
    renameSync(source, runFolderOf(workspace, runId));
    return true;
  });
  await adoptRuns(database, tables, workspace, restored);
  const back = new Set(tables.runs.byIds(restored).map(({ runId }) => runId));
  for (const runId of restored) if (!back.has(runId)) moveIntoTrash(workspace, runId);
  return restored.filter((runId) => back.has(runId));
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
