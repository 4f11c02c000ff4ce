/** The columns of the table of runs. A column's id is what the engine sorts by. */
import { useSyncExternalStore } from 'react';
import { createColumnHelper, type ColumnDef } from '@tanstack/react-table';
import type { RunView } from '../../../src/api/rows';
import type { RunListRow } from '../../../src/api/views';
import { Hash } from '../../components/hash';
import { ProgressBar } from '../../components/progress-bar';
import { Sparkline } from '../../components/sparkline';
import { StateMark } from '../../components/state-mark';
import * as format from '../../format';
import type { GridFeatures } from './grid-columns';
import { leafColumns } from './leaf-columns';
import { useSparkline } from './sparklines';
import { largerFirst, metricTitle, shareDone, type MetricName } from './values';

const tickers = new Set<() => void>();
let ticking = 0;
let second = Date.now();

function everySecond(tick: () => void): () => void {
  if (tickers.size === 0) {
    second = Date.now();
    ticking = window.setInterval(() => {
      second = Date.now();
      for (const told of tickers) told();
    }, 1000);
  }
  tickers.add(tick);
  return () => {
    tickers.delete(tick);
    if (tickers.size === 0) window.clearInterval(ticking);
  };
}

/** The time since a moment, told once a second. */
export function Elapsed({ since }: { readonly since: number }) {
  const now = useSyncExternalStore(everySecond, () => second);
  return format.elapsed(now - since);
}

export function Duration({ run }: { readonly run: RunView }) {
  if (run.startedAt === null) return null;
  if (run.endedAt !== null) return format.duration(run.endedAt - run.startedAt);
  return run.status === 'running' ? <Elapsed since={run.startedAt} /> : null;
}

export function Progress({ run, secondsLeft }: { readonly run: RunView; readonly secondsLeft: number | null }) {
  const share = shareDone(run);
  if (share === null || run.status === 'queued' || run.status === 'finished') return null;
  const percent = `${Math.floor(share * 100)} %`;
  if (run.status !== 'running') return <span className="soft">{percent}</span>;
  return (
    <span className="runs-progress">
      <ProgressBar share={share} />
      <span className="runs-percent">{percent}</span>
      {secondsLeft !== null && <span className="soft">{format.estimate(secondsLeft)} left</span>}
    </span>
  );
}

function Loss({ run }: { readonly run: RunView }) {
  const values = useSparkline(run.runId);
  return (
    <span className="runs-loss">
      <Sparkline values={run.stepsDone === 0 ? undefined : values} />
      {run.finalLoss !== null && (
        <span className={run.status === 'finished' ? undefined : 'soft'} title={run.status === 'finished' ? undefined : `Loss at step ${format.count(run.stepsDone)}`}>
          {format.loss(run.finalLoss)}
        </span>
      )}
    </span>
  );
}

const helper = createColumnHelper<GridFeatures, RunListRow>();
type RunColumn = ColumnDef<GridFeatures, RunListRow>;

/** Room for the name: of each run's metric where they differ, else in the head. */
function metricWidth(metric: MetricName | null): number {
  if (metric === null) return 184;
  return metric.length > 'test accuracy'.length ? 168 : 124;
}

function metricColumn(metric: MetricName | null): RunColumn {
  return helper.accessor((row) => row.metric?.value, {
    id: 'metric',
    header: metricTitle(metric),
    sortDescFirst: largerFirst(metric),
    meta: { width: metricWidth(metric), number: true, hint: metric === null || metric.startsWith('test ') ? `${metricTitle(metric)} at the selected checkpoint` : `${metric}: as declared, or the latest value of a run that was logged` },
    cell: ({ row: { original } }) => {
      if (original.metric === null) return <span className="soft">–</span>;
      const { name, value } = original.metric;
      const text = metric === name ? format.measured(name, value) : `${name.replace(/^test /u, '')} ${format.measured(name, value)}`;
      return Number.isNaN(original.run.finalLoss) ? (
        <span className="soft" title="The training diverged: this value says nothing, and comparisons leave it out">
          {text}
        </span>
      ) : (
        text
      );
    },
  }) as RunColumn;
}

/** @param paths config leaves in the order in which rows have their values */
export function runColumns(options: { readonly withExperiment: boolean; readonly metric: MetricName | null; readonly paths: readonly string[] }): RunColumn[] {
  const columns = [
    helper.accessor((row) => row.run.status, { id: 'status', header: 'State', sortDescFirst: false, meta: { width: 108 }, cell: ({ row }) => <StateMark status={row.original.run.status} /> }),
    ...(options.withExperiment
      ? [helper.accessor((row) => row.run.experiment, { id: 'experiment', header: 'Experiment', sortDescFirst: false, meta: { width: 144 }, cell: ({ row }) => <span title={row.original.run.experiment}>{row.original.run.experiment}</span> })]
      : []),
    helper.accessor((row) => row.run.variant ?? row.run.name, {
      id: 'variant',
      header: 'Variant',
      sortDescFirst: false,
      meta: { width: 168, grow: true },
      // A run that somebody named goes by that name where it is no variant.
      cell: ({ row: { original: { run } } }) => (run.variant === null && run.name === null ? <span className="soft">–</span> : <span title={run.variant ?? run.name ?? ''}>{run.variant ?? run.name}</span>),
    }),
    helper.accessor((row) => row.run.seed, { id: 'seed', header: 'Seed', sortDescFirst: false, meta: { width: 64, number: true }, cell: ({ row }) => row.original.run.seed }),
    metricColumn(options.metric),
    helper.accessor((row) => row.run.finalLoss, { id: 'loss', header: 'Final loss', sortDescFirst: false, meta: { width: 148, number: true, hint: 'Training loss at the last step, and its course from the first step on' }, cell: ({ row }) => <Loss run={row.original.run} /> }),
    helper.accessor((row) => row.run.stepsDone, { id: 'progress', header: 'Progress', meta: { width: 176 }, cell: ({ row }) => <Progress run={row.original.run} secondsLeft={row.original.secondsLeft} /> }),
    ...leafColumns<RunListRow>(options.paths),
    helper.accessor((row) => row.run.endedAt, { id: 'duration', header: 'Duration', meta: { width: 96, number: true }, cell: ({ row }) => <Duration run={row.original.run} /> }),
    helper.accessor((row) => row.run.startedAt, { id: 'created', header: 'Started', meta: { width: 136, hint: 'When it started; sorted by when it was made' }, cell: ({ row }) => (row.original.run.startedAt === null ? <span className="soft">–</span> : format.moment(row.original.run.startedAt)) }),
    helper.accessor((row) => row.run.weightsHash, {
      id: 'weights',
      header: 'Weights',
      enableSorting: false,
      meta: { width: 88, hint: 'Hash of the final weights' },
      cell: ({ row: { original } }) => (original.run.weightsHash === null ? <span className="soft">–</span> : <Hash value={original.run.weightsHash} of={`weights hash of ${original.run.variant ?? 'run'}, seed ${original.run.seed}:`} tabIndex={-1} />),
    }),
  ];
  return columns as RunColumn[];
}
