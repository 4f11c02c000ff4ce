/** Which runs are selected, and from where a range goes on. */
import type { RunListRow } from '../../../src/api/views';
import type { RunStatus } from './table-state';

/** A selection is no larger: its runs are asked for one by one in places. */
export const MOST_SELECTED = 2000;

export interface Selection {
  readonly rows: ReadonlyMap<string, RunListRow>;
  /** Index of the row from which Shift selects. */
  readonly anchor: number;
}

export const nothing: Selection = { rows: new Map(), anchor: 0 };

function mapOf(rows: readonly RunListRow[]): ReadonlyMap<string, RunListRow> {
  return new Map(rows.map((row) => [row.run.runId, row]));
}

export function only(row: RunListRow, index: number): Selection {
  return { rows: mapOf([row]), anchor: index };
}

export function toggled({ rows }: Selection, row: RunListRow, index: number): Selection {
  const next = new Map(rows);
  if (!next.delete(row.run.runId)) next.set(row.run.runId, row);
  return { rows: next, anchor: index };
}

/** These rows and no other; ranges go on from where they did. */
export function ranged({ anchor }: Selection, rows: readonly RunListRow[]): Selection {
  return { rows: mapOf(rows.slice(0, MOST_SELECTED)), anchor };
}

/** First and last index of the range from the anchor to a row, at most `MOST_SELECTED` rows on the anchor's side. */
export function rangeTo(anchor: number, index: number): readonly [number, number] {
  return index < anchor ? [Math.max(index, anchor - MOST_SELECTED + 1), anchor] : [anchor, Math.min(index, anchor + MOST_SELECTED - 1)];
}

/** The same selection with rows as they are known now; the very same where nothing changed. */
export function refreshed(selection: Selection, known: (runId: string) => RunListRow | undefined): Selection {
  let changed = false;
  const rows = new Map(selection.rows);
  for (const [runId, row] of rows) {
    const now = known(runId);
    if (now === undefined || now === row) continue;
    rows.set(runId, now);
    changed = true;
  }
  return changed ? { ...selection, rows } : selection;
}

/** Whether the engine takes such a request for a run in this state. */
export const can = {
  cancel: (status: RunStatus): boolean => status === 'queued' || status === 'running' || status === 'interrupted',
  retry: (status: RunStatus): boolean => status === 'failed' || status === 'cancelled' || status === 'interrupted',
  delete: (status: RunStatus): boolean => status === 'finished' || status === 'failed' || status === 'cancelled',
} as const;

/** Ids of the selected runs in a state that meets a condition. */
export function idsWhere({ rows }: Selection, meets: (status: RunStatus) => boolean): string[] {
  return [...rows.values()].filter(({ run }) => meets(run.status)).map(({ run }) => run.runId);
}
