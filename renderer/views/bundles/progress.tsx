/** How far a long task is: share, what it does now, time so far and left, and a way to stop it. */
import { memo, useEffect, useMemo, useState } from 'react';
import { Button, Progress } from '@mantine/core';
import type { TaskRunView, TaskView } from '../../../src/api/long-work';
import type { BundlePage } from '../../../src/api/views';
import { StateShape } from '../../components/state-mark';
import * as format from '../../format';
import { cancelTask } from '../../state/tasks';
import { secondsLeft } from './pace';

function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** @param view null: the engine has not told of it yet */
export function TaskProgress({ task, title, view }: { readonly task: string; readonly title: string; readonly view: TaskView | null }) {
  const now = useNow();
  const [asked, setAsked] = useState(false);
  const share = view === null || view.total === null || view.total === 0 ? null : view.done / view.total;
  const left = view === null ? null : secondsLeft(view, now);
  const cancel = (): void => {
    setAsked(true);
    void cancelTask(task);
  };
  return (
    <div className="bundles-progress">
      <div className="bundles-progress-head">
        <span className="truncate bundles-strong" title={title}>
          {title}
        </span>
        <span className="bundles-progress-numbers numbers soft">
          {share !== null && <span>{Math.floor(100 * share)} %</span>}
          {view !== null && <span>{format.elapsed(now - view.startedAt)}</span>}
          {left !== null && <span>{format.estimate(left)} left</span>}
        </span>
        <Button variant="default" size="compact-sm" flex="none" disabled={asked || view === null} onClick={cancel}>
          Cancel
        </Button>
      </div>
      <Progress value={share === null ? 0 : 100 * share} size={4} radius={2} aria-label={title} transitionDuration={0} />
      <p className="soft truncate numbers">
        {view === null || view.text === '' ? 'Starting…' : view.text}
        {view !== null && view.kind === 'reproduce' && view.total !== null && `, ${format.count(view.done)} of ${format.count(view.total)} steps`}
      </p>
    </div>
  );
}

/** Variants that are listed before the rest is counted. */
const MOST_VARIANTS = 40;

const RunState = memo(function RunState({ seed, status, percent }: { readonly seed: number; readonly status: TaskRunView['status'] | null; readonly percent: number }) {
  if (status === null) return <td className="soft" title={`seed ${seed}: not asked for`}>–</td>;
  const words = status === 'running' ? `${percent} %` : status;
  return (
    <td title={`seed ${seed}: ${words}`}>
      <span className={`state ${status}`}>
        <StateShape status={status} />
        {status === 'running' ? words : <span className="hidden">{words}</span>}
      </span>
    </td>
  );
});

/** Where each run of a reproduction is: variants × seeds. */
export function RunStates({ runs, states }: { readonly runs: BundlePage['runs']; readonly states: readonly TaskRunView[] }) {
  const byRun = useMemo(() => new Map(states.map((state) => [state.run, state])), [states]);
  const seeds = useMemo(() => [...new Set(runs.map(({ seed }) => seed))].toSorted((a, b) => a - b), [runs]);
  const variants = useMemo(() => [...new Set(runs.map(({ variant }) => variant))], [runs]);
  if (states.length === 0) return null;
  return (
    <div className="bundles-states" tabIndex={0} role="region" aria-label="Runs that are re-executed">
      <table className="dense">
        <thead>
          <tr>
            <th scope="col">Variant</th>
            {seeds.map((seed) => (
              <th key={seed} scope="col">
                Seed {seed}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {variants.slice(0, MOST_VARIANTS).map((variant) => (
            <tr key={variant}>
              <th scope="row">
                <span className="truncate bundles-variant" title={variant ?? undefined}>
                  {variant ?? 'run'}
                </span>
              </th>
              {seeds.map((seed) => {
                const run = runs.find((one) => one.variant === variant && one.seed === seed);
                const state = run === undefined ? undefined : byRun.get(run.runId);
                return <RunState key={seed} seed={seed} status={state?.status ?? null} percent={state === undefined || state.total === 0 ? 0 : Math.floor((100 * state.done) / state.total)} />;
              })}
            </tr>
          ))}
        </tbody>
      </table>
      {variants.length > MOST_VARIANTS && <p className="soft">and {format.count(variants.length - MOST_VARIANTS)} more variants</p>}
    </div>
  );
}
