/** The list of runs. */
import { memo, useEffect, useRef, useState, type KeyboardEvent } from 'react';
import type { RunView } from '../../src/api/rows';
import { Hash } from '../components/hash';
import { StateMark } from '../components/state-mark';
import * as format from '../format';
import type { TestMetrics } from '../store';

/** Rows that are drawn; the list says so where there are more. */
export const SHOWN = 500;

const COLUMNS = [
  { key: 'state', title: 'State' },
  { key: 'experiment', title: 'Experiment' },
  { key: 'variant', title: 'Variant' },
  { key: 'seed', title: 'Seed', number: true },
  { key: 'progress', title: 'Progress' },
  { key: 'loss', title: 'Final loss', number: true },
  { key: 'accuracy', title: 'Test accuracy', number: true },
  { key: 'duration', title: 'Duration', number: true },
  { key: 'weights', title: 'Weights' },
  { key: 'started', title: 'Started' },
] as const;

function secondsLeft(run: RunView): number | null {
  if (run.totalSteps === null || run.throughput === null || !(run.throughput > 0)) return null;
  return (run.totalSteps - run.stepsDone) / run.throughput;
}

function Progress({ run }: { readonly run: RunView }) {
  const { status, stepsDone, totalSteps } = run;
  const at = totalSteps === null ? `step ${format.count(stepsDone)}` : `step ${format.count(stepsDone)} of ${format.count(totalSteps)}`;
  switch (status) {
    case 'running': {
      const share = totalSteps === null || totalSteps === 0 ? null : stepsDone / totalSteps;
      const left = secondsLeft(run);
      return (
        <span className="progress" title={at}>
          <progress {...(share === null ? {} : { value: share })} max={1} aria-label={`Progress of seed ${run.seed}`} />
          <span className="percent">{share === null ? '' : `${Math.floor(share * 100)} %`}</span>
          <span className="soft">{left === null ? '' : `${format.estimate(left)} left`}</span>
        </span>
      );
    }
    case 'queued':
      return <span className="soft">{stepsDone > 0 ? `at ${at}` : 'waits for a free core'}</span>;
    case 'finished':
      return <>{format.plural(stepsDone, 'step')}</>;
    case 'failed':
      return <span title={run.errorMessage ?? undefined}>{`${run.errorCode ?? 'no reason known'} at step ${format.count(stepsDone)}`}</span>;
    case 'cancelled':
    case 'interrupted':
      return <>{`at ${at}`}</>;
  }
}

function durationOf(run: RunView, now: number): string {
  if (run.startedAt === null) return '–';
  if (run.endedAt !== null) return format.duration(run.endedAt - run.startedAt);
  if (run.status !== 'running') return '–';
  return format.elapsed(now - run.startedAt);
}

interface RowProps {
  readonly run: RunView;
  readonly test: TestMetrics | undefined;
  readonly active: boolean;
  /** Changes every second where the run is under way. */
  readonly now: number;
  readonly onActive: (runId: string) => void;
}

const Row = memo(function Row({ run, test, active, now, onActive }: RowProps) {
  const final = run.status === 'finished';
  return (
    <tr data-run={run.runId} tabIndex={active ? 0 : -1} onFocus={() => onActive(run.runId)}>
      <td>
        <StateMark status={run.status} />
      </td>
      <td title={run.experiment}>{run.experiment}</td>
      <td title={run.variant ?? undefined}>{run.variant ?? <span className="soft">–</span>}</td>
      <td className="number">{run.seed}</td>
      <td>
        <Progress run={run} />
      </td>
      <td className={final ? 'number' : 'number soft'} title={final || run.stepsDone === 0 ? undefined : `loss of step ${format.count(run.stepsDone)}: not final`}>
        {run.stepsDone === 0 ? '–' : format.loss(run.finalLoss)}
      </td>
      <td className="number" title={test === undefined ? undefined : `test loss ${format.loss(test.loss)}`}>
        {format.accuracy(test?.accuracy ?? null)}
      </td>
      <td className="number">{durationOf(run, now)}</td>
      <td>{run.weightsHash === null ? '–' : <Hash value={run.weightsHash} of="weights hash" tabIndex={active ? 0 : -1} />}</td>
      <td>{run.startedAt === null ? '–' : format.moment(run.startedAt)}</td>
    </tr>
  );
});

/** Milliseconds since 1970, once a second while something runs. */
function useClock(ticking: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!ticking) return;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [ticking]);
  return now;
}

const PAGE = 20;

/** Where a key leads from a row, or null where it leads nowhere. */
function target(key: string, from: number, last: number): number | null {
  switch (key) {
    case 'ArrowDown':
      return Math.min(from + 1, last);
    case 'ArrowUp':
      return Math.max(from - 1, 0);
    case 'PageDown':
      return Math.min(from + PAGE, last);
    case 'PageUp':
      return Math.max(from - PAGE, 0);
    case 'Home':
      return 0;
    case 'End':
      return last;
    default:
      return null;
  }
}

interface TableProps {
  readonly runs: readonly RunView[];
  readonly tests: ReadonlyMap<string, TestMetrics>;
  /** The engine is away: what is shown may be out of date. */
  readonly stale: boolean;
}

export function RunsTable({ runs, tests, stale }: TableProps) {
  const shown = runs.slice(0, SHOWN);
  const [chosen, setActive] = useState<string | null>(null);
  const active = shown.some((run) => run.runId === chosen) ? chosen : (shown[0]?.runId ?? null);
  const now = useClock(!stale && shown.some((run) => run.status === 'running'));
  const body = useRef<HTMLTableSectionElement>(null);

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const to = target(event.key, shown.findIndex((run) => run.runId === active), shown.length - 1);
    if (to === null) return;
    event.preventDefault();
    const row = body.current?.rows[to];
    row?.focus();
    row?.scrollIntoView({ block: 'nearest' });
  };

  return (
    <table role="grid" aria-label="Runs" aria-rowcount={runs.length + 1} className={stale ? 'runs stale' : 'runs'}>
      <thead>
        <tr>
          {COLUMNS.map((column) => (
            <th key={column.key} scope="col" className={`${column.key}-column${'number' in column ? ' number' : ''}`}>
              {column.title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody ref={body} onKeyDown={onKeyDown}>
        {shown.map((run) => (
          <Row key={run.runId} run={run} test={tests.get(run.runId)} active={run.runId === active} now={run.status === 'running' ? now : 0} onActive={setActive} />
        ))}
      </tbody>
    </table>
  );
}
