/** One row a run. */
import { useCallback, useMemo, useRef, useState } from 'react';
import { Checkbox } from '@mantine/core';
import type { RunView } from '../../../src/api/rows';
import type { RunListRow, RunSortKey } from '../../../src/api/views';
import { go } from '../../state/place';
import { runColumns } from './columns';
import type { Runs } from './page-rows';
import { MOST_SELECTED } from './selection';
import { useSparklines } from './sparklines';
import { keepPlace, placeOf, type GridPlace, type Sort } from './table-state';
import type { Selecting } from './use-selection';
import type { MetricName } from './values';
import { VirtualGrid } from './virtual-grid';

const idOf = (row: RunListRow): string => row.run.runId;

export interface RunsTableProps {
  /** Under this name its scroll position is kept. */
  readonly table: string;
  readonly runs: Runs;
  readonly stale: boolean;
  readonly want: (first: number, last: number) => void;
  readonly withExperiment: boolean;
  readonly metric: MetricName | null;
  readonly visibility: Readonly<Record<string, boolean>>;
  readonly sort: Sort;
  readonly onSort: (sort: Sort) => void;
  readonly selecting: Selecting;
  readonly onDelete: () => void;
  readonly onMenu: (at: { readonly x: number; readonly y: number }) => void;
}

export function RunsTable({ table, runs, stale, want, withExperiment, metric, visibility, sort, onSort, selecting, onDelete, onMenu }: RunsTableProps) {
  const { selection, move, toggle, all, clear } = selecting;
  const inSight = useRef({ first: 0, last: -1 });
  const onRange = useCallback(
    (first: number, last: number) => {
      inSight.current = { first, last };
      want(first, last);
    },
    [want],
  );
  useSparklines(() => {
    const { first, last } = inSight.current;
    const rows: RunView[] = [];
    for (let index = first; index <= last; index += 1) {
      const row = runs.at(index);
      if (row !== undefined) rows.push(row.run);
    }
    return rows;
  });
  const columns = useMemo(() => runColumns({ withExperiment, metric, paths: runs.paths }), [withExperiment, metric, runs.paths]);
  const [initial] = useState(() => placeOf(table));
  const keep = useCallback((place: GridPlace) => keepPlace(table, place), [table]);
  const size = selection.rows.size;
  const whole = Math.min(runs.total, MOST_SELECTED);
  const corner = useMemo(
    () => (
      <Checkbox
        size="xs"
        radius={3}
        aria-label={size === 0 ? 'Select all runs that meet the filter' : 'Select no run'}
        checked={size > 0 && size >= whole}
        indeterminate={size > 0 && size < whole}
        onChange={() => (size === 0 ? all() : clear())}
      />
    ),
    [size, whole, all, clear],
  );
  return (
    <VirtualGrid
      label="Runs"
      columns={columns}
      visibility={visibility}
      count={runs.total}
      version={runs.version}
      at={runs.at}
      idOf={idOf}
      indexOf={runs.indexOf}
      sort={sort}
      onSort={(by, descending) => onSort({ by: by as RunSortKey, descending })}
      selected={selection.rows}
      corner={corner}
      stale={stale}
      initial={initial}
      onPlace={keep}
      onRange={onRange}
      onMove={move}
      onToggle={toggle}
      onOpen={(index) => {
        const row = runs.at(index);
        if (row !== undefined) go({ view: 'run', run: row.run.runId });
      }}
      onAll={all}
      onClear={clear}
      onDelete={onDelete}
      onMenu={(index, at) => {
        const row = runs.at(index);
        if (row === undefined) return;
        if (!selection.rows.has(row.run.runId)) move(index, 'only');
        onMenu(at);
      }}
    />
  );
}
