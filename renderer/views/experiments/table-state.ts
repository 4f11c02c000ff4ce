/** How the table of runs is filtered, sorted and scrolled, kept for every experiment until the window closes. */
import { create } from 'zustand';
import { opening } from '../../../src/api/opening';
import type { RunView } from '../../../src/api/rows';
import type { RunSortKey } from '../../../src/api/views';
import type { GroupSort } from './group-order';

export type RunStatus = RunView['status'];

/** What happens now first, as `status` sorts. */
export const statuses: readonly RunStatus[] = ['running', 'queued', 'interrupted', 'failed', 'cancelled', 'finished'];

export interface Sort {
  readonly by: RunSortKey;
  readonly descending: boolean;
}

export interface TableState {
  /** Words, or a filter that can be read. */
  readonly text: string;
  /** Shown states; empty: all. */
  readonly status: readonly RunStatus[];
  readonly sort: Sort;
  /** Sort of the groups; null: newest first, as they come. */
  readonly groupSort: GroupSort | null;
  /** One row a variant instead of one a run. */
  readonly grouped: boolean;
}

/** Newest first. */
export const FIRST_SORT: Sort = opening.sort;

/** Leaves that vary and have a column unless told otherwise; the others are in the menu of columns. */
export const MOST_LEAVES = opening.leaves;

const fresh: TableState = { text: '', status: [], sort: FIRST_SORT, groupSort: null, grouped: false };

interface TableStates {
  /** By experiment; '' stands for all runs. */
  readonly of: Readonly<Record<string, TableState>>;
  /** Columns by id that the user hid (false) or showed (true), for every experiment alike. */
  readonly visibility: Readonly<Record<string, boolean>>;
}

const useStates = create<TableStates>(() => ({ of: {}, visibility: {} }));

export function useTableState(experiment: string | null): TableState {
  return useStates((states) => states.of[experiment ?? ''] ?? fresh);
}

export function changeTable(experiment: string | null, change: Partial<TableState>): void {
  const key = experiment ?? '';
  useStates.setState(({ of }) => ({ of: { ...of, [key]: { ...(of[key] ?? fresh), ...change } } }));
}

export function useVisibility(): Readonly<Record<string, boolean>> {
  return useStates((states) => states.visibility);
}

export function setVisible(column: string, visible: boolean): void {
  useStates.setState(({ visibility }) => ({ visibility: { ...visibility, [column]: visible } }));
}

/** Where a table stands: scroll offset in pixels, index of the cursor's row. */
export interface GridPlace {
  readonly offset: number;
  readonly cursor: number;
}

// No component shows it, so it is no state.
const places = new Map<string, GridPlace>();

/** Where a table stood when it was last shown; null: it was not. */
export function placeOf(table: string): GridPlace | null {
  return places.get(table) ?? null;
}

export function keepPlace(table: string, place: GridPlace): void {
  places.set(table, place);
}
