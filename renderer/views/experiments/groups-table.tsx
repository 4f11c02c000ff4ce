/** One row a variant: mean and interval over its seeds. */
import { useCallback, useMemo, useState } from 'react';
import { createColumnHelper, type ColumnDef } from '@tanstack/react-table';
import type { Output } from '../../../src/api/contract';
import type { RunGroup } from '../../../src/api/views';
import { Aligned, decimalsOf } from '../../components/aligned';
import { StateCounts } from '../../components/state-counts';
import * as format from '../../format';
import type { GridFeatures } from './grid-columns';
import { groupName, sortGroups, type GroupSort } from './group-order';
import { leafColumns } from './leaf-columns';
import { keepPlace, placeOf, type GridPlace } from './table-state';
import { largerFirst, meanText, metricTitle, type MetricName } from './values';
import { VirtualGrid } from './virtual-grid';

type Groups = Output<'runs.groups'>;
type GroupColumn = ColumnDef<GridFeatures, RunGroup>;

const helper = createColumnHelper<GridFeatures, RunGroup>();

function groupColumns(options: { readonly withExperiment: boolean; readonly metric: MetricName | null; readonly paths: readonly string[]; readonly decimals: number }): GroupColumn[] {
  const columns = [
    ...(options.withExperiment
      ? [helper.accessor('experiment', { id: 'experiment', header: 'Experiment', sortDescFirst: false, meta: { width: 168 }, cell: ({ row }) => <span title={row.original.experiment}>{row.original.experiment}</span> })]
      : []),
    helper.accessor('variant', {
      id: 'variant',
      header: 'Variant',
      sortDescFirst: false,
      meta: { width: 168, grow: true },
      cell: ({ row: { original } }) => (original.variant === null ? <span className="mono">{groupName(original)}</span> : <span title={original.variant}>{original.variant}</span>),
    }),
    helper.accessor('mean', {
      id: 'mean',
      header: metricTitle(options.metric),
      sortDescFirst: largerFirst(options.metric),
      meta: { width: 168, number: true, hint: 'Mean and half-width of the 95% interval over seeds' },
      cell: ({ row: { original } }) => {
        const { mean, half } = meanText(original.mean, original.ci);
        return (
          <>
            {options.metric === null && original.mean !== null && <span className="soft">{original.metric} </span>}
            <Aligned text={mean} decimals={options.decimals} />
            <span className="runs-half">{half !== null && <Aligned text={half} decimals={options.decimals} />}</span>
          </>
        );
      },
    }),
    helper.accessor('n', { id: 'n', header: 'n', meta: { width: 48, number: true, hint: 'Seeds with a finished run' }, cell: ({ row }) => row.original.n }),
    ...leafColumns<RunGroup>(options.paths),
    helper.accessor('runs', { id: 'runs', header: 'Runs', meta: { width: 64, number: true }, cell: ({ row }) => format.count(row.original.runs) }),
    helper.accessor('byStatus', { id: 'states', header: 'States', enableSorting: false, meta: { width: 168 }, cell: ({ row }) => <StateCounts byStatus={row.original.byStatus} /> }),
  ];
  return columns as GroupColumn[];
}

export interface GroupsTableProps {
  readonly table: string;
  readonly answer: Groups;
  readonly stale: boolean;
  readonly withExperiment: boolean;
  readonly metric: MetricName | null;
  readonly paths: readonly string[];
  readonly visibility: Readonly<Record<string, boolean>>;
  readonly sort: GroupSort | null;
  readonly onSort: (sort: GroupSort) => void;
  /** Shows the runs of a group. */
  readonly onOpen: (group: RunGroup) => void;
}

const idOf = (group: RunGroup): string => `${group.experiment} ${group.groupHash}`;

export function GroupsTable({ table, answer, stale, withExperiment, metric, paths, visibility, sort, onSort, onOpen }: GroupsTableProps) {
  const groups = useMemo(() => sortGroups(answer.groups, sort, paths), [answer, sort, paths]);
  // What is seldom precise beyond six decimals would push the others far to the left.
  const decimals = useMemo(() => Math.min(6, Math.max(0, ...answer.groups.map(({ mean, ci }) => decimalsOf(meanText(mean, ci).mean)))), [answer]);
  const columns = useMemo(() => groupColumns({ withExperiment, metric, paths, decimals }), [withExperiment, metric, paths, decimals]);
  const at = useCallback((index: number) => groups[index], [groups]);
  const indexOf = useCallback((id: string) => groups.findIndex((group) => idOf(group) === id), [groups]);
  const [initial] = useState(() => placeOf(`${table} variants`));
  const keep = useCallback((place: GridPlace) => keepPlace(`${table} variants`, place), [table]);
  return (
    <VirtualGrid
      label="Variants"
      columns={columns}
      visibility={visibility}
      count={groups.length}
      version={JSON.stringify(sort)}
      at={at}
      idOf={idOf}
      indexOf={indexOf}
      sort={sort}
      onSort={(by, descending) => onSort({ by, descending })}
      selected={null}
      stale={stale}
      initial={initial}
      onPlace={keep}
      onOpen={(index) => {
        const group = groups[index];
        if (group !== undefined) onOpen(group);
      }}
    />
  );
}
