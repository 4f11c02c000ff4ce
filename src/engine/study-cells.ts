/** The runs that stand in the cells of a study's matrix. */
import type { RunRow, RunStatus, Store, StudyRow } from '../store/types';

/** Rows of a study's runs by id; those that are gone are left out. */
export function runsOfStudy(store: Store, study: StudyRow): Map<string, RunRow> {
  const runIds = study.variants.flatMap((variant) => variant.runIds).filter((runId) => runId !== null);
  return new Map(store.getRuns(runIds).map((row) => [row.runId, row]));
}

/** Cells by what their run does, and how many have none. @param rows the workspace's runs by id, or the study's */
export function cellsByStatus(study: StudyRow, rows: ReadonlyMap<string, RunRow>): { readonly byStatus: Record<RunStatus, number>; readonly missing: number } {
  const byStatus: Record<RunStatus, number> = { queued: 0, running: 0, finished: 0, failed: 0, cancelled: 0, interrupted: 0 };
  let missing = 0;
  for (const runId of study.variants.flatMap((variant) => variant.runIds)) {
    const row = runId === null ? undefined : rows.get(runId);
    if (row === undefined) missing += 1;
    else byStatus[row.status] += 1;
  }
  return { byStatus, missing };
}
